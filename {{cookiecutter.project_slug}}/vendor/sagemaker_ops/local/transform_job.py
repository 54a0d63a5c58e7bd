"""Transform jobs: the handlers of a model turn every object below an S3 prefix into an output object.

https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform.html describes such a job, and
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-batch-code.html what its container receives.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sagemaker_ops.container import archives, transform_program
from sagemaker_ops.container.isolation import Container
from sagemaker_ops.errors import UserError
from sagemaker_ops.local.job import Job, in_container, run_program
from sagemaker_ops.local.machine import read_model
from sagemaker_ops.preflight import programs, transform_limits

CODE = "/opt/ml/code"
PASSED_ON = ("MaxPayloadInMB", "MaxConcurrentTransforms", "BatchStrategy")  # to the job's container, if set


def run_transform(job: Job) -> dict[str, Any]:
    """Run a transform job; returns its properties. Transformed inputs are in the store even if another one failed."""
    arguments, store = job.arguments, job.machine.store
    model = read_model(job.machine.home, arguments["ModelName"])
    if wrong := [*transform_limits.misfits(model), *transform_limits.refused(arguments)]:
        raise UserError(*wrong)
    inputs = store.get(arguments["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"])
    results = job.folder / "job" / "results"
    with in_container(job) as container:
        hosted = (model.get("Containers") or [model["PrimaryContainer"]])[0]
        own = {**hosted.get("Environment", {}), **arguments.get("Environment", {}), "SAGEMAKER_BATCH": "true"}
        own |= {f"SAGEMAKER_{_shouted(key)}": _shouted(arguments[key]) for key in PASSED_ON if key in arguments}
        code, program = _unpack(job, container, hosted, own)
        task = {
            "model": container.rewrite(programs.MODEL), "code": container.rewrite(code), "program": program,
            "inputs": {name: str(file) for name, file in inputs.items()}, "results": str(results),
            "failure": container.rewrite("/opt/ml/output/failure"), "arguments": arguments,
        }  # fmt: skip
        results.mkdir()
        results.with_suffix(".json").write_text(json.dumps(task), encoding="utf-8")
        argv = ["python", transform_program.__file__, str(results.with_suffix(".json"))]
        own["PYTHONPATH"], script = code, container.at(code) / program
        try:
            ran = run_program(job, container, argv, own, code={code}, reason="output/failure", script=script)
            if left := [name for name in inputs if not (results / f"{name}.out").is_file()]:
                raise UserError(f"it ended without an output for {left[0]}: the handlers must not end the program.")
        finally:
            store.move_folder(arguments["TransformOutput"]["S3OutputPath"], results)
    return ran


def _shouted(word: object) -> str:
    """The name as a variable: `SINGLE_RECORD` for `SingleRecord`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(word)).upper()


def _unpack(job: Job, container: Container, hosted: Mapping[str, Any], own: Mapping[str, str]) -> tuple[str, str]:
    """Put the model and the code where the toolkits expect them; returns the code folder and the program in it."""
    store, (source, program) = job.machine.store, programs.handlers(own)
    code = CODE if source.startswith("s3://") else source
    source_of_model = hosted.get("ModelDataSource", {}).get("S3DataSource", {})
    model_data = hosted.get("ModelDataUrl") or source_of_model["S3Uri"]
    if source_of_model.get("CompressionType") == "None":
        whole = source_of_model.get("S3DataType") == "S3Prefix"
        found = store.get(model_data) if whole else {Path(model_data).name: store.get_file(model_data)}
        for name, file in found.items():
            (container.at(programs.MODEL) / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, container.at(programs.MODEL) / name)
    else:
        archives.unpack(store.get_file(model_data), container.at(programs.MODEL))
    if code is CODE:
        archives.unpack(store.get_file(source), container.at(CODE))
    if not (container.at(code) / program).is_file():
        raise UserError(programs.no_handlers(source, program, model_data))
    container.rewrite_code(container.at(code))
    return code, program
