"""Content hashes of files, each computed only once while the file is unchanged."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from sagemaker_ops import kept
from sagemaker_ops.store import write_atomically

_SETTLED_NS = 50_000_000  # a newer file could change again without a new modification time
_MOST = 50_000


class Digests:
    """SHA-256 of files, stored in a file by their identity, size and modification time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, list[object]] = {}
        self._changed = False
        self._known.update(kept.read(file) or {})

    def of(self, file: Path) -> str:
        """The file's hash; OSError if it cannot be read."""
        stat = file.stat()
        key, state = f"{stat.st_dev}:{stat.st_ino}", [stat.st_size, stat.st_mtime_ns]
        known = self._known.get(key)
        if isinstance(known, list) and known[:2] == state and isinstance(known[-1], str):
            return known[-1]
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        if time.time_ns() - stat.st_mtime_ns > _SETTLED_NS:
            self._known[key], self._changed = [*state, digest], True
        return digest

    def save(self) -> None:
        """Store the computed hashes for the next process."""
        if self._changed:
            newest = dict(list(self._known.items())[-_MOST:])
            with suppress(OSError):  # then they are computed again
                write_atomically(self._file, json.dumps(newest).encode())


def combined(named: Iterable[tuple[str, str]]) -> str:
    """One hash for many named ones, whatever their order."""
    return hashlib.sha256(json.dumps(sorted(named)).encode()).hexdigest()
