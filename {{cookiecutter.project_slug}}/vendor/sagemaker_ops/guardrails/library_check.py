"""Compares vendor/ with vendor/CHECKSUMS, to find library files that were edited in this project.

`python3 -m sagemaker_ops.guardrails.library_check` writes the list; only a fork of the template needs that.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

LIST = "CHECKSUMS"
_MADE_HERE = {"__pycache__", "build", "dist"}


def checksums(vendor: Path) -> dict[str, str]:
    """{path of a file below `vendor`: its SHA-256}, sorted; without the list itself and the output of builds."""
    files = sorted(path for path in vendor.rglob("*") if path.is_file() and path.name != LIST)
    names = {path.relative_to(vendor): path for path in files}
    return {
        name.as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in names.items()
        if not any(part in _MADE_HERE or part.startswith(".") or part.endswith(".egg-info") for part in name.parts)
    }


def write(vendor: Path) -> None:
    """Writes the list, in the format of `sha256sum --check CHECKSUMS`."""
    lines = [f"{digest}  {name}\n" for name, digest in checksums(vendor).items()]
    (vendor / LIST).write_text("".join(lines), encoding="utf-8")


def edited(vendor: Path) -> list[str]:
    """`changed: vendor/…`, `added: …` and `removed: …` for each file that differs from the list.

    ValueError if the list cannot be read.
    """
    try:
        lines = (vendor / LIST).read_text(encoding="utf-8").splitlines()
        listed = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    except OSError as error:
        raise ValueError(error.strerror) from None
    here = checksums(vendor)
    return [
        f"{'added' if name not in listed else 'removed' if name not in here else 'changed'}: {vendor.name}/{name}"
        for name in sorted({*listed, *here})
        if listed.get(name) != here.get(name)
    ]


if __name__ == "__main__":
    write(Path(__file__).resolve().parents[2])
