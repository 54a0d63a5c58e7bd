"""A container's /opt/ml for one job, either way: in a mount namespace of its own, or by rewriting paths in text.

In a namespace the job finds /opt/ml itself, and its inputs, which are links into the store, are mounted read-only.
Where the kernel allows none (in most containers), every /opt/ml in arguments, environment and staged code becomes the
job's folder, and inputs are copies. Data is never rewritten.
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
# Not inside a longer path or word: neither s3://bucket/opt/ml nor /opt/mlops; but file:///opt/ml.
_OPT_ML = re.compile(r"(?:(?<![\w./}-])|(?<=file://))/opt/ml(?![\w-])")
# Which staged files are code or its settings.
CODE_SUFFIXES = {".py", ".sh", ".bash", ".r", ".cfg", ".ini", ".json", ".toml", ".yaml", ".yml"}
_PLAIN = re.compile(r"[\w./+@-]+", re.ASCII)


@dataclass
class Container:
    """The folder that one job sees as /opt/ml. private: it sees it there, in a namespace of its own."""

    folder: Path
    private: bool
    inputs: dict[Path, tuple[int, int]] = field(default_factory=dict)
    """Each staged file with its size and time of change."""
    _mounts: dict[str, bool] = field(default_factory=dict)

    def at(self, local_path: str) -> Path:
        """Where a container path lies on this machine; UserError if it is not below /opt/ml."""
        if not inside(local_path):
            raise UserError(f"'{local_path}' is not below /opt/ml/processing, where a container's files are.")
        return self.folder / PurePosixPath(local_path).relative_to(OPT_ML)

    def stage(self, files: Mapping[str, Path], local_path: str, *, code: bool = False) -> None:
        """Put an input's files, {path below the folder: file}, where the job looks for them.

        Code is copied and may be written to: entrypoints make it executable and unpack archives beside it.
        """
        folder = self.at(local_path)
        for name, file in files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if code or not self.private or not _linked(file, target):
                shutil.copyfile(file, target)
                os.utime(target, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))  # bytecode is found by it
            if not code:
                self.inputs[target] = _state(target)
        self._mounts[local_path] = not code
        if code and not self.private:
            self.rewrite_code(folder)

    def make(self, local_path: str) -> Path:
        """A folder the job writes to, even if it lies inside an input."""
        folder = self.at(local_path)
        folder.mkdir(parents=True, exist_ok=True)
        self._mounts[local_path] = False
        return folder

    @property
    def mounts(self) -> list[tuple[str, str, bool]]:
        """What the job's namespace mounts, the outer folders first; nothing if it has none."""
        nested = sorted(self._mounts.items(), key=lambda each: len(PurePosixPath(each[0]).parts))
        mounts = [(str(self.at(path)), path, read_only) for path, read_only in nested if self.at(path).is_dir()]
        return [(str(self.folder), OPT_ML, False), *mounts] if self.private else []

    def changed_inputs(self) -> Iterable[str]:
        """The container paths of inputs that are not what they were when they were staged."""
        for file, state in self.inputs.items():
            if not file.is_file() or _state(file) != state:
                yield f"{OPT_ML}/{file.relative_to(self.folder)}"

    def rewrite(self, value: Any) -> Any:
        """The value with /opt/ml in every text inside it as the job sees it."""
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
        """Replace /opt/ml in the code files below the folder, and in those of archives there; whether there was any."""
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
    """Whether a container path lies below /opt/ml, where alone a job finds its files here."""
    path = PurePosixPath(str(local_path))
    return path.is_relative_to(OPT_ML) and path != PurePosixPath(OPT_ML) and ".." not in path.parts


def namespaces_allowed(launcher: process.Launcher, region: str) -> bool:
    """Whether this machine lets a job have a mount namespace: tried once, with a job that does nothing."""
    if sys.platform != "linux" or not os.path.isdir("/opt"):
        return False
    with tempfile.TemporaryDirectory() as folder:
        for name in ("ml", "aside"):
            Path(folder, name).mkdir()
        mounts = [(f"{folder}/ml", OPT_ML, False), (f"{folder}/ml", OPT_ML, True)]
        env, aside = process.environment({}, region), f"{folder}/aside"
        probe = process.Command(["true"], Path(folder), env, Path(folder, "log"), mounts, aside, fork=False)
        try:
            return launcher.run(probe, None, process.Stop()).exit_code == 0
        except OSError:
            return False


@contextmanager
def container(folder: Path, private: bool) -> Iterator[Container]:
    """The folder as a container, under a path that needs no quoting in code: if need be, a link to it."""
    folder.mkdir(parents=True)
    if private or _PLAIN.fullmatch(str(folder)):
        yield Container(folder, private)
        return
    with tempfile.TemporaryDirectory(prefix="opt-ml-") as short:
        link = Path(short, "ml")
        link.symlink_to(folder)
        yield Container(link, private)


def _linked(file: Path, target: Path) -> bool:
    """Whether `target` is now another name of the file: not across file systems, nor where links are not known."""
    try:
        os.link(file, target)
    except FileExistsError:
        target.unlink()
        os.link(file, target)
    except OSError:
        return False
    return True


def _state(file: Path) -> tuple[int, int]:
    stat = file.stat()
    return stat.st_size, stat.st_mtime_ns
