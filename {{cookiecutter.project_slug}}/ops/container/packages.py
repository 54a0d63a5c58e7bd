"""The Python packages of this environment, which stand in for those of a job's image."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import re
import sys
import sysconfig
from pathlib import Path

_IMPORTED = re.compile(r"^(?:import|from)\s+(\w+(?:\.\w+)*)", re.MULTILINE)
HEAVY = ("numpy", "pandas", "pyarrow", "sklearn", "scipy", "joblib")  # worth loading before a fork, and they bear it


def heavy_modules(script: Path) -> list[str]:
    """The large libraries that a script, and the modules beside it that it imports, want at their top."""
    found: dict[str, None] = {}
    seen, waiting = set(), [script]
    while waiting:
        file = waiting.pop(0)
        seen.add(file)
        text = file.read_text(encoding="utf-8", errors="replace") if file.suffix == ".py" and file.is_file() else ""
        for name in _IMPORTED.findall(text):
            package, beside = name.split(".")[0], file.with_name(f"{name.split('.')[0]}.py")
            if package in HEAVY and is_installed(package):
                found[name] = None
            elif beside not in seen and beside not in waiting and beside.is_file():
                waiting.append(beside)
    return list(found)


@functools.cache
def is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


@functools.cache
def packages_digest() -> str:
    """Changes with every package that is installed, upgraded or removed here, and with Python itself."""
    folder = Path(sysconfig.get_paths()["purelib"])
    names = sorted(entry.name for entry in folder.glob("*.dist-info"))
    return hashlib.sha256("\n".join([sys.version, *names]).encode()).hexdigest()
