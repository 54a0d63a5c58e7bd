"""Values offered by the Tab key, taken from the current project; none outside a project."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from sagemaker_ops.errors import UserError
from sagemaker_ops.project import layout
from sagemaker_ops.project.settings import FILE

Offer = Callable[[str], list[str]]
"""A function from the text typed so far to the words that start with it."""


def words(*known: str) -> Offer:
    """Offers these words."""
    return lambda incomplete: [word for word in known if word.startswith(incomplete)]


def pipelines(incomplete: str) -> list[str]:
    """The project's pipelines."""
    return [name for root in _root() for name in layout.pipelines(root) if name.startswith(incomplete)]


def aws_environments(incomplete: str) -> list[str]:
    """The environments of project.toml."""
    found: list[str] = []
    for root in _root():
        with suppress(OSError, ValueError, TypeError, RecursionError):  # not the moment to report errors in the file
            found += tomllib.loads((root / FILE).read_text(encoding="utf-8")).get("environments", {})
    return [name for name in found if name.startswith(incomplete)]


def environments(incomplete: str) -> list[str]:
    """The same, plus this machine."""
    return [*words("local")(incomplete), *aws_environments(incomplete)]


def executions(incomplete: str) -> list[str]:
    """The executions on this machine, newest first."""
    ids = ["latest"]
    for root in _root():
        folders = (root / layout.LOCAL_FOLDER / "runs").glob("*")
        with suppress(OSError):
            ids += [folder.name for folder in sorted(folders, key=lambda each: each.stat().st_mtime, reverse=True)]
    return [name for name in ids if name.startswith(incomplete)]


def models(incomplete: str) -> list[str]:
    """The executions, and the approved model."""
    return [*words("approved")(incomplete), *executions(incomplete)]


def _root() -> Iterator[Path]:
    """The folder of the current project, if any."""
    with suppress(UserError):
        yield layout.find_root()
