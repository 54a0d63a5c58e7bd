"""`python -m sagemaker_ops.guardrails`: every problem of project.toml, with the standard library alone."""

from __future__ import annotations

import sys
from pathlib import Path

from sagemaker_ops.guardrails import project_check


def main() -> int:
    """Show every problem of the project in this folder. Exit code 2: something is unreadable, 3: refused."""
    style = "text"
    if sys.argv[1:]:
        import argparse  # costs as much time as the rules, and make gives no argument

        parser = argparse.ArgumentParser(prog="python -m sagemaker_ops.guardrails", description=main.__doc__)
        parser.add_argument("--format", choices=project_check.FORMATS, default="text")
        style = parser.parse_args().format
    root = Path.cwd()
    _, problems, code = project_check.examine(root)
    project_check.show(problems, style, root)
    return code


if __name__ == "__main__":
    sys.exit(main())
