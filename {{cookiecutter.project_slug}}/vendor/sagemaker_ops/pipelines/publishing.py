"""Publishes step code and data to where a pipeline's steps find them, under the hash of their content.

Published files are never changed: different content has a different hash, so a running execution keeps its code, and
step caching, which compares URIs, is reliable.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from pathlib import Path

from sagemaker_ops.errors import UserError
from sagemaker_ops.project import data, source_copy
from sagemaker_ops.project.layout import LIBRARY, STEPS
from sagemaker_ops.project.settings import Settings
from sagemaker_ops.project.target import Target
from sagemaker_ops.store import Store


def step_files(root: Path) -> list[Path]:
    """The scripts of the steps, sorted: everything in production/steps except caches and hidden files."""
    return sorted(path for path in (root / STEPS).rglob("*") if path.is_file() and not _is_hidden(path, root))


def code_files(root: Path) -> dict[str, Path]:
    """{name in the container: file} of the step code: the scripts, and the part of the library that they import.

    A file of the project overrides a library file with the same name.
    """
    package = LIBRARY / "sagemaker_ops"
    library = [package / "__init__.py", *sorted((package / "tabular").glob("*.py"))]
    found = {path.relative_to(LIBRARY).as_posix(): path for path in library}
    found |= {path.relative_to(root / STEPS).as_posix(): path for path in step_files(root)}
    return dict(sorted(found.items()))


def _is_hidden(path: Path, root: Path) -> bool:
    return any(part.startswith((".", "__pycache__")) for part in path.relative_to(root).parts)


def sourcedir(root: Path) -> bytes:
    """The code as a tar.gz, members at the root; the same content gives the same bytes."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, path in code_files(root).items():
            content = path.read_bytes()
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), mtime=0)


def target(settings: Settings, environment: str, root: Path, user: str = "") -> Target:
    """The current target of the project in folder `root`; `user`: the owner of a personal deployment."""
    settings.environment(environment)  # raises an error if it is incomplete
    source = settings.data.source
    data_hash = ""
    try:
        if not data.is_remote(source):
            data_hash = data.content_hash(data.named_files(source, root))
        code_hash = data.content_hash(code_files(root))
        schema = data.schema_file(source, root)
        schema_hash = data.content_hash({schema.name: schema}) if schema else ""
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}.") from None
    return Target(settings, environment, code_hash, data_hash, user, schema_hash)


def publish_local(target: Target, root: Path, store: Store) -> None:
    """Publish code and data to the local stand-in for S3; UserError if an s3:// source has not been fetched."""
    source = target.settings.data.source
    try:
        if data.is_remote(source):
            source_copy.place(source, store.root.parent, store)
        _publish_local(target, root, store)
    except OSError as error:
        raise UserError(f"Cannot write to {store.root}: {error.strerror}.") from None


def _publish_local(target: Target, root: Path, store: Store) -> None:
    source = target.settings.data.source
    for name, path in {} if data.is_remote(source) else data.named_files(source, root).items():
        _put(store, path, target.data_uri + name)
    for name, path in code_files(root).items():
        _put(store, path, target.code_uri + name)
    if target.schema_hash:
        _put(store, root / data.SCHEMA, target.schema_uri + Path(data.SCHEMA).name)
    if not _is_whole(store.locate(target.sourcedir_uri)):
        store.put(target.sourcedir_uri, sourcedir(root))


def _put(store: Store, path: Path, uri: str) -> None:
    there = store.locate(uri)
    # The hash in the URI guarantees that it is the same, unless it was damaged.
    if not there.is_file() or there.is_symlink() or there.stat().st_size != path.stat().st_size:
        store.put_file(uri, path)


def _is_whole(archive: Path) -> bool:
    try:
        return not archive.is_symlink() and bool(gzip.decompress(archive.read_bytes()))
    except (OSError, EOFError, zlib.error):
        return False
