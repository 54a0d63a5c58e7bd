"""[schedule] in project.toml: what it can say, and the sentence for each mistake."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from projects import MINIMAL, TEMPLATE_PROJECT

from sagemaker_ops.guardrails import project_check, schedule_check
from sagemaker_ops.project import settings
from sagemaker_ops.project.schedule import Schedule, whole

ENVIRONMENTS = "[environments.dev]\n[environments.prod]\n"
Problems = Callable[..., list[str]]


@pytest.fixture
def problems(tmp_path: Path) -> Problems:
    """The problems of a project.toml with this [schedule]."""
    (tmp_path / "guardrails.toml").touch()
    shutil.copytree(TEMPLATE_PROJECT / "production", tmp_path / "production")

    def _problems(text: str, environments: str = ENVIRONMENTS) -> list[str]:
        (tmp_path / "project.toml").write_text(f"{MINIMAL}{environments}[schedule]\n{text}\n", encoding="utf-8")
        return [f"{each.level}: {each}" for each in project_check.check_project(tmp_path)]

    return _problems


def test_a_text_is_when_it_runs_in_prod_and_utc() -> None:
    read = settings.parse(tomllib.loads(f'{MINIMAL}{ENVIRONMENTS}[schedule]\ntrain = "rate(7 days)"'))

    assert whole(read.schedule) == {"train": Schedule("rate(7 days)", "UTC", 0, ["prod"], {})}


@pytest.mark.parametrize(
    "text",
    [
        'train = "rate(7 days)"',
        'train = { when = "cron(0 6 ? * MON *)", timezone = "Europe/Berlin", window_minutes = 15 }',
        'train = { when = "rate(7 days)", environments = ["dev", "prod"], parameters = { QualityGate = 0.7 } }',
        'train = { when = "rate(7 days)", environments = [] }',
        '[schedule.train]\nwhen = "rate(7 days)"\n[schedule.train.parameters]\nTrainingInstanceType = "ml.m5.large"',
        'train = { when = "rate(7 days)", parameters = { MadeInALoop1 = true } }',
        'train = { when = "rate(1 day)", window_minutes = 1440 }',
    ],
)
def test_what_a_schedule_can_say(problems: Problems, text: str) -> None:
    assert problems(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train = 7", '[schedule].train: expected a string in quotes, such as "text", or a table, found 7.'),
        ('train = { when = "rate(7 days)", zone = "UTC" }', "[schedule.train]: unknown key 'zone'."),
        ('train = { timezone = "UTC" }', "[schedule.train].when: missing."),
        ('train = { when = "rate(7 days)", window_minutes = "15" }', "].window_minutes: expected a whole"),
        ('train = "rate(7 day)"', "[schedule].train: 'rate(7 day)' is not what AWS accepts: write 'rate(7 days)'."),
        (
            'train = { when = "cron(0 6 * * *)" }',
            "[schedule.train].when: AWS's cron has six fields",
        ),
        (
            'trian = "rate(7 days)"',
            "[schedule].trian: there is no pipeline 'trian' in production/pipelines. Did you mean 'train'?",
        ),
        ('nightly = "rate(7 days)"', "there is no pipeline 'nightly' in production/pipelines. There is"),
        (
            'train = { when = "rate(7 days)", timezone = "Berlin" }',
            "[schedule.train].timezone: 'Berlin' is not a time zone: write one such as 'Europe/Berlin' or 'UTC'. Did "
            "you mean 'Europe/Berlin'?",
        ),
        ('train = { when = "rate(7 days)", timezone = "europe/berlin" }', "Did you mean 'Europe/Berlin'?"),
        ('train = { when = "rate(7 days)", timezone = "../etc/passwd" }', "'../etc/passwd' is not a time zone"),
        ('train = { when = "rate(7 days)", timezone = "" }', "'' is not a time zone"),
        (
            'train = { when = "rate(7 days)", window_minutes = 1441 }',
            "[schedule.train].window_minutes: 1441 is not possible: write 1 to 1440 minutes, or 0 to start at once.",
        ),
        ('train = { when = "rate(7 days)", window_minutes = -1 }', "-1 is not possible"),
        (
            'train = { when = "rate(7 days)", environments = ["prd"] }',
            "[schedule.train].environments: there is no [environments.prd], where it would run: write environments = "
            '["dev", "prod"].',
        ),
        ('train = { when = "rate(7 days)", environments = ["local"] }', "'local' is this machine, where nothing is"),
        (
            'train = { when = "rate(7 days)", parameters = { max_iter = 5 } }\n[hyperparameters]\nmax_iter = 9',
            "[schedule.train].parameters: there is no parameter 'max_iter': write 'MaxIter'.",
        ),
        ('train = { when = "rate(7 days)", parameters = { QualityGat = 0.7 } }', "write 'QualityGate'."),
        ('train = { when = "rate(7 days)", parameters = { QualityGate = [1] } }', "QualityGate: expected true"),
        (
            'train = { when = "rate(7 days)", parameters = { InputDataUrl = "" } }',
            "the value of 'InputDataUrl' has 0 characters: AWS accepts 1 to 1024.",
        ),
    ],
)  # fmt: skip
def test_each_mistake_has_a_sentence(problems: Problems, text: str, expected: str) -> None:
    found = [each for each in problems(text) if "schedule" in each]

    assert len(found) == 1, found
    assert found[0].startswith("error: project.toml [schedule")
    assert expected in found[0]


def test_all_mistakes_are_reported_together(problems: Problems) -> None:
    text = (
        'train = { when = "cron(60 6 * * * *)", timezone = "Mars", window_minutes = 2000, environments = ["x"] }\n'
        'tune = "weekly"'
    )

    assert [each.partition("].")[2].partition(":")[0] for each in problems(text)] == [
        "when", "timezone", "window_minutes", "environments", "tune", "tune"
    ]  # fmt: skip


def test_without_prod_the_environments_are_named(problems: Problems) -> None:
    [found] = problems('train = "rate(7 days)"', "[environments.dev]\n[environments.live]\n")

    assert found.endswith('write { when = "rate(7 days)", environments = ["dev", "live"] }.')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('train = "at(2026-01-01T00:00:00)"', "'at(2026-01-01T00:00:00)' is over: remove it, or write a later time."),
        ('train = "cron(0 6 * * ? 2020-2025)"', "'cron(0 6 * * ? 2020-2025)' is over"),
        (
            'train = "rate(5 minutes)"',
            "it starts every 5 minutes, but a job may take 60, so that executions overlap: write a longer time between",
        ),
        ('train = "cron(0/30 * * * ? *)"', "it starts every 30 minutes"),
    ],
)
def test_what_is_odd_is_a_warning(problems: Problems, text: str, expected: str) -> None:
    """Otherwise a project that was fine would fail its checks one day."""
    [found] = problems(text)

    assert found.startswith("warning: project.toml [schedule].train: ")
    assert expected in found


def test_the_next_runs_in_words() -> None:
    table = (
        'train = { when = "cron(0 6 ? * MON *)", timezone = "Europe/Berlin", environments = ["dev", "prod"] }\n'
        'tune = "rate(7 days)"\npredict = { when = "rate(1 day)", environments = [] }'
    )
    read = settings.parse(tomllib.loads(f"{MINIMAL}{ENVIRONMENTS}[schedule]\n{table}"))

    assert schedule_check.next_runs(read, datetime(2026, 12, 1, tzinfo=UTC)) == [
        "train starts in dev, prod: next Mon 2026-12-07 06:00 Europe/Berlin",
        "tune starts in prod: first 7 days after its deployment",
    ]


def test_at_is_over_in_its_time_zone(tmp_path: Path) -> None:
    table = (
        f'{MINIMAL}{ENVIRONMENTS}[schedule]\ntrain = {{ when = "at(2027-01-31T06:00:00)", timezone = "Asia/Tokyo" }}'
    )
    read = settings.parse(tomllib.loads(table))

    assert schedule_check.check(read, tmp_path, datetime(2027, 1, 30, 20, 59, tzinfo=UTC)) == []
    assert len(schedule_check.check(read, tmp_path, datetime(2027, 1, 30, 21, 1, tzinfo=UTC))) == 1


def test_without_the_database_time_zones_are_not_checked(problems: Problems, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, where a project is only generated."""
    monkeypatch.setattr(schedule_check.zoneinfo, "available_timezones", set)

    assert problems('train = { when = "rate(7 days)", timezone = "Nowhere/Else" }') == []


def test_the_role_of_schedules_is_a_role(problems: Problems) -> None:
    text = '[environments.dev]\nscheduler_role = "scheduler"\n[environments.prod]\n'

    [found] = problems('train = "rate(7 days)"', text)

    assert "[environments.dev].scheduler_role: 'scheduler' is not the ARN of a role" in found
