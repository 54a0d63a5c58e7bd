"""Writes data/schema.toml, the type of each column, which every later run holds the table against."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ops import data
from ops.settings import Data

SCRIPT = "production/steps/kept_schema.py"


def keep(chosen: Data, root: Path) -> list[str]:
    """Write the file where there is none for [data].source, and say so in a line; else do and say nothing.

    A table that cannot be read gets no file: the processing step says what is wrong with it.
    """
    source = chosen.source
    if data.is_remote(source) or data.schema_file(source, root) or data.check(chosen, root):
        return []
    replaced = (root / data.SCHEMA).exists()
    arguments = [f"--input-dir={source}", f"--output={data.SCHEMA}"]
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
