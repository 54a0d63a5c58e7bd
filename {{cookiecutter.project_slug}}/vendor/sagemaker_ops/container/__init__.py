"""A stand-in for a job's container: its files and variables, its view of the file system, and its processes."""
