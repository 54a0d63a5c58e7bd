"""For eda/ and develop/: looks at a table, and tries models."""
