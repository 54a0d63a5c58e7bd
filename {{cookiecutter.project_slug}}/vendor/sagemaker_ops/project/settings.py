"""project.toml as typed settings: every key, its default, and a message for each value that is not valid."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project import column_roles, notation, parameter_names, tracking
from sagemaker_ops.project.endpoint import Endpoint
from sagemaker_ops.project.evaluation import Evaluation
from sagemaker_ops.project.monitoring import Monitoring
from sagemaker_ops.project.prediction import Predict
from sagemaker_ops.project.schedule import Schedule
from sagemaker_ops.project.spark import ENGINES, SERVERLESS, Spark
from sagemaker_ops.project.spark import misfits as spark_misfits
from sagemaker_ops.project.step_settings import Images, Instances
from sagemaker_ops.project.tracking import Tracking
from sagemaker_ops.project.tuning import Tuning
from sagemaker_ops.project.typed import Reader, choice, read_toml

FILE = "project.toml"
PROBLEMS = ("classification", "regression")
SPLITS = ("random", "group", "time")
# AWS accepts 100 arguments, and half of them are left to the pipeline:
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AppSpecification.html
MOST_ARGUMENTS, LONGEST_ARGUMENT = 50, 256
PLAIN = re.compile(r"[\w./:=@%+,-]+", re.ASCII)  # what a shell leaves as it is
APPROVALS = ("PendingManualApproval", "Approved", "Rejected")


@dataclass(frozen=True)
class Project:
    """The project's name and its owner."""

    name: str
    slug: str
    vertical: str
    description: str = ""
    owner: str = ""
    region: str = "eu-west-1"


@dataclass(frozen=True)
class Data:
    """The table, and how it is split."""

    source: str
    """A CSV or Parquet file, a folder of them (relative to project.toml), or an s3:// URI."""
    target: str
    problem: str = choice(*PROBLEMS)
    exclude: list[str] = field(default_factory=list)
    engine: str = choice(*ENGINES, default="pandas")
    """What processes the table: pandas on one machine, or Spark, see [spark]."""
    split: str = choice(*SPLITS, default="random")
    split_column: str = ""
    """The column whose equal values `group` keeps together, or that `time` sorts by."""
    weight: str = ""
    """The column of numbers that says how much each row counts; empty: all the same. The model does not see it."""
    id: str = ""
    """The column that identifies each row; empty: none. The model does not see it."""
    test_share: float = 0.2
    validation_share: float = 0.2
    separator: str = ""
    """Of the values of a CSV file; empty: a tab in .tsv, otherwise found in the header."""
    decimal: str = "."
    thousands: str = ""
    encoding: str = "utf-8"
    missing: list[str] = field(default_factory=list)
    """Texts that mean no value, besides the usual ones such as NA."""
    dates: str | list[str] | Mapping[str, str] = ""
    """How dates are written, besides 2025-12-31: a format of strptime, several, or {column: its format}."""
    groups: list[str] = field(default_factory=list, metadata={"key": False})  # those of [evaluation]

    @property
    def arguments(self) -> list[str]:
        """The table and its split as command-line arguments of processing.py."""
        given = {"weight": self.weight, "id": self.id, "split-column": self.split_column}
        return [
            f"--target={self.target}",
            f"--problem={self.problem}",
            *(f"--exclude={column}" for column in self.exclude),
            *(f"--{name}={column}" for name, column in given.items() if column),
            *(f"--group={column}" for column in self.groups),
            *notation.arguments(self),
            f"--split={self.split}",
            f"--test-share={self.test_share}",
            f"--validation-share={self.validation_share}",
        ]

    @property
    def arguments_file(self) -> str:
        """The arguments as a file, one per line, if they may be too many or too long for AWS; otherwise empty."""
        given = self.arguments
        fit = len(given) <= MOST_ARGUMENTS and max(map(len, given)) <= LONGEST_ARGUMENT
        fit = fit and (self.engine != "spark" or all(map(PLAIN.fullmatch, given)))
        if fit or any(each.splitlines() != [each] for each in given):  # AWS refuses one with a line break anyway
            return ""
        return "".join(f"{each}\n" for each in given)


