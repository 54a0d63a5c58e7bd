"""Follows a page of the guide that shows a change: applies its blocks to a project, and runs its commands there.

The line above a block says what it is for:

    In `file`:             a diff without line numbers; `@@` is any lines between two places, `-…` any lines to remove
    Write `file`:          the whole file, new or replaced
    At the end of `file`:  lines to append

A block of bash is run, and the block of text after it is its output. Times and ids of executions may differ, and other
numbers with a point by 5 %; a line `…` stands for any lines. The exit code must be 0, unless the page prints `$?` or
quotes what is wrong. What follows a question such as `Continue? [y/N]` in the quoted output is typed.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from projects import Project, Result, clean_environment

GAP = "…"
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LEAD = re.compile(r"(In|Write|At the end of) `([^`]+)`.*:")
EXECUTION = re.compile(r"(?<=[Ee]xecution )[0-9a-z]{12}\b|(?<=\.local/runs/)[0-9a-z]{12}\b")
CHANGING = [
    (re.compile(r"\b\d+(\.\d+)? ?s(econds)?\b"), "0 s"),
    (re.compile(r"\b\d+ min \d+ s\b"), "0 s"),
    (EXECUTION, "ID"),
    (re.compile(r"(?<=execution/)[0-9a-z]{12}\b|(?<=describe-pipeline-execution )[0-9a-z]{12}\b"), "ID"),
    (re.compile(r"(?<=executions: )\d+\.\d MB"), "0 MB"),  # of what is removed
    (re.compile(r"(?<=, run )[0-9a-f]{32}\b"), "ID"),  # of MLflow
    (re.compile(r"\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?20\d\d-\d\d-\d\d \d\d:\d\d(?::\d\d)?\b"), "DATE"),
    (re.compile(r"(?<=-)20\d{6}T\d{6}Z\b"), "DATE"),  # in the name of a file
    (re.compile(r"\bas arn:aws:\S+"), "as WHOEVER"),
    (re.compile(r"(?<!\.)\b(?!\d+\b)(?:[0-9a-f]{12}|[0-9a-f]{16})\b|(?<=\()[0-9a-f]{8}(?=\))"), "HASH"),  # of code
    (re.compile(r"(?<=^  configuration  )\S+"), "NAME"),
    (re.compile(r"\b[\d.]+ GB free in \S+"), "FREE"),
]
QUESTION = re.compile(r"^(.*(?:\[y/N\]|to continue:) )(.+)$", re.MULTILINE)
WRONG = re.compile(
    r'^(?:error: | *"level": "error"|Failed in |problem |\d+ findings?: |conflict |\d+ of \d+ steps cannot run here)',
    re.MULTILINE,
)
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?:e-?\d+)?(?![\w])")


@dataclass(frozen=True)
class Block:
    line: int
    lead: str
    language: str
    text: str


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, with the line of text above each."""
    return [
        Block(before.count("\n") + 1, before.strip().rsplit("\n", 1)[-1], found[1], found[2])
        for found in FENCED.finditer(page)
        for before in [page[: found.start()]]
    ]


def follow(page: Path, project: Project, *programs: Path) -> None:
    """Follow the page; an AssertionError names the line of the block that is wrong.

    programs: what the page's reader has installed, besides the project's environment.
    """
    output = None
    for block in blocks(page.read_text(encoding="utf-8")):
        try:
            if block.language == "bash":
                output = run(block.text, project, programs)
            elif block.language == "text":
                assert output is not None, "no command was run that could print this"
                compare(block.text, output)
                output = None
            else:
                change(block, project.path)
        except AssertionError as error:
            raise AssertionError(f"{page.name} line {block.line}: {error}") from error


def run(script: str, project: Project, programs: Sequence[Path] = (), quoted: str = "", **environment: str) -> str:
    """The output of the commands, on both streams, in a shell with the project's environment activated.

    quoted: the output on the page, which says what is typed, and whether the commands may fail.
    """
    options = () if "$?" in script else ("-e",)
    with tempfile.TemporaryDirectory() as extra:
        for program in programs:
            (Path(extra) / program.name).symlink_to(program)
        variables = {"PATH": f"{path(project)}:{extra}:{os.environ['PATH']}", "PYTHON": sys.executable, **environment}
        command = ["bash", *options, "-c", f"exec 2>&1\n{script}"]
        answers = QUESTION.findall(quoted)
        done = _answered(project, command, answers, variables) if answers else project.run(*command, **variables)
    assert done.code == 0 or WRONG.search(quoted), f"`{script.strip()}` failed: {done}"
    return done.out


