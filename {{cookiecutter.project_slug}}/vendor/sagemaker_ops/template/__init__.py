"""Updates a project to a newer version of the template that it was made from."""
