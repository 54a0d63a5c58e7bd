"""Publishes step code and data to where a pipeline's steps find them, under the hash of their content.

The code of a step is its script, the scripts that this imports, and the part of the library for steps. So a change in
one script leaves the code of the other steps where it is. Published files are never changed: different content has a
different hash, so a running execution keeps its code, and step caching, which compares URIs, is reliable.
"""

from __future__ import annotations

import functools
import gzip
import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sagemaker_ops.errors import UserError
from sagemaker_ops.project import data, source_copy
from sagemaker_ops.project.layout import LIBRARY, STEPS
from sagemaker_ops.project.settings import FILE, Settings
from sagemaker_ops.project.target import Target
from sagemaker_ops.store import Store
from sagemaker_ops.tabular import step_code, with_requirements


class Code:
    """The code of the steps in a project's folder, as it is now."""

    def __init__(self, root: Path) -> None:
        package, steps = LIBRARY / "sagemaker_ops", step_code.files_below(root / STEPS)
        library = [package / "__init__.py", *sorted((package / "tabular").rglob("*.py"))]
        self.scripts = [name for name in steps if name.endswith(".py")]
        self.has_requirements = with_requirements.FILE in steps
        self._library = {path.relative_to(LIBRARY).as_posix(): path for path in library}
        self._steps, self._needs = steps, step_code.StepCode(steps)
        self._hash_of_file = functools.cache(data.file_hash)

    def files(self, script: str = "") -> dict[str, Path]:
        """{name in the container: file} of what a script needs, and the part of the library for steps.

        Everything, without a script. A file of the project overrides a library file with the same name.
        """
        return dict(sorted((self._library | (self._needs.of(script) if script else self._steps)).items()))

    def hash(self, script: str = "") -> str:
        return data.content_hash(self.files(script), self._hash_of_file)


def code_in(
    definition: Mapping[str, Any], target: Target, root: Path
) -> tuple[dict[str, Path], dict[str, dict[str, Path]]]:
    """The step code that a definition refers to: {URI: file}, and {URI of an archive: its files}."""
    text, code = json.dumps(definition, ensure_ascii=False), Code(root)
    target = replace(target, hash_of=code.hash)  # so that each script is read once
    files: dict[str, Path] = {}
    archives: dict[str, dict[str, Path]] = {}
    for script in ("", *(name for name in code.scripts if name in text)):
        if (folder := target.code_uri_of(script)) in text:
            files |= {folder + name: path for name, path in code.files(script).items()}
        for archive in (target.sourcedir_uri_of(script), target.archive_uri_of(script)):
            if archive in text:
                archives[archive] = code.files(script)
    return files, archives


def sourcedir(files: Mapping[str, Path]) -> bytes:
    """The code as a tar.gz, members at the root; the same content gives the same bytes."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, path in files.items():
            content = path.read_bytes()
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), mtime=0)


def packed(uri: str, files: Mapping[str, Path]) -> bytes:
    """The archive at a URI of `code_in`: sourcedir.tar.gz, or a zip file for Spark."""
    if not uri.endswith(".zip"):
        return sourcedir(files)
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in files.items():
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes())
    return raw.getvalue()


def target(settings: Settings, environment: str, root: Path, user: str = "") -> Target:
    """The current target of the project in folder `root`; `user`: the owner of a personal deployment."""
    settings.environment(environment)  # raises an error if it is incomplete
    source = settings.data.source
    data_hash = ""
    try:
        if not data.is_remote(source):
            data_hash = data.content_hash(data.named_files(source, root))
        new_hash = data.content_hash(new) if (new := new_rows(settings, root)) else ""
        code = Code(root)
        code_hash = code.hash()
        schema = data.schema_file(source, root)
        schema_hash = data.content_hash({schema.name: schema}) if schema else ""
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}.") from None
    return Target(
        settings, environment, code_hash, data_hash, user, schema_hash, code.hash, new_hash, code.has_requirements
    )


def new_rows(settings: Settings, root: Path) -> dict[str, Path]:
    """{name: file} of a [predict].source on this machine; UserError if there is no such table."""
    source = settings.predict.source
    return {} if not source or data.is_remote(source) else data.named_files(source, root, f"{FILE} [predict].source")


def publish_local(definition: Mapping[str, Any], target: Target, root: Path, store: Store) -> None:
    """Publish the code and data of a definition to the local stand-in for S3.

    UserError if an s3:// source has not been fetched.
    """
    source = target.settings.data.source
    try:
        if data.is_remote(source):
            source_copy.place(source, store.root.parent, store)
        _publish_local(definition, target, root, store)
    except OSError as error:
        raise UserError(f"Cannot write to {store.root}: {error.strerror}.") from None


def _publish_local(definition: Mapping[str, Any], target: Target, root: Path, store: Store) -> None:
    source = target.settings.data.source
    for name, path in {} if data.is_remote(source) else data.named_files(source, root).items():
        _put(store, path, target.data_uri + name)
    for name, path in new_rows(target.settings, root).items():
        _put(store, path, target.new_data_uri + name)
    files, archives = code_in(definition, target, root)
    for uri, path in files.items():
        _put(store, path, uri)
    if target.schema_hash:
        _put(store, root / data.SCHEMA, target.schema_uri + Path(data.SCHEMA).name)
    for uri, members in archives.items():
        if not _is_whole(store.locate(uri)):
            store.put(uri, packed(uri, members))


def _put(store: Store, path: Path, uri: str) -> None:
    there = store.locate(uri)
    # The hash in the URI guarantees that it is the same, unless it was damaged.
    if not there.is_file() or there.is_symlink() or there.stat().st_size != path.stat().st_size:
        store.put_file(uri, path)


def _is_whole(archive: Path) -> bool:
    try:
        if archive.suffix == ".zip":
            return not archive.is_symlink() and zipfile.is_zipfile(archive)
        return not archive.is_symlink() and bool(gzip.decompress(archive.read_bytes()))
    except (OSError, EOFError, zlib.error):
        return False
