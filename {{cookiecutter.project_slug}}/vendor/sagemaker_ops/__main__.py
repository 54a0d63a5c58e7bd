"""`python -m sagemaker_ops`, the same as the command `ops`."""

from sagemaker_ops.commands.app import main

if __name__ == "__main__":
    main()
