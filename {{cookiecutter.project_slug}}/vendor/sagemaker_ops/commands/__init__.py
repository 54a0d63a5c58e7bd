"""The commands, in groups. They read arguments, print sentences and set exit codes; other packages do the work."""
