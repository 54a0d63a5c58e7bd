"""The model that new data are compared with: the folder of its archive, and its evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagemaker_ops import local
from sagemaker_ops.errors import Problem, RefusedError, UserError
from sagemaker_ops.local import Execution
from sagemaker_ops.local.executions import newest_first
from sagemaker_ops.project import approved_model
from sagemaker_ops.project.approved_model import APPROVED
from sagemaker_ops.project.layout import LOCAL_FOLDER, shown
from sagemaker_ops.project.settings import Settings
from sagemaker_ops.project.target import Target
from sagemaker_ops.serving.archives import ARCHIVE, archive_of
from sagemaker_ops.store import Store
from sagemaker_ops.terminal import summary

LATEST, APPROVED_MODEL = "latest", "approved"
OPTION = "--model"


@dataclass(frozen=True)
class Monitored:
    """name: what to call the model; folder: contains model.tar.gz or its content; evaluation: empty if unknown."""

    name: str
    folder: Path
    evaluation: Mapping[str, Any] = field(default_factory=dict)


def find(wanted: str, settings: Settings, root: Path) -> Monitored:
    """The model of the newest execution that succeeded (`latest`), or the newest version approved here (`approved`).

    wanted: one of these words, the id of an execution or the start of one, the path of an archive, or that of a folder.
    UserError if there is none.
    """
    home = root / LOCAL_FOLDER
    if wanted == APPROVED_MODEL:
        return _approved(settings, home)
    if wanted == LATEST:
        for execution in newest_first(home):
            if execution.status == "Succeeded" and (file := archive_of(execution, Store(home / "s3"))):
                return _of(execution, file)
        raise UserError(Problem("no execution on this machine has trained a model: run `make run` first.", OPTION))
    path = Path(wanted)
    if path.is_dir() or path.name == ARCHIVE:
        return _in_folder(path, root)
    execution = local.find(home, wanted)
    file = archive_of(execution, Store(home / "s3"))
    if file is None:
        raise UserError(Problem(f"execution {execution.id} has no model: give one that trained a model.", OPTION))
    return _of(execution, file)


def _approved(settings: Settings, home: Path) -> Monitored:
    group = Target(settings, "local", "", "").model_package_group
    package = approved_model.find_local(home, group)
    if not package.version.isdecimal():
        raise UserError(
            Problem(f"'{group}' has no version that is {APPROVED}: run `ops approve-model latest --env local`.", OPTION)
        )
    store, name = Store(home / "s3"), f"version {package.version} of {group}"
    if not package.model:
        raise UserError(Problem(f"the archive of {name} is no longer on this machine: run `make run` again.", OPTION))
    evaluation: Any = {}
    with suppress(UserError):
        evaluation = store.read_json(package.evaluation) if package.evaluation else {}
    return Monitored(name, store.get_file(package.model).parent, evaluation if isinstance(evaluation, dict) else {})


def _in_folder(path: Path, root: Path) -> Monitored:
    folder = path if path.is_dir() else path.parent
    if not folder.resolve().is_relative_to(root.resolve()):
        message = (
            f"'{path}' is outside the project: loading a model runs the code in it, so move it here if you trust it."
        )
        raise RefusedError(Problem(message, OPTION))
    if not (folder / ARCHIVE).is_file() and not (folder / "schema.json").is_file():
        raise UserError(Problem(f"'{path}' has no {ARCHIVE}: give the folder of a model's archive.", OPTION))
    return Monitored(f"the model in {shown(folder.absolute(), root)}", folder.absolute())


def _of(execution: Execution, file: Path) -> Monitored:
    return Monitored(f"the model of execution {execution.id}", file.parent, summary.evaluation(execution))
