"""The pages of a project, as a reader sees them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer

from documentation.handmade import DEFINITION, EVIL, pages, project
from documentation.rendered import rendered
from sagemaker_ops.commands.app import app
from sagemaker_ops.definition import step_types
from sagemaker_ops.documentation import runbook
from sagemaker_ops.guardrails.policy import Policy, Prices
from sagemaker_ops.local import Execution, StepExecution
from sagemaker_ops.report import results

EVIL_SHOWN = EVIL.replace("\u202e", "\\u202e")
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
DEPLOYED = """
[environments.dev]
account = "123456789012"
role = "arn:aws:iam::123456789012:role/customer-jobs"
bucket = "customer-data"
[environments.prod]
[schedule.train]
when = "cron(0 6 ? * MON *)"
timezone = "Europe/Berlin"
window_minutes = 15
parameters = { Most = 7 }
"""


def table(page: str, heading: str) -> dict[str, list[str]]:
    """{first cell: the others} of the table whose first column has this heading."""
    [rows] = [each[1:] for each in rendered(page).tables if each[0][0] == heading]
    return {first: others for first, *others in rows}


def test_a_step_says_what_it_runs_on_and_after_what(tmp_path: Path) -> None:
    page = pages(project(tmp_path))["pipelines/train/Clean.md"]

    facts = {what: value for what, [value] in table(page, "What").items()}

    assert facts == {
        "Type": "Processing",
        "After": "nothing: it is among the first",
        "Before": "Fit, Gate, Refuse",
        "Image": "image:1",
        "Instances": "1 x ml.m5.large (parameter Kind), 30 GB",
        "Time limit": "30 minutes",
        "Maximum cost": "2 instance hours; cost unknown: guardrails.toml has no [prices]",
        "Cache": "an unchanged step reuses its result for 1 day",
        "Retries": "SageMaker.CAPACITY_ERROR at most 3 times",
        "On this machine": "runs",
    }


def test_a_step_says_what_it_reads_and_writes_and_where(tmp_path: Path) -> None:
    written = pages(project(tmp_path))
    clean, fit = written["pipelines/train/Clean.md"], written["pipelines/train/Fit.md"]

    assert table(clean, "Input") == {
        "data": [
            "parameter Url",
            "s3://<bucket>/customer/churn/<env>/raw/<hash>/\n.local/s3/local/customer/churn/local/raw/<hash>/",
            "/opt/ml/processing/data",
        ],
        "code": [
            "step code",
            "s3://<bucket>/customer/churn/<env>/code/<hash>/steps/\n"
            ".local/s3/local/customer/churn/local/code/<hash>/steps/",
            "/opt/ml/processing/input/code",
        ],
    }
    assert table(clean, "Output") == {
        "train": [
            "Fit, Gate, Refuse",
            "s3://<bucket>/customer/churn/<env>/runs/<execution>/clean/train\n"
            ".local/runs/<execution>/Clean/outputs/train",
            "/opt/ml/processing/train",
        ]
    }
    assert table(fit, "Input") == {
        "train": [
            "train of Clean",
            "s3://<bucket>/customer/churn/<env>/runs/<execution>/clean/train\n"
            ".local/s3/local/customer/churn/local/runs/<execution>/clean/train",
            "/opt/ml/input/data/train",
        ]
    }
    assert table(fit, "Output")["model"][1].startswith("s3://<bucket>/customer/churn/<env>/models/<job>/output\n")
    assert table(clean, "File that conditions read") == {"report.json": ["train as Report"]}


def test_a_step_shows_its_settings_and_its_code(tmp_path: Path) -> None:
    written = pages(project(tmp_path))
    clean, fit = rendered(written["pipelines/train/Clean.md"]), written["pipelines/train/Fit.md"]

    assert list(table(written["pipelines/train/Clean.md"], "Parameter")) == ["Kind", "Url", "Most"]
    assert table(fit, "Hyperparameter") == {"depth": ["<Most>", "5"], "kind": [EVIL_SHOWN, ""]}
    assert table(written["pipelines/train/Clean.md"], "Variable") == {"MODE": [EVIL_SHOWN]}
    assert clean.headings[-4:] == ["Code", "clean.py", "What it imports", "helper.py"]
    assert clean.text.index("Step 1: clean the table.") < clean.text.index("from helper import clean")
    assert "--most\n<Most>" in clean.text


def test_a_condition_and_the_end_of_a_branch_are_in_words(tmp_path: Path) -> None:
    written = pages(project(tmp_path))

    rows = dict(row for row in rendered(written["pipelines/train/Gate.md"]).rows if len(row) == 2)
    assert (rows["then"], rows["otherwise"]) == ("index", "Refuse")
    assert rows["If all of this holds"].split("\n") == [
        "<score.value of Clean> ≥ <Most>",
        "and not (<Kind> = x|y)",
        "and (<Kind> in [a, b]) or (1 < 2)",
    ]
    assert f"score is <score.value of Clean>{EVIL_SHOWN}" in rendered(written["pipelines/train/Refuse.md"]).text
    assert table(written["pipelines/train/step-index.md"], "What")["After"] == ["Gate = true"]


def test_a_step_that_runs_only_on_aws_says_so_and_shows_its_definition(tmp_path: Path) -> None:
    page = pages(project(tmp_path))["pipelines/train/step-index.md"]

    assert table(page, "What")["On this machine"][0].startswith("does not run: give its outputs with --stub")
    assert EVIL in rendered(page).text.replace("\\u202e", "\u202e")


@pytest.mark.parametrize("kind", [name for name, each in step_types.TYPES.items() if not each.runs_here])
def test_the_arguments_of_a_step_on_aws_can_be_anything(tmp_path: Path, kind: str) -> None:
    arguments = {"HyperParameters": [1], "Environment": "a", "AppSpecification": 1, "To": {"Get": "Parameters.Kind"}}
    step = {"Name": "Odd", "Type": kind, "Arguments": arguments}

    page = pages(project(tmp_path, definition={**DEFINITION, "Steps": [step]}))["pipelines/train/Odd.md"]

    assert table(page, "What")["Type"] == [kind]


def test_a_pipeline_has_a_graph_parameters_a_schedule_and_environments(tmp_path: Path) -> None:
    page = pages(project(tmp_path, DEPLOYED))["pipelines/train/index.md"]

    assert '<svg role="img" aria-labelledby="graph-train-title graph-train-desc"' in page
    assert table(page, "Parameter") == {
        "Kind": ["String", "ml.m5.large", "any"],
        "Url": ["String", "s3://<bucket>/customer/churn/<env>/raw/<hash>/", "any"],
        "Most": ["Integer", "5", "any"],
        "Odd": ["String", EVIL_SHOWN, f"{EVIL_SHOWN}, b"],
        "StartedBy": ["String", "set by ops at each start", "any"],
        "Needed": ["Float", "none: it must be given", "any"],
    }
    assert table(page, "What")["Runs by itself"] == [
        "cron(0 6 ? * MON *) Europe/Berlin in prod, within 15 minutes, with Most=7"
    ]
    assert table(page, "Environment") == {
        "dev": ["customer-churn-train-dev", "123456789012", "eu-west-1"],
        "prod": ["customer-churn-train-prod", "not set yet", "eu-west-1"],
    }
    assert list(table(page, "Step")) == ["Clean", "Fit", "Gate", "index", "Refuse"]


def test_the_maximum_cost_is_in_money_where_prices_are_known(tmp_path: Path) -> None:
    prices = Prices("eu-west-1", "2026-11-24", "USD", {"ml.m5.large": 0.1}, {"ml.m5.xlarge": 0.2})

    page = pages(project(tmp_path, rules=Policy(prices=prices)))["pipelines/train/Fit.md"]

    assert table(page, "What")["Maximum cost"] == [
        "2 instance hours; 0.40 USD for the instances, at the prices of 2026-11-24"
    ]


def test_the_runbook_says_who_where_and_how(tmp_path: Path) -> None:
    more = f'[project]\nowner = "anna@example.com"\ndescription = "Who leaves?"{DEPLOYED}'
    page = pages(project(tmp_path, more))["runbook.md"]
    found = rendered(page)

    rows = [row[1] for row in found.rows if len(row) == 2]
    assert "anna@example.com" in rows
    assert "s3://customer-data/customer/churn/dev" in rows
    assert (
        "/aws/sagemaker/ProcessingJobs, /aws/sagemaker/TrainingJobs, /aws/sagemaker/Endpoints/customer-churn-dev"
        in rows
    )
    assert "ops rollback-pipeline train --env prod" in found.text
    assert "train also starts by itself: cron(0 6 ? * MON *) Europe/Berlin in prod" in found.text
    assert "[environments.prod] in project.toml is not complete" in found.text


def test_the_runbook_says_what_each_failure_means(tmp_path: Path) -> None:
    rules = Policy(max_runtime_minutes=60, instance_types={"training": ["ml.m5.*"]}, regions=["eu-*"])
    page = pages(project(tmp_path, DEPLOYED, rules))["runbook.md"]
    rows = rendered(page).rows

    assert ["3", "A guardrail refused it. Nothing ran.", "See the table of guardrails below."] in rows
    [end] = [row for row in rows if row[0] == "Refuse"]
    assert end[1].startswith("score is <score.value of Clean>")
    assert end[2] == "Look at the result of Clean. Limits are among the parameters of train."
    assert ["clean.py", "Clean", "{…} rows are too few", "Give | more."] in rows
    assert ["clean.py", "Clean", "and check 'id'", "-"] in rows
    assert ["{…} lacks {…}", "Train the model again."] in rows
    assert ["minutes of one job", "60", "Change [pipeline] max_runtime_minutes."] in rows
    assert [row[1] for row in rows if row[0] == "instance types for training"] == ["ml.m5.*"]
    assert any("ExpiredToken" in row[0] and "log in again" in row[1] for row in rows)


def test_every_command_of_the_runbook_exists_with_its_options() -> None:
    known = typer.main.get_command(app)
    lines = [line.split() for line in runbook.commands(["train"], "dev") if line.startswith("ops ")]

    assert len(lines) > 10
    for _, name, *arguments in lines:
        command = known.commands[name]  # type: ignore[attr-defined]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {each for each in arguments if each.startswith("--")} <= options, name


@pytest.mark.parametrize("text", [EVIL, "", "Who leaves?"])
def test_any_name_is_shown_as_it_is_and_every_link_leads_to_a_page(tmp_path: Path, text: str) -> None:
    made = project(tmp_path, DEPLOYED)
    about = replace(made.settings.project, name=text, description=text, owner=text)
    made = replace(made, settings=replace(made.settings, project=about))

    written = pages(made)

    for name, page in written.items():
        if not name.endswith(".md"):
            continue
        found = rendered(page)
        assert not {"script", "img", "em", "strong"} & {*found.tags}, name
        for link in links(page):
            assert posixpath.normpath(posixpath.join(posixpath.dirname(name), link)) in written, (name, link)
    if text:
        shown = text.replace("\u202e", "\\u202e").rstrip()
        assert ["Project", shown] in rendered(written["runbook.md"]).rows


def links(page: str) -> Iterator[str]:
    without_code = re.sub(r"^(`{3,}).*?^\1$", "", page, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"(?<!\\)\]\(([^)]+)\)", without_code)


def test_without_a_run_the_model_card_says_how_to_get_one(tmp_path: Path) -> None:
    written = pages(project(tmp_path))

    assert "There is no model yet: make run trains one on this machine" in rendered(written["model-card.md"]).text
    assert "report.html" not in written


EVALUATION: dict[str, Any] = {
    "binary_classification_metrics": {"auc": {"value": 0.75, "standard_deviation": 0.01}, "a|b": {"value": 0.5}},
    "baseline": {"auc": {"value": 0.5, "standard_deviation": 0.0}},
    "gate": {"metric": "auc", "value": 0.75},
    "verdict": "auc 0.75: better than a naive model.",
    "target": "late|<b>",
    "groups": {
        "town": {
            "verdict": "Town by town.",
            "groups": [
                {"value": "<a|b>", "rows": 1200, "metrics": {"auc": {"value": 0.7, "standard_deviation": 0.02}}},
                {"value": "c", "rows": 3, "metrics": {}},
            ],
        }
    },
    "importance": [{"feature": "size", "value": 0.1}],
    "warnings": ["few rows."],
}


def ran(root: Path, evaluation: dict[str, Any]) -> results.Result:
    """The result of an execution whose step Clean wrote this evaluation."""
    steps = {"Clean": StepExecution("Clean", "Processing", status="Succeeded", start_time=NOW, end_time=NOW)}
    folder = root / ".local" / "runs" / "abc"
    folder.mkdir(parents=True)
    execution = Execution("abc", "customer-churn-train-local", folder, NOW, {"Most": 5}, steps, "Succeeded", NOW)
    made = project(root)
    return results.Result(execution, "", made.pipelines[0].plan, evaluation, notes=("Run with Most=5.",))


def test_the_model_card_has_metrics_groups_and_warnings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = ran(tmp_path, EVALUATION)
    monkeypatch.setattr(results, "of", lambda *_: result)

    written = pages(project(tmp_path, result=result))
    found = rendered(written["model-card.md"])

    assert ["auc", "0.75 ± 0.01", "0.5"] in found.rows
    assert ["a|b", "0.5", "-"] in found.rows
    assert ["<a|b>", "1,200", "0.7 ± 0.02"] in found.rows
    assert ["c", "3", "too few rows"] in found.rows
    assert ["Predicts", "late|<b> (classification)"] in found.rows
    assert ["Most", "5"] in found.rows
    assert "few rows." in found.text
    assert "Run with Most=5." in found.text
    assert written["report.html"].startswith("<!DOCTYPE html>")
    assert "[the report on this execution](report.html)" in written["model-card.md"]


@pytest.mark.parametrize("damage", [{"groups": {"town": 1}}, {"importance": 3}, {"gate": None}, {"baseline": []}])
def test_a_teams_own_evaluation_may_have_another_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: dict[str, Any]
) -> None:
    result = ran(tmp_path, {**EVALUATION, **damage})
    monkeypatch.setattr(results, "of", lambda *_: result)

    page = pages(project(tmp_path, result=result))["model-card.md"]

    assert any(row[:2] == ["auc", "0.75 ± 0.01"] for row in rendered(page).rows)
