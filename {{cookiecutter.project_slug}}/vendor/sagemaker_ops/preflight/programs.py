"""What a step's program needs on this machine: the program, its script, and the libraries of its image."""

from __future__ import annotations

import ast
import functools
import re
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from sagemaker_ops.container import archives, contract, isolation, process
from sagemaker_ops.container.packages import is_installed
from sagemaker_ops.definition import step_types
from sagemaker_ops.definition.expressions import Scope, resolve_early
from sagemaker_ops.definition.plan import Step
from sagemaker_ops.errors import UserError, did_you_mean
from sagemaker_ops.preflight.functions import runs_a_function
from sagemaker_ops.s3 import endpoint
from sagemaker_ops.store import Store

PYTHON = re.compile(r"(.*/)?python(3(\.\d+)?)?")
CALLS_PIP = re.compile(rb"\bpip\b")
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
S3_CLIENTS = {"boto3", "botocore", "s3transfer", "aioboto3", "aiobotocore", "s3fs", "awswrangler", "sagemaker"}
_S3_WORDS = re.compile(rf"s3://|\b(?:import|from)\s.*\b(?:{'|'.join(sorted(S3_CLIENTS))})\b".encode())
_S3_URI = re.compile(r"""f?['"]s3://[^'"]""")
LARGE = 20_000_000  # larger code archives, in bytes, are not checked before the start
_AWS_IMAGE = re.compile(r"\d{12}\.dkr\.ecr\.[\w-]+\.amazonaws\.com(?:\.cn)?/([\w./-]+)")

Files = Mapping[str, "Path | bytes"]


def named(specification: Mapping[str, Any]) -> list[Any]:
    """What an entrypoint starts: its own words, and the script given to a bare `python3` or `bash`."""
    script = [each for each in specification.get("ContainerArguments", [])[:1] if str(each).endswith((".py", ".sh"))]
    return [*specification.get("ContainerEntrypoint", []), *script]


def missing_program(step: Step, scope: Scope) -> Iterator[str]:
    """A sentence if the step starts a program that its image has but this machine does not."""
    program = resolve_early((_specification(step).get("ContainerEntrypoint") or [None])[0], scope)
    if program and not PYTHON.fullmatch(program) and not isolation.inside(program) and not _is_here(program):
        yield (
            f"its program '{program}' is part of {the_image(step, scope)} but not on this machine: "
            "install it here, or let the step start a script with python3."
        )


def lacking(step: Step, scope: Scope, store: Store, install: bool = False) -> Iterator[str]:
    """A sentence for a script that is missing, and for each library of its image that is missing here.

    Checks only code that is already in the store. install: whether a requirements.txt will be installed.
    """
    image = _image(step, scope)
    brought = {module for word, modules in BRINGS.items() if word in image for module in modules}
    wanted = {module for module in brought if not is_installed(module)}
    for where, script, files in _code(step, scope, store):
        if script not in files:
            yield f"there is no '{script}' in {where}.{did_you_mean(script, files)}"
        elif wanted and not (install and "requirements.txt" in files):
            for module in sorted(wanted & _imports(script, files)):
                yield (
                    f"its script imports {module}, which the image {image} has but this environment lacks: run "
                    f"`pip install {PACKAGES.get(module, module)}` in .venv."
                )
    if not endpoint.is_available() and uses_s3(step, scope, store):
        yield endpoint.MISSING


def uses_s3(step: Step, scope: Scope, store: Store) -> bool:
    """Whether its program reads and writes S3 itself, as far as its script says so."""
    return (step_types.of(step.type).runs_here and runs_a_function(step.arguments)) or any(
        bool(S3_CLIENTS & _imports(script, files, everywhere=True))
        for _, script, files in _code(step, scope, store)
        if script in files and any(map(_mentions_s3, files, files.values()))  # parsing takes longer
    )


def the_image(step: Step, scope: Scope) -> str:
    """The step's image in words, with its name if it is one of AWS's."""
    name = _image(step, scope)
    return f"the image {name}" if name else "its image"


@functools.cache
def _is_here(program: str) -> bool:
    return shutil.which(program, path=process.environment({}, "")["PATH"]) is not None


def _specification(step: Step) -> dict[str, Any]:
    return step.arguments.get("AppSpecification") or step.arguments.get("AlgorithmSpecification") or {}


