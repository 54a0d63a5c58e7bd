"""Stands in for the container of a job: its files and variables, its view of the file system, and its processes."""
