"""Puts step code and data where a pipeline's steps find them, under the hash of their content.

Nothing that is published is ever changed: other content has another hash, so a running execution keeps its code,
and step caching, which looks at URIs, can be trusted.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

from ops import data, fetched
from ops.errors import UserError
from ops.settings import Settings
from ops.store import Store
from ops.target import Target

STEPS = Path("production/steps")


def step_files(root: Path) -> list[Path]:
    """What the steps consist of, sorted: everything below production/steps but caches and hidden files."""
    return sorted(
        path
        for path in (root / STEPS).rglob("*")
        if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in path.relative_to(root).parts)
    )


def sourcedir(root: Path) -> bytes:
    """The steps as a tar.gz, members at the root; the same content gives the same bytes."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for path in step_files(root):
            content = path.read_bytes()
            member = tarfile.TarInfo(path.relative_to(root / STEPS).as_posix())
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), mtime=0)


def target(settings: Settings, environment: str, root: Path, user: str = "") -> Target:
    """Where the project in folder `root` would be compiled for now; `user`: as whose personal deployment."""
    settings.environment(environment)  # is complete, or says what is missing
    source = settings.data.source
    data_hash = ""
    try:
        if not data.is_remote(source):
            data_hash = data.content_hash(data.files(source, root), data.base(source, root))
        code_hash = data.content_hash(step_files(root), root / STEPS)
        schema = data.schema_file(source, root)
        schema_hash = data.content_hash([schema], schema.parent) if schema else ""
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}.") from None
    return Target(settings, environment, code_hash, data_hash, user, schema_hash)


def publish_local(target: Target, root: Path, store: Store) -> None:
    """Code and data into the S3 of this machine; UserError if an s3:// source has not been fetched."""
    source = target.settings.data.source
    try:
        if data.is_remote(source):
            fetched.place(source, store.root.parent, store)
        _publish_local(target, root, store)
    except OSError as error:
        raise UserError(f"Cannot write to {store.root}: {error.strerror}.") from None


def _publish_local(target: Target, root: Path, store: Store) -> None:
    source = target.settings.data.source
    for path in () if data.is_remote(source) else data.files(source, root):
        _put(store, path, target.data_uri + path.relative_to(data.base(source, root)).as_posix())
    for path in step_files(root):
        _put(store, path, target.code_uri + path.relative_to(root / STEPS).as_posix())
    if target.schema_hash:
        _put(store, root / data.SCHEMA, target.schema_uri + Path(data.SCHEMA).name)
    if not store.locate(target.sourcedir_uri).is_file():
        store.put(target.sourcedir_uri, sourcedir(root))


def _put(store: Store, path: Path, uri: str) -> None:
    if not store.locate(uri).is_file():  # the hash in the URI says that it is the same
        store.put_file(uri, path)
