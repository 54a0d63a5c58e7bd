"""`python -m sagemaker_ops.guardrails`: report every problem in project.toml, using only the standard library."""

from __future__ import annotations

import sys
from pathlib import Path

from sagemaker_ops.guardrails import project_check


def main() -> int:
    """Show every problem of the project in this folder. Exit code 2: a file cannot be read; 3: refused."""
    style = "text"
    if sys.argv[1:]:
        import argparse  # takes as long as all the rules, and make passes no arguments

        parser = argparse.ArgumentParser(prog="python -m sagemaker_ops.guardrails", description=main.__doc__)
        parser.add_argument("--format", choices=project_check.FORMATS, default="text")
        style = parser.parse_args().format
    root = Path.cwd()
    _, problems, code = project_check.examine(root)
    project_check.show(problems, style, root)
    return code


if __name__ == "__main__":
    sys.exit(main())
