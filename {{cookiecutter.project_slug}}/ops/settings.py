"""project.toml, typed: every key the project has, its default, and a sentence for whatever does not fit."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from ops.errors import Problem, UserError, did_you_mean

FILE = "project.toml"
LARGEST = 1e300
PROBLEMS = ("classification", "regression")
SPLITS = ("random", "group", "time")
APPROVALS = ("PendingManualApproval", "Approved", "Rejected")


def choice(*values: str, default: Any = MISSING) -> Any:
    """A text field that takes one of `values`."""
    return field(default=default, metadata={"choices": values})


@dataclass(frozen=True)
class Project:
    name: str
    slug: str
    vertical: str
    description: str = ""
    owner: str = ""
    region: str = "eu-west-1"


@dataclass(frozen=True)
class Data:
    source: str
    """A CSV or Parquet file, a folder of them (relative to project.toml), or an s3:// URI."""
    target: str
    problem: str = choice(*PROBLEMS)
    exclude: list[str] = field(default_factory=list)
    split: str = choice(*SPLITS, default="random")
    split_column: str = ""
    """The column that `group` keeps together, or that `time` orders by."""
    test_share: float = 0.2
    validation_share: float = 0.2


@dataclass(frozen=True)
class Gate:
    """A model passes when `metric` is at least `minimum`, or at most `maximum`."""

    metric: str
    minimum: float | None = None
    maximum: float | None = None

    @property
    def value(self) -> float:
        return self.minimum if self.minimum is not None else self.maximum or 0.0


@dataclass(frozen=True)
class Instances:
    studio: str = "ml.t3.medium"
    processing: str = "ml.m5.large"
    training: str = "ml.m5.xlarge"
    transform: str = "ml.m5.large"
    endpoint: str = "ml.t2.medium"


@dataclass(frozen=True)
class Images:
    """Per step the version of AWS's scikit-learn image, or the URI of any other image."""

    processing: str = "1.9-0"
    training: str = "1.9-0"
    evaluation: str = "1.9-0"
    inference: str = "1.9-0"


@dataclass(frozen=True)
class Pipeline:
    max_runtime_minutes: int = 60
    """A job that runs longer is stopped."""
    cache_days: int = 30
    """How long the result of an unchanged step is taken again instead of running it; 0: never."""
    volume_size_gb: int = 30
    approval_status: str = choice(*APPROVALS, default="PendingManualApproval")


@dataclass(frozen=True)
class Environment:
    """Where a pipeline is deployed. Empty means "not set yet" for the first three, "none" for the others."""

    account: str = ""
    role: str = ""
    bucket: str = ""
    kms_key: str = ""
    subnets: list[str] = field(default_factory=list)
    security_groups: list[str] = field(default_factory=list)
    network_isolation: bool = False


LOCAL = Environment(
    # Stand-ins: nothing of them exists, and nothing on this machine asks for them.
    account="123456789012",
    role="arn:aws:iam::123456789012:role/local",
    bucket="local",
)


