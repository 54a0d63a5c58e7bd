"""Writes data/schema.toml, the type of each column, which every later run checks the table against."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sagemaker_ops import variables
from sagemaker_ops.project import data, notation, source_copy
from sagemaker_ops.project.layout import LIBRARY
from sagemaker_ops.project.settings import Data


def keep(chosen: Data, root: Path, home: Path) -> list[str]:
    """Write the file if there is none for [data].source, or if settings of [data] such as `missing` have changed.

    Returns a line that says so.

    A table that cannot be read gets no file: the processing step reports what is wrong. Neither does one that the steps
    read without read_source, because they may change its columns. For a source on S3, the local copy is read if it is
    complete: the first rows may not show every type. home: the project's .local folder.
    """
    source, copied = chosen.source, None
    kept, read_with = data.schema(source, root), notation.changed(chosen)
    current = kept is not None and ("source" not in kept or kept.get("read_with", {}) == read_with)
    if current or data.has_own_reading(root):
        return []
    if data.is_remote(source):
        copy = source_copy.read(source, home)
        if copy is None or copy.rows is not None:
            return []
        copied = source_copy.named_files(copy, home)
    if data.check(chosen, root, copied):
        return []
    replaced = (root / data.SCHEMA).exists()
    with _folder(copied) as folder:
        arguments = [f"--input-dir={folder or source}", f"--source={source}", f"--output={data.SCHEMA}"]
        arguments += [*(f"--exclude={column}" for column in chosen.exclude), *notation.arguments(chosen)]
        done = subprocess.run(
            # In a separate process: importing the steps' libraries takes time, and keeps them out of this one.
            [sys.executable, "-B", "-m", "sagemaker_ops.tabular.column_types", *arguments],
            cwd=root,
            env=variables.of_steps() | {"PYTHONPATH": str(LIBRARY), "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    if done.returncode:
        return []
    if kept is not None:
        changes = ", ".join(done.stdout.splitlines()) or "no type changed"
        return [f"Wrote {data.SCHEMA} again, because settings of [data] changed: {changes}. Commit it."]
    why = f" again, for '{source}'" if replaced else ""
    return [f"Wrote {data.SCHEMA}{why}, the type of each column: later runs check the table against it. Commit it."]


@contextmanager
def _folder(named: Mapping[str, Path] | None) -> Iterator[Path | None]:
    """A temporary folder with links to these files, under the names that a job finds: folders may contain columns."""
    if named is None:
        yield None
        return
    with TemporaryDirectory() as folder:
        for name, file in named.items():
            link = Path(folder, name)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file.absolute())
        yield Path(folder)