@dataclass(frozen=True)
class Gate:
    """A model passes if `metric` is at least `minimum`, or at most `maximum`."""

    metric: str
    minimum: float | None = None
    maximum: float | None = None
    against: str | None = choice("approved", default=None)
    """`approved`: and if it is not worse than the approved model by more than `tolerance`, which is 0 if not set."""
    tolerance: float | None = None

    @property
    def value(self) -> float:
        return self.minimum if self.minimum is not None else self.maximum or 0.0


@dataclass(frozen=True)
class Training:
    """How training jobs get their instances."""

    spot: bool = False
    """Use spare capacity, which costs less and may be interrupted."""
    max_wait_minutes: int | None = None
    """How long a spot job may wait and run in total; twice its maximum run time if not set."""
    keep_alive_minutes: int = 0
    """How long the instances are kept for the next job (a warm pool), which you pay for; 0: not at all."""
    max_rows: int = 0
    """Train with at most so many rows of each part, chosen by their hash; 0: with all of them."""


@dataclass(frozen=True)
class Pipeline:
    """Settings of every job and every registered model."""

    max_runtime_minutes: int = 60
    """A job that runs longer is stopped."""
    cache_days: int = 30
    """How long the result of an unchanged step is reused instead of running it again; 0: never."""
    volume_size_gb: int = 30
    approval_status: str = choice(*APPROVALS, default="PendingManualApproval")


@dataclass(frozen=True)
class Local:
    """Runs on this machine."""

    stubs: Mapping[str, str] = field(default_factory=dict)
    """{step: the file with its outputs, relative to project.toml}, for steps that do not run here."""


@dataclass(frozen=True)
class Environment:
    """Where a pipeline is deployed. Empty means "not set yet" for the first three, and "none" for the others."""

    account: str = ""
    role: str = ""
    bucket: str = ""
    kms_key: str = ""
    subnets: list[str] = field(default_factory=list)
    security_groups: list[str] = field(default_factory=list)
    network_isolation: bool = False
    scheduler_role: str = ""
    """The role that starts pipelines by [schedule]; empty: `<vertical>-scheduler-<environment>` of the account."""
    emr_application: str = ""
    """The ID of the EMR Serverless application that runs Spark, if [spark].runs_on says so."""
    emr_role: str = ""
    """The ARN of the role of its jobs."""


LOCAL = Environment(
    # Placeholders: none of them exists, and nothing on this machine uses them.
    account="123456789012",
    role="arn:aws:iam::123456789012:role/local",
    bucket="local",
    emr_application="local",
    emr_role="arn:aws:iam::123456789012:role/local",
)


@dataclass(frozen=True)
class Settings:
    """The whole file, and the environment `local`."""

    project: Project
    data: Data
    gate: Gate
    evaluation: Evaluation = field(default_factory=Evaluation)
    hyperparameters: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    instances: Instances = field(default_factory=Instances)
    images: Images = field(default_factory=Images)
    spark: Spark = field(default_factory=Spark)
    training: Training = field(default_factory=Training)
    tuning: Tuning = field(default_factory=Tuning)
    pipeline: Pipeline = field(default_factory=Pipeline)
    endpoint: Endpoint = field(default_factory=Endpoint)
    tracking: Tracking = field(default_factory=Tracking)
    monitoring: Monitoring = field(default_factory=Monitoring)
    predict: Predict = field(default_factory=Predict)
    parameters: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    """Each key becomes a parameter of every pipeline, with this default."""
    schedule: Mapping[str, str | Schedule] = field(default_factory=dict)
    """{pipeline: when AWS starts it}; a text is its `when`."""
    local: Local = field(default_factory=Local)
    environments: Mapping[str, Environment] = field(default_factory=dict)

    def environment(self, name: str) -> Environment:
        """The environment `name`, complete enough to compile for; otherwise UserError with a sentence for each gap."""
        if name not in self.environments:
            known = ", ".join(self.environments)
            raise UserError(f"{FILE} has no [environments.{name}]; it has {known}.")
        environment = self.environments[name]
        gaps = {
            "account": "the 12 digits of the AWS account",
            "role": "the ARN of the role that the pipeline's jobs run under",
            "bucket": "the name of the S3 bucket for code, data and models",
        }
        if self.data.engine == "spark" and self.spark.runs_on == SERVERLESS:
            gaps["emr_application"] = "the ID of the EMR Serverless application"
            gaps["emr_role"] = "the ARN of the role that its jobs run under"
        problems = [
            Problem(f"not set yet: write {what}.", f"{FILE} [environments.{name}].{key}")
            for key, what in gaps.items()
            if not getattr(environment, key)
        ]
        if problems:
            raise UserError(*problems)
        return environment