@dataclass(frozen=True)
class Settings:
    project: Project
    data: Data
    gate: Gate
    hyperparameters: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    instances: Instances = field(default_factory=Instances)
    images: Images = field(default_factory=Images)
    pipeline: Pipeline = field(default_factory=Pipeline)
    environments: Mapping[str, Environment] = field(default_factory=dict)

    def environment(self, name: str) -> Environment:
        """The environment `name`, complete enough to compile for; else UserError, each gap one sentence."""
        if name not in self.environments:
            known = ", ".join(self.environments)
            raise UserError(f"{FILE} has no [environments.{name}]; it has {known}.")
        environment = self.environments[name]
        gaps = {
            "account": "the 12 digits of the AWS account",
            "role": "the ARN of the role that the pipeline's jobs run under",
            "bucket": "the name of the S3 bucket for code, data and models",
        }
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
    path = root / FILE
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UserError(f"No {FILE} in {root}: run the command in the project's folder.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(Problem(f"not valid TOML: {error}.", FILE)) from None
    return parse(table)


def parse(table: Mapping[str, Any]) -> Settings:
    """The settings in the parsed table of a project.toml; UserError with every problem found."""
    problems: list[Problem] = []
    settings: Settings | None = _table(Settings, table, (), problems)
    if settings is not None:
        problems += _contradictions(settings)
    if problems or settings is None:
        raise UserError(*problems)
    return replace(settings, environments={"local": LOCAL, **settings.environments})


def _contradictions(settings: Settings) -> list[Problem]:
    """What each key allows on its own, but not together."""
    data, gate = settings.data, settings.gate
    problems = []
    if (gate.minimum is None) == (gate.maximum is None):
        problems.append(Problem("write either `minimum` or `maximum`.", f"{FILE} [gate]"))
    if not data.source:
        problems.append(Problem("write the name of a file or folder.", f"{FILE} [data].source"))
    if data.split != "random" and not data.split_column:
        problems.append(Problem(f"split = '{data.split}' needs the name of a column.", f"{FILE} [data].split_column"))
    if not (data.test_share > 0 and data.validation_share > 0 and data.test_share + data.validation_share < 1):
        problems.append(
            Problem(
                "test_share and validation_share are each above 0 and together below 1, "
                "so that rows are left to train on.",
                f"{FILE} [data]",
            )
        )
    if data.target in data.exclude:
        problems.append(Problem(f"'{data.target}' is the target; leave it out here.", f"{FILE} [data].exclude"))
    if "local" in settings.environments:
        problems.append(
            Problem("'local' is this machine and needs no table; remove it.", f"{FILE} [environments.local]")
        )
    problems += [
        Problem(f"{value} is not possible: write {least} or more.", f"{FILE} [pipeline].{key}")
        for key, value, least in (
            ("max_runtime_minutes", settings.pipeline.max_runtime_minutes, 1),
            ("cache_days", settings.pipeline.cache_days, 0),
            ("volume_size_gb", settings.pipeline.volume_size_gb, 1),
        )
        if value < least
    ]
    return problems


# How to say what is wanted.
_WANTED = {
    str: 'a text in quotes, such as "text"',
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def _is(value: object, kind: Any) -> bool:
    """Whether a TOML value can stand for a `kind`: a bool is no number, as it would be in Python."""
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is float:
        return isinstance(value, int | float) and abs(value) < LARGEST  # JSON has no nan and no inf
    return kind in _WANTED and isinstance(value, kind)


def _value(kind: Any, value: Any, path: tuple[str, ...], problems: list[Problem]) -> Any:
    """`value` as a `kind`, a type that the dataclasses above use; adds to `problems` what does not fit."""
    if is_dataclass(kind) or get_origin(kind) is Mapping:
        if not isinstance(value, dict):
            problems.append(Problem("a table is wanted here, with its keys below.", _place(path, table=True)))
            return None
        if is_dataclass(kind):
            return _table(kind, value, path, problems)
        entry_kind = get_args(kind)[1]
        return {key: _value(entry_kind, entry, (*path, key), problems) for key, entry in value.items()}
    if get_origin(kind) is list:
        if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
            return value
        problems.append(Problem('a list of texts is wanted here, such as ["a", "b"].', _place(path)))
        return None
    kinds = get_args(kind) or (kind,)
    for option in kinds:
        if _is(value, option):
            return option(value)
    wanted = " or ".join(_WANTED[option] for option in kinds if option in _WANTED)
    problems.append(Problem(f"{value!r} stands here, but {wanted} is wanted.", _place(path)))
    return None


def _table(kind: Any, table: Mapping[str, Any], path: tuple[str, ...], problems: list[Problem]) -> Any:
    """The dataclass `kind` from one TOML table; None when it cannot be built."""
    known = {item.name: item for item in fields(kind)}
    for key in table:
        if key not in known:
            problems.append(Problem(f"unknown key '{key}'.{did_you_mean(key, known)}", _place(path, table=True)))
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for name, item in known.items():
        here = (*path, name)
        if name not in table:
            if item.default is MISSING and item.default_factory is MISSING:
                problems.append(Problem("missing.", _place(here, table=is_dataclass(hints[name]))))
                values[name] = None
            continue
        values[name] = _value(hints[name], table[name], here, problems)
        choices = item.metadata.get("choices")
        if choices and isinstance(values[name], str) and values[name] not in choices:
            options = ", ".join(f"'{option}'" for option in choices)
            problems.append(Problem(f"'{values[name]}' is not one of {options}.", _place(here)))
            values[name] = None
    # TOML has no null, so None is what was told above; an unknown key does not keep the object from being built.
    return None if None in values.values() else kind(**values)


def _place(path: tuple[str, ...], *, table: bool = False) -> str:
    """`project.toml [environments.dev].role` for the path ("environments", "dev", "role")."""
    section, key = (path, "") if table else (path[:-1], path[-1])
    return f"{FILE} [{'.'.join(section)}]{'.' if section and key else ''}{key}" if section else f"{FILE} {key}".strip()
