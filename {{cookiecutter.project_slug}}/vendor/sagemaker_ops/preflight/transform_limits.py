"""What AWS or this machine would refuse in a transform job or its model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sagemaker_ops.container.transform_program import CSV, DEFAULT_MB, JSON, JSON_LINES, Exchange
from sagemaker_ops.definition import request_limits

MAX_MB = 100


def misfits(model: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for everything in a CreateModel call that cannot be served here."""
    containers = model.get("Containers") or [model.get("PrimaryContainer", {})]
    if len(containers) > 1:
        yield f"its model is a pipeline of {len(containers)} containers, but only a model with one can run here."
    for each in containers:
        if each.get("Mode", "SingleModel") != "SingleModel":
            yield f"its model has the Mode '{each['Mode']}', but only SingleModel can run here."
        elif "ModelDataUrl" not in each and "S3DataSource" not in each.get("ModelDataSource", {}):
            names = ", ".join(each) or "nothing"
            yield f"its model has no ModelDataUrl (but {names}): give the model.tar.gz that contains it."


def refused(arguments: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for everything in a CreateTransformJob call, except URIs, that AWS would refuse.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html has the quotas,
    https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html the rules for DataProcessing.
    """
    size, at_once = arguments.get("MaxPayloadInMB", DEFAULT_MB), arguments.get("MaxConcurrentTransforms") or 1
    if not 0 <= size <= MAX_MB:
        yield f"MaxPayloadInMB is {size}, but AWS accepts 0 (no limit) to {MAX_MB}."
    elif size * at_once > MAX_MB:
        yield f"MaxPayloadInMB times MaxConcurrentTransforms is {size * at_once}, but AWS accepts at most {MAX_MB}."
    yield from request_limits.check_value(arguments.get("Environment", {}), "TransformEnvironmentMap", "Environment")
    try:
        exchange = Exchange(arguments)
    except ValueError as error:
        yield str(error)
        return
    joins, lined = exchange.joins, exchange.by_line and exchange.ends_lines
    sides = {
        "ContentType": (exchange.content_type, exchange.asked, exchange.by_line),
        "Accept": (exchange.accept, exchange.kept, lined),
    }
    for where, (kind, steps, in_lines) in sides.items() if joins else [each for each in sides.items() if each[1][1]]:
        if kind not in (CSV, JSON, JSON_LINES):
            yield f"DataProcessing needs {CSV}, {JSON} or {JSON_LINES} as {where}, not '{kind}'."
        if kind == CSV and not in_lines:
            yield "DataProcessing of CSV needs SplitType and AssembleWith 'Line'."
        if kind == CSV and any(step and isinstance(step[0], str) for step in steps):
            yield f"its filter for {CSV} names an attribute, but columns have only indexes, such as $[0]."
    if joins and (exchange.content_type == CSV) != (exchange.accept == CSV):
        yield f"JoinSource 'Input' joins CSV to CSV and JSON to JSON, not {exchange.accept} to {exchange.content_type}."
