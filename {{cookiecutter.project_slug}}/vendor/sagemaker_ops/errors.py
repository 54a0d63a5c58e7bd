"""Errors that a user can cause, each reported as one sentence and never as a traceback."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Problem:
    """One finding: where it is, and a sentence that says what is wrong and what to write instead."""

    message: str
    where: str = ""
    level: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        """Always one line: control characters in user input are escaped, not sent to the terminal."""
        text = f"{self.where}: {self.message}" if self.where else self.message
        return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class UserError(Exception):
    """Wrong usage or input; holds every problem found, so that all are shown together."""

    exit_code = 2

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = [Problem(p) if isinstance(p, str) else p for p in problems]
        super().__init__("\n".join(str(problem) for problem in self.problems))


class RefusedError(UserError):
    """A guardrail refuses something."""

    exit_code = 3


def nearest_word(word: str, known: Iterable[str], closeness: float = 0.6) -> str:
    """The word in `known` that is closest to `word` in spelling, or an empty string if none is close."""
    import difflib  # takes 3 ms, and is needed only when something is wrong

    return "".join(difflib.get_close_matches(word, list(known), n=1, cutoff=closeness))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?` with the closest word in `known`, or an empty string."""
    near = nearest_word(word, known)
    return f" Did you mean '{near}'?" if near else ""
