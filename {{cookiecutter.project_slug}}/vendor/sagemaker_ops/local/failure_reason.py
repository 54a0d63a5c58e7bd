"""Why a program failed: in its own words, not in those that only say where to look."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

MAX_REASON = 1024  # characters of output/failure that become the failure reason, as on AWS
TAIL = 1 << 16  # bytes of a log that are read
MORE_LINES = 5  # an exception is part of the reason if no more lines follow: its own, or the program's last words
_TRACEBACK = "Traceback (most recent call last)"
_EXCEPTION = re.compile(r"(\w+\.)*([A-Z]\w*|error)(: .*)?")
_ERROR = re.compile(r"(\w+\.)*\w+(Error|Exception): ")
_CHILD_FAILED = "returned non-zero exit status"
_POINTER = re.compile(
    rf"CloudWatch|{_CHILD_FAILED}|\b(see|check|consult|inspect|refer to)\b.{{0,30}}\blogs?\b|see above", re.IGNORECASE
)
_WARNING = re.compile(r".*:\d+: \w*Warning: ")  # its next line is the line of code
# What programs print besides the reason: shells, the SDK's sm_train.sh, the training toolkit, warnings, pip, chains.
_NOISE = re.compile(
    r"\++ |An error occurred with exit code|Training Execution failed|TrainingJob - "
    r"|.*(Encountered exit_code|Reporting training FAILURE|ExecuteUserScriptError:$)"
    r"|ExitCode \d|ErrorMessage \"\"$|Command \""
    rf"|.*:\d+: \w*Warning: |(?!{_ERROR.pattern}).*\bWARN(ING)?\b|\[notice\]|note: |hint: |│ "
    r"|The above exception was |During handling of the above |\^+$"
)


def reason(exit_code: str, text: str, log: Path) -> str:
    """The first characters of the text that a program wrote as its reason, otherwise what its log says last.

    exit_code: in words, before what the log says.
    """
    if text.strip() and last_words(text.splitlines()):
        return text.strip()[:MAX_REASON]
    said = read(log)
    return f"{exit_code}{said or text.strip() or 'it printed nothing'}"[: MAX_REASON + len(exit_code)]


def read(log: Path) -> str:
    """The last words in a log, or its last line, or an empty string."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL))
        lines = [line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return last_words(lines) or (lines[-1].strip() if lines else "")


def last_words(lines: Sequence[str]) -> str:
    """The last line that gives a reason, with the exception shortly before it; empty if there is none."""
    begins = [number for number, line in enumerate(lines) if _TRACEBACK in line]
    number = len(lines)
    while number:
        number -= 1
        line = lines[number].strip()
        of_warning = lines[number].startswith("  ") and number and _WARNING.match(lines[number - 1])
        if not line or of_warning or _NOISE.match(line):
            continue
        before = [each for each in begins if each < number]
        inside = range(before[-1] + 1, number + 1) if before else ()
        exception = next((each for each in inside if _EXCEPTION.fullmatch(lines[each].strip())), None)
        if exception == number:  # this line ends a traceback
            if lines[before[-1] - 1].startswith("Exception ignored"):  # while Python ends
                number = before[-1] - 1
            elif _CHILD_FAILED in line or (_POINTER.search(line) and before[1:]):
                number = before[-1]
            else:
                return line
        elif not _POINTER.search(line) or (_ERROR.match(line) and _CHILD_FAILED not in line):
            first = exception if exception is not None and number - exception <= MORE_LINES else number
            found = (each.strip() for each in lines[first : number + 1])
            return " ".join(each for each in found if not _NOISE.match(each))
    return ""
