"""What a step gets that uses the approved model, or compares with it; `ops` sets its parameters at each start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sagemaker_ops.project import approved_model

if TYPE_CHECKING:
    from sagemaker_ops.pipelines.job_settings import Uri, Value
    from sagemaker_ops.pipelines.jobs import Jobs


@dataclass(frozen=True)
class Approved:
    """Inputs and arguments of the step; none without [gate].against."""

    inputs: Mapping[str, Uri] = field(default_factory=dict)
    arguments: tuple[Value, ...] = ()


def approved_model_of(jobs: Jobs, script: str) -> Approved:
    """The inputs `approved` and `approved-evaluation`, and the argument --approved-version, for a step with `script`.

    Without an approved model, the inputs are the script's own folder: an address that always exists, as AWS demands,
    and that contains no model.
    """
    if not jobs.target.settings.gate.against:
        return Approved()
    nothing = jobs.target.code_uri_of(script)
    version = jobs.parameter(approved_model.VERSION, approved_model.UNKNOWN)
    return Approved(
        {
            "approved": jobs.parameter(approved_model.MODEL, nothing),
            "approved-evaluation": jobs.parameter(approved_model.EVALUATION, nothing),
        },
        ("--approved-version", version),
    )


def model_in_use(jobs: Jobs, script: str) -> Mapping[str, Uri]:
    """The inputs `model` and `evaluation` of the approved model, without which an execution does not start."""
    nothing = jobs.target.code_uri_of(script)
    jobs.parameter(approved_model.VERSION, approved_model.REQUIRED)
    return {
        "model": jobs.parameter(approved_model.MODEL, nothing),
        "evaluation": jobs.parameter(approved_model.EVALUATION, nothing),
    }
