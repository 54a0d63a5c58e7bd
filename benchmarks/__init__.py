"""Every figure that README and docs quote, as a command: `make bench`."""
