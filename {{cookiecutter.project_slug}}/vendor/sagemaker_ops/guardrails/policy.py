"""The organisation's policy, guardrails.toml: the verticals, regions and instance types it allows, and the limits."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from sagemaker_ops.errors import Problem, UserError, did_you_mean
from sagemaker_ops.guardrails import names
from sagemaker_ops.project.typed import Reader, read_toml

FILE = "guardrails.toml"
# Names a file to use instead: in GitLab a group variable of type file, so that one change reaches every project.
VARIABLE = "OPS_GUARDRAILS"
USES = ("processing", "training", "transform", "endpoint", "studio", "notebook")
DATE = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])")
TAGS = ("vertical", "project", "env", "owner")


@dataclass(frozen=True)
class Prices:
    """The hourly price of an instance, by use and type, in one region on one day; empty if not known."""

    region: str = ""
    date: str = ""
    currency: str = ""
    processing: Mapping[str, float] = field(default_factory=dict)
    training: Mapping[str, float] = field(default_factory=dict)
    transform: Mapping[str, float] = field(default_factory=dict)
    endpoint: Mapping[str, float] = field(default_factory=dict)
    studio: Mapping[str, float] = field(default_factory=dict)
    notebook: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Policy:
    """An empty list allows everything, and so does a limit that is not set."""

    verticals: list[str] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)
    required_tags: list[str] = field(default_factory=list)
    max_instances: int | None = None
    max_runtime_minutes: int | None = None
    max_instance_hours_per_execution: float | None = None
    max_cost_per_execution: float | None = None
    instance_types: Mapping[str, list[str]] = field(default_factory=dict)
    prices: Prices = field(default_factory=Prices)
    source: str = field(default=FILE, metadata={"key": False})
    """The file that it was read from, for the messages that name it."""

    def instance_types_for(self, use: str) -> Sequence[str]:
        """Globs of the instance types that are allowed for `use`; empty: all of them."""
        return self.instance_types.get(use, ())


def allows(globs: Sequence[str], text: str) -> bool:
    """Whether one of the globs matches; an empty list allows everything."""
    return not globs or any(fnmatchcase(text, glob) for glob in globs)


def load(root: Path) -> Policy:
    """The policy of the project in folder `root`; UserError with every problem in its file."""
    named = os.environ.get(VARIABLE)
    path = Path(named) if named else root / FILE
    file = named or FILE
    origin = f"{VARIABLE} names '{named}'" if named else f"every project has a '{FILE}'"
    try:
        table = read_toml(path)
    except FileNotFoundError:
        remedy = "name an existing file, or unset it" if named else "restore it with `git checkout`"
        raise UserError(f"{origin}, but there is no such file: {remedy}.") from None
    except OSError as error:
        raise UserError(f"{origin}, but it cannot be read ({error.strerror}): name a file that can.") from None
    except ValueError as error:
        raise UserError(Problem(f"not valid TOML: {error}.", file)) from None
    reader = Reader(file)
    policy: Policy = reader.table(Policy, table)
    if problems := [*reader.problems, *_contradictions(policy, file)]:
        raise UserError(*problems)
    return replace(policy, source=file)


def _contradictions(policy: Policy, file: str) -> list[Problem]:
    """Problems of values that have the right type but can allow nothing."""
    problems = [
        Problem(f"{value} allows nothing: write 1 or more, or remove it.", f"{file} {key}")
        for key in ("max_instances", "max_runtime_minutes")
        if (value := getattr(policy, key)) is not None and value < 1
    ]
    for given, known, what, where in (
        (policy.required_tags, TAGS, "a tag", f"{file} required_tags"),
        (policy.instance_types, USES, "a use of instance types", f"{file} [instance_types]"),
    ):
        problems += [
            Problem(f"'{name}' is not {what}.{did_you_mean(name, known) or f' Write {_or(known)}.'}", where)
            for name in given
            if name not in known
        ]
    problems += [
        Problem(f"{value:g} allows no execution: write more than 0, or remove it.", f"{file} {key}")
        for key in ("max_instance_hours_per_execution", "max_cost_per_execution")
        if (value := getattr(policy, key)) is not None and value <= 0
    ]
    problems += _wrong_prices(policy, f"{file} [prices]", file)
    for vertical in policy.verticals:
        problems += names.check_vertical(vertical, f"{file} verticals")
    return problems


def _wrong_prices(policy: Policy, place: str, file: str) -> list[Problem]:
    """Problems of [prices]: prices must say where and when they apply."""
    prices, given = policy.prices, vars(policy.prices)
    if prices == Prices():
        if policy.max_cost_per_execution is None:
            return []
        return [
            Problem("needs [prices] to calculate a cost: add them, or remove this.", f"{file} max_cost_per_execution")
        ]
    examples = {"region": "eu-west-1", "date": "2026-11-24", "currency": "USD"}
    problems = [
        Problem(f"missing: add it, for example '{example}'.", f"{place}.{key}")
        for key, example in examples.items()
        if not given[key]
    ]
    if prices.region:
        problems += names.check_region(prices.region, f"{place}.region")
    if prices.date and not DATE.fullmatch(prices.date):
        problems.append(Problem(f"'{prices.date}' is not a date: write it like '2026-11-24'.", f"{place}.date"))
    for use in USES:
        for name, price in given[use].items():
            where = f"{file} [prices.{use}]"
            if not name.startswith("ml."):
                problems.append(Problem(f"'{name}' is not an instance type: write it like \"ml.m5.large\".", where))
            if price < 0:
                problems.append(Problem(f"{price:g} for {name} is not a price: write 0 or more.", where))
    return problems


def _or(words: Sequence[str]) -> str:
    quoted = [f"'{word}'" for word in words]
    return " or ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))


def check_vertical(name: str, policy: Policy, where: str) -> list[Problem]:
    if name in policy.verticals or not policy.verticals:
        return []
    meant = did_you_mean(name, policy.verticals) or f" Write {_or(policy.verticals)}."
    return [Problem(f"'{name}' is not one of the verticals in {policy.source}.{meant}", where)]


def check_region(name: str, policy: Policy, where: str) -> list[Problem]:
    if allows(policy.regions, name):
        return []
    return [Problem(f"{policy.source} does not allow '{name}': use one that matches {_or(policy.regions)}.", where)]


def check_owner(owner: str, policy: Policy, where: str) -> list[Problem]:
    """Whether the tag has a value if it is required; the other tags cannot be empty."""
    if "owner" not in policy.required_tags or owner.strip():
        return []
    return [
        Problem(
            f"{policy.source} requires the tag 'owner': write who owns the project, such as 'team@example.com'.",
            where,
        )
    ]


def check_runtime(minutes: int, policy: Policy, where: str) -> list[Problem]:
    """Whether a job's time limit is allowed."""
    limit = policy.max_runtime_minutes
    if limit is None or minutes <= limit:
        return []
    return [Problem(f"{policy.source} allows a job {limit} minutes, not {minutes}: write {limit} or less.", where)]


def check_instance_count(count: int, policy: Policy, where: str) -> list[Problem]:
    """Whether a job's number of instances is allowed."""
    limit = policy.max_instances
    if limit is None or count <= limit:
        return []
    return [Problem(f"{policy.source} allows a job {limit} instances, not {count}: write {limit} or less.", where)]
