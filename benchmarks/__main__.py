"""`python -m benchmarks [name …]`: measure all, or those named, and print Markdown."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from pathlib import Path

from benchmarks import aws, generation, local_run, processing

ALL = {
    "aws": aws.measure,
    "generation": generation.measure,
    "local_run": local_run.measure,
    "processing": processing.measure,
}


def main(names: list[str]) -> None:
    if unknown := set(names) - ALL.keys():
        sys.exit(f"No figure is named {', '.join(sorted(unknown))}; there are {', '.join(ALL)}.")
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores\n")
    for name in names or ALL:
        with tempfile.TemporaryDirectory() as folder:
            print(ALL[name](Path(folder)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
