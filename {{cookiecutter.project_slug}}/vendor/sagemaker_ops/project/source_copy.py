"""The local copy of an s3:// source that `ops fetch-data` made, and its place in the local stand-in for S3.

`.local/source/<hash of the URI>/` contains the objects. The name of each file depends on key, ETag and rows, so an
object whose file exists is already fetched. `manifest.json` lists the files of the copy; it is written last.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sagemaker_ops import kept
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project import data
from sagemaker_ops.project.layout import LOCAL_FOLDER
from sagemaker_ops.project.settings import FILE
from sagemaker_ops.store import Store, write_atomically

FOLDER, OBJECTS = "source", "objects"
OLD = timedelta(days=1)
ASK_AFTER = timedelta(hours=1)  # a newer copy is assumed to match S3
SOURCE = f"{FILE} [data].source"


@dataclass(frozen=True)
class Copy:
    """What was fetched. objects: {key: its ETag}; rows: how many of each object, None for all."""

    source: str
    environment: str
    fetched: datetime
    rows: int | None
    objects: dict[str, str]

    def file(self, key: str) -> str:
        """The name of the file in `objects` that contains this copy of an object."""
        return file_name(key, self.objects[key], self.rows)


def split(uri: str) -> tuple[str, str]:
    """The bucket, and the key or prefix."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def file_name(key: str, etag: str, rows: int | None) -> str:
    suffix = next((each for each in data.SUFFIXES if key.lower().endswith(each)), "")
    return hashlib.sha256(f"{key}\0{etag}\0{rows}".encode()).hexdigest()[:32] + suffix


def folder_of(source: str, home: Path) -> Path:
    """The folder of the copy of a source; home: the project's .local folder."""
    return home / FOLDER / hashlib.sha256(source.encode()).hexdigest()[:16]


def read(source: str, home: Path) -> Copy | None:
    """The copy of a source; None if there is no complete one."""
    folder = folder_of(source, home)
    found = kept.read(folder / "manifest.json")
    try:
        copy = None if found is None else kept.build(Copy, found)
        if copy is not None and not (copy.objects and all(map(_is_there(folder, copy), copy.objects))):
            raise ValueError("a file of the copy is missing")
        return copy
    except kept.DAMAGED as error:
        kept.report(folder / "manifest.json", error)
        return None


def _is_there(folder: Path, copy: Copy) -> Callable[[str], bool]:
    return lambda key: (folder / OBJECTS / copy.file(key)).is_file()


def get(source: str, home: Path) -> Copy:
    """The copy of a source; if there is none, a UserError that says how to make one."""
    found = read(source, home)
    if found is None:
        raise UserError(
            Problem(
                f"'{source}' is on S3, and a local run needs a copy: run `ops fetch-data` first, or "
                "`ops fetch-data --rows 10000` for the first rows of each file.",
                SOURCE,
            )
        )
    return found


def write(copy: Copy, home: Path) -> None:
    """Make this the copy of its source, and remove files that no longer belong to it."""
    folder = folder_of(copy.source, home)
    with _held(folder):
        content = {**asdict(copy), "fetched": copy.fetched.isoformat()}
        write_atomically(folder / "manifest.json", json.dumps(content, indent=1).encode())
        kept = {copy.file(key) for key in copy.objects}
        for file in (folder / OBJECTS).iterdir():
            if file.name not in kept:
                file.unlink()


def place(source: str, home: Path, store: Store) -> None:
    """Put the copy where the store expects s3://bucket/key, and remove what an earlier copy put there.

    Nothing else is removed: files put there by hand stay. UserError if there is no copy.
    """
    get(source, home)
    folder, bucket = folder_of(source, home), split(source)[0]
    placed_file = folder / "placed.json"
    with _held(folder):
        copy = get(source, home)  # while the lock is held, nobody removes its files
        wanted = {key: copy.file(key) for key in copy.objects}
        placed = kept.read(placed_file) or {}
        write_atomically(placed_file, json.dumps({**wanted, **placed}).encode())  # first, in case of an interruption
        for key in placed.keys() - wanted.keys():
            with suppress(UserError, OSError):  # not the key of a file, if the list is damaged
                store.remove(f"s3://{bucket}/{key}")
        for key, name in wanted.items():
            uri, file = f"s3://{bucket}/{key}", folder / OBJECTS / name
            target = store.locate(uri)
            if placed.get(key) != name or not target.is_file() or target.stat().st_size != file.stat().st_size:
                store.link_file(uri, file)
        write_atomically(placed_file, json.dumps(wanted).encode())


def source_path(source: str, root: Path) -> Path:
    """The file or folder on this machine with the tables of a source: the source itself, or the copy of an s3:// one.

    root: the folder of the project. UserError if there is no copy.
    """
    if not data.is_remote(source):
        return root / source
    home = root / LOCAL_FOLDER
    store = Store(home / "s3")
    place(source, home, store)
    path = store.locate(source)
    return path if path.exists() else path.parent  # the source is the start of several addresses


def named_files(copy: Copy, home: Path) -> dict[str, Path]:
    """{name in the folder that a job gets: file} of the tables in a copy, sorted, as data.named_files."""
    prefix, objects = split(copy.source)[1], folder_of(copy.source, home) / OBJECTS
    inside, beside = prefix.rstrip("/") + "/", prefix[: prefix.rfind("/") + 1]
    return {
        key.removeprefix(inside if inside != "/" and key.startswith(inside) else beside): objects / copy.file(key)
        for key in sorted(copy.objects)
    }


def warnings(source: str, home: Path, has_changed: Callable[[Copy], bool | None]) -> list[Problem]:
    """Why a run on the copy of [data].source may differ from one on AWS.

    has_changed: whether the data on S3 differs from a copy; None if S3 does not answer. Called only for old copies.
    """
    copy = read(source, home) if data.is_remote(source) else None
    if copy is None:
        return []
    again = f"run `ops fetch-data{f' --rows {copy.rows}' if copy.rows is not None else ''}` to update the copy"
    age = datetime.now(UTC) - copy.fetched
    wrong = kept.is_future(copy.fetched)
    changed = has_changed(copy) if age > ASK_AFTER or wrong else False
    found = []
    if copy.rows is not None:
        found.append(f"the copy of '{source}' has the first {copy.rows} rows of each file, not all of them.")
    if changed:
        found.append(f"the data at '{source}' has changed since it was copied: {again}.")
    elif changed is None and wrong:
        found.append(f"the copy of '{source}' has a date in the future: {again}.")
    elif changed is None and age > OLD:
        days = age // OLD
        age_text = f"{days} day{'s' if days > 1 else ''} old"
        found.append(f"the copy of '{source}' is {age_text}: if the data on S3 is newer, {again}.")
    return [Problem(message, SOURCE, "warning") for message in found]


@contextmanager
def fetching(source: str, home: Path) -> Iterator[Path]:
    """The folder to fetch into, locked for one process; UserError if another process is fetching."""
    folder = folder_of(source, home)
    (folder / OBJECTS).mkdir(parents=True, exist_ok=True)
    with (folder / "fetching").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"another `ops fetch-data` is already fetching '{source}': wait for it to finish."
            ) from None
        yield folder


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a short lock while files are added or removed."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
