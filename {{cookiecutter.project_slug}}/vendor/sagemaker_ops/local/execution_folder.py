"""The folder of an execution, .local/runs/<id>: made before it starts, and linked to what its steps have written."""

from __future__ import annotations

import json
import os
import secrets
import string
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sagemaker_ops.definition.plan import Plan
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import executions
from sagemaker_ops.local.executions import Execution, StepExecution
from sagemaker_ops.store import Store, write_atomically


def new_execution(plan: Plan, pipeline_name: str, values: dict[str, Any], home: Path) -> Execution:
    """An execution of which nothing is written yet."""
    identifier = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(12))
    return Execution(
        id=identifier,
        pipeline_name=pipeline_name,
        folder=home / "runs" / identifier,
        start_time=datetime.now(UTC),
        parameters=values,
        steps={step.name: StepExecution(step.name, step.type, step.property_files) for step in plan.steps.values()},
    )


def set_up(execution: Execution, definition: object) -> int:
    """The execution's folder, with everything that does not change; the lock held on it. UserError if it cannot be."""
    try:
        execution.folder.mkdir(parents=True)
        lock = executions.claim(execution.folder)
        write_atomically(execution.folder / "definition.json", json.dumps(definition, indent=1).encode())
        execution.save()
    except OSError as error:
        home = execution.folder.parent.parent
        raise UserError(
            f"cannot write into {home} ({error.strerror}); make room there or change its rights."
        ) from error
    return lock


def reuse(source: Execution, execution: Execution, chosen: set[str], store: Store) -> None:
    """Take over the results of the steps that are not run again."""
    now = datetime.now(UTC)
    for name, step in source.steps.items():
        if name in execution.steps and name not in chosen and step.status == "Succeeded":
            execution.steps[name] = replace(
                step, start_time=now, end_time=now, source=step.source or source.id, selected=False, log=None
            )
            link_outputs(execution, name, step.outputs, store)


def link_outputs(execution: Execution, step: str, outputs: Mapping[str, str], store: Store) -> None:
    """outputs/<name> → the folder in the store, relative where it lies in the project, so that that can be moved."""
    for name, uri in outputs.items():
        link, target = execution.folder / step / "outputs" / name, store.locate(uri)
        link.parent.mkdir(parents=True, exist_ok=True)
        inside = target.is_relative_to(execution.folder.parent.parent)
        link.symlink_to(os.path.relpath(target, link.parent) if inside else target)
