"""What the handlers of a served model need on this machine, as far as their code is known before the start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sagemaker_ops.container import contract
from sagemaker_ops.definition.expressions import Scope, resolve_early, scan
from sagemaker_ops.definition.plan import Plan
from sagemaker_ops.preflight import programs
from sagemaker_ops.store import Store

MODEL = "/opt/ml/model"


def place(environment: Mapping[str, str]) -> tuple[str, str]:
    """The folder in the container, or the archive in S3, of a model's code, and the program in it."""
    source = environment.get("SAGEMAKER_SUBMIT_DIRECTORY") or f"{MODEL}/code"
    return source, environment.get("SAGEMAKER_PROGRAM") or "inference.py"


def missing(source: str, program: str, model_data: str) -> str:
    """The sentence for a model without handlers."""
    where = source if source.startswith("s3://") else f"{source.removeprefix(f'{MODEL}/')}/ of {model_data}"
    return f"{where} has no {program}, and the image's own server cannot run here."


def lacking(
    model: Mapping[str, Any], own: Mapping[str, Any], plan: Plan, scope: Scope, store: Store, install: bool = False
) -> Iterator[str]:
    """A sentence if handlers are missing, and for each library of the image that they need and that is missing here.

    model: as in a CreateModel call. own: the environment of the transform job. install: as in programs.lacking.
    """
    hosted = (model.get("Containers") or [model.get("PrimaryContainer", {})])[0]
    environment = resolve_early({**hosted.get("Environment", {}), **own}, scope)
    if environment is None or "ModelDataUrl" not in hosted:
        return
    source, program = place(environment)
    model_data = resolve_early(hosted["ModelDataUrl"], scope)
    inner = "" if source.startswith("s3://") else f"{source.removeprefix(f'{MODEL}/')}/"
    archive = model_data if inner else source
    if archive is None:
        archive, program, inner = _repacked(hosted["ModelDataUrl"], plan, scope)
    for _, _, found in programs.files_at(store, archive, program) if archive.endswith(".tar.gz") else []:
        files = {name.removeprefix(inner): file for name, file in found.items() if name.startswith(inner)}
        if program not in files:
            yield missing(source, program, archive)
        else:
            yield from programs.not_installed(programs.image_name(hosted, scope), program, files, install)


def _repacked(model_data: Any, plan: Plan, scope: Scope) -> tuple[str, str, str]:
    """The archive, the program and the folder of the code that SDK v2's repacking step adds to a model."""
    for step in [plan.steps[each.name] for each in scan(model_data)[0] if each.name in plan.steps]:
        given = {key: resolve_early(each, scope) for key, each in step.arguments.get("HyperParameters", {}).items()}
        known = contract.decoded({key: each for key, each in given.items() if isinstance(each, str)})
        if {"inference_script", "sagemaker_submit_directory"} <= known.keys():
            return str(known["sagemaker_submit_directory"]), str(known["inference_script"]), ""
    return "", "", ""
