"""`python -m sagemaker_ops.guardrails`: report every problem in project.toml, using only the standard library."""

from __future__ import annotations

import sys
from pathlib import Path

from sagemaker_ops.guardrails import project_check, table_check


def main() -> int:
    """Show every problem of the project in this folder. Exit code 2: a file cannot be read; 3: refused."""
    style, before_run, ci, env = "text", False, False, ""
    if sys.argv[1:]:
        import argparse  # takes as long as all the rules, and make passes no arguments

        parser = argparse.ArgumentParser(prog="python -m sagemaker_ops.guardrails", description=main.__doc__)
        parser.add_argument("--format", choices=project_check.FORMATS, default="text")
        parser.add_argument("--before-run", action="store_true", help="show only what stops a run on this machine")
        parser.add_argument("--ci", action="store_true", help="check what a GitLab job needs instead")
        parser.add_argument("--env", default="", help="with --ci: an environment that the job deploys to")
        arguments = parser.parse_args()
        style, before_run, ci, env = arguments.format, arguments.before_run, arguments.ci, arguments.env
    root = Path.cwd()
    if ci:
        return _check_job(root, env)
    _, problems, code = table_check.examine(root, local=before_run)
    # The run itself shows the warnings.
    project_check.show(problems if code or not before_run else [], style, root)
    return code


def _check_job(root: Path, env: str) -> int:
    import os

    from sagemaker_ops.guardrails import ci_check, machine_check

    findings = ci_check.of_job(root, env, os.environ)
    print("\n".join(machine_check.lines(findings)))
    return machine_check.exit_code(findings)


if __name__ == "__main__":
    sys.exit(main())
