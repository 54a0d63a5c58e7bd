"""New data compared with the baseline of a model on this machine, by the project's own step monitoring.py."""
