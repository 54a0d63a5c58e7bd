"""`python -m benchmarks [name …]`: run all benchmarks, or those named, and print Markdown."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import aws, generation, gitlab, local_run, processing, report, serving, tracking, tuning

ALL = {
    "aws": aws.measure,
    "generation": generation.measure,
    "gitlab": gitlab.measure,
    "local_run": local_run.measure,
    "processing": processing.measure,
    "report": report.measure,
    "serving": serving.measure,
    "tracking": tracking.measure,
    "tuning": tuning.measure,
}


def main(names: list[str]) -> None:
    if unknown := set(names) - ALL.keys():
        sys.exit(f"Unknown benchmark: {', '.join(sorted(unknown))}. Choose from {', '.join(ALL)}.")
    if len(names) == 1:
        with tempfile.TemporaryDirectory() as folder:
            print(ALL[names[0]](Path(folder)), flush=True)
        return
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores\n", flush=True)
    for name in names or ALL:  # a small process each: on Linux, peak memory starts at that of the parent
        subprocess.run([sys.executable, "-m", "benchmarks", name], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
