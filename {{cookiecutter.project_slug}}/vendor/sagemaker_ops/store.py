"""A local stand-in for S3: the object s3://bucket/key is the file <root>/bucket/key."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sagemaker_ops.errors import UserError

_URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)
_LONGEST_KEY = 1024  # bytes, as on S3


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees either the old or the new content, never a mixture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def name_once(draft: Path, file: Path) -> None:
    """Give a complete file another name; FileExistsError if another process has just used that."""
    try:
        os.link(draft, file)
    except FileExistsError:
        raise
    except OSError:  # not every file system has hard links
        with file.open("xb") as opened:
            opened.write(draft.read_bytes())


class Store:
    """Buckets as folders in `root`. Keys with `.` or `..` between slashes are refused; `a//b` is `a/b`.

    Links in it may lead only to other places in it: nothing else is read or written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def locate(self, uri: str) -> Path:
        """The file or folder of an S3 URI, which need not exist; UserError if it is not an S3 URI."""
        return self.root.joinpath(*_split(uri))

    def find(self, uri: str) -> dict[str, Path]:
        """The objects that an S3Prefix matches, as {path in the folder they are downloaded to: file}.

        Every key that starts with the prefix matches: `s3://b/tr` matches `train/a.csv`. An object with exactly this
        key keeps its name; in a folder with this name, paths are relative to it; otherwise to the prefix's last slash.
        """
        exact = self.locate(uri)
        whole_bucket = exact.parent == self.root
        folder = exact if uri.endswith("/") or whole_bucket else exact.parent
        start = "" if folder == exact else exact.name
        found: dict[str, Path] = {}
        for entry in self._entries(folder):
            if not entry.name.startswith(start):
                continue
            if entry.is_symlink():
                self._real(entry)
            origin = entry if entry == exact and entry.is_dir() else folder
            for file in _files(entry):
                found[str(file.relative_to(origin))] = self._real(file) if file.is_symlink() else file
        return found

    def get(self, uri: str) -> dict[str, Path]:
        """The objects that an S3Prefix matches; UserError if there are none."""
        found = self.find(uri)
        if not found:
            raise UserError(f"there is nothing at {uri}, which is {self.locate(uri)} on this machine.")
        return found

    def get_file(self, uri: str) -> Path:
        """The file of one object; UserError if there is none."""
        path = self.locate(uri)
        if not path.is_file():
            raise UserError(f"there is no file {uri}, which is {path} on this machine.")
        return self._real(path)

    def read_json(self, uri: str) -> Any:
        """The content of a JSON object; UserError if it is missing or not JSON."""
        try:
            return json.loads(self.get_file(uri).read_bytes())
        except (ValueError, RecursionError) as error:
            raise UserError(f"{uri} is not JSON: {error}.") from error

    def put(self, uri: str, data: bytes) -> None:
        """Write one object."""
        with self._scratch() as folder:
            file = Path(folder, "object")
            file.write_bytes(data)
            self.move_file(uri, file)

    def put_file(self, uri: str, file: Path) -> None:
        """Copy one file to one object."""
        with self._scratch() as folder:
            self.move_file(uri, shutil.copyfile(file, Path(folder, "object")))

    def link_file(self, uri: str, file: Path) -> None:
        """Make the file an object too, as a hard link; as a copy where hard links are not supported."""
        with self._scratch() as folder:
            draft = Path(folder, "object")
            try:
                os.link(file, draft)
            except OSError:
                shutil.copyfile(file, draft)
            self.move_file(uri, draft)

    def move_file(self, uri: str, file: Path) -> None:
        """Turn a file into an object: a rename, or a copy if the store is on another file system."""
        target = self.locate(uri)
        self._real(target.parent).mkdir(parents=True, exist_ok=True)
        try:
            os.replace(file, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self.put_file(uri, file)
            file.unlink()

    def move_folder(self, uri: str, folder: Path) -> None:
        """Turn every file of a folder into an object below the URI. Existing objects stay, as on S3.

        A link becomes a copy of the file it points to, because the folder it is in will be removed. UserError if it
        points to a file outside this folder.
        """
        self._real(self.locate(uri)).mkdir(parents=True, exist_ok=True)
        for file in list(_files(folder)):
            if file.is_symlink() and not file.resolve().is_relative_to(folder.resolve()):
                raise UserError(f"{file} is a link that leads out of its folder: write the file itself there.")
            put = self.put_file if file.is_symlink() else self.move_file
            put(f"{uri.rstrip('/')}/{file.relative_to(folder)}", file)

    def remove(self, uri: str) -> None:
        """Remove one object, if it exists."""
        target = self.locate(uri)
        self._real(target.parent)
        target.unlink(missing_ok=True)

    def _entries(self, folder: Path) -> list[Path]:
        if not folder.is_dir():
            return []
        self._real(folder)
        return sorted(folder.iterdir())

    def _real(self, path: Path) -> Path:
        """The path without links; UserError if one leads out of the store."""
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(os.path.realpath(self.root)):
            raise UserError(f"{path} leads out of {self.root} by a link: replace the link by the files themselves.")
        return real

    def _scratch(self) -> tempfile.TemporaryDirectory[str]:
        """A folder on the store's file system for objects that are not complete yet."""
        parts = self.root / ".parts"  # not a valid bucket name
        parts.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=parts)


class Unchanging(Store):
    """A store that nobody writes to while this is in use: each URI is looked up only once."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._found: dict[str, dict[str, Path]] = {}

    def find(self, uri: str) -> dict[str, Path]:
        if uri not in self._found:
            self._found[uri] = super().find(uri)
        return self._found[uri]


def _split(uri: str) -> list[str]:
    """[bucket, part of the key, …]."""
    found = _URI.fullmatch(uri)
    parts = [part for part in (found[2] or "").split("/") if part] if found else []
    if found is None or {".", ".."} & set(parts) or not all(map(_is_name, parts)):
        raise UserError(f"'{uri}' is not an S3 URI: write it like s3://bucket/folder/file.")
    if len("/".join(parts).encode()) > _LONGEST_KEY:
        raise UserError(f"'{uri[:80]}…' is too long for S3, which allows keys of {_LONGEST_KEY:,} bytes.")
    return [found[1], *parts]


def _is_name(part: str) -> bool:
    """Whether it is valid both as a file name here and as part of an S3 key."""
    encoded = part.encode("utf-8", "replace")
    return encoded.decode() == part and b"\0" not in encoded and len(encoded) <= 255


def _files(path: Path) -> Iterator[Path]:
    """The file itself, or every file in the folder and its subfolders, sorted."""
    yield from [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
