"""Writes data/schema.toml, the type of each column, which every later run holds the table against."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sagemaker_ops.project import data, source_copy
from sagemaker_ops.project.layout import LIBRARY
from sagemaker_ops.project.settings import Data


def keep(chosen: Data, root: Path, home: Path) -> list[str]:
    """Write the file where there is none for [data].source, and say so in a line; else do and say nothing.

    A table that cannot be read gets no file: the processing step says what is wrong with it. Nor does one that the
    steps read by themselves, which may give it other columns. Of a source on S3 the copy is read, if it is a whole one:
    the first rows may lack what comes later. home: the project's .local folder.
    """
    source, table, first = chosen.source, chosen.source, None
    if data.schema_file(source, root) or data.has_own_reading(root):
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
    arguments += [f"--exclude={column}" for column in chosen.exclude]
    done = subprocess.run(
        # In a process of its own: what the steps import costs time, and stays out of this one.
        [sys.executable, "-B", "-m", "sagemaker_ops.tabular.column_types", *arguments],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(LIBRARY)},
        capture_output=True,
        check=False,
    )
    if done.returncode:
        return []
    why = f" again, for '{source}'" if replaced else ""
    return [f"Wrote {data.SCHEMA}{why}, the type of each column: later runs check the table against it. Commit it."]
