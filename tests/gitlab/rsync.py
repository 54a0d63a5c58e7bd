"""Copies files as rsync does for gitlab-ci-local, without rsync: -a, -R, --delete, lists of files, simple excludes.

Patterns may start with a slash (from the top of the transfer) and end with a slash (a folder) or `/**`.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("-a", action="store_true")
    parser.add_argument("-r", action="store_true")
    parser.add_argument("-R", dest="relative", action="store_true")
    parser.add_argument("--delete", action="store_true")
    parser.add_argument("--delete-excluded", action="store_true")
    parser.add_argument("--exclude", action="append", default=[])
    parser.add_argument("--exclude-from", action="append", default=[])
    parser.add_argument("--files-from", type=Path, help="a path per line, relative to the one source")
    parser.add_argument("paths", nargs="+")
    given = parser.parse_args()
    patterns = [*given.exclude]
    for file in given.exclude_from:
        patterns += Path(file).read_text(encoding="utf-8").splitlines()
    *sources, last = given.paths
    target = Path(last)
    if given.files_from:
        listed = given.files_from.read_text(encoding="utf-8").splitlines()
        sources = [str(Path(sources[0], each)) for each in listed]
    if given.delete:
        shutil.rmtree(target, ignore_errors=True)
    for source in sources:
        _copy(Path(source), target / source if given.relative else _place(source, target), patterns)


def _place(source: str, target: Path) -> Path:
    """`folder/` and `folder/.` mean what is in it, and `folder` the folder itself."""
    return target if source.endswith(("/", "/.", ".")) else target / Path(source).name


def _copy(source: Path, target: Path, patterns: list[str]) -> None:
    if not source.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
        return

    def excluded(folder: str, names: list[str]) -> list[str]:
        inside = Path(folder).relative_to(source)
        return [name for name in names if any(_matches(pattern, inside / name) for pattern in patterns)]

    shutil.copytree(source, target, symlinks=True, ignore=excluded, dirs_exist_ok=True)


def _matches(pattern: str, path: Path) -> bool:
    wanted = pattern.removesuffix("**").rstrip("/")
    return path.as_posix() == wanted.removeprefix("/") or (not wanted.startswith("/") and path.name == wanted)


if __name__ == "__main__":
    main()
