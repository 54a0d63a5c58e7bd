"""Checks before anything starts: what a definition asks for but cannot have on this machine."""
