"""The hyperparameters of a model: their names, their allowed values, and reading values from text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagemaker_ops.tabular.errors import did_you_mean

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

Value = float | str


@dataclass(frozen=True)
class Number:
    """A numeric hyperparameter: whole if its default is; both bounds are allowed."""

    default: float
    low: float
    high: float
    help: str

    @property
    def expected(self) -> str:
        kind = "a whole number" if isinstance(self.default, int) else "a number"
        return f"{kind} from {self.low:g} to {self.high:g}"

    def read(self, text: str) -> float | None:
        """The value of `text`, or None if it is not allowed."""
        try:
            value = float(text)
        except ValueError:
            return None
        if not self.low <= value <= self.high:
            return None
        if not isinstance(self.default, int):
            return value
        return int(value) if value.is_integer() else None


@dataclass(frozen=True)
class Choice:
    """A hyperparameter with a choice of words."""

    default: str
    words: tuple[str, ...]
    help: str

    @property
    def expected(self) -> str:
        return " or ".join(f"'{word}'" for word in self.words)

    def read(self, text: str) -> str | None:
        """`text`, or None if it is not one of the allowed words."""
        return text if text in self.words else None


Hyperparameters = Mapping[str, Number | Choice]


def defaults(known: Hyperparameters) -> dict[str, Value]:
    """The default value of each hyperparameter."""
    return {name: each.default for name, each in known.items()}


def read_hyperparameters(given: Mapping[str, str], known: Hyperparameters) -> tuple[dict[str, Value], list[str]]:
    """The value of every hyperparameter, and a finding for each given one that is unknown or out of range."""
    values, findings = defaults(known), []
    for name, text in given.items():
        if name not in known:
            hint = did_you_mean(name, known) or f" Available: {', '.join(known)}."
            findings.append(f"unknown hyperparameter '{name}'.{hint}")
        elif (value := known[name].read(text)) is None:
            findings.append(f"hyperparameter {name} is '{text}'; it must be {known[name].expected}")
        else:
            values[name] = value
    return values, findings


def parse_hyperparameters(
    parser: ArgumentParser, known: Hyperparameters, argv: Sequence[str] | None
) -> tuple[Namespace, dict[str, str]]:
    """The arguments of a training script, and separately the hyperparameters as text, including unknown ones.

    SageMaker's training toolkit passes each hyperparameter to the script as `--name value`, known or not.
    """
    group = parser.add_argument_group("hyperparameters")
    for key, each in known.items():
        help = f"{each.help}; {each.expected} (default: {each.default})"
        group.add_argument(f"--{key}", metavar="VALUE", help=help)
    arguments, unknown = parser.parse_known_args(argv)
    given = {name: value for name in known if (value := getattr(arguments, name)) is not None}
    given |= {word.lstrip("-").split("=")[0]: "" for word in unknown if re.match("--?[A-Za-z]", word)}
    return arguments, given
