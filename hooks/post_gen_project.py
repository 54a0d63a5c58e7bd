"""After writing: let the new project check itself, record what it is made from, and make it a repository.

Nothing else is written here: `make update` renders the template without hooks.
"""

import json
import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # no __pycache__ in a new project
PROJECT = Path.cwd()
# Cookiecutter's answers as JSON, in which three quotes never follow each other; as pairs, which keep their order.
CONTEXT = r"""{{ cookiecutter.items() | list | jsonify }}"""


def main() -> None:
    sys.path.insert(0, str(PROJECT / "vendor"))
    from sagemaker_ops.guardrails import project_check  # the new project's own, so that the rules stand in one place
    from sagemaker_ops.template import origin

    problems = project_check.check_project(PROJECT)
    for problem in problems:
        print(f"{problem.level}: {problem}", file=sys.stderr)
    if any(problem.level == "error" for problem in problems):
        sys.exit("Nothing was generated: answer again.")

    if not origin.write_record(PROJECT, dict(json.loads(CONTEXT))):
        print("The template is not a git repository, so `make update` finds no newer version of it.", file=sys.stderr)

    inside_another = any((folder / ".git").exists() for folder in PROJECT.parents)
    # os.system, because importing subprocess would take longer than git does
    if not inside_another and os.system(f"git init --quiet --initial-branch=main 2> {os.devnull}"):
        print("The project is no git repository yet: install git, and run `git init` in it.", file=sys.stderr)

    print(f"{PROJECT.name} is ready. In that folder:\n  make run   # the whole pipeline, on this machine\n  make test")


if __name__ == "__main__":
    main()
