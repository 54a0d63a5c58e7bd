"""The model behind HTTP on this machine, with the handlers that an endpoint calls."""
