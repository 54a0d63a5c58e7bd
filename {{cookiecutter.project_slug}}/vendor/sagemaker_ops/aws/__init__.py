"""Everything that calls AWS, with boto3. The rest of the library imports it only when a command needs it."""
