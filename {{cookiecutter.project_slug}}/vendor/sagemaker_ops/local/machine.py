"""What all jobs of an execution share: the store, the launcher, the options, and how they are isolated."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagemaker_ops import kept, variables
from sagemaker_ops.container import isolation, process
from sagemaker_ops.container.packages import is_installed
from sagemaker_ops.definition import shapes, step_types
from sagemaker_ops.digests import Digests, combined
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import failure_reason
from sagemaker_ops.s3.endpoint import S3Endpoint
from sagemaker_ops.store import Store, write_atomically

_NAMES_FILES = re.compile(r"^\s*[-./]", re.MULTILINE)  # lines of requirements.txt: -r more.txt, --find-links, ./package

NO_GROUP = ".unversioned"  # the folder of model packages without a group, which has no such name


@dataclass(frozen=True)
class Options:
    """How an execution runs here. fresh: a new Python for each step. install: install a step's requirements.txt."""

    jobs: int = max(2, os.cpu_count() or 1)
    cache: bool = True
    isolation: str = "auto"
    fresh: bool = process.FRESH
    install: bool = False


@dataclass
class Machine:
    """One execution's view of this machine. home: the project's .local folder."""

    home: Path
    store: Store
    digests: Digests
    region: str
    options: Options
    launcher: process.Launcher
    s3: S3Endpoint = field(init=False)
    _installing: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.places = threading.Semaphore(self.options.jobs)  # a step may have several jobs
        self.s3 = S3Endpoint(self.store.root, self.region)

    @property
    def registry(self) -> Path:
        return self.home / "registry"

    def package_file(self, package: Mapping[str, Any]) -> Path:
        """The file of a version of a model package group, or of a package without a group."""
        name = package.get("ModelPackageVersion") or package["ModelPackageName"]
        return self.registry.joinpath(package.get("ModelPackageGroupName", NO_GROUP), f"{name}.json")

    def is_registered(self, package: Mapping[str, Any]) -> bool:
        """Whether the registry still has this model package."""
        with suppress(OSError, ValueError):
            return bool(json.loads(self.package_file(package).read_bytes())["CreationTime"] == package["CreationTime"])
        return False

    @property
    def private(self) -> bool:
        """Whether jobs have their own mount namespace; UserError if one is requested but not allowed here."""
        allowed = self.options.isolation != "rewrite" and isolation.namespaces_allowed(self.launcher)
        if self.options.isolation == "namespace" and not allowed:
            raise UserError("this machine does not allow mount namespaces: use --isolation rewrite, or leave it out.")
        return allowed

    def write_model(self, name: str, model: Mapping[str, Any]) -> None:
        """Save the arguments of CreateModel, for transform steps that use the model."""
        write_atomically(self.home / "models" / f"{name}.json", json.dumps(model, indent=1).encode())

    def install(self, requirements: Path, log: Path, stop: process.Stop) -> Path:
        """The folder with the packages of requirements.txt, installed by pip once; UserError if that fails."""
        files = [requirements]
        if _NAMES_FILES.search(requirements.read_text(encoding="utf-8", errors="replace")):
            files = [file for file in requirements.parent.rglob("*") if file.is_file()]
        named = [(str(file.relative_to(requirements.parent)), self.digests.of(file)) for file in files]
        folder = self.home / "packages" / combined([(sys.version, ""), *named])[:16]
        with self._installing:
            if folder.is_file():
                folder.unlink()
            if not folder.is_dir():
                self._install(requirements, folder, log, stop)
        os.utime(folder)  # `ops clean` checks when it was last used
        return folder

    def _install(self, requirements: Path, folder: Path, log: Path, stop: process.Stop) -> None:
        uv = shutil.which("uv") if not is_installed("pip") else None
        pip = [uv, "pip", "install", "--python", sys.executable] if uv else [sys.executable, "-m", "pip", "install"]
        environment = {**variables.of_builds(), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as draft:
            made = Path(draft, "made")
            made.mkdir()
            command = [*pip, "--quiet", "--target", str(made), "--requirement", str(requirements)]
            install = process.Command(command, requirements.parent, environment, log, fork=False)
            outcome = self.launcher.run(install, None, stop)
            if stop.requests:
                raise process.StoppedError
            if outcome.exit_code:
                raise UserError(f"requirements.txt cannot be installed: {failure_reason.read(log)}")
            try:
                made.rename(folder)
            except OSError:
                if not folder.is_dir():  # otherwise another execution was faster
                    raise


def read_model(home: Path, name: str) -> dict[str, Any]:
    """A model that a step created on this machine; UserError if there is none with this name."""
    file = home / "models" / f"{name}.json"
    model = kept.read(file) if "/" not in name and "\0" not in name else None
    [kind] = [each for each in step_types.TYPES.values() if each.creates_model]
    if model is not None and (wrong := list(shapes.mismatches(model, kind.shape or {}, {}))):
        kept.report(file, ValueError(wrong[0].rstrip(".")))
        model = None
    if model is None:
        raise UserError(f"there is no model '{name}' on this machine: a Model step creates one.")
    return model
