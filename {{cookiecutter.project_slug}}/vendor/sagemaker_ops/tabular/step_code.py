"""Which files the script of a step needs: found by reading its imports, not by running it.

A step is published with these files alone, so that a change in one script does not run the others again. A training job
uses the same rules to choose the code that it packs with the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

from sagemaker_ops.tabular import script_imports
from sagemaker_ops.tabular.script_imports import LIBRARY, Script

SERVING = "inference.py"
# Python or the training toolkit runs them by itself: https://github.com/aws/sagemaker-training-toolkit
_RUN_BY_THEMSELVES = {"setup.py", "sitecustomize.py", "usercustomize.py"}


def files_below(folder: Path) -> dict[str, Path]:
    """{name: file} of everything that belongs to the steps: without hidden files, caches and a README."""
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path for name, path in found.items() if not _is_left_out(PurePosixPath(name))}


def _is_left_out(name: PurePosixPath) -> bool:
    return any(part.startswith((".", "__pycache__")) for part in name.parts) or name.stem.upper() == "README"


class StepCode:
    """The files of production/steps, {name: file}; each script is read once, when it is needed."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files
        self._scripts = [name for name in files if name.endswith(".py")]
        self._read: dict[str, Script] = {}
        self._imported: dict[str, set[str] | None] = {}

    def of(self, script: str) -> dict[str, Path]:
        """The files that a script needs: its modules, and everything that is not Python.

        All files, if the text of the script or of a module does not show what it needs.
        """
        replaced = any(name.startswith(f"{LIBRARY}/") for name in self._scripts)  # it may import any other script
        needed = None if replaced or _RUN_BY_THEMSELVES & self._files.keys() else self._needed(script)
        if needed is None:
            return dict(self._files)
        return {name: path for name, path in self._files.items() if name in needed or not name.endswith(".py")}

    def _needed(self, script: str) -> set[str] | None:
        """The scripts that a script needs; None: all of them."""
        needed = self._with_imports(script)
        # What serves the model is packed with it, from the folder of the script that saves it.
        savers = [PurePosixPath(name) for name in needed or () if self._script(name).saves]
        served = {str(each.with_name(SERVING)) for each in savers} | ({SERVING} if savers else set())
        needed = _union(needed, *map(self._with_imports, served & set(self._scripts)))
        if needed and any(self._script(name).loads for name in needed):
            needed = _union(needed, self._of_models)
        return needed

    @cached_property
    def _of_models(self) -> set[str] | None:
        """The modules that reading a saved model may import: those of the script that saved it."""
        found: set[str] | None = set()
        for name in self._may_save():
            modules = self._with_imports(name)
            if modules is None or any(self._script(each).saves for each in modules):
                found = _union(found, modules and modules - {name})
        return found

    def _may_save(self) -> set[str]:
        """The scripts that save a model, or that may import one that does."""
        texts = {name: self._files[name].read_bytes() for name in self._scripts}
        found: set[str] = set()
        words = {b"save_model"}
        while new := {name for name in texts.keys() - found if any(word in texts[name] for word in words)}:
            found |= new
            words = {PurePosixPath(name).stem.encode() for name in new}
            words |= {PurePosixPath(name).parent.name.encode() for name in new if name.endswith("/__init__.py")}
        return found

    def _with_imports(self, script: str) -> set[str] | None:
        """A script and the scripts that it imports or names, directly or not; None: all of them."""
        if script not in self._imported:
            self._imported[script] = self._follow(script) if script in self._scripts else None
        return self._imported[script]

    def _follow(self, script: str) -> set[str] | None:
        # Python searches the folder of the script, and the training toolkit adds the one of all scripts.
        folders = {PurePosixPath(), PurePosixPath(script).parent}
        found: set[str] = set()
        waiting = [script]
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            found.add(name)
            read = self._script(name)
            named = {word: [each for each in self._scripts if PurePosixPath(each).name == word] for word in read.named}
            opened = [[each for each in self._files if f"/{each}".endswith(f"/{path}")] for path in read.beside]
            if read.opaque or not all(named.values()) or not all(opened):
                return None
            waiting += [each for names in named.values() for each in names]
            for module, level, names in read.imports:
                for folder in list(PurePosixPath(name).parents)[level - 1 : level] if level else folders:
                    waiting += self._modules(folder, module.split(".") if module else [], names)
        return found

    def _modules(self, folder: PurePosixPath, module: list[str], names: tuple[str, ...]) -> Iterator[str]:
        """The scripts that `from module import names` reads, if the module is in this folder."""
        for part in module:
            folder /= part
            yield from self._module(folder)
        for name in names:
            yield from self._module(folder / name)
            if name == "*" and module:
                yield from (each for each in self._scripts if each.startswith(f"{folder}/"))

    def _module(self, path: PurePosixPath) -> Iterator[str]:
        yield from (name for name in (f"{path}.py", f"{path}/__init__.py") if name in self._files)

    def _script(self, name: str) -> Script:
        if name not in self._read:
            self._read[name] = script_imports.read(self._files[name].read_bytes())
        return self._read[name]


def _union(*found: set[str] | None) -> set[str] | None:
    """Everything in the sets; None, which means all scripts, if one of them is None."""
    known = [each for each in found if each is not None]
    return set().union(*known) if len(known) == len(found) else None