def path(project: Project) -> Path:
    """The folder with the programs of the project's environment."""
    return project.path / ".venv" / "bin"


def _answered(
    project: Project, command: list[str], answers: list[tuple[str, str]], variables: dict[str, str]
) -> Result:
    """Run it with a terminal as its input; each answer is in the output where it was typed."""
    keyboard, terminal = pty.openpty()
    try:
        os.write(keyboard, "".join(f"{answer}\n" for _, answer in answers).encode())
        done = subprocess.run(
            command,
            cwd=project.path,
            env=clean_environment() | {"PYTHONPATH": str(project.path / "vendor")} | variables,
            stdin=terminal,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(keyboard)
        os.close(terminal)
    out = done.stdout
    for question, answer in answers:
        out = out.replace(question, f"{question}{answer}\n", 1)
    return Result(done.returncode, out, "")


def change(block: Block, root: Path) -> None:
    found = LEAD.fullmatch(block.lead)
    assert found, f"the line above does not say which file this is for: {block.lead!r}"
    what, path = found[1], root / found[2]
    if what == "Write":
        path.write_text(block.text, encoding="utf-8")
        return
    assert path.is_file(), f"there is no {found[2]}"
    text = path.read_text(encoding="utf-8")
    if what == "In":
        assert block.language == "diff", "a change to a file is a diff"
        path.write_text(patched(text, block.text), encoding="utf-8")
    else:
        between = "\n\n" if path.suffix == ".py" else "\n"
        path.write_text(text + between + block.text, encoding="utf-8")


def patched(text: str, diff: str) -> str:
    """`text` after each hunk of `diff`, whose old lines must be in it exactly once."""
    for hunk in diff.split("@@\n"):
        lines = [line or " " for line in hunk.splitlines()]
        wrong = [line for line in lines if line[0] not in " -+"]
        assert not wrong, f"a line of a diff begins with a space, - or +: {wrong[0]!r}"
        assert any(line[0] in "-+" for line in lines), f"this changes nothing:\n{hunk}"
        old = "".join(
            r"(?:.*\n)*?" if line == f"-{GAP}" else re.escape(f"{line[1:]}\n") for line in lines if line[0] in " -"
        )
        new = "".join(f"{line[1:]}\n" for line in lines if line[0] in " +")
        places = list(re.finditer(f"^{old}", text, re.MULTILINE))
        assert len(places) == 1, f"these lines are in the file {len(places)} times, not once:\n{hunk}"
        text = text[: places[0].start()] + new + text[places[0].end() :]
    return text


def compare(quoted: str, printed: str) -> None:
    """Every quoted line must be printed, in this order, and other lines only where there is a gap.

    Blank lines at the end do not count.
    """
    rest, gap = printed.rstrip().splitlines(), False
    for line in quoted.rstrip().splitlines():
        if line.strip() == GAP:
            gap = True
            continue
        while gap and rest and not alike(line, rest[0]):
            rest.pop(0)
        assert any(alike(line, here) for here in rest[:1]), f"not printed here: {line!r}\n{printed}"
        rest.pop(0)
        gap = False
    assert gap or not rest, f"not on the page: {rest[0]!r}\n{printed}"


def alike(quoted: str, printed: str) -> bool:
    """Whether the lines have the same words, and numbers that differ only as between versions of the packages."""
    texts, numbers = [], []
    for line in (quoted, printed):
        for pattern, same in CHANGING:
            line = pattern.sub(same, line)
        texts.append(NUMBER.sub("0", line).replace(f" {GAP}", GAP).split())
        numbers.append([number.replace(",", "") for number in NUMBER.findall(line)])
    return texts[0] == texts[1] and all(
        float(there) == pytest.approx(float(here), rel=0.05) if "." in there + here else there == here
        for there, here in zip(*numbers, strict=True)
    )
