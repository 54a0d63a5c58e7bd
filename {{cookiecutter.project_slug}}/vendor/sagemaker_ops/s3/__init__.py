"""S3 on this machine, for scripts that read and write it themselves."""
