"""Renders a version of the template with a project's answers, without hooks and without questions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from sagemaker_ops.errors import UserError
from sagemaker_ops.template.answers import fit
from sagemaker_ops.template.record import Record, without_credentials
from sagemaker_ops.template.repository import GitError, Repository

REMEDY = "If the template has moved, give its new address with `ops update-project --template ADDRESS`."


@dataclass(frozen=True)
class Rendered:
    folder: Path
    context: Mapping[str, Any]
    notes: list[str]
    """A sentence for each answer or question that differs between the project and this version."""


def clone(address: str, folder: Path) -> Repository:
    """A clone of the template without a checkout; UserError if it cannot be cloned."""
    try:
        Repository(folder.parent).git("clone", "--quiet", "--no-checkout", "--", address, folder.name)
    except GitError as error:
        text = f"The template at {address} cannot be cloned ({error}). {REMEDY}"
        raise UserError(without_credentials(text)) from None
    return Repository(folder)


def find_recorded(template: Repository, record: Record) -> str:
    """The commit that the project is made from; UserError if the template does not have it."""
    for _ in range(2):
        if found := template.answer("rev-parse", "--verify", f"{record.commit}^{{commit}}"):
            return found
        template.answer("fetch", "--quiet", "origin", record.commit)  # a commit that is on no branch is not in a clone
    raise UserError(
        f"The template at {record.template} does not have the commit {record.commit} in .cruft.json. {REMEDY} "
        "If its history was rewritten, write the nearest existing commit into .cruft.json."
    )


def find_newest(template: Repository, checkout: str | None) -> str:
    """The newest commit of a branch, or the commit of a tag; without a name, that of the default branch."""
    names = [f"origin/{checkout}", checkout] if checkout else ["HEAD"]
    for name in names:
        if found := template.answer("rev-parse", "--verify", f"{name}^{{commit}}"):
            return found
    if checkout:
        raise UserError(f"The template has no branch, tag or commit '{checkout}': choose another with `--checkout`.")
    raise UserError(f"The template's repository has no commit. {REMEDY}")


def render(template: Repository, commit: str, record: Record, output: Path) -> Rendered:
    """Renders the template as of `commit` below the folder `output`; UserError if that fails."""
    # Imported here because it is an optional dependency, and takes 0.1 s.
    try:
        from cookiecutter.generate import generate_context, generate_files
        from cookiecutter.prompt import prompt_for_config
    except ModuleNotFoundError:
        raise UserError("Cookiecutter is not installed: run `make update`, or install sagemaker-ops[update].") from None

    template.git("checkout", "--quiet", "--force", "--detach", commit)
    folder = template.folder / (record.directory or "")
    questions = folder / "cookiecutter.json"
    try:
        fitted = fit(record.answers, json.loads(questions.read_text(encoding="utf-8")))
        context = generate_context(context_file=str(questions), extra_context=fitted.answers)
        context["cookiecutter"] = prompt_for_config(context, no_input=True)
        context["cookiecutter"] |= {"_template": record.template, "_commit": commit}
        made = Path(generate_files(folder, context, output, accept_hooks=False))
        _leave_out(made, record.skip)
    except Exception as error:  # from Jinja, Cookiecutter or Python: any mistake in a template
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"The template's version {commit[:7]} cannot be rendered: {reason}") from error
    new = [f"{name}: a new question; the default {context['cookiecutter'][name]!r} is used." for name in fitted.new]
    return Rendered(made, context["cookiecutter"], [*fitted.notes, *new])


def _leave_out(folder: Path, patterns: Iterable[str]) -> None:
    """Removes the files that match one of the patterns, or are in a folder that does."""
    for path in [path for path in folder.rglob("*") if not path.is_dir()]:
        names = [each.as_posix() for each in (path.relative_to(folder), *path.relative_to(folder).parents[:-1])]
        if any(fnmatch(name, pattern.rstrip("/")) for name in names for pattern in patterns):
            path.unlink()
