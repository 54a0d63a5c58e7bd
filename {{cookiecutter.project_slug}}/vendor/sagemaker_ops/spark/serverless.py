"""A step of EMR Serverless on this machine: its script, with Spark here and with the run's store as S3."""

from __future__ import annotations

import shlex
import zipfile
from collections.abc import Iterator
from typing import Any

from sagemaker_ops.definition.expressions import Scope, resolve_early
from sagemaker_ops.definition.plan import Plan, Step
from sagemaker_ops.local.job import Job, in_container, run_program
from sagemaker_ops.spark import submit

CODE = "/opt/ml/code"


def refused(step: Step, scope: Scope, _: Plan) -> Iterator[str]:
    """What cannot run here: another job than a Python script for Spark, or no Spark on this machine."""
    driver = step.arguments["JobConfig"]["jobDriver"]
    if "sparkSubmit" not in driver:
        yield "its job driver is not sparkSubmit, the only one that can run here."
        return
    script = resolve_early(driver["sparkSubmit"].get("entryPoint"), scope)
    if script is not None and not str(script).endswith(".py"):
        yield f"its entryPoint '{script}' is not a Python script, and only those can run here."
    yield from submit.lacking()


def run(job: Job) -> dict[str, Any]:
    """Run the step; it has no properties, as on AWS."""
    store = job.machine.store
    driver = job.arguments["JobConfig"]["jobDriver"]["sparkSubmit"]
    parameters = shlex.split(driver.get("sparkSubmitParameters", ""))
    archives = [parameters[at + 1] for at, word in enumerate(parameters[:-1]) if word == "--py-files"]
    with in_container(job) as container:
        code = container.folder / "code"
        script = store.get_file(driver["entryPoint"])
        job.stage(container, {script.name: script}, CODE, code=True)
        for archive in (uri for given in archives for uri in given.split(",")):
            with zipfile.ZipFile(store.get_file(archive)) as packed:
                packed.extractall(code)
        container.rewrite_code(code)
        argv = ["python3", f"{CODE}/{script.name}"]
        argv += [submit.here(word, store) for word in driver.get("entryPointArguments", [])]
        run_program(job, container, container.rewrite(argv), {}, code={CODE}, reason="output/failure")
    return {}
