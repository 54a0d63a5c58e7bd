"""What a step's program needs on this machine: the program, its script, and the libraries of its image."""

from __future__ import annotations

import functools
import os
import re
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from sagemaker_ops.container import archives, contract, isolation, process
from sagemaker_ops.container.packages import is_installed
from sagemaker_ops.definition import step_types
from sagemaker_ops.definition.expressions import Scope, resolve_early, scan
from sagemaker_ops.definition.job_types import TRAINING
from sagemaker_ops.definition.plan import Plan, Step
from sagemaker_ops.errors import UserError, did_you_mean
from sagemaker_ops.preflight import script_imports
from sagemaker_ops.preflight.functions import runs_a_function
from sagemaker_ops.preflight.script_imports import Files
from sagemaker_ops.s3 import endpoint
from sagemaker_ops.store import Store

PYTHON = re.compile(r"(.*/)?python(3(\.\d+)?)?")
_INTERPRETER, _NO_SCRIPT = re.compile(rf"{PYTHON.pattern}|(.*/)?(ba|da|z)?sh"), re.compile(r"\s+|-\w*")
# {word in the name of an AWS image: the modules that it has} (https://docs.aws.amazon.com/sagemaker/latest/dg/pre-built-containers-frameworks-deep-learning.html).
BRINGS = {
    "scikit-learn": ("sklearn",),
    "xgboost": ("xgboost",),
    "pytorch": ("torch", "torchvision"),
    "tensorflow": ("tensorflow", "keras"),
    "huggingface": ("transformers", "datasets", "accelerate"),
    "autogluon": ("autogluon",),
    "mxnet": ("mxnet",),
    "spark": ("pyspark",),
}
PACKAGES = {"sklearn": "scikit-learn"}  # names that differ in pip
MODEL = "/opt/ml/model"
LARGE = 20_000_000  # larger code archives, in bytes, are not checked before the start
_AWS_IMAGE = re.compile(r"\d{12}\.dkr\.ecr\.[\w-]+\.amazonaws\.com(?:\.cn)?/([\w./-]+)")


def named(specification: Mapping[str, Any]) -> list[Any]:
    """What an entrypoint starts: its own words, and the script given to a bare `python3` or `bash`."""
    script = [each for each in specification.get("ContainerArguments", [])[:1] if str(each).endswith((".py", ".sh"))]
    return [*specification.get("ContainerEntrypoint", []), *script]


def is_replaced(step: Step) -> bool:
    """Whether something else runs here instead of its program."""
    return str([*_specification(step).get("ContainerEntrypoint", []), ""][0]) in step_types.PROGRAMS


def missing_program(step: Step, scope: Scope) -> Iterator[str]:
    """A sentence if the step starts nothing, or a program that its image has but this machine does not."""
    given = _specification(step)
    words = [*given.get("ContainerEntrypoint", []), *given.get("ContainerArguments", [])]
    program, *others = [resolve_early(each, scope) for each in words or [None]]
    if program and _INTERPRETER.fullmatch(program) and all(_NO_SCRIPT.fullmatch(each or "x") for each in others):
        yield f"its program '{program}' gets no script, so nothing would run: write the script after it."
    if program in step_types.PROGRAMS:
        yield from step_types.function(f"{step_types.PROGRAMS[program]}:lacking")()
    elif program and not PYTHON.fullmatch(program) and not isolation.inside(program) and not _is_here(program):
        yield (
            f"its program '{program}' is part of {the_image(step, scope)} but not on this machine: "
            "install it here, or let the step start a script with python3."
        )


def lacking(step: Step, scope: Scope, store: Store, install: bool = False) -> Iterator[str]:
    """A sentence for a script that is missing, and for each library of its image that is missing here.

    Checks only code that is already in the store. install: whether a requirements.txt will be installed.
    """
    specification, inputs = _specification(step), _inputs(step, scope)
    source, distributed = (_of_drivers(name, inputs, scope, store) for name in ("sourcecode", "distributed"))
    if distributed and not source.get("command"):
        yield "its ModelTrainer has 'distributed', which runs only on AWS: leave it out."
    for where, script, files in _code(step, scope, store):
        if script not in files:
            yield f"there is no '{script}' in {where}.{did_you_mean(script, files)}"
        elif not source.get("requirements"):  # SDK v3 installs them itself
            yield from _not_installed(_image(specification, scope), script, files, install)
    started = _started(specification, scope)
    given = "None" in inputs or any(PurePosixPath(str(started)).is_relative_to(path) for path in inputs)
    if started and not given and not os.path.isfile(os.path.join("/", started)):
        yield (
            f"its script '{started}' is in none of its inputs, and {the_image(step, scope)}, which may contain it, is "
            "not used here: make it an input."
        )
    if not endpoint.is_available() and uses_s3(step, scope, store):
        yield endpoint.MISSING


