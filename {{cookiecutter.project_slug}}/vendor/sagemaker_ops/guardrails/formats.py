"""Problems in formats for other programs: JSON, and the code-quality report that GitLab shows in a merge request."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from sagemaker_ops.errors import Problem
from sagemaker_ops.project.settings import FILE

# `project.toml [environments.dev].role`, `guardrails.toml regions`: file, table, key.
WHERE = re.compile(r"(?P<file>.+?)(?: \[(?P<table>[^\]]+)\](?:\.(?P<key>\w+))?| (?P<top>\w+))?")
# https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
SEVERITIES = {"error": "major", "warning": "minor"}


def document(problems: list[Problem], style: str, root: Path) -> str:
    """A JSON array of the problems of the project in folder `root`; `style` is json or gitlab."""
    entry = {"json": _plain, "gitlab": _code_quality}[style]
    return json.dumps([entry(problem, root) for problem in problems], indent=2, ensure_ascii=False)


def _plain(problem: Problem, root: Path) -> dict[str, Any]:
    file, table, key = place(problem)
    return {
        "level": problem.level,
        "file": file,
        "key": ".".join(filter(None, (table, key))),
        "line": line(problem, root),
        "message": problem.message,
    }


def _code_quality(problem: Problem, root: Path) -> dict[str, Any]:
    file, table, key = place(problem)
    inside = bool(file) and not Path(file).is_absolute()  # GitLab shows files of the repository only
    return {
        "description": str(problem),
        "check_name": ".".join(filter(None, (table, key))) or "guardrails",
        # Stays the same when the problem moves to another line.
        "fingerprint": hashlib.sha256(str(problem).encode()).hexdigest(),
        "severity": SEVERITIES[problem.level],
        "location": {"path": file if inside else FILE, "lines": {"begin": line(problem, root) if inside else 1}},
    }


def place(problem: Problem) -> tuple[str, str, str]:
    """The file, the table and the key of the problem; empty for each that it does not name."""
    found = WHERE.fullmatch(problem.where)
    return (found["file"], found["table"] or "", found["key"] or found["top"] or "") if found else ("", "", "")


def line(problem: Problem, root: Path) -> int:
    """The line number of the key, otherwise of its table, otherwise 1."""
    file, table, key = place(problem)
    try:
        lines = (root / file).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError):
        return 1
    if broken := re.search(r"\(at line (\d+), column \d+\)", "" if table or key else problem.message):
        return int(broken[1])  # from tomllib's own message
    best, here = 1, ""
    for number, content in enumerate(lines, 1):
        if header := re.match(r"\s*\[+([^\]]+)\]", content):
            here = re.sub(r"[\s\"']", "", header[1])
            best = number if here == table else best
        elif key and here == table and re.match(rf"\s*[\"']?{re.escape(key)}\b", content):
            return number
    outer, dot, name = table.rpartition(".")
    if best == 1 and dot:  # `name = { … }` in the outer table
        return line(Problem(problem.message, f"{file} [{outer}].{name}"), root)
    return best
