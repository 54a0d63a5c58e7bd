"""`python -m sagemaker_ops`, the same as the command `ops`."""

import sys
from importlib.util import find_spec

if find_spec("typer") is None:
    sys.exit(
        "error: the packages of `ops` are not installed for this Python: run `make setup`, then `. .venv/bin/activate`."
    )

from sagemaker_ops.commands.app import main  # which imports typer

if __name__ == "__main__":
    main()