def uses_s3(step: Step, scope: Scope, store: Store) -> bool:
    """Whether a program of the step reads and writes S3 itself, as far as its script says so."""
    return step.runs_here and any(
        runs_a_function(job.arguments)
        or any(script_imports.use_s3(script, files) for _, script, files in _code(job, scope, store))
        for job in jobs(step)
    )


def jobs(step: Step) -> Iterator[Step]:
    """The step, and each training job that it contains as a step of its own."""
    yield step
    for arguments in (step_types.of(step.type).trainings or (lambda _: []))(step.arguments):
        yield replace(step, type=TRAINING.name, arguments=arguments)


def handlers(environment: Mapping[str, str]) -> tuple[str, str]:
    """The folder in the container, or the archive in S3, of a served model's code, and the program in it."""
    source = environment.get("SAGEMAKER_SUBMIT_DIRECTORY") or f"{MODEL}/code"
    return source, environment.get("SAGEMAKER_PROGRAM") or "inference.py"


def no_handlers(source: str, program: str, model_data: str) -> str:
    where = source if source.startswith("s3://") else f"{source.removeprefix(f'{MODEL}/')}/ of {model_data}"
    return f"{where} has no {program}, and the image's own server cannot run here."


def lacking_handlers(
    model: Mapping[str, Any], step: Step, plan: Plan, scope: Scope, store: Store, install: bool = False
) -> Iterator[str]:
    """Like `lacking`, for the code of a model (a CreateModel call) that a transform step serves."""
    hosted = (model.get("Containers") or [model.get("PrimaryContainer", {})])[0]
    environment = resolve_early({**hosted.get("Environment", {}), **step.arguments.get("Environment", {})}, scope)
    if environment is None or "ModelDataUrl" not in hosted:
        return
    (source, program), model_data = handlers(environment), resolve_early(hosted["ModelDataUrl"], scope)
    inner = "" if source.startswith("s3://") else f"{source.removeprefix(f'{MODEL}/')}/"
    archive = model_data if inner else source
    for maker in [plan.steps[each.name] for each in scan(hosted["ModelDataUrl"])[0] if each.name in plan.steps]:
        made = _hyperparameters(maker, scope)
        if archive is None and "inference_script" in made:  # the step with which SDK v2 adds code to a model
            archive, program, inner = made.get("sagemaker_submit_directory"), made["inference_script"], ""
    for _, _, found in _files_at(store, archive, program) if str(archive).endswith(".tar.gz") else []:
        files = {name.removeprefix(inner): file for name, file in found.items() if name.startswith(inner)}
        if program not in files:
            yield no_handlers(source, program, archive)
        else:
            yield from _not_installed(_image(hosted, scope), program, files, install)


def _not_installed(image: str, script: str, files: Files, install: bool) -> Iterator[str]:
    """A sentence for each library of the image that the script imports and that is missing here."""
    brought = {module for word, modules in BRINGS.items() if word in image for module in modules}
    wanted = {module for module in brought if not is_installed(module)}
    if wanted and not (install and "requirements.txt" in files):
        for module in sorted(wanted & script_imports.imported(script, files)):
            yield (
                f"its script imports {module}, which the image {image} has but this environment lacks: run "
                f"`pip install {PACKAGES.get(module, module)}` in .venv."
            )


def the_image(step: Step, scope: Scope) -> str:
    """The step's image in words, with its name if it is one of AWS's."""
    name = _image(_specification(step), scope)
    return f"the image {name}" if name else "its image"


def _image(specification: Mapping[str, Any], scope: Scope) -> str:
    """The name of the image if it is one of AWS's, otherwise an empty string."""
    uris = (resolve_early(specification.get(key), scope) for key in ("ImageUri", "TrainingImage", "Image"))
    found = next((_AWS_IMAGE.match(uri) for uri in uris if isinstance(uri, str)), None)
    return found[1] if found else ""


@functools.cache
def _is_here(program: str) -> bool:
    return shutil.which(program, path=process.environment({}, "")["PATH"]) is not None


