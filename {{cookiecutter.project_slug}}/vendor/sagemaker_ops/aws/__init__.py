"""What talks to AWS, on boto3 alone: nothing else of `ops` imports it before a command needs it."""
