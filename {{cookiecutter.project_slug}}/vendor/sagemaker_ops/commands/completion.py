"""What the Tab key offers for a value: what the project has that one stands in, and nothing where there is none."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from sagemaker_ops.errors import UserError
from sagemaker_ops.project import layout
from sagemaker_ops.project.settings import FILE

Offer = Callable[[str], list[str]]
"""From what is typed so far to the words that begin so."""


def words(*known: str) -> Offer:
    """Some of these words."""
    return lambda incomplete: [word for word in known if word.startswith(incomplete)]


def pipelines(incomplete: str) -> list[str]:
    """The project's pipelines."""
    return [name for root in _root() for name in layout.pipelines(root) if name.startswith(incomplete)]


def aws_environments(incomplete: str) -> list[str]:
    """The environments of project.toml."""
    found: list[str] = []
    for root in _root():
        with suppress(OSError, ValueError, TypeError):  # this is not the moment to complain about it
            found += tomllib.loads((root / FILE).read_text(encoding="utf-8")).get("environments", {})
    return [name for name in found if name.startswith(incomplete)]


def environments(incomplete: str) -> list[str]:
    """The same, and this machine."""
    return [*words("local")(incomplete), *aws_environments(incomplete)]


def executions(incomplete: str) -> list[str]:
    """The executions on this machine, the newest first."""
    ids = ["latest"]
    for root in _root():
        folders = (root / layout.LOCAL_FOLDER / "runs").glob("*")
        with suppress(OSError):
            ids += [folder.name for folder in sorted(folders, key=lambda each: each.stat().st_mtime, reverse=True)]
    return [name for name in ids if name.startswith(incomplete)]


def _root() -> Iterator[Path]:
    """The project's folder, if one stands in it."""
    with suppress(UserError):
        yield layout.find_root()