def _specification(step: Step) -> dict[str, Any]:
    return step.arguments.get("AppSpecification") or step.arguments.get("AlgorithmSpecification") or {}


def _inputs(step: Step, scope: Scope) -> dict[str, Any]:
    """{container path: S3 URI} of a step's inputs."""
    return {
        f"/opt/ml/input/data/{each['ChannelName']}": each["DataSource"].get("S3DataSource", {}).get("S3Uri")
        for each in step.arguments.get("InputDataConfig", [])
    } | {
        str(resolve_early(each.get("S3Input", {}).get("LocalPath"), scope)): each.get("S3Input", {}).get("S3Uri")
        for each in step.arguments.get("ProcessingInputs", [])
    }


def _of_drivers(name: str, inputs: Mapping[str, Any], scope: Scope, store: Store) -> dict[str, Any]:
    """What SDK v3 wrote into the channel with its own scripts; empty if it did not."""
    with suppress(UserError):
        drivers = str(resolve_early(inputs.get("/opt/ml/input/data/sm_drivers"), scope)).rstrip("/")
        found = store.read_json(f"{drivers}/{name}.json")
        return found if isinstance(found, dict) else {}
    return {}


def _started(specification: Mapping[str, Any], scope: Scope) -> str | None:
    """The path of the script that the entrypoint starts, if it is plain to see."""
    words = [resolve_early(each, scope) for each in named(specification)]
    if words and isinstance(words[0], str) and (PYTHON.fullmatch(words[0]) or words[0].endswith(("/bash", "/sh"))):
        words = [word for word in words[1:] if word != "-u"]
    path = words[0] if words else None
    return path if isinstance(path, str) and path.endswith((".py", ".sh")) and not re.search(r"\s", path) else None


def _code(step: Step, scope: Scope, store: Store) -> Iterator[tuple[str, str, Files]]:
    """(URI, script, files next to it) for each script of the step whose code is in the store."""
    inputs = _inputs(step, scope)
    source = _of_drivers("sourcecode", inputs, scope, store)
    entrypoint = [resolve_early(each, scope) for each in named(_specification(step))]
    scripts = [each for each in entrypoint if isinstance(each, str) and each.endswith((".py", ".sh"))]
    if not source.get("command"):  # otherwise the script that SDK v3's own script starts, and its requirements
        asked = (source.get("entry_script"), source.get("requirements"))
        scripts += [f"/opt/ml/input/data/code/{each}" for each in asked if each and each != "auto"]
    for script in map(PurePosixPath, scripts):
        around = [path for path in inputs if script.is_relative_to(path)]
        if around and (uri := resolve_early(inputs[innermost := max(around, key=len)], scope)):
            yield from _files_at(store, uri, str(script.relative_to(innermost)))
    known, own = _hyperparameters(step, scope), step.arguments.get("Environment", {}).get("SAGEMAKER_PROGRAM")
    program = resolve_early(own, scope) if own else known.get("sagemaker_program")
    if program and not entrypoint and "sagemaker_submit_directory" in known:
        yield from _files_at(store, known["sagemaker_submit_directory"], program)


def _hyperparameters(step: Step, scope: Scope) -> dict[str, str]:
    """Those that are known, decoded."""
    given = {key: resolve_early(value, scope) for key, value in step.arguments.get("HyperParameters", {}).items()}
    known = contract.decoded({key: value for key, value in given.items() if isinstance(value, str)})
    return {key: str(value) for key, value in known.items()}


def _files_at(store: Store, uri: str, script: str) -> Iterator[tuple[str, str, Files]]:
    """The URI, the script and the files in the folder or archive at the URI, if it is in the store."""
    try:
        files: Files = store.find(uri)
        if uri.endswith(".tar.gz") and files:
            files = _members(archive := store.get_file(uri), archive.stat().st_mtime_ns)
    except (UserError, OSError, *archives.BROKEN):
        return  # reported by other checks, or when the step runs
    if files:
        yield uri, script, files


@functools.lru_cache(maxsize=8)  # many steps share one
def _members(archive: Path, _changed: int) -> dict[str, bytes]:
    if archive.stat().st_size > LARGE:
        return {}
    with tarfile.open(archive) as tar:
        members = {member.name.removeprefix("./"): tar.extractfile(member) for member in tar if member.isfile()}
        return {name: file.read() if file and name.endswith(".py") else b"" for name, file in members.items()}
