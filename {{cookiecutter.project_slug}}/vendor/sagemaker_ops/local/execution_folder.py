"""The folder of an execution, .local/runs/<id>: created before it starts, with links to the outputs of its steps."""

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
    """A new execution, not written to disk yet."""
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
    """Create the execution's folder, with everything that does not change; returns the lock on it."""
    try:
        execution.folder.mkdir(parents=True)
        lock = executions.claim(execution.folder)
        write_atomically(execution.folder / "definition.json", json.dumps(definition, indent=1).encode())
        execution.save()
    except OSError as error:
        home = execution.folder.parent.parent
        raise UserError(
            f"cannot write to {home} ({error.strerror}): free some space there, or change its permissions."
        ) from error
    return lock


def reuse(source: Execution, execution: Execution, chosen: set[str], store: Store) -> None:
    """Copy the results of the steps that are not run again."""
    now = datetime.now(UTC)
    for name, step in source.steps.items():
        if name in execution.steps and name not in chosen and step.has_result:
            execution.steps[name] = replace(
                step, start_time=now, end_time=now, source=step.source or source.id, selected=False, log=None
            )
            link_outputs(execution, name, step.outputs, store)


def link_outputs(execution: Execution, step: str, outputs: Mapping[str, str], store: Store) -> None:
    """Link outputs/<name> to the folder in the store; by a relative path in the project, so that it can be moved."""
    for name, uri in outputs.items():
        link, target = execution.folder / step / "outputs" / name, store.locate(uri)
        link.parent.mkdir(parents=True, exist_ok=True)
        inside = target.is_relative_to(execution.folder.parent.parent) and link.parent.resolve() == link.parent
        link.symlink_to(os.path.relpath(target, link.parent) if inside else target)
