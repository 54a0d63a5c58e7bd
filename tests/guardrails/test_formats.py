"""Problems as JSON and as GitLab's code-quality report, each with its line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from sagemaker_ops.errors import Problem
from sagemaker_ops.guardrails import __main__ as command
from sagemaker_ops.guardrails import formats

TEXT = """\
# comment

[project]
slug = "x" # slugs
vertical = "y"

[data]
split_column = ""
"split" = "random"

[ environments . dev ]
role = ""
[environments."prod"]
  role=""
subnets = [
  "subnet-1",
]

[schedule]
train = { when = "daily" }
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "project.toml").write_text(TEXT, encoding="utf-8")
    (tmp_path / "guardrails.toml").write_text("verticals = []\nregions = 1\n[x]\nregions = 2\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("project.toml [project].slug", 4),
        ("project.toml [project].vertical", 5),
        ("project.toml [project]", 3),
        ("project.toml [data].split", 9),
        ("project.toml [data].split_column", 8),
        ("project.toml [schedule.train].when", 20),
        ("project.toml [schedule.tune].when", 19),
        ("project.toml [environments.dev].role", 12),
        ("project.toml [environments.prod].role", 14),
        ("project.toml [environments.prod].subnets", 15),
        ("project.toml [environments.prod].bucket", 13),
        ("project.toml [gate].metric", 1),
        ("project.toml", 1),
        ("project.toml vertical", 1),
        ("guardrails.toml regions", 2),
        ("guardrails.toml [x].regions", 4),
        ("ops/missing.toml regions", 1),
        ("production/pipelines/train_model.py", 1),
        ("", 1),
    ],
)
def test_the_line_is_that_of_the_key_or_of_its_table(root: Path, where: str, number: int) -> None:
    assert formats.line(Problem("no", where), root) == number


def test_the_line_of_invalid_toml_is_where_reading_stopped(root: Path) -> None:
    assert formats.line(Problem("not valid TOML: Expected ']' (at line 7, column 3).", "project.toml"), root) == 7


def test_json_names_level_file_key_and_line(root: Path) -> None:
    problems = [Problem("no", "project.toml [project].slug"), Problem("ähm", "guardrails.toml regions", "warning")]

    assert json.loads(formats.document(problems, "json", root)) == [
        {"level": "error", "file": "project.toml", "key": "project.slug", "line": 4, "message": "no"},
        {"level": "warning", "file": "guardrails.toml", "key": "regions", "line": 2, "message": "ähm"},
    ]


def test_the_gitlab_report_has_every_required_key(root: Path) -> None:
    # https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
    [error, warning, outside] = json.loads(
        formats.document(
            [
                Problem("no", "project.toml [project].slug"),
                Problem("hm", "project.toml [environments.dev].role", "warning"),
                Problem("no", "/builds/a.tmp/OPS_GUARDRAILS [instance_types].studio"),
            ],
            "gitlab",
            root,
        )
    )

    fingerprints = {each.pop("fingerprint") for each in (error, warning, outside)}
    assert len(fingerprints) == 3
    assert error == {
        "description": "project.toml [project].slug: no",
        "check_name": "project.slug",
        "severity": "major",
        "location": {"path": "project.toml", "lines": {"begin": 4}},
    }
    assert (warning["severity"], warning["location"]["lines"]) == ("minor", {"begin": 12})
    assert outside["location"] == {"path": "project.toml", "lines": {"begin": 1}}, "a file that GitLab can show"


def test_a_fingerprint_depends_on_the_problem_and_not_on_its_line(root: Path) -> None:
    problem = Problem("no", "project.toml [project].slug")
    before = json.loads(formats.document([problem], "gitlab", root))
    (root / "project.toml").write_text("\n\n" + TEXT, encoding="utf-8")

    [after] = json.loads(formats.document([problem], "gitlab", root))

    assert after["location"]["lines"] == {"begin": 6}
    assert after["fingerprint"] == before[0]["fingerprint"]
    [other] = json.loads(formats.document([Problem("other", problem.where)], "gitlab", root))
    assert other["fingerprint"] != after["fingerprint"]


@pytest.mark.parametrize("style", ["json", "gitlab"])
def test_without_problems_the_document_is_an_empty_list(root: Path, style: str) -> None:
    assert json.loads(formats.document([], style, root)) == []


@pytest.mark.parametrize(
    ("text", "code"), [("[project]\nvertical = 1", 2), ("[", 2)], ids=["a key that cannot be read", "not TOML"]
)
@pytest.mark.parametrize("style", ["json", "gitlab"])
def test_an_unreadable_file_is_reported_in_the_same_format(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    code: int,
    style: str,
) -> None:
    (root / "project.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "argv", ["guardrails", "--format", style])

    assert command.main() == code

    printed = capsys.readouterr()
    assert printed.err == ""
    assert len(json.loads(printed.out)) >= 1


def test_an_unknown_format_is_reported_with_the_valid_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["guardrails", "--format", "xml"])

    with pytest.raises(SystemExit) as caught:
        command.main()

    assert caught.value.code == 2
    assert "'text', 'json', 'gitlab'" in capsys.readouterr().err
