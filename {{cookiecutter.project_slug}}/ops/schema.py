"""Writes data/schema.toml, the type of each column, which every later run holds the table against."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ops import data, fetched
from ops.settings import Data

SCRIPT = "production/steps/kept_schema.py"


def keep(chosen: Data, root: Path, home: Path) -> list[str]:
    """Write the file where there is none for [data].source, and say so in a line; else do and say nothing.

    A table that cannot be read gets no file: the processing step says what is wrong with it. Of a source on S3 the copy
    is read, if it is a whole one: the first rows may lack what comes later. home: the project's .local folder.
    """
    source, table, first = chosen.source, chosen.source, None
    if data.schema_file(source, root):
        return []
    if data.is_remote(source):
        copy = fetched.read(source, home)
        if copy is None or copy.rows is not None:
            return []
        table, first = str(fetched.folder_of(source, home) / fetched.OBJECTS), fetched.first_file(copy, home)
    if data.check(chosen, root, first):
        return []
    replaced = (root / data.SCHEMA).exists()
    arguments = [f"--input-dir={table}", f"--source={source}", f"--output={data.SCHEMA}"]
    arguments += [f"--exclude={column}" for column in chosen.exclude]
    done = subprocess.run(
        [sys.executable, "-B", SCRIPT, *arguments],  # what the steps import costs time, and stays out of here
        cwd=root,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        return []
    why = f" anew, for '{source}'" if replaced else ""
    return [f"Wrote {data.SCHEMA}{why}, the type of each column: later runs hold the table against it. Commit it."]