def _image(step: Step, scope: Scope) -> str:
    """The name of the image if it is one of AWS's, otherwise an empty string."""
    specification = _specification(step)
    uri = resolve_early(specification.get("ImageUri", specification.get("TrainingImage")), scope)
    found = _AWS_IMAGE.match(uri) if isinstance(uri, str) else None
    return found[1] if found else ""


def _code(step: Step, scope: Scope, store: Store) -> Iterator[tuple[str, str, Files]]:
    """(URI, script, files next to it) for each script of the step whose code is in the store."""
    if not step_types.of(step.type).runs_here:
        return
    inputs = {
        f"/opt/ml/input/data/{each['ChannelName']}": each["DataSource"].get("S3DataSource", {}).get("S3Uri")
        for each in step.arguments.get("InputDataConfig", [])
    } | {
        str(resolve_early(each.get("S3Input", {}).get("LocalPath"), scope)): each.get("S3Input", {}).get("S3Uri")
        for each in step.arguments.get("ProcessingInputs", [])
    }
    entrypoint = [resolve_early(each, scope) for each in named(_specification(step))]
    scripts = [each for each in entrypoint if isinstance(each, str) and each.endswith(".py")]
    with suppress(UserError, TypeError, KeyError):  # the script that SDK v3's own script in that channel starts
        drivers = str(resolve_early(inputs.get("/opt/ml/input/data/sm_drivers"), scope)).rstrip("/")
        source = store.read_json(f"{drivers}/sourcecode.json")
        if source["entry_script"] and not source["command"] and not source["requirements"]:
            scripts.append(f"/opt/ml/input/data/code/{source['entry_script']}")
    for script in map(PurePosixPath, scripts):
        around = [path for path in inputs if script.is_relative_to(path)]
        if around and (uri := resolve_early(inputs[innermost := max(around, key=len)], scope)):
            yield from _where_it_is(store, uri, str(script.relative_to(innermost)))
    given = {key: resolve_early(value, scope) for key, value in step.arguments.get("HyperParameters", {}).items()}
    known = {key: value for key, value in given.items() if isinstance(value, str)}
    environment = resolve_early(step.arguments.get("Environment", {}), scope) or {}
    program = contract.training_program({"HyperParameters": known, "Environment": environment})
    if program and not entrypoint and "sagemaker_submit_directory" in known:
        yield from _where_it_is(store, str(contract.decoded(known)["sagemaker_submit_directory"]), program)


def _where_it_is(store: Store, uri: str, script: str) -> Iterator[tuple[str, str, Files]]:
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


def _imports(script: str, files: Files, everywhere: bool = False) -> set[str]:
    """The packages that a script imports at its top, also through the modules next to it.

    Empty for a script that calls pip: it may install them first. everywhere: also in functions and in packages next to
    it, and boto3 if it calls something with an S3 URI.
    """
    found: set[str] = set()
    folders = {str(folder) for name in files for folder in PurePosixPath(name).parents}
    seen, waiting = {script}, [script]
    while waiting:
        try:
            content = _content(files[waiting.pop()])
            tree = ast.parse(content)
        except (SyntaxError, ValueError, OSError, RecursionError):
            continue  # the program itself will report it
        if CALLS_PIP.search(content) and not everywhere:
            return set()
        nodes = list(ast.walk(tree)) if everywhere else tree.body
        names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
        names += ["boto3" for node in nodes if isinstance(node, ast.Call) and _is_given_s3(node)]
        for name in {name.split(".")[0] for name in names}:
            beside = str(PurePosixPath(script).with_name(name))
            new = {f"{beside}.py"} & files.keys()
            if beside in folders:
                inside = {each: file for each, file in files.items() if everywhere and each.startswith(f"{beside}/")}
                new = {each for each, file in inside.items() if _mentions_s3(each, file)}
            elif not new:
                found.add(name)
            waiting += new - seen
            seen |= new
    return found


def _content(file: Path | bytes) -> bytes:
    return file if isinstance(file, bytes) else file.read_bytes()


def _mentions_s3(name: str, file: Path | bytes) -> bool:
    return name.endswith(".py") and _S3_WORDS.search(_content(file)) is not None


def _is_given_s3(call: ast.Call) -> bool:
    """Whether an argument is the URI of something in S3, as in pandas.read_csv("s3://bucket/file.csv")."""
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return any(_S3_URI.match(ast.unparse(each)) for each in given if isinstance(each, ast.Constant | ast.JoinedStr))
