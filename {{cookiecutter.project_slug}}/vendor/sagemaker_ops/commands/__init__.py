"""The terminal commands by family: arguments in, sentences and an exit code out; the work is done in `ops.aws`."""
