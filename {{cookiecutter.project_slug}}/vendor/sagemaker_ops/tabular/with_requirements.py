"""Runs a script after installing the requirements.txt beside it: `python3 with_requirements.py SCRIPT [ARGUMENT…]`.

A training job and an endpoint install this file themselves, but a processing job does not. Nothing is installed if the
packages are already there in the right versions. Standard library only, and no other module of the library: this file
runs as a script, from its own folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

FILE = "requirements.txt"


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
    """Whether each line names a package that is installed in a version that it allows; False if that is unclear."""
    try:
        from packaging.requirements import InvalidRequirement, Requirement
    except ImportError:
        return False
    lines = [line.split(" #")[0].strip() for line in text.splitlines()]
    try:
        wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
        return all(
            not each.url and not each.extras and each.specifier.contains(metadata.version(each.name), prereleases=True)
            for each in wanted
            if each.marker is None or each.marker.evaluate()
        )
    except (InvalidRequirement, metadata.PackageNotFoundError):
        return False


if __name__ == "__main__":
    main(sys.argv[1])
