"""What a tuning step has found, in the last lines of a run and in project.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from projects import MINIMAL

from sagemaker_ops.commands import tuning
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import Execution, StepExecution
from sagemaker_ops.project import settings
from sagemaker_ops.terminal import trials

SCORE = "FinalHyperParameterTuningJobObjectiveMetric"
PROJECT = f"""{MINIMAL}
[hyperparameters] # of the model
rate = 0.05 # how fast
trees = 150
weights = "none" # or "balanced"
deep = false

# Where it runs.
[instances]
training = "ml.m5.xlarge"
"""


def job(number: int, score: float, **values: str) -> dict[str, Any]:
    metric = {"MetricName": "validation:auc", "Value": score}
    return {"TrainingJobName": f"x-tuning-{number:03}", "TunedHyperParameters": values, SCORE: metric}


def execution(status: str = "Succeeded", fixed: Mapping[str, str] | None = None, **properties: Any) -> Execution:
    """One whose step Tuning has these properties."""
    given = {"StaticHyperParameters": {"sagemaker_program": "training.py", **(fixed or {})}}
    step = StepExecution("Tuning", "Tuning", status=status, properties={"TrainingJobDefinition": given, **properties})
    before = StepExecution("Processing", "Processing", status="Succeeded")
    steps = {each.name: each for each in (before, step)}
    return Execution("abc", "tune", Path(), datetime.now(UTC), {}, steps, status)


def tuned(*jobs: dict[str, Any], failed: int = 0, **more: Any) -> Execution:
    counters = {"Succeeded": len(jobs), "Failed": failed, "Pending": 0}
    properties = {"BestTrainingJob": jobs[0], "TrainingJobSummaries": list(jobs), "ObjectiveStatusCounters": counters}
    return execution(**{**properties, **more})


THREE = (
    job(7, 0.74123, rate="0.103136077", trees="159"),
    job(1, 0.73, rate="0.2", trees="9"),
    job(3, 0.71, rate="0.1"),
)


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (tuned(*THREE), [
            "Best of 3 training jobs: 007, with validation:auc 0.7412 (median 0.73, worst 0.71)",
            "  rate=0.1031 trees=159",
        ]),
        (tuned(*THREE, failed=2), [
            "Best of 3 training jobs: 007, with validation:auc 0.7412 (median 0.73, worst 0.71), "
            "and 2 without a score",
            "  rate=0.1031 trees=159",
        ]),
        (tuned(*THREE, ObjectiveStatusCounters={"Succeeded": 60}), [
            "Best of 60 training jobs: 007, with validation:auc 0.7412 "
            "(median of the best 3 0.73, worst of the best 3 0.71)",
            "  rate=0.1031 trees=159",
        ]),
        (tuned(job(1, 12.5, weights="balanced", shift="-4")), [
            "Best of 1 training jobs: 001, with validation:auc 12.5",
            "  weights=balanced shift=-4",
        ]),
        (execution(BestTrainingJob=THREE[0], ObjectiveStatusCounters={"Succeeded": 9}), [  # as AWS describes it
            "Best of 9 training jobs: 007, with validation:auc 0.7412",
            "  rate=0.1031 trees=159",
        ]),
        (tuned(*THREE, status="Failed"), []),
        (tuned(*THREE, status="StandIn"), []),
        (execution(), []),
        (execution(BestTrainingJob={"TrainingJobName": "without a score"}), []),
        (execution(BestTrainingJob=THREE[0], TrainingJobSummaries=[{"damaged": 1}]), []),
        (execution(BestTrainingJob={**THREE[0], "TunedHyperParameters": None}), []),
    ],
)  # fmt: skip
def test_the_end_of_a_run_says_how_much_better_the_best_is(found: Execution, lines: list[str]) -> None:
    tried = trials.of(found)

    assert (list(trials.lines(tried)) if tried else []) == lines


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "project.toml").write_text(PROJECT, encoding="utf-8")
    return tmp_path


def best(fixed: Mapping[str, str] | None = None, **values: str) -> Execution:
    return tuned(job(1, 0.8, **values), fixed=fixed)


@pytest.mark.parametrize(
    ("found", "after"),
    [
        (best(rate="0.10313607766535893"), {"rate = 0.05 #": "rate = 0.10313607766535893 #"}),
        (best(rate="1"), {"rate = 0.05 #": "rate = 1.0 #"}),
        (best(trees="80"), {"trees = 150": "trees = 80"}),
        (best(weights="balanced"), {'weights = "none" #': 'weights = "balanced" #'}),
        (best(deep="true"), {"deep = false": "deep = true"}),
        (best(rate="0.1", trees="80"), {"rate = 0.05 #": "rate = 0.1 #", "trees = 150": "trees = 80"}),
        (best(leaves="31"), {"deep = false\n": "deep = false\nleaves = 31\n"}),
        (best(share="0.5"), {"deep = false\n": "deep = false\nshare = 0.5\n"}),
        (best(kind="fast"), {"deep = false\n": 'deep = false\nkind = "fast"\n'}),
        (best({"trees": "90", "deep": "false", "own": "1"}, rate="0.1"),
         {"rate = 0.05 #": "rate = 0.1 #", "trees = 150": "trees = 90"}),
        (best(rate="5e-2", trees="150"), {}),
    ],
)  # fmt: skip
def test_the_best_values_are_written_in_the_type_that_they_have(
    root: Path, found: Execution, after: dict[str, str]
) -> None:
    expected = PROJECT
    for old, new in after.items():
        assert old in expected
        expected = expected.replace(old, new)

    planned = list(tuning.written(found, settings.load(root), root, dry_run=True))
    assert (root / "project.toml").read_text(encoding="utf-8") == PROJECT
    said = list(tuning.written(found, settings.load(root), root))

    assert (root / "project.toml").read_text(encoding="utf-8") == expected
    assert planned[1:] == said[1:]
    before, now = (tomllib.loads(text)["hyperparameters"] for text in (PROJECT, expected))
    assert {key: type(now[key]) for key in before} == {key: type(value) for key, value in before.items()}


def test_the_change_is_said_in_a_few_lines(root: Path) -> None:
    found, known = best(rate="0.1", trees="80"), settings.load(root)

    [planned, *_] = tuning.written(found, known, root, dry_run=True)
    assert planned == "project.toml [hyperparameters] would change:"
    assert list(tuning.written(found, known, root)) == [
        "project.toml [hyperparameters] is changed:",
        "-rate = 0.05 # how fast",
        "-trees = 150",
        "+rate = 0.1 # how fast",
        "+trees = 80",
    ]
    assert list(tuning.written(found, known, root)) == ["project.toml [hyperparameters] has the best values already."]


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (tuned(*THREE, status="Failed"), "no step of execution abc has tuned hyperparameters to the end"),
        (execution(), "no step of execution abc has tuned hyperparameters to the end"),
        (best(trees="2.5"), "[hyperparameters].trees: the best value, 2.5, is no longer allowed"),
        (best(rate="fast"), "[hyperparameters].rate: the best value, fast, is no longer allowed"),
        (best(deep="yes"), "[hyperparameters].deep: the best value, yes, is no longer allowed"),
    ],
)
def test_nothing_is_written_if_there_is_nothing_to_write(root: Path, found: Execution, sentence: str) -> None:
    with pytest.raises(UserError) as error:
        list(tuning.written(found, settings.load(root), root))

    assert sentence in str(error.value)
    assert (root / "project.toml").read_text(encoding="utf-8") == PROJECT


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (execution("Failed"), "project.toml is unchanged, because no tuning step has ended."),
        (execution("Stopped"), "project.toml is unchanged, because no tuning step has ended."),
        (best(rate="0.05"), "project.toml [hyperparameters] has the best values already."),
    ],
)
def test_a_run_that_fails_before_changes_nothing(root: Path, found: Execution, line: str) -> None:
    assert list(tuning.after_run(found, settings.load(root), root)) == [line]


def test_a_run_that_fails_after_the_tuning_still_writes(root: Path) -> None:
    found = best(trees="80")
    found.status = "Failed"  # at the quality gate

    assert list(tuning.after_run(found, settings.load(root), root))[1:] == ["-trees = 150", "+trees = 80"]
