"""Writes data/schema.toml, the type of each column, which every later run checks the table against."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
    source, table, first = chosen.source, chosen.source, None
    kept, read_with = data.schema(source, root), notation.changed(chosen)
    current = kept is not None and ("source" not in kept or kept.get("read_with", {}) == read_with)
    if current or data.has_own_reading(root):
        return []
    if data.is_remote(source):
        copy = source_copy.read(source, home)
        if copy is None or copy.rows is not None:
            return []
        table, first = (
            str(source_copy.folder_of(source, home) / source_copy.OBJECTS),
            source_copy.first_file(copy, home),
        )
    if data.check(chosen, root, first):
        return []
    replaced = (root / data.SCHEMA).exists()
    arguments = [f"--input-dir={table}", f"--source={source}", f"--output={data.SCHEMA}"]
    arguments += [*(f"--exclude={column}" for column in chosen.exclude), *notation.arguments(chosen)]
    done = subprocess.run(
        # In a separate process: importing the steps' libraries takes time, and keeps them out of this one.
        [sys.executable, "-B", "-m", "sagemaker_ops.tabular.column_types", *arguments],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(LIBRARY), "PYTHONIOENCODING": "utf-8"},
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
