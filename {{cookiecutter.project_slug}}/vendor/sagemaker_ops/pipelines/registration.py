"""What a registered model says about itself: its model card, and metadata on what it was made from.

Nothing here depends on the commit: the definition must be the same for every commit with the same code, data and
settings. The commit is in the parameter StartedBy, which each execution sets.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

import sagemaker_ops
from sagemaker_ops import trace
from sagemaker_ops.project.settings import FILE, Gate
from sagemaker_ops.project.target import Target

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html, CustomerMetadataProperties
LONGEST = 256
_NOT_ACCEPTED = re.compile(r"[^\w .:/=+@-]")
# Characters of a text in a model card: https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-details.html
_LONG, _SHORT = 2048, 1024


@dataclass(frozen=True)
class Origin:
    """What a model comes from; each is a text, or an expression of the SDK that each execution fills in.

    evaluation: the URI of its evaluation.json. summary: that of the summary.json of its data. data: that of the data.
    execution: the ARN of the execution. None: there is none.
    """

    evaluation: Any
    summary: Any
    data: Any
    started_by: Any
    execution: Any


def metadata(target: Target, origin: Origin) -> dict[str, Any]:
    """The metadata of the model package: at most 50 entries of 1 to 256 characters."""
    found = {
        trace.PARAMETER: origin.started_by,
        trace.EXECUTION: origin.execution,
        trace.DATA: _data(origin.data),
        trace.SCHEMA: target.schema_hash,
        trace.LIBRARY: sagemaker_ops.__version__,
    }
    return {key: value for key, value in found.items() if value != ""}


def accepted(text: str) -> str:
    """The text as AWS accepts it: one that is too long or has other characters is changed, and ends with its hash.

    So different texts stay different. The empty text stays empty, which AWS does not accept.
    """
    clean = _NOT_ACCEPTED.sub("-", text)
    if clean == text and len(text) <= LONGEST:
        return text
    ending = f" sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
    return clean[: LONGEST - len(ending)] + ending


def card(target: Target) -> str:
    """The content of the model card, as JSON in one line, with what is known before anything runs.

    Its form is that of a model package's card, which AWS checks. It allows fewer keys than other model cards:
    https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-details.html#model-card-schema.
    """
    project, data, gate = target.settings.project, target.settings.data, target.settings.gate
    details = {
        "name": project.name,
        "project": project.slug,
        "owner": project.owner,
        "problem": data.problem,
        "target": data.target,
        "data source": data.source,
        "quality gate": f"{gate.metric} {_limit(gate)}",
        "library": f"sagemaker-ops {sagemaker_ops.__version__}",
    }
    content: dict[str, Any] = {
        "model_overview": {"model_creator": _cut(project.owner, _SHORT)},
        "intended_uses": {
            "purpose_of_model": _cut(project.description, _LONG),
            "intended_uses": _cut(project.description, _LONG),
            "risk_rating": "Unknown",
        },
        "business_details": {"line_of_business": _cut(project.vertical, _LONG)},
        "training_details": {
            "training_observations": f"Data and quality gate are those in {FILE}; an execution can replace them.",
            "training_job_details": {"training_datasets": [_cut(target.data_uri, _SHORT)]},
        },
        "evaluation_details": [
            {
                "name": "quality gate",
                "evaluation_observation": _cut(
                    f"A model is registered if its {gate.metric} on the test part is {_limit(gate)}.", _LONG
                ),
            }
        ],
        "additional_information": {
            "custom_details": {key: _cut(value, _SHORT) for key, value in details.items() if value}
        },
    }
    return json.dumps(_without_empty(content))


def _data(uri: Any) -> Any:
    """The URI for the metadata: as a parameter if AWS accepts its default, because an execution can set another."""
    text = uri if isinstance(uri, str) else getattr(uri, "default_value", None)
    if not isinstance(text, str):
        return "" if uri is None else uri
    return uri if accepted(text) == text else accepted(text)


def _limit(gate: Gate) -> str:
    return f"at {'least' if gate.minimum is not None else 'most'} {gate.value}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _without_empty(content: dict[str, Any]) -> dict[str, Any]:
    """Without texts that are not known."""
    return {key: _without_empty(value) if isinstance(value, dict) else value for key, value in content.items() if value}
