"""The approved model that an execution compares the new one with: its parameters, and how to find it here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagemaker_ops import kept
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.store import Store

VERSION, MODEL, EVALUATION = "ApprovedModelVersion", "ApprovedModelDataUrl", "ApprovedEvaluationUrl"
PARAMETERS = (VERSION, MODEL, EVALUATION)
"""The parameters that `ops` sets at each start."""
TOLERANCE = "GateTolerance"
NONE, UNKNOWN, GIVEN, REQUIRED = "none", "unknown", "given", "required"
"""There is no approved version; nobody looked for one; it was given by the address of its archive; there must be one.

tabular/comparison.py has the same words.
"""
APPROVED = "Approved"


@dataclass(frozen=True)
class Package:
    """An approved version: the S3 URIs of its archive and of its evaluation.json; empty if they are not there."""

    version: str = NONE
    model: str = ""
    evaluation: str = ""


def parameters(
    definition: Mapping[str, Any], given: Mapping[str, str], find: Callable[[str], Package]
) -> dict[str, str]:
    """The parameters `given` with --param, and those of the approved model if the definition has them.

    find: the newest approved version for "", otherwise the version with that number. It is not called if it is clear
    what to compare with. UserError for a tolerance below 0, and without a model if the definition requires one.
    """
    listed = definition.get("Parameters")
    texts = (each for each in (listed if isinstance(listed, list) else ()) if isinstance(each, dict))
    declared = {each.get("Name") for each in texts if each.get("Type") == "String"}
    wanted = given.get(VERSION, "")
    if re.fullmatch(r"-[\d.eE+-]*[1-9][\d.eE+-]*", given.get(TOLERANCE, "")):
        raise UserError(Problem(f"{TOLERANCE} is {given[TOLERANCE]}: write 0 or more.", "--param"))
    if not declared.issuperset(PARAMETERS) or wanted in (NONE, UNKNOWN):
        return dict(given)
    if MODEL in given:
        return {VERSION: GIVEN, **given}
    found = find(wanted)
    if predicts(definition) and not found.model:
        how = "`ops approve-model latest` approves the newest one (with `--env local` for runs on this machine)."
        if found.version == NONE:
            raise UserError(f"no model is approved, and this pipeline predicts with the approved one: {how}")
        raise UserError(f"the archive of the approved version {found.version} is gone: train again; {how}")
    values = {VERSION: found.version, MODEL: found.model, EVALUATION: found.evaluation}
    return {**{name: value for name, value in values.items() if value}, **given}


def predicts(definition: Mapping[str, Any]) -> bool:
    """Whether a pipeline with this definition needs an approved model to start."""
    listed = definition.get("Parameters")
    found = (each for each in (listed if isinstance(listed, list) else ()) if isinstance(each, dict))
    return any(each.get("Name") == VERSION and each.get("DefaultValue") == REQUIRED for each in found)


def find_local(home: Path, group: str, version: str = "") -> Package:
    """The newest approved version that local runs registered in `home` (.local), or the one with that number."""
    files = {int(file.stem): file for file in (home / "registry" / group).glob("*.json") if file.stem.isdecimal()}
    if version:
        number = int(version) if version.isdecimal() else 0
        if number not in files:
            raise UserError(Problem(f"'{group}' has no version {version}: `ops list-models` shows them.", "--param"))
        files = {number: files[number]}
    store = Store(home / "s3")
    for number, file in sorted(files.items(), reverse=True):
        package = kept.read(file) or {}
        if package.get("ModelApprovalStatus") == APPROVED or version:
            model, evaluation = uris(package)
            return Package(str(number), *(uri if _is_there(store, uri) else "" for uri in (model, evaluation)))
    return Package()


def uris(package: Mapping[str, Any]) -> tuple[str, str]:
    """The S3 URIs of the archive and of the evaluation.json of a model package; empty if it names none."""
    model = evaluation = ""
    with suppress(*kept.DAMAGED):
        container = package.get("InferenceSpecification", {})["Containers"][0]
        source = container.get("ModelDataSource", {}).get("S3DataSource", {}).get("S3Uri", "")
        model = str(container.get("ModelDataUrl") or source)
    with suppress(*kept.DAMAGED):
        # With get: AWS's answer is valid without them, if somebody else registered the version.
        quality = package.get("ModelMetrics", {}).get("ModelQuality", {})
        evaluation = str(quality.get("Statistics", {}).get("S3Uri", ""))
    return model, evaluation


def _is_there(store: Store, uri: str) -> bool:
    with suppress(UserError):
        return bool(uri and store.find(uri))
    return False
