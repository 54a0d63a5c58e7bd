"""What AWS, or this machine, would not take as a transform job or as its model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sagemaker_ops.container.transform_program import CSV, DEFAULT_MB, JSON, JSON_LINES, Exchange

MAX_MB, MAX_VARIABLES = 100, 16


def misfits(model: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for everything in a call of CreateModel that cannot be served here."""
    containers = model.get("Containers") or [model.get("PrimaryContainer", {})]
    if len(containers) > 1:
        yield f"its model is a pipeline of {len(containers)} containers, and here a model of one can run."
    for each in containers:
        if each.get("Mode", "SingleModel") != "SingleModel":
            yield f"its model has the Mode '{each['Mode']}', and here only SingleModel can run."
        elif "ModelDataUrl" not in each:
            names = ", ".join(each) or "nothing"
            yield f"its model has no ModelDataUrl (but {names}): name the model.tar.gz that holds it."


def refused(arguments: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for everything in a call of CreateTransformJob, but the addresses, that AWS would not take.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html has the quotas,
    https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html what DataProcessing wants.
    """
    size, at_once = arguments.get("MaxPayloadInMB", DEFAULT_MB), arguments.get("MaxConcurrentTransforms") or 1
    if not 0 <= size <= MAX_MB:
        yield f"MaxPayloadInMB is {size}; AWS takes 0 (no limit) to {MAX_MB}."
    elif size * at_once > MAX_MB:
        yield f"MaxPayloadInMB times MaxConcurrentTransforms is {size * at_once}; AWS takes {MAX_MB} at most."
    if len(arguments.get("Environment", {})) > MAX_VARIABLES:
        yield f"Environment has {len(arguments['Environment'])} variables; AWS takes {MAX_VARIABLES} at most."
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
            yield f"its filter for {CSV} names an attribute; columns have indexes alone, such as $[0]."
    if joins and (exchange.content_type == CSV) != (exchange.accept == CSV):
        yield f"JoinSource 'Input' joins CSV to CSV and JSON to JSON, not {exchange.accept} to {exchange.content_type}."
