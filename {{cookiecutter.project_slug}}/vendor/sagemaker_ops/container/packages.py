"""The Python packages of this environment, which stand in for those of a job's image."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import re
import sys
import sysconfig
from pathlib import Path

_IMPORTED = re.compile(
    r"^(?:from\s+(\w+(?:\.\w+)*)\s+import\s+(\([^)]*\)|[^\n]*)|import\s+(\w+(?:\.\w+)*))", re.MULTILINE
)
_EXPORTS = re.compile(r"^EXPORTS = (\{.*?^\})", re.MULTILINE | re.DOTALL)
HEAVY = ("numpy", "pandas", "pyarrow", "sklearn", "scipy", "joblib")  # worth loading before a fork, and safe to fork


def heavy_modules(script: Path, *places: Path) -> list[str]:
    """The large libraries that a script imports at its top, itself or through the modules next to it.

    places: where to look for modules in addition to the script's own folder.
    """
    found: dict[str, None] = {}
    waiting, seen = [script], {script}
    while waiting:
        file = waiting.pop(0)
        text = file.read_text(encoding="utf-8", errors="replace") if file.suffix == ".py" and file.is_file() else ""
        for module, names, plain in _IMPORTED.findall(text):
            name = module or plain
            if name.partition(".")[0] in sys.stdlib_module_names:
                continue
            if name.partition(".")[0] in HEAVY and is_installed(name.partition(".")[0]):
                found[name] = None
            else:
                beside = (each for place in (script.parent, *places) for each in _files_of(place, name, names))
                new = [each for each in dict.fromkeys(beside) if each not in seen]
                waiting += new
                seen |= set(new)
    return list(found)


def _files_of(place: Path, module: str, names: str) -> list[Path]:
    """The files in `place` that `from module import names` reads."""
    path = place.joinpath(*module.split("."))
    if (flat := path.with_name(f"{path.name}.py")).is_file():
        return [flat]
    if not (init := path / "__init__.py").is_file():
        return []
    late = _late(init)
    wanted = re.findall(r"\w+", names)
    inside = [path / f"{name}.py" for name in wanted]
    inside += [path.joinpath(*late[name].split(".")).with_suffix(".py") for name in wanted if name in late]
    return [init, *(file for file in inside if file.is_file())]


@functools.cache
def _late(init: Path) -> dict[str, str]:
    """{name: module} of what a package loads lazily, from its table EXPORTS."""
    found = _EXPORTS.search(init.read_text(encoding="utf-8", errors="replace"))
    table = ast.literal_eval(found[1]) if found else {}
    return {name: module for module, names in table.items() for name in names}


@functools.cache
def is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


@functools.cache
def packages_digest() -> str:
    """A hash that changes with every package installed, upgraded or removed here, and with Python itself."""
    folder = Path(sysconfig.get_paths()["purelib"])
    names = sorted(entry.name for entry in folder.glob("*.dist-info"))
    return hashlib.sha256("\n".join([sys.version, *names]).encode()).hexdigest()
