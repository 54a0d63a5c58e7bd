"""Everything that talks to AWS, using boto3: the rest of `ops` imports it only when a command needs it."""
