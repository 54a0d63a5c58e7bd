"""What a user can get wrong, told in one sentence each and never as a traceback."""

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
        """One line, whatever a user wrote: control characters of an answer are shown, not sent to the terminal."""
        text = f"{self.where}: {self.message}" if self.where else self.message
        return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class UserError(Exception):
    """Wrong usage or input; carries every problem found, so that they are shown together."""

    exit_code = 2

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = [Problem(p) if isinstance(p, str) else p for p in problems]
        super().__init__("\n".join(str(problem) for problem in self.problems))


class RefusedError(UserError):
    """A guardrail says no."""

    exit_code = 3


def nearest_word(word: str, known: Iterable[str]) -> str:
    """The one of `known` that is spelled most like `word`, or an empty string when none is."""
    import difflib  # costs 3 ms, and is wanted only when something is wrong

    return "".join(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?` for the nearest of `known`, or an empty string."""
    near = nearest_word(word, known)
    return f" Did you mean '{near}'?" if near else ""
