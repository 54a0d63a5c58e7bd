"""Transform jobs: every object below an S3 prefix is sent through the handlers of a model, and answered by another.

https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform.html says what such a job does, and
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-batch-code.html what its container is told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ops.errors import UserError
from ops.local import archives, serving
from ops.local.isolation import Container
from ops.local.jobs import Job, in_container, run_program
from ops.local.serving import CSV, DEFAULT_MB, JSON, JSON_LINES, Exchange

MAX_MB, MAX_VARIABLES = 100, 16
MODEL, CODE_IN_MODEL, CODE = "/opt/ml/model", "/opt/ml/model/code", "/opt/ml/code"
TOLD = ("MaxPayloadInMB", "MaxConcurrentTransforms", "BatchStrategy")  # to the job's container, if the call says it


def run_transform(job: Job) -> dict[str, Any]:
    """Run a transform job; its properties. Inputs that could be transformed are in the store even if another failed."""
    arguments, store = job.arguments, job.machine.store
    model = job.machine.read_model(arguments["ModelName"])
    if wrong := [*misfits(model), *refused(arguments)]:
        raise UserError(*wrong)
    inputs = store.get(arguments["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"])
    results = job.folder / "job" / "results"
    with in_container(job) as container:
        hosted = (model.get("Containers") or [model["PrimaryContainer"]])[0]
        own = {**hosted.get("Environment", {}), **arguments.get("Environment", {}), "SAGEMAKER_BATCH": "true"}
        own |= {f"SAGEMAKER_{_shouted(key)}": _shouted(arguments[key]) for key in TOLD if key in arguments}
        code, program = _unpack(job, container, hosted["ModelDataUrl"], own)
        task = {
            "model": container.rewrite(MODEL), "code": container.rewrite(code), "program": program,
            "inputs": {name: str(file) for name, file in inputs.items()}, "results": str(results),
            "failure": container.rewrite("/opt/ml/output/failure"), "arguments": arguments,
        }  # fmt: skip
        results.mkdir()
        results.with_suffix(".json").write_text(json.dumps(task), encoding="utf-8")
        argv = ["python", serving.__file__, str(results.with_suffix(".json"))]
        own["PYTHONPATH"], script = code, container.at(code) / program
        try:
            run_program(job, container, argv, own, code={code}, told="output/failure", script=script)
        finally:
            store.move_folder(arguments["TransformOutput"]["S3OutputPath"], results)
    return {
        **arguments,
        "TransformJobName": job.name,
        "TransformJobArn": job.arn(f"transform-job/{job.name}"),
        "TransformJobStatus": "Completed",
    }


def _shouted(word: object) -> str:
    """`SingleRecord` as `SINGLE_RECORD`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(word)).upper()


def _unpack(job: Job, container: Container, model_data: str, own: Mapping[str, str]) -> tuple[str, str]:
    """Put the model and the code where the toolkits look for them: the folder of code, and the program in it."""
    store, program = job.machine.store, own.get("SAGEMAKER_PROGRAM") or "inference.py"
    source = own.get("SAGEMAKER_SUBMIT_DIRECTORY") or CODE_IN_MODEL
    code = CODE if source.startswith("s3://") else source
    archives.unpack(store.get_file(model_data), container.at(MODEL))
    if code is CODE:
        archives.unpack(store.get_file(source), container.at(CODE))
    if not (container.at(code) / program).is_file():
        where = source if code is CODE else f"{source.removeprefix(f'{MODEL}/')}/ of {model_data}"
        raise UserError(f"there is no {program} in {where}, and what an image serves without it cannot run here.")
    container.rewrite_code(container.at(code))
    return code, program


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
