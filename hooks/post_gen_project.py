"""After generation: let the new project check itself, record the version of the template, and create a git repository.

This hook writes no other files, because `make update` renders the template without hooks.
"""

import json
import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # no __pycache__ in a new project
PROJECT = Path.cwd()
# Cookiecutter's answers as JSON, which never contains three quotes in a row; as pairs, to keep their order.
CONTEXT = r"""{{ cookiecutter.items() | list | jsonify }}"""


def advice() -> str:
    """What to do after a refusal: the command with the same answers, if the template's folder is found."""
    context = dict(json.loads(CONTEXT))
    # A relative path counts from where Cookiecutter was started; the current folder is the new project.
    for start in (os.environ.get("PWD", ""), context["_output_dir"]):
        template = os.path.join(start, context["_repo_dir"])
        if os.path.isfile(os.path.join(template, "hooks", "answers.py")):
            sys.path.insert(0, os.path.join(template, "hooks"))
            import answers

            return answers.advice(context, template)
    return "No project was generated. Correct the answers and try again."


def remove_bytecode() -> None:
    """Cookiecutter also copies what Python has compiled in the template's folder."""
    for folder, _, files in os.walk(PROJECT):
        if os.path.basename(folder) == "__pycache__":
            for name in files:
                os.remove(os.path.join(folder, name))
            os.rmdir(folder)


def main() -> None:
    remove_bytecode()
    sys.path.insert(0, str(PROJECT / "vendor"))
    from sagemaker_ops.guardrails import project_check  # the new project's own, so that the rules are in one place
    from sagemaker_ops.template import origin

    problems = project_check.check_project(PROJECT)
    for problem in problems:
        print(f"{problem.level}: {problem}", file=sys.stderr)
    if any(problem.level == "error" for problem in problems):
        sys.exit(advice())

    if not origin.write_record(PROJECT, dict(json.loads(CONTEXT))):
        print(
            "The template is not a git repository, so `make update` cannot find newer versions of it.", file=sys.stderr
        )

    inside_another = any((folder / ".git").exists() for folder in PROJECT.parents)
    # os.system, because importing subprocess would take longer than git does
    if not inside_another and os.system(f"git init --quiet --initial-branch=main 2> {os.devnull}"):
        print(
            "The project is not a git repository yet: install git, then run `git init` in the project's folder.",
            file=sys.stderr,
        )

    print(
        f"{PROJECT.name} is ready. In that folder:\n  make run   # run the whole pipeline on this machine\n  make test"
    )


if __name__ == "__main__":
    main()
