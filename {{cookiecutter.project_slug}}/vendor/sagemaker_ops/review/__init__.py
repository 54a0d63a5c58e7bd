"""What a merge request shows: the project as it is now, beside the branch that it will be merged into."""
