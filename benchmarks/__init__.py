"""Measures every figure that README and docs quote: `make bench`."""
