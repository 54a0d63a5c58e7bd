"""The compiled code of jobs, kept in .local/bytecode: it saves time, and a damaged file is not used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from sagemaker_ops.store import write_atomically

_DIGEST = hashlib.sha256().digest_size


def restore(kept: Path, folder: Path) -> None:
    """Put the compiled code next to the code in `folder`."""
    for file in kept.rglob("*.pyc"):
        with suppress(OSError):  # its folder was just removed
            content = file.read_bytes()
            target = folder / file.relative_to(kept)
            if hashlib.sha256(content[_DIGEST:]).digest() == content[:_DIGEST]:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content[_DIGEST:])
            else:  # it is compiled again
                file.unlink()


def keep(kept: Path, folder: Path, places: Iterable[Path]) -> None:
    """Keep what Python has compiled in these places in `folder`."""
    with suppress(OSError):
        for compiled in (file for place in places for file in place.rglob("*.pyc")):
            target = kept / compiled.relative_to(folder)
            if not target.is_file():
                content = compiled.read_bytes()
                write_atomically(target, hashlib.sha256(content).digest() + content)
