"""What a compilation reads: files and folders of the project, and environment variables; and whether they changed.

A pipeline file may import helpers from anywhere in the project, read a table next to it, or read a variable. No list
made in advance can cover all of that, so the process that compiles records what it reads
(https://peps.python.org/pep-0578/).
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from sagemaker_ops.project.layout import PIPELINES

_NOT_READ = {".git", ".local", ".venv", "__pycache__"}
_LISTING = ("os.listdir", "os.scandir")


@dataclass
class Reads:
    """Paths are relative to the project. files and variables: {name: SHA-256, or None if it does not exist}.

    folders: {path: the names in it}. kinds: {path whose existence was checked: "file", "folder" or None}.
    """

    files: dict[str, str | None] = field(default_factory=dict)
    folders: dict[str, list[str]] = field(default_factory=dict)
    kinds: dict[str, str | None] = field(default_factory=dict)
    variables: dict[str, str | None] = field(default_factory=dict)

    @property
    def document(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Reads:
        """The Reads in a document; TypeError if it has other keys."""
        return cls(**document)

    def still_hold(self, root: Path, environment: Mapping[str, str]) -> bool:
        """Whether everything that was read is unchanged; environment: the variables that the code would see."""
        return (
            all(_digest(root / path) == digest for path, digest in self.files.items())
            and all(_names(root / path) == names for path, names in self.folders.items())
            and all(_kind(root / path) == kind for path, kind in self.kinds.items())
            and all(_variable(name, environment) == digest for name, digest in self.variables.items())
        )


class Recorder:
    """Records what the code in this process reads in the folder `root`."""

    def __init__(self, root: Path) -> None:
        self._root = str(root.resolve()) + os.sep
        self._files: set[str] = set()
        self._folders: set[str] = set()
        self._asked: set[str] = set()
        self._variables: set[str] = set()
        self._active = False

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Use this only once: an audit hook cannot be removed."""
        sys.addaudithook(self._hear)
        _watch_variables(self._note_variable)
        stat, os.stat = os.stat, self._noting(os.stat)  # there is no audit event for it
        self._active = True
        try:
            yield
        finally:
            self._active = False
            os.stat = stat

    @property
    def reads(self) -> Reads:
        """What has been read so far, plus every loaded module of the project and all of production/pipelines."""
        root = Path(self._root)
        home = [path for path in (root / PIPELINES, *(root / PIPELINES).rglob("*")) if self._below(path)]
        modules = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
        paths = {path for each in (*self._files, *modules) if each and (path := self._below(each))}
        paths |= {each.relative_to(root).as_posix() for each in home if each.is_file()}
        folders = self._folders | {each.relative_to(root).as_posix() for each in home if each.is_dir()}
        return Reads(
            {path: _digest(root / path) for path in sorted(paths)},
            {path: _names(root / path) for path in sorted(folders)},
            {path: _kind(root / path) for path in sorted(self._asked - paths - folders)},
            {name: _variable(name, os.environ) for name in sorted(self._variables)},
        )

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._active or not (event == "open" or event in _LISTING):
            return
        path = os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes) else arguments[0] and ""
        if path == "" or (path is None and event == "open"):
            return
        if event == "open":
            mode = arguments[1]
            if not (isinstance(mode, str) and set(mode) & set("wax+")):
                self._files.add(os.path.abspath(path))
        elif not _imports(sys._getframe(1)) and (below := self._below(path or ".")) is not None:
            self._folders.add(below)

    def _noting(self, stat: Any) -> Any:
        def _stat(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
            if self._active and isinstance(path, str | os.PathLike) and (below := self._below(path)):
                self._asked.add(below)
            result: os.stat_result = stat(path, *arguments, **options)
            return result

        return _stat

    def _note_variable(self, name: str, frame: FrameType) -> None:
        file = frame.f_code.co_filename
        if self._active and not file.startswith("<") and self._below(file):
            self._variables.add(name)

    def _below(self, path: str | os.PathLike[str]) -> str | None:
        """The path relative to the project; None if it is outside, or contains generated files."""
        whole = os.path.abspath(path)
        if not f"{whole}{os.sep}".startswith(self._root):
            return None
        below = whole[len(self._root) :]
        return None if _NOT_READ & set(below.split(os.sep)) else below


def _imports(frame: FrameType | None) -> bool:
    """Whether the caller is the import system, which lists every folder that it searches."""
    return frame is not None and "importlib" in frame.f_code.co_filename


def _watch_variables(note: Any) -> None:
    """Call `note(name, frame)` for each variable that is read; frame: of the code that reads it."""
    own = type(os.environ)

    class Watched(own):  # type: ignore[misc, valid-type]
        def __getitem__(self, key: str) -> str:
            frame = sys._getframe(1)
            while frame.f_back and frame.f_globals.get("__name__") in ("os", "collections.abc"):  # in environ.get
                frame = frame.f_back
            note(key, frame)
            return str(super().__getitem__(key))

    os.environ.__class__ = Watched


def _digest(path: Path) -> str | None:
    with suppress(OSError):
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return None


def _names(path: Path) -> list[str]:
    with suppress(OSError):
        return sorted(set(os.listdir(path)) - _NOT_READ)
    return []


def _kind(path: Path) -> str | None:
    return "file" if path.is_file() else "folder" if path.is_dir() else None


def _variable(name: str, environment: Mapping[str, str]) -> str | None:
    value = environment.get(name)
    return None if value is None else hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()