def load(root: Path) -> Settings:
    """The settings of the project in folder `root`; UserError with every problem found."""
    return _whole(*read(root))


def parse(table: Mapping[str, Any]) -> Settings:
    """The settings in the parsed table of a project.toml; UserError with every problem found."""
    return _whole(*_read(table))


def read(root: Path) -> tuple[Settings, Reader]:
    """The settings that can be read, and the reader, which has the problems; UserError if there is no file."""
    path = root / FILE
    try:
        return _read(read_toml(path))
    except FileNotFoundError:
        raise UserError(f"No {FILE} in {root}: run the command in the project's folder.") from None
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}.", FILE)) from None
    except ValueError as error:
        raise UserError(Problem(f"not valid TOML: {error}.", FILE)) from None


def _read(table: Mapping[str, Any]) -> tuple[Settings, Reader]:
    reader = Reader(FILE)
    settings: Settings = reader.table(Settings, table)
    settings = replace(settings, data=replace(settings.data, groups=settings.evaluation.groups))
    reader.problems += [problem for problem in _contradictions(settings) if reader.is_whole(problem.where)]
    return replace(settings, environments={"local": LOCAL, **settings.environments}), reader


def _whole(settings: Settings, reader: Reader) -> Settings:
    if reader.problems:
        raise UserError(*reader.problems)
    return settings


def _contradictions(settings: Settings) -> list[Problem]:
    """Problems of keys that are valid separately but not together."""
    data, gate = settings.data, settings.gate
    problems = []
    if (gate.minimum is None) == (gate.maximum is None):
        problems.append(Problem("write either `minimum` or `maximum`.", f"{FILE} [gate]"))
    problems += [Problem(text, f"{FILE} [tracking].{key}") for key, text in tracking.misfits(settings.tracking)]
    problems += [Problem(text, f"{FILE} [spark].{key}") for key, text in spark_misfits(settings.spark)]
    if settings.training.max_rows < 0:
        problems.append(Problem("write a number of rows, or 0 for all.", f"{FILE} [training].max_rows"))
    problems += [Problem(text, f"{FILE} [monitoring].{key}") for key, text in settings.monitoring.misfits()]
    wrong = [*column_roles.misfits(data), *notation.misfits(data)]
    problems += [Problem(message, f"{FILE} [data]{f'.{key}' if key else ''}") for key, message in wrong]
    problems += [Problem(message, f"{FILE} [evaluation].{key}") for key, message in settings.evaluation.misfits(data)]
    tables = {"hyperparameters": settings.hyperparameters, "parameters": settings.parameters}
    problems += [Problem(message, f"{FILE} {place}") for place, message in parameter_names.misfits(tables)]
    if "local" in settings.environments:
        problems.append(
            Problem("'local' is this machine and needs no table: remove it.", f"{FILE} [environments.local]")
        )
    problems += [
        Problem(f"{value} is too small: write {least} or more.", f"{FILE} [pipeline].{key}")
        for key, value, least in (
            ("max_runtime_minutes", settings.pipeline.max_runtime_minutes, 1),
            ("cache_days", settings.pipeline.cache_days, 0),
            ("volume_size_gb", settings.pipeline.volume_size_gb, 1),
        )
        if value < least
    ]
    return problems
