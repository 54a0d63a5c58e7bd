"""The rules for the name of a new step or pipeline: it must not be the name of a Python module, package or tool."""

from __future__ import annotations

import keyword
import re
import sys
import sysconfig
from importlib.machinery import PathFinder

from sagemaker_ops.errors import Problem
from sagemaker_ops.guardrails import names
from sagemaker_ops.project.layout import LIBRARY
from sagemaker_ops.project.step_settings import key_of

MAX_STEP_LENGTH = 40  # so that lines with the name have at most 120 characters
STEP = re.compile(rf"(?=.{{2,{MAX_STEP_LENGTH}}}\Z)[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
# In the standard library of Python 3.11 or 3.12 but not 3.13. Ruff and AWS's image still know them.
_GONE = {
    "aifc", "asynchat", "asyncore", "audioop", "cgi", "cgitb", "chunk", "crypt", "distutils", "imghdr", "imp",
    "lib2to3", "mailcap", "msilib", "nis", "nntplib", "ossaudiodev", "pipes", "smtpd", "sndhdr", "spwd", "sunau",
    "telnetlib", "uu", "xdrlib",
}  # fmt: skip
# What AWS's scikit-learn image needs to train and to serve, whether or not this environment has it:
# https://github.com/aws/sagemaker-scikit-learn-container/blob/master/requirements.txt
_IMAGE = {
    "boto3", "botocore", "cryptography", "dateutil", "flask", "gevent", "google", "gunicorn", "itsdangerous", "jinja2",
    "joblib", "markupsafe", "mms", "model_archiver", "numpy", "pandas", "psutil", "pyarrow", "requests", "retrying",
    "sagemaker_containers", "sagemaker_inference", "sagemaker_training", "scipy", "six", "sklearn", "threadpoolctl",
    "urllib3", "werkzeug",
}  # fmt: skip
_SPECIAL = {
    "conftest": "a file that pytest runs by itself",
    "production": "a folder of the project that Python imports from",
    "setup": "a script that SageMaker would run to install the steps as a package",
    "sitecustomize": "a module that Python runs whenever it starts",
    "tests": "a folder of the project that Python imports from",
    "usercustomize": "a module that Python runs whenever it starts",
}


def step_file(name: str) -> str:
    """The name of a step's script, without .py: `score_customers` for `score-customers` or `ScoreCustomers`."""
    return key_of(name)


def step_name(file: str) -> str:
    """The name of the step that runs a script: `ScoreCustomers` for `score_customers`."""
    return "".join(word.capitalize() for word in file.split("_"))


def check_step(name: str, where: str) -> list[Problem]:
    """The name of a new step, as a user types it: `score-customers`, `score_customers` or `ScoreCustomers`."""
    file = step_file(name)
    if STEP.fullmatch(file):
        better = f"{file[: MAX_STEP_LENGTH - len('_step')].rstrip('_')}_step"
        return _refused(file, _word(file) or _module(file), "step", better, where)
    stem = file.rsplit("/", 1)[-1].removesuffix(".py")
    better = re.sub(r"[^a-z0-9]+", "_", stem).strip("_").lstrip("0123456789_")[:MAX_STEP_LENGTH].rstrip("_")
    example = better if STEP.fullmatch(better) and not (_word(better) or _module(better)) else "score_customers"
    message = (
        f"'{name}' is not a valid step name: write 2 to {MAX_STEP_LENGTH} lower-case letters, digits and single "
        f"underscores between them, starting with a letter, such as '{example}'."
    )
    return [Problem(message, where)]


def check_pipeline(name: str, where: str) -> list[Problem]:
    """The name of a new file in production/pipelines, without .py. It may be a module's name: nothing imports it."""
    return names.check_pipeline(name, where) or _refused(name, _word(name), "pipeline", f"{name}pipeline"[:16], where)


def _refused(name: str, reason: str, what: str, better: str, where: str) -> list[Problem]:
    message = f"'{name}' is {reason}, so a {what} cannot have this name: choose another, such as '{better}'."
    return [Problem(message, where)] if reason else []


def _word(name: str) -> str:
    """Why a Python file cannot have this name; empty if it can."""
    if keyword.iskeyword(name):
        return "a keyword of Python"
    if names.WINDOWS_DEVICE.fullmatch(name):
        return "a device name on Windows"
    return ""


def _module(name: str) -> str:
    """Which module a script of this name would hide from the others; empty if none."""
    if name in sys.stdlib_module_names | _GONE:
        return "a module of Python's standard library"
    if name in _IMAGE:
        return "a package in AWS's image"
    if PathFinder.find_spec(name, [*{sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), str(LIBRARY)}]):
        return "an installed package"
    return _SPECIAL.get(name, "")
