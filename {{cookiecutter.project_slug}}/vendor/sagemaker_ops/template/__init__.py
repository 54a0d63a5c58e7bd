"""The template that a project was made from: which version, and how to take a newer one."""
