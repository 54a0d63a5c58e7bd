"""A folder that stands for a container's /opt/ml: paths are rewritten to it, in text, before a job starts."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ops.errors import UserError

OPT_ML = "/opt/ml"
# Not inside a longer path or word: neither s3://bucket/opt/ml nor /opt/mlops.
_OPT_ML = re.compile(r"(?<![\w./}-])/opt/ml(?![\w-])")
# Which staged files are code or its settings. Data is never touched.
CODE_SUFFIXES = {".py", ".sh", ".bash", ".r", ".cfg", ".ini", ".toml", ".yaml", ".yml"}
_PLAIN = re.compile(r"[\w./+@-]+", re.ASCII)


@dataclass(frozen=True)
class Root:
    """The folder that one job sees as /opt/ml."""

    folder: Path

    def at(self, local_path: str) -> Path:
        """The place of a container path; UserError if it does not lie below /opt/ml."""
        if not inside(local_path):
            raise UserError(f"'{local_path}' is not below /opt/ml/processing, where a container's files are.")
        return self.folder / PurePosixPath(local_path).relative_to(OPT_ML)

    def rewrite(self, value: Any) -> Any:
        """The value with /opt/ml replaced in every text inside it."""
        if isinstance(value, str):
            return _OPT_ML.sub(lambda _: str(self.folder), value)
        if isinstance(value, list):
            return [self.rewrite(item) for item in value]
        if isinstance(value, dict):
            return {key: self.rewrite(item) for key, item in value.items()}
        return value

    def rewrite_code(self, folder: Path) -> None:
        """Replace /opt/ml in the code files below the folder."""
        for file in folder.rglob("*"):
            if file.suffix.lower() in CODE_SUFFIXES and file.is_file():
                content = file.read_bytes().decode("utf-8", "surrogateescape")
                rewritten = self.rewrite(content)
                if rewritten != content:
                    file.write_bytes(rewritten.encode("utf-8", "surrogateescape"))


def inside(local_path: object) -> bool:
    """Whether a container path lies below /opt/ml, where alone a job finds its files here."""
    path = PurePosixPath(str(local_path))
    return path.is_relative_to(OPT_ML) and path != PurePosixPath(OPT_ML) and ".." not in path.parts


@contextmanager
def root(folder: Path) -> Iterator[Root]:
    """The folder as a Root, under a path that needs no quoting in Python or shell code: if need be, a link to it."""
    folder.mkdir(parents=True)
    if _PLAIN.fullmatch(str(folder)):
        yield Root(folder)
        return
    with tempfile.TemporaryDirectory(prefix="opt-ml-") as short:
        link = Path(short, "ml")
        link.symlink_to(folder)
        yield Root(link)
