"""The model to serve: its archive, where it comes from, and what it scored."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagemaker_ops import kept, local
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import Execution
from sagemaker_ops.project import approved_model
from sagemaker_ops.project.layout import LOCAL_FOLDER
from sagemaker_ops.store import Store
from sagemaker_ops.terminal import details

ARCHIVE = "model.tar.gz"


@dataclass(frozen=True)
class Served:
    """archive: model.tar.gz; name: what it is, for a heading; origin: where it comes from, as a sentence."""

    archive: Path
    name: str
    origin: str
    evaluation: Mapping[str, Any] = field(default_factory=dict)


def of_execution(root: Path, execution: str) -> Served:
    """The model of an execution on this machine, by its id, the start of it, or `latest`.

    `latest` is the newest one with a model. UserError if there is none.
    """
    home = root / LOCAL_FOLDER
    executions = local.list_pipeline_executions(home) if execution == "latest" else [local.find(home, execution)]
    for found in executions:
        if (archive := archive_of(found, Store(home / "s3"))) is not None:
            evaluation = next(details.evaluations(found), {})
            started = f"{found.start_time.astimezone():%Y-%m-%d %H:%M}"
            origin = f"Execution {found.id}, started {started}: {found.status}."
            return Served(archive, found.pipeline_name, origin, evaluation)
    if execution == "latest":
        raise UserError("there is no model on this machine yet: `ops run train` makes one.")
    raise UserError(f"execution {executions[0].id} has no model: it has not trained one, or its files were removed.")


def of_approved(root: Path, group: str) -> Served:
    """The newest version that is approved on this machine. UserError if there is none."""
    home = root / LOCAL_FOLDER
    package = approved_model.find_local(home, group)
    if package.version == approved_model.NONE:
        raise UserError("no model is approved on this machine: `ops approve-model latest --env local` approves one.")
    store = Store(home / "s3")
    archive = store.locate(package.model) if package.model else None
    if archive is None or not archive.is_file():
        raise UserError(f"the files of version {package.version} are gone: run the pipeline again, and approve it.")
    evaluation: dict[str, Any] = {}
    with suppress(*kept.DAMAGED, UserError):
        evaluation = kept.load(store.locate(package.evaluation))
    return Served(archive, f"{group}, version {package.version}", "Approved on this machine.", evaluation)


def archive_of(execution: Execution, store: Store) -> Path | None:
    """The archive of the model that the execution registered, or else trained last; None if there is none here."""
    found = [each.properties for each in execution.steps.values() if each.has_result]
    registered = [approved_model.uris(each)[0] for each in found]
    trained = [each.get("ModelArtifacts", {}).get("S3ModelArtifacts") for each in found]
    for uri in [*registered, *reversed(trained)]:
        with suppress(UserError):
            if isinstance(uri, str) and uri.endswith(f"/{ARCHIVE}"):
                return store.get_file(uri)
    return None
