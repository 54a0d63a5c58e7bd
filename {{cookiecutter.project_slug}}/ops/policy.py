"""The organisation's policy, ops/guardrails.toml: which verticals, regions and instance types, and how much of them."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from ops import names
from ops.errors import Problem, UserError, did_you_mean
from ops.typed import Reader

FILE = "ops/guardrails.toml"
# Names a file that is taken instead: in GitLab a group variable of type file, so that one change reaches every project.
VARIABLE = "OPS_GUARDRAILS"
USES = ("processing", "training", "transform", "endpoint", "studio", "notebook")
TAGS = ("vertical", "project", "env", "owner")


@dataclass(frozen=True)
class Policy:
    """An empty list allows everything, and so does a limit that is not set."""

    verticals: list[str] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)
    required_tags: list[str] = field(default_factory=list)
    max_instances: int | None = None
    max_runtime_minutes: int | None = None
    instance_types: Mapping[str, list[str]] = field(default_factory=dict)
    source: str = field(default=FILE, metadata={"key": False})
    """The file that it was read from, for the sentences that name it."""

    def instance_types_for(self, use: str) -> Sequence[str]:
        """The globs of the instance types that are allowed for `use`; none: all."""
        return self.instance_types.get(use, ())


def allows(globs: Sequence[str], text: str) -> bool:
    """Whether one of the globs fits; an empty list allows everything."""
    return not globs or any(fnmatchcase(text, glob) for glob in globs)


def load() -> Policy:
    """The policy that holds here; UserError with every problem of its file."""
    named = os.environ.get(VARIABLE)
    path = Path(named) if named else Path(__file__).with_name("guardrails.toml")
    file = named or FILE
    origin = f"{VARIABLE} names '{named}'" if named else f"'{FILE}' belongs to every project"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        remedy = "name a file that is there, or unset it" if named else "bring it back with `git checkout`"
        raise UserError(f"{origin}, and there is no such file: {remedy}.") from None
    except OSError as error:
        raise UserError(f"{origin}, which cannot be read ({error.strerror}): name a file that can.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(Problem(f"not valid TOML: {error}.", file)) from None
    reader = Reader(file)
    policy: Policy = reader.table(Policy, table)
    if problems := [*reader.problems, *_contradictions(policy, file)]:
        raise UserError(*problems)
    return replace(policy, source=file)


def _contradictions(policy: Policy, file: str) -> list[Problem]:
    """What has the right type, and yet can allow nothing."""
    problems = [
        Problem(f"{value} allows nothing: write 1 or more, or leave it out.", f"{file} {key}")
        for key in ("max_instances", "max_runtime_minutes")
        if (value := getattr(policy, key)) is not None and value < 1
    ]
    for given, known, what, where in (
        (policy.required_tags, TAGS, "tag", f"{file} required_tags"),
        (policy.instance_types, USES, "use of an instance type", f"{file} [instance_types]"),
    ):
        problems += [
            Problem(f"there is no {what} '{name}'.{did_you_mean(name, known) or f' There is {_or(known)}.'}", where)
            for name in given
            if name not in known
        ]
    for vertical in policy.verticals:
        problems += names.check_vertical(vertical, f"{file} verticals")
    return problems


def _or(words: Sequence[str]) -> str:
    quoted = [f"'{word}'" for word in words]
    return " or ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))


def check_vertical(name: str, policy: Policy, where: str) -> list[Problem]:
    if name in policy.verticals or not policy.verticals:
        return []
    meant = did_you_mean(name, policy.verticals) or f" Write {_or(policy.verticals)}."
    return [Problem(f"'{name}' is not among the verticals of {policy.source}.{meant}", where)]


def check_region(name: str, policy: Policy, where: str) -> list[Problem]:
    if allows(policy.regions, name):
        return []
    return [Problem(f"{policy.source} does not allow '{name}': write one that fits {_or(policy.regions)}.", where)]


def check_owner(owner: str, policy: Policy, where: str) -> list[Problem]:
    """Whether the tag has a value when it must; the other tags cannot be empty."""
    if "owner" not in policy.required_tags or owner.strip():
        return []
    return [
        Problem(
            f"{policy.source} requires the tag 'owner': write who answers for the project, such as 'team@example.com'.",
            where,
        )
    ]


def check_runtime(minutes: int, policy: Policy, where: str) -> list[Problem]:
    """How long a job may run before it is stopped."""
    limit = policy.max_runtime_minutes
    if limit is None or minutes <= limit:
        return []
    return [Problem(f"{policy.source} allows a job {limit} minutes, not {minutes}: write {limit} or less.", where)]


def check_instance_count(count: int, policy: Policy, where: str) -> list[Problem]:
    """How many instances one job may have."""
    limit = policy.max_instances
    if limit is None or count <= limit:
        return []
    return [Problem(f"{policy.source} allows a job {limit} instances, not {count}: write {limit} or less.", where)]
