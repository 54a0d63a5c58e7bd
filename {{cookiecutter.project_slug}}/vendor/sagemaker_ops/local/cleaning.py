"""Removes old executions from .local, and what only they refer to; other runs may be in progress.

An execution's outputs are in folders named after its id. Apart from those, only published step code and data are
removed from .local/s3: everything else may have been put there by hand.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagemaker_ops import kept, local
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import Execution

PUBLISHED = ("s3/local/*/*/local/code/*", "s3/local/*/*/local/raw/*")
_ABANDONED = 3600.0  # seconds: writing an object never takes this long
_HASH = re.compile(r"(?<![0-9a-z])[0-9a-f]{16}(?![0-9a-z])")


@dataclass
class Removed:
    """What was removed: {kind: how many}, and how much space that freed."""

    counts: Counter[str] = field(default_factory=Counter)
    bytes: int = 0

    def __str__(self) -> str:
        if not self.counts:
            return "Nothing to remove."
        things = ", ".join(f"{number} {kind if number == 1 else _plural(kind)}" for kind, number in self.counts.items())
        return f"Removed {things}: {self.bytes / 1e6:.1f} MB."

    def remove(self, kind: str, path: Path) -> None:
        """Remove a file, or a folder with everything in it."""
        files = [path] if path.is_symlink() or not path.is_dir() else path.rglob("*")
        try:
            for file in files:
                stat = file.lstat()
                self.bytes += stat.st_size if not file.is_dir() and stat.st_nlink == 1 else 0
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        except FileNotFoundError:
            return  # a run that is just ending also cleans up
        except OSError as error:
            raise UserError(f"{error.filename} cannot be removed: {error.strerror}.") from None
        self.counts[kind] += 1


@contextmanager
def held_off(home: Path) -> Iterator[Callable[[], None]]:
    """Keep `clean` waiting while an execution is being started: after that, what it refers to is known.

    Yields a function that lets `clean` continue early.
    """
    with ExitStack() as stack:
        with suppress(OSError):  # if nothing can be written, nothing is removed either
            stack.enter_context(_locked(home, fcntl.LOCK_SH))
        yield stack.close


def clean(home: Path, keep: int) -> Removed:
    """Remove all executions that have ended except the newest `keep`; UserError if something cannot be removed."""
    if not (home / "runs").is_dir():
        return Removed()
    try:
        (home / "lock").open("a").close()
    except OSError as error:
        raise UserError(f"{home / 'lock'} cannot be written: {error.strerror}.") from None
    with _locked(home, fcntl.LOCK_EX):
        listed = local.list_pipeline_executions(home)
        running = [each for each in listed if each.status in ("Executing", "Stopping")]
        ended = [each for each in listed if each not in running]
        return _clean(home, ended[keep:], [*running, *ended[:keep]], bool(running))


def _clean(home: Path, old: list[Execution], kept: list[Execution], running: bool) -> Removed:
    removed, ids = Removed(), {each.id for each in old}
    gone = {each.folder for each in old}
    documents = [file for file in (Path(os.path.realpath(home)) / "runs").glob("*/*.json") if file.parent not in gone]
    documents += (home / "registry").glob("*/*.json")
    entries = {file: _read(file) for file in (home / "cache").glob("*.json")}
    texts = set(_texts([*map(_read, documents), *(entries.values() if running else ())]))
    models = [file for file in (home / "models").glob("*.json") if running or not _of(file.stem, ids) & ids]
    texts |= set(_texts(map(_read, models)))
    texts |= {uri for each in kept for step in each.steps.values() for uri in step.outputs.values()}
    own = list(_own_files(home / "s3", ids, texts))
    # What could be found again is removed first and executions last, so that after an interruption the next call does
    # the rest.
    lost = {_address(file, home) for file in own}
    for file, entry in entries.items():
        outputs = [uri for uri in _texts(entry) if uri.startswith("s3://") and _of(uri, ids)]
        if any(address.startswith(uri) for uri in outputs for address in lost):
            removed.remove("cached result", file)
    for file in (home / "models").glob("*.json"):
        if file not in models and file.stem not in texts:
            removed.remove("model", file)
    for file in own:
        removed.remove("output file", file)
    for folder in _own_folders(home / "s3", ids):
        _remove_empty(folder)
    hashes = {name for text in texts for name in _HASH.findall(text)}
    inside = (home / "s3").resolve()
    for pattern in PUBLISHED:
        for folder in home.glob(pattern):
            published = _HASH.fullmatch(folder.name) and folder.parent.resolve().is_relative_to(inside)
            if published and folder.name not in hashes:
                removed.remove("version of code or data", folder)
    for kind, path in _stale(home, kept, running):
        removed.remove(kind, path)
    for execution in old:
        removed.remove("execution", execution.folder)
    return removed


def _stale(home: Path, kept: list[Execution], running: bool) -> Iterator[tuple[str, Path]]:
    """Leftovers, and what can be made again: the kind and path of each."""
    for execution in kept:
        for step in execution.steps.values() if execution.status not in ("Executing", "Stopping") else ():
            if step.status != "Failed":  # kept for looking into the failure
                for where in ("job", "[0-9]*/job"):  # a tuning job's training jobs have numbers
                    found = execution.folder.glob(f"{step.name}/{where}")
                    yield from (("folder of a stopped job", each) for each in found)
    for folder in (home / "runs").iterdir():
        if not (folder / "execution.json").exists():
            yield "folder without an execution", folder
    if not running:
        since = min((each.start_time.timestamp() for each in kept), default=float("inf"))
        for kind, where, before in (
            ("half-written object", "s3/.parts", time.time() - _ABANDONED),
            ("folder of bytecode", "bytecode", float("inf")),
            ("folder of packages", "packages", since),
        ):
            yield from ((kind, each) for each in (home / where).glob("*") if _changed(each) < before)


def _changed(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return float("inf")  # another process is just removing it


def _own_folders(store: Path, ids: set[str]) -> Iterator[Path]:
    """The outermost folders whose names contain one of the ids."""
    for where, folders, _ in os.walk(store):
        own = [name for name in folders if _of(name, ids)]
        folders[:] = [name for name in folders if name not in own]
        own = [name for name in own if not os.path.islink(os.path.join(where, name))]
        yield from (Path(where, name) for name in own)


def _own_files(store: Path, ids: set[str], texts: set[str]) -> Iterator[Path]:
    """The files of executions with these ids that none of the texts refers to, directly or by a folder."""
    named = tuple({re.sub("(?<!:)/+", "/", text) for text in texts if text.startswith("s3://") and _of(text, ids)})
    for folder in _own_folders(store, ids):
        for file in folder.rglob("*"):
            if not file.is_dir() and not _address(file, store.parent).startswith(named):
                yield file


def _address(file: Path, home: Path) -> str:
    return f"s3://{file.relative_to(home / 's3').as_posix()}"


def _of(text: str, ids: set[str]) -> set[str]:
    """The ids that appear in the text."""
    return {word for word in re.findall(r"[a-z0-9]{12}", text) if word in ids}


def _remove_empty(folder: Path) -> None:
    for where, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):  # it contains something that is kept
            os.rmdir(where)


def _texts(value: Any) -> Iterator[str]:
    """Every string in it, including keys."""
    stack = [value]
    while stack:
        match stack.pop():
            case str(text):
                yield text
            case dict() as pairs:
                stack += [*pairs, *pairs.values()]
            case list() as items:
                stack += items


def _read(file: Path) -> Any:
    """The content of a kept file; of a damaged one, whatever in it could be an address, because that must be kept."""
    found = kept.read(file)
    if found is None and file.is_file():
        with suppress(OSError):
            return re.findall(r"s3://[^\s\"\\]+", file.read_bytes().decode("utf-8", "replace"))
    return found or {}


def _plural(kind: str) -> str:
    """The plural: `versions of code` for `version of code`."""
    found = re.match(r"(.+?)( of | without |$)", kind)
    return f"{found[1]}s{kind[found.end(1) :]}" if found else kind


@contextmanager
def _locked(home: Path, how: int) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, how)
        yield
