"""Jobs that the SDK makes of Python functions, with @step or @remote: what they need of this machine."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

CHANNEL = "sagemaker_remote_function_bootstrap"
_NEEDS = "its function needs {}, but this environment has {}: compile the pipeline in this environment."


def runs_a_function(arguments: Mapping[str, Any]) -> bool:
    """Whether these are the arguments of such a job, of version 2 or 3 of the SDK."""
    channels = {each["ChannelName"] for each in arguments.get("InputDataConfig", [])}
    return CHANNEL in channels or f"/{CHANNEL}/" in _entrypoint(arguments)


def option(arguments: Mapping[str, Any], name: str) -> str:
    """The value of an option for the SDK's driver; an empty string if it is not given."""
    given = [*arguments.get("AlgorithmSpecification", {}).get("ContainerArguments", []), ""]
    return str(given[given.index(name) + 1]) if name in given else ""


def refused(arguments: Mapping[str, Any]) -> Iterator[str]:
    """What prevents the function from running here."""
    wanted = option(arguments, "--client_sagemaker_pysdk_version") or "2"
    try:
        installed = metadata.version("sagemaker")
    except metadata.PackageNotFoundError:
        installed = "none"
    if wanted.split(".")[0] != installed.split(".")[0]:
        yield _NEEDS.format(f"version {wanted} of the SageMaker SDK", installed)
    python, here = option(arguments, "--client_python_version"), ".".join(platform.python_version_tuple()[:2])
    if python not in ("", here):
        yield _NEEDS.format(f"Python {python}", here)
    spark = "Spark" if "spark" in _entrypoint(arguments) else ""
    if distribution := option(arguments, "--distribution") or spark:
        yield f"its function is started by {distribution}, which works only on AWS: leave that setting out."


def _entrypoint(arguments: Mapping[str, Any]) -> str:
    return " ".join(map(str, arguments.get("AlgorithmSpecification", {}).get("ContainerEntrypoint", [])))
