"""A container's /opt/ml for one job, in one of two ways: in a mount namespace, or by rewriting paths in text.

In a namespace, the job finds /opt/ml itself. Its inputs are links into the store, mounted so that what it changes there
never reaches the store. If the kernel does not allow namespaces (in most containers), every /opt/ml in arguments,
environment and staged code becomes the job's folder, and inputs are copies. Data is never rewritten.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from sagemaker_ops.container import archives, process
from sagemaker_ops.errors import UserError

OPT_ML = "/opt/ml"
MODES = ("auto", "namespace", "rewrite")
# Not as part of a longer path or word, such as s3://bucket/opt/ml or /opt/mlops, but in file:///opt/ml.
_OPT_ML = re.compile(r"(?:(?<![\w./}-])|(?<=file://))/opt/ml(?![\w-])")
# Suffixes of staged files that are code or its settings.
CODE_SUFFIXES = {".py", ".sh", ".bash", ".r", ".cfg", ".ini", ".json", ".toml", ".yaml", ".yml"}
_PLAIN = re.compile(r"[\w./+@-]+", re.ASCII)


@dataclass
class Container:
    """The folder that is /opt/ml for one job. private: the job sees it at /opt/ml, in its own namespace."""

    folder: Path
    private: bool
    inputs: dict[Path, tuple[int, int]] = field(default_factory=dict)
    """Each file that is a link into the store, with its size and modification time."""
    _mounts: dict[str, bool] = field(default_factory=dict)  # {path: whether it is an input}

    def at(self, local_path: str) -> Path:
        """The place of a container path on this machine; UserError if it is not in /opt/ml."""
        if not inside(local_path):
            raise UserError(f"'{local_path}' is not in /opt/ml/processing, where a container's files must be.")
        return self.folder / PurePosixPath(local_path).relative_to(OPT_ML)

    def stage(self, files: Mapping[str, Path], local_path: str, *, code: bool = False) -> None:
        """Put an input's files, {path in the folder: file}, where the job expects them.

        Code is copied and writable: entrypoints make it executable and unpack archives next to it.
        """
        folder = self.at(local_path)
        for name, file in files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not code and self.private and _linked(file, target):
                self.inputs[target] = _state(target)
            else:
                _copy(file, target)
        self._mounts[local_path] = not code
        if code and not self.private:
            self.rewrite_code(folder)

    def make(self, local_path: str) -> Path:
        """Create a folder that the job writes to, even if it is inside an input; inputs inside it become copies."""
        folder = self.at(local_path)
        folder.mkdir(parents=True, exist_ok=True)
        for file in [file for file in self.inputs if file.is_relative_to(folder)]:
            del self.inputs[file]
            _copy(file, self.folder / "copy")
            os.replace(self.folder / "copy", file)
        within = [path for path in self._mounts if PurePosixPath(path).is_relative_to(local_path)]
        self._mounts |= dict.fromkeys([*within, local_path], False)
        return folder

    def settle_links(self, folder: Path) -> Iterator[str]:
        """Replace the links in a folder of outputs by copies of the files they point to, which will be gone.

        Yields a sentence for each link that is removed instead, because it points to no file. UserError if one leads
        out of the job's files.
        """
        job = Path(os.path.realpath(self.folder)).parent
        for file in sorted(each for each in folder.rglob("*") if each.is_symlink()):
            end, steps = file, 0
            while end.is_symlink() and steps < 40:
                target, steps = os.readlink(end), steps + 1
                end = self.at(target) if inside(target) else end.parent / target
            real, shown = Path(os.path.realpath(end)), f"{OPT_ML}/{file.relative_to(self.folder)}"
            if real.exists() and not real.is_relative_to(job):
                raise UserError(f"its output {shown} is a link to {real}, which is not a file of the job: copy it.")
            file.unlink()
            if real.is_file():
                shutil.copyfile(real, file)
            else:
                yield f"{shown} is a link to {'a folder' if real.is_dir() else 'nothing'}, and links are not kept."

    @property
    def mounts(self) -> list[tuple[str, str, str]]:
        """What the job's namespace mounts, outer folders first; empty if it has no namespace."""
        mounts = [(str(self.folder), OPT_ML, "")]
        for path in sorted(self._mounts, key=lambda path: len(PurePosixPath(path).parts)):
            changes = self.folder.parent / "changes" / str(len(mounts))
            changes.mkdir(parents=True, exist_ok=True)
            mounts += [(str(self.at(path)), path, str(changes) if self._mounts[path] else "")]
        return mounts if self.private else []

    def changed_inputs(self) -> Iterable[str]:
        """The container paths of inputs that changed in the store after they were staged."""
        for file, state in self.inputs.items():
            if not file.is_file() or _state(file) != state:
                yield f"{OPT_ML}/{file.relative_to(self.folder)}"

    def rewrite(self, value: Any) -> Any:
        """The value with /opt/ml in every string replaced by the path that the job sees."""
        if self.private:
            return value
        if isinstance(value, str):
            return _OPT_ML.sub(lambda _: str(self.folder), value)
        if isinstance(value, list):
            return [self.rewrite(item) for item in value]
        if isinstance(value, dict):
            return {key: self.rewrite(item) for key, item in value.items()}
        return value

    def rewrite_code(self, folder: Path) -> bool:
        """Replace /opt/ml in the code files of the folder and of archives in it; returns whether there was any."""
        found = False
        for file in [] if self.private else sorted(each for each in folder.rglob("*") if each.is_file()):
            if file.name.endswith((".tar.gz", ".tgz")):
                with tempfile.TemporaryDirectory(dir=self.folder.parent) as unpacked, suppress(UserError):
                    archives.unpack(file, Path(unpacked))
                    if self.rewrite_code(Path(unpacked)):
                        archives.pack(Path(unpacked), file)
                        found = True
                continue
            content = file.read_bytes().decode("utf-8", "surrogateescape")
            if file.suffix.lower() in CODE_SUFFIXES or content.startswith("#!"):
                rewritten = self.rewrite(content)
                if rewritten != content:
                    file.write_bytes(rewritten.encode("utf-8", "surrogateescape"))
                    found = True
        return found


