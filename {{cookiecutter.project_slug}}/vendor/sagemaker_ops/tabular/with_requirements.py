"""Runs a script after installing the requirements.txt beside it: `python3 with_requirements.py SCRIPT [ARGUMENT…]`.

A training job and an endpoint install this file themselves, but a processing job does not. Nothing is installed if the
packages are already there. Standard library only, and no other module of the library: this file
runs as a script, from its own folder.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

FILE = "requirements.txt"
_LINE = re.compile(r"([A-Za-z0-9._-]+)(?:\s*==\s*([A-Za-z0-9.+!]+))?")


def main(script: str) -> None:
    """Install what is missing, and let Python run the script instead. SystemExit if that cannot be installed."""
    requirements = Path(script).with_name(FILE)
    if requirements.is_file() and not is_satisfied(requirements.read_text(encoding="utf-8")):
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*pip, "--root-user-action=ignore", "--requirement", str(requirements)], check=False)
        if done.returncode:
            sys.exit(f"{FILE} cannot be installed: see the lines above.")
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])


def is_satisfied(text: str) -> bool:
    """Whether each line names a package that is there, as `name` or `name==version`; False for any other line."""
    lines = [line.split(" #")[0].strip() for line in text.splitlines()]
    wanted = [_LINE.fullmatch(line) for line in lines if line and not line.startswith("#")]
    try:
        return all(each and each[2] in (None, metadata.version(each[1])) for each in wanted)
    except metadata.PackageNotFoundError:
        return False


if __name__ == "__main__":
    main(sys.argv[1])
