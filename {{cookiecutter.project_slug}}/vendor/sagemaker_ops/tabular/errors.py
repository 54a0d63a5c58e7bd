"""User errors in a step: sentences that are collected and shown together, never a traceback."""

from __future__ import annotations

import difflib
import gc
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path


class StepError(ValueError):
    """Wrong input or usage of a step; each finding is one sentence that says what to do instead."""

    def __init__(self, *findings: str) -> None:
        self.findings = tuple(finding.replace("\n", r"\n") for finding in findings)  # a column name may contain one
        super().__init__("\n".join(self.findings))


def raise_any(findings: Sequence[str]) -> None:
    """Raise a StepError if there are findings."""
    if findings:
        raise StepError(*findings)


def missing_folders(*folders: Path) -> list[str]:
    """A finding for each folder that does not exist."""
    return [f"{each} does not exist; give the folder that processing.py wrote" for each in folders if not each.is_dir()]


def run_step(step: Callable[[], None], message_file: str = "") -> int:
    """Run `step` and return the exit code of its script: 0, or 1 after printing its findings to stderr, one per line.

    If the folder of `message_file` exists (in a container), they are also written there, and SageMaker shows the first
    1,024 characters as the job's ExitMessage or FailureReason.
    """
    gc.freeze()  # imported modules are never garbage: skipping them saves time, also at the end
    try:
        step()
    except StepError as error:
        print(error, file=sys.stderr)
        if message_file and Path(message_file).parent.is_dir():
            Path(message_file).write_text(f"{error}\n", encoding="utf-8")
        return 1
    return 0


def did_you_mean(word: str, known: Iterable[object]) -> str:
    """` Did you mean 'x'?` with the closest word in `known`, or an empty string."""
    nearest = difflib.get_close_matches(word.lower(), {str(name).lower() for name in known}, n=1)
    return next((f" Did you mean '{name}'?" for name in known if [str(name).lower()] == nearest), "")


def listed(names: Sequence[object], limit: int = 10) -> str:
    """Names for a sentence: `'a', 'b', 'c' and 4 more`."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(f"'{short(name)}'" for name in names[:limit]) + more


def short(value: object) -> str:
    """`value` for a sentence: at most 40 characters, and a day without 00:00:00."""
    text = str(value).removesuffix(" 00:00:00")
    return text if len(text) <= 40 else f"{text[:39]}…"


def percent(share: float) -> str:
    """A share for a sentence: `0.5 %`, `33 %`."""
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"