def inside(local_path: object) -> bool:
    """Whether a container path is in /opt/ml, the only place where a job finds its files here."""
    path = PurePosixPath(str(local_path))
    return path.is_relative_to(OPT_ML) and path != PurePosixPath(OPT_ML) and ".." not in path.parts


def namespaces_allowed(launcher: process.Launcher) -> bool:
    """Whether this machine allows a job a mount namespace: tried once, with a job that does nothing."""
    with launcher.probing:
        if launcher.isolates is None:
            launcher.isolates = _is_isolated(launcher)
        return launcher.isolates


def _is_isolated(launcher: process.Launcher) -> bool:
    if sys.platform != "linux" or not os.path.isdir("/opt"):
        return False
    with tempfile.TemporaryDirectory() as folder:
        for name in ("ml", "aside", "changes"):
            Path(folder, name).mkdir()
        mounts = [(f"{folder}/ml", OPT_ML, ""), (f"{folder}/ml", OPT_ML, f"{folder}/changes")]
        env, aside = process.environment({}, ""), f"{folder}/aside"
        probe = process.Command(["true"], Path(folder), env, Path(folder, "log"), mounts, aside, fork=False)
        try:
            return launcher.run(probe, None, process.Stop()).exit_code == 0
        except OSError:
            return False


@contextmanager
def container(folder: Path, private: bool) -> Iterator[Container]:
    """The folder as a container, with a path that needs no quoting in code: if necessary, a link to it."""
    folder.mkdir(parents=True)
    if private or _PLAIN.fullmatch(str(folder)):
        yield Container(folder, private)
        return
    with tempfile.TemporaryDirectory(prefix="opt-ml-") as short:
        link = Path(short, "ml")
        link.symlink_to(folder)
        yield Container(link, private)


def _linked(file: Path, target: Path) -> bool:
    """Make `target` a hard link to the file, and return whether that worked: not on or across some file systems."""
    try:
        os.link(file, target)
    except FileExistsError:
        target.unlink()
        os.link(file, target)
    except OSError:
        return False
    return True


def _copy(file: Path, target: Path) -> None:
    shutil.copyfile(file, target)
    os.utime(target, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))  # bytecode is matched by it


def _state(file: Path) -> tuple[int, int]:
    stat = file.stat()
    return stat.st_size, stat.st_mtime_ns
