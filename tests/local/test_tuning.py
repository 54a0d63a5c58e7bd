"""Tuning jobs: the values they try, the training job they choose, and what is refused before they start."""

from __future__ import annotations

import itertools
import signal
from concurrent import futures
from textwrap import dedent
from typing import Any

import pytest
from local.behaving import both_ways
from local.conftest import BUCKET, Local
from runners import start

from sagemaker_ops.definition.step_types import TYPES
from sagemaker_ops.local import cleaning, tuning_job, tuning_values
from sagemaker_ops.local.preview import preview
from sagemaker_ops.local.selection import Selection

NAME = "customer-demo-train-local"
INTEGER, CONTINUOUS, CATEGORICAL = "IntegerParameterRanges", "ContinuousParameterRanges", "CategoricalParameterRanges"
PRINT = """
    import argparse
    parser = argparse.ArgumentParser()
    parser.add_argument("-x", type=float)
    x = parser.parse_known_args()[0].x
    print(f"score={x};")
    open("/opt/ml/model/x.txt", "w").write(str(x))
"""


def number(name: str, low: Any, high: Any, scale: str = "Linear") -> dict[str, Any]:
    return {"Name": name, "MinValue": low, "MaxValue": high, "ScalingType": scale}


def values(name: str, *listed: str) -> dict[str, Any]:
    return {"Name": name, "Values": list(listed)}


def tuning(local: Local, script: str = PRINT, *listed: str, jobs: int | None = None, **config: Any) -> dict[str, Any]:
    """A step that maximizes `score` over a grid of `listed` values of x, unless `config` says something else."""
    step = local.training("Tune", script)
    arguments = step["Arguments"]
    arguments["StaticHyperParameters"] = arguments.pop("HyperParameters")
    arguments["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "score", "Regex": "score=([0-9.e+-]+);"}]
    limits = {"MaxParallelTrainingJobs": 1, **({"MaxNumberOfTrainingJobs": jobs} if jobs else {})}
    found = {
        "Strategy": "Grid",
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
        "ResourceLimits": limits,
        "ParameterRanges": {CATEGORICAL: [values("x", *listed)]},
        **config,
    }
    arguments = {"HyperParameterTuningJobConfig": found, "TrainingJobDefinition": arguments}
    return {"Name": "Tune", "Type": "Tuning", "Arguments": arguments}


def drawn(count: int, ranges: Any, seed: str = "1") -> list[dict[str, str]]:
    return list(itertools.islice(tuning_values.at_random(ranges, seed), count))


# The values


def test_a_grid_is_every_combination_once_in_the_order_of_its_lists() -> None:
    found = tuning_values.grid({CATEGORICAL: [values("a", "1", "2"), values("b", "x", "y", "x")]})

    assert [tuple(each.values()) for each in found] == [("1", "x"), ("1", "y"), ("2", "x"), ("2", "y")]


def test_the_same_seed_gives_the_same_values_and_another_one_gives_others() -> None:
    ranges = {CONTINUOUS: [number("a", "0", "1")], INTEGER: [number("b", "1", "1000")]}

    assert drawn(5, ranges) == drawn(5, ranges) != drawn(5, ranges, "2")


def test_a_combination_comes_twice_only_when_there_is_no_other() -> None:
    ranges = {INTEGER: [number("a", "1", "3")], CATEGORICAL: [values("b", "x", "y")]}
    found = [tuple(each.values()) for each in drawn(14, ranges)]

    assert len(set(found[:6])) == 6
    assert set(found[6:]) <= set(found[:6])


@pytest.mark.parametrize(
    ("kind", "low", "high", "scale", "middle"),
    [
        (CONTINUOUS, "1", "3", "Linear", 2.0),
        (CONTINUOUS, "0.0001", "1", "Logarithmic", 0.01),
        (CONTINUOUS, "0", "0.9999", "ReverseLogarithmic", 0.99),
        (CONTINUOUS, "0.0001", "1", "Auto", 0.01),  # over several orders of magnitude
        (CONTINUOUS, "0.1", "0.9", "Auto", 0.5),
        (CONTINUOUS, "0", "100", "Auto", 50.0),  # zero has no logarithm
        (CONTINUOUS, "-3", "-1", "Linear", -2.0),
        (CONTINUOUS, "2.5", "2.5", "Linear", 2.5),
        (INTEGER, "1", "9", "Linear", 5),
        (INTEGER, "1", "10000", "Logarithmic", 71),  # from 0.5 to 10000.5
        (INTEGER, "-4", "-2", "Linear", -3),
    ],
)  # fmt: skip
def test_half_of_the_values_are_on_either_side_of_the_middle_of_the_scale(
    kind: str, low: str, high: str, scale: str, middle: float
) -> None:
    ranges = {kind: [number("a", low, high, scale)]}
    found = [float(drawn(1, ranges, str(seed))[0]["a"]) for seed in range(2000)]

    assert float(low) <= min(found) <= max(found) <= float(high)
    assert sorted(found)[1000] == pytest.approx(middle, rel=0.15)


# What is refused before the start

CONFIG = "HyperParameterTuningJobConfig"
RANGES = (CONFIG, "ParameterRanges")
INSTANCE = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 9}
TRAINING = ("TrainingJobDefinition",)


def refused(local: Local, path: tuple[str, ...], value: Any, step: dict[str, Any] | None = None) -> list[str]:
    """The problems of the step if the value at the path in its arguments is another one; None removes it."""
    step = step or tuning(local, PRINT, "1", "2")
    inside = step["Arguments"]
    for key in path[:-1]:
        inside = inside[key]
    inside.pop(path[-1], None)
    inside |= {} if value is None else {path[-1]: value}
    found = preview(local.definition(step), pipeline_name=NAME, parameters={}, home=local.home)
    return [*map(str, found.problems), *found.steps["Tune"].problems]


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (("WarmStartConfig",), {"ParentHyperParameterTuningJobs": [], "WarmStartType": "TransferLearning"},
         "WarmStartConfig (ParentHyperParameterTuningJobs) cannot be used here: leave it out."),
        (("Autotune",), {"Mode": "Enabled"}, "Autotune.Mode (Enabled) cannot be used here: leave it out."),
        (("TrainingJobDefinition",), None, "it needs either TrainingJobDefinition or TrainingJobDefinitions."),
        ((CONFIG, "Strategy"), "Grids",
         f"{CONFIG}.Strategy is 'Grids', but AWS accepts only Bayesian, Random, Hyperband or Grid. Did you "
         "mean 'Grid'?"),
        ((CONFIG, "Strategy"), "Random",
         "it would never end: give MaxNumberOfTrainingJobs in ResourceLimits."),
        ((CONFIG, "ResourceLimits", "MaxNumberOfTrainingJobs"), 3,
         "MaxNumberOfTrainingJobs is 3, but its grid has 2 combinations: leave it out."),
        ((CONFIG, "HyperParameterTuningJobObjective", "Type"), "Max",
         f"{CONFIG}.HyperParameterTuningJobObjective.Type is 'Max', but AWS accepts only Maximize or Minimize."),
        ((CONFIG, "HyperParameterTuningJobObjective", "MetricName"), "scores",
         "its objective 'scores' is not one of its MetricDefinitions. Did you mean 'score'?"),
        ((CONFIG, "HyperParameterTuningJobObjective"), None,
         "it has no objective: give HyperParameterTuningJobObjective."),
        ((*TRAINING, "AlgorithmSpecification", "MetricDefinitions"), [{"Name": "score", "Regex": "score=("}],
         "it has the objective 'score', but its Regex 'score=(' is not valid: missing ), unterminated subpattern at "
         "position 6."),
        ((*TRAINING, "AlgorithmSpecification", "MetricDefinitions"), [{"Name": "score", "Regex": "score=.*"}],
         "it has the objective 'score', but its Regex 'score=.*' has no (group) around the number."),
        (RANGES, None, "it has no ranges: give at least one hyperparameter in ParameterRanges."),
        (RANGES, {}, "it has no ranges: give at least one hyperparameter in ParameterRanges."),
        ((*RANGES, CATEGORICAL), [values("x")], "hyperparameter 'x' has no Values: give at least one."),
        ((*RANGES, "AutoParameters"), [{"Name": "y", "ValueHint": "1"}],
         "'y' is in AutoParameters, from which only AWS can make a range: give the range."),
        ((*RANGES, CATEGORICAL), [values("x", "1"), values("x", "2")],
         "hyperparameter 'x' has two ranges: remove one of them."),
        ((*RANGES, CONTINUOUS), [number("y", "0", "1")],
         f"the strategy Grid needs lists of values, but 'y' is in {CONTINUOUS}: use {CATEGORICAL}."),
        ((*RANGES, INTEGER), [number("y", "0", "1")],
         f"the strategy Grid needs lists of values, but 'y' is in {INTEGER}: use {CATEGORICAL}."),
        ((*TRAINING, "StaticHyperParameters", "x"), "3",
         "hyperparameter 'x' has a range and also a value in StaticHyperParameters: remove one of them."),
        # as for a Training step
        ((*TRAINING, "StaticHyperParameters", "sagemaker_program"), None,
         "it is not in script mode, and the algorithm in its image cannot run here: give the hyperparameters "
         "sagemaker_program (a script) and sagemaker_submit_directory (s3://…/sourcedir.tar.gz)."),
        ((*TRAINING, "StaticHyperParameters", "sagemaker_program"), "other.py",
         f"there is no 'other.py' in {BUCKET}/code/Tune/sourcedir.tar.gz."),
        ((*TRAINING, "ResourceConfig", "InstanceCount"), 2,
         "ResourceConfig.InstanceCount is 2, but only 1 can run here."),
        ((*TRAINING, "ResourceConfig"), None, ""),
        ((*TRAINING, "HyperParameterTuningResourceConfig"), {"InstanceConfigs": [INSTANCE, INSTANCE]}, ""),
        ((*TRAINING, "HyperParameterRanges"), {CONTINUOUS: [number("y", "0", "1", "Log")]},
         f"TrainingJobDefinition.HyperParameterRanges.{CONTINUOUS}[0].ScalingType is 'Log', but AWS accepts only"),
        (("TrainingJobDefinitions",), [], "it needs either TrainingJobDefinition or TrainingJobDefinitions."),
        ((*TRAINING, "AlgorithmSpecification", "TrainingInputMode"), "Pipe",
         "AlgorithmSpecification.TrainingInputMode is 'Pipe', but only 'File' or 'FastFile' can run here."),
        ((*TRAINING, "InputDataConfig"), [{"ChannelName": "train", "DataSource": {"S3DataSource": {
            "S3DataType": "S3Prefix", "S3Uri": f"{BUCKET}/nothing"}}}],
         "there is nothing at s3://bucket/nothing: put it into "),
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused(local: Local, path: tuple[str, ...], value: Any, sentence: str) -> None:
    problems = refused(local, path, value)

    assert [problem[: len(sentence)] for problem in problems] == [sentence] * bool(sentence)


@pytest.mark.parametrize(
    ("kind", "wrong", "sentence"),
    [
        (INTEGER, number("y", "8", "2"), "MinValue of 'y' is 8, which is more than its MaxValue, 2."),
        (CONTINUOUS, number("y", "0.3", "0.01"), "MinValue of 'y' is 0.3, which is more than its MaxValue, 0.01."),
        (INTEGER, number("y", "1.5", "2"), "MinValue of 'y' is '1.5', which is not a whole number."),
        (CONTINUOUS, number("y", "0", "much"), "MaxValue of 'y' is 'much', which is not a number."),
        (CONTINUOUS, number("y", "0", "1", "Logarithmic"),
         "ScalingType of 'y' is Logarithmic, which needs numbers above 0, but its MinValue is 0.0."),
        (CONTINUOUS, number("y", "0", "1", "ReverseLogarithmic"),
         f"ScalingType of 'y' is ReverseLogarithmic, which needs a range of {CONTINUOUS} from 0 to below 1."),
        (INTEGER, number("y", "0", "0", "ReverseLogarithmic"),
         f"ScalingType of 'y' is ReverseLogarithmic, which needs a range of {CONTINUOUS} from 0 to below 1."),
        (CONTINUOUS, number("y", "0", "1", "Log"),
         f"{CONFIG}.ParameterRanges.{CONTINUOUS}[0].ScalingType is 'Log', but AWS accepts only "
         "Auto, Linear, Logarithmic or ReverseLogarithmic."),
    ],
)  # fmt: skip
def test_a_range_that_is_none_is_refused(local: Local, kind: str, wrong: dict[str, str], sentence: str) -> None:
    step = tuning(local, jobs=2, Strategy="Random", ParameterRanges={kind: [wrong]})

    assert refused(local, ("Tags",), None, step)[0].startswith(sentence)


def two(local: Local, *names: str | None, **second: Any) -> dict[str, Any]:
    """A step with two training job definitions: the second one prints ten times x."""
    step = tuning(local, PRINT, "1", "2")
    arguments = step["Arguments"]
    config, first = arguments["HyperParameterTuningJobConfig"], arguments.pop("TrainingJobDefinition")
    first["HyperParameterRanges"] = config.pop("ParameterRanges")
    first["TuningObjective"] = config.pop("HyperParameterTuningJobObjective")
    other = local.training("Other", PRINT.replace("score={x}", "score={10 * x}"))["Arguments"]
    other = {**first, "StaticHyperParameters": other["HyperParameters"], **second}
    arguments["TrainingJobDefinitions"] = [
        {**each, **({"DefinitionName": name} if name else {})} for each, name in zip((first, other), names, strict=True)
    ]
    return step


def test_several_training_job_definitions_are_told_apart_by_their_names_and_have_one_direction(local: Local) -> None:
    least = {"TuningObjective": {"Type": "Minimize", "MetricName": "score"}}
    nameless = ["each of its TrainingJobDefinitions needs a DefinitionName that is different from the others."]

    assert refused(local, ("Tags",), None, two(local, "a", "b")) == []
    assert refused(local, ("Tags",), None, two(local, "a", None)) == nameless
    assert refused(local, ("Tags",), None, two(local, "a", "a")) == nameless
    assert refused(local, ("Tags",), None, two(local, "a", "b", **least)) == [
        "its TrainingJobDefinitions both maximize and minimize, so that no job can be the best."
    ]


@pytest.mark.slow
def test_limits_that_only_a_step_knows_are_checked_when_the_job_starts(local: Local) -> None:
    outcome = local.json_get("First", "Report", "low")
    first = local.processing(
        "First",
        "open('/opt/ml/processing/o/r.json', 'w').write('{\"low\": 9}')",
        outputs=("o",),
        files={"Report": "o/r.json"},
    )
    step = tuning(local, jobs=2, Strategy="Random", ParameterRanges={INTEGER: [number("x", local.join(outcome), "5")]})

    execution = local.run(first, step)

    assert execution.steps["Tune"].failure_reason == "MinValue of 'x' is 9, which is more than its MaxValue, 5."


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"Strategy": "Random"}, ""),
        ({"Strategy": "Bayesian"}, "here values are drawn at random instead of by the strategy Bayesian"),
        ({"Strategy": "Hyperband"}, "here values are drawn at random instead of by the strategy Hyperband"),
        ({"Strategy": "Random", "TrainingJobEarlyStoppingType": "Auto"}, ""),
        ({"Strategy": "Bayesian",
          "TuningJobCompletionCriteria": {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}},
         "here values are drawn at random instead of by the strategy Bayesian, and convergence is not detected"),
        ({"Strategy": {"Get": "Parameters.Strategy"}},
         "here values are drawn at random instead of by the strategy Bayesian"),
    ],
)  # fmt: skip
def test_the_plan_says_what_differs_from_aws(local: Local, config: dict[str, Any], said: str) -> None:
    ranges = {INTEGER: [number("x", "1", "5")]}
    step = tuning(local, jobs=2, ParameterRanges=ranges, **config)
    parameter = local.parameter("Strategy", default="Bayesian")
    definition = local.definition(step, parameters=[parameter])

    found = preview(definition, pipeline_name=NAME, parameters={}, home=local.home).steps["Tune"]

    assert (found.problems, found.aws) == ((), said)


# Runs

FINAL = "FinalHyperParameterTuningJobObjectiveMetric"


def finish(local: Local, step: Any, *others: Any, **more: Any) -> tuple[dict[str, Any], str]:
    """The properties of the step and its log."""
    execution = local.run(step, *others, **more)
    assert execution.status == "Succeeded", (execution.failure_reason, local.log(execution, "Tune"))
    return execution.steps["Tune"].properties, local.log(execution, "Tune")


def tried(properties: dict[str, Any]) -> list[str]:
    return [each["TunedHyperParameters"]["x"] for each in properties["TrainingJobSummaries"]]


def test_the_best_job_is_first_and_its_model_is_where_the_sdk_looks_for_it(local: Local) -> None:
    step = tuning(local, PRINT, "1", "3", "2")
    job = local.get("Steps.Tune.TrainingJobSummaries[0].TrainingJobName")
    model = local.join(BUCKET, "models", job, "output/model.tar.gz", on="/")
    best = local.get("Steps.Tune.BestTrainingJob.TunedHyperParameters['x']")
    use = local.processing("Use", "import sys; print(sys.argv[1])", best, inputs={"model": model})

    execution = local.run(step, use)

    found = execution.steps["Tune"].properties
    assert execution.status == "Succeeded", execution.failure_reason
    assert local.log(execution, "Use") == "3\n"
    assert tried(found) == ["3", "2", "1"]
    assert found["BestTrainingJob"][FINAL] == {
        "MetricName": "score",
        "Value": 3.0,
    }
    assert found["BestTrainingJob"] == found["TrainingJobSummaries"][0]
    assert found["HyperParameterTuningJobStatus"] == "Completed"
    assert len(found["HyperParameterTuningJobName"]) <= 32
    assert found["TrainingJobStatusCounters"] == {
        "Completed": 3, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 0,
    }  # fmt: skip
    assert found["ObjectiveStatusCounters"] == {"Succeeded": 3, "Pending": 0, "Failed": 0}
    outputs = sorted(each.name for each in (execution.folder / "Tune/outputs").iterdir())
    assert outputs == sorted(["model", *(each["TrainingJobName"] for each in found["TrainingJobSummaries"][1:])])
    assert (execution.folder / "Tune/outputs/model/model.tar.gz").is_file()
    assert [line for line in local.log(execution, "Tune").splitlines() if "Use" not in line] == [
        "001 starts: x=1",
        "001 Completed: x=1; score 1.0",
        "002 starts: x=3 (1 ended, best: 1.0 of 001)",
        "002 Completed: x=3; score 3.0",
        "003 starts: x=2 (2 ended, best: 3.0 of 002)",
        "003 Completed: x=2; score 2.0",
    ]
    assert (execution.folder / "Tune/003/log.txt").read_text() == "score=2.0;\n"


@pytest.mark.slow
def test_the_lowest_objective_can_be_the_best(local: Local) -> None:
    step = tuning(local, PRINT, "2", "1", HyperParameterTuningJobObjective={"Type": "Minimize", "MetricName": "score"})

    assert tried(finish(local, step)[0]) == ["1", "2"]


@pytest.mark.slow
def test_the_summaries_are_those_of_the_best_fifty_as_on_aws(local: Local) -> None:
    ranges = {CATEGORICAL: [values("x", *map(str, range(17))), values("y", "a", "b", "c")]}
    limits = {"MaxParallelTrainingJobs": 4}
    found, _ = finish(local, tuning(local, PRINT, ParameterRanges=ranges, ResourceLimits=limits))

    assert found["TrainingJobStatusCounters"]["Completed"] == 51
    assert (len(tried(found)), tried(found)[0], tried(found)[-1]) == (50, "16", "0")


@pytest.mark.slow
def test_a_training_job_sees_its_values_as_text_and_the_name_of_the_objective(local: Local) -> None:
    script = """
        import json, os, sys
        given = json.load(open("/opt/ml/input/config/hyperparameters.json"))
        print(sorted((key, value) for key, value in given.items() if not value.startswith("s3:")), sys.argv[1:])
        print(os.environ["TRAINING_JOB_NAME"], "score=1;")
    """
    step = tuning(local, script, "a")
    step["Arguments"]["TrainingJobDefinition"]["StaticHyperParameters"]["n"] = "5"
    execution = local.run(step)

    given = [("_tuning_objective_metric", "score"), ("n", "5"), ("sagemaker_program", "train.py"), ("x", "a")]
    job = execution.steps["Tune"].properties["BestTrainingJob"]["TrainingJobName"]
    log = (execution.folder / "Tune/001/log.txt").read_text()
    assert log == f"{given} {['-n', '5', '-x', 'a']}\n{job} score=1;\n"


@pytest.mark.slow
def test_training_job_definitions_take_turns(local: Local) -> None:
    found, _ = finish(local, two(local, "one", "ten"))

    names = [each["TrainingJobDefinitionName"] for each in found["TrainingJobSummaries"]]
    assert list(zip(names, tried(found), strict=True)) == [("ten", "2"), ("ten", "1"), ("one", "2"), ("one", "1")]
    assert [each["TrainingJobName"][-3:] for each in found["TrainingJobSummaries"]] == ["004", "002", "003", "001"]


@pytest.mark.slow
def test_a_rerun_tries_the_same_values_and_another_seed_others(local: Local) -> None:
    ranges = {CONTINUOUS: [number("x", "0", "1")]}
    seeds: list[dict[str, Any]] = [{}, {}, {"RandomSeed": 1}, {"RandomSeed": 2}]
    given = [tuning(local, jobs=2, Strategy="Random", ParameterRanges=ranges, **seed) for seed in seeds]

    first, again, one, another = (tried(finish(local, step)[0]) for step in given)

    assert first == again
    assert len({*first, *one, *another}) == 6


@pytest.mark.slow
def test_jobs_that_fail_or_print_no_objective_do_not_count(local: Local) -> None:
    script = "import sys; x = sys.argv[2]; print(f'score={x};' if x != '1' else ''); sys.exit(x == '3')"
    found, log = finish(local, tuning(local, script, "1", "2", "3"))

    assert tried(found) == ["2"]
    assert found["TrainingJobStatusCounters"]["NonRetryableError"] == 1
    assert found["ObjectiveStatusCounters"] == {"Succeeded": 1, "Pending": 0, "Failed": 2}
    assert "001 Completed: x=1; it did not print its objective\n" in log
    assert log.endswith("003 Failed: x=3; exit code 1: score=3;\n")


FINDS_NONE = "its Regex 'score=([0-9.e+-]+);' finds no number in their logs."


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "count", "reason", "started"),
    [
        ("raise SystemExit('bad')", 2, "none of its 2 training jobs succeeded; 001: exit code 1: bad", 2),
        ("raise SystemExit('bad')", 7, "none of its 5 training jobs succeeded; 001: exit code 1: bad", 5),
        ("print('scores')", 2, f"none of its 2 training jobs printed 'score': {FINDS_NONE}", 2),
        ("print('scores')", 7, f"none of its 5 training jobs printed 'score': {FINDS_NONE}", 5),
    ],
)  # fmt: skip
def test_it_fails_when_no_job_has_an_objective_and_after_five_of_them(
    local: Local, script: str, count: int, reason: str, started: int
) -> None:
    execution = local.run(tuning(local, script, *map(str, range(count))))

    assert execution.steps["Tune"].failure_reason == reason
    assert local.log(execution, "Tune").count("starts") == started


NO_BETTER = {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("criteria", "listed", "ran"),
    [
        ({"TargetObjectiveMetricValue": 2}, "1 2 3", "1 2"),
        ({"TargetObjectiveMetricValue": 9}, "1 2 3", "1 2 3"),
        (NO_BETTER, "2 1 3 3.02 1.5 2.5 4", "2 1 3 3.02 1.5 2.5"),
        (NO_BETTER, "2 1 3 1.1 1.5 4", "2 1 3 1.1 1.5 4"),
        (NO_BETTER, "0 -1 -2 -3 1", "0 -1 -2 -3"),
    ],
)  # fmt: skip
def test_completion_criteria_end_it(local: Local, criteria: dict[str, Any], listed: str, ran: str) -> None:
    found, log = finish(local, tuning(local, PRINT, *listed.split(), TuningJobCompletionCriteria=criteria))

    assert [line.rpartition("=")[2].split()[0] for line in log.splitlines() if "starts" in line] == ran.split()
    assert max(map(float, ran.split())) == found["BestTrainingJob"][FINAL]["Value"]


WAIT = "import sys, time; print(f'score={sys.argv[2]};', flush=True); time.sleep(60 if sys.argv[2] == '2' else 0)"


@pytest.mark.slow
def test_the_target_stops_jobs_that_are_still_running(local: Local) -> None:
    limits = {"MaxParallelTrainingJobs": 2}
    step = tuning(
        local, WAIT, "2", "3", ResourceLimits=limits, TuningJobCompletionCriteria={"TargetObjectiveMetricValue": 3}
    )
    found, _ = finish(local, step)

    assert tried(found) == ["3"]
    assert found["TrainingJobStatusCounters"]["Stopped"] == 1


@pytest.mark.slow
def test_the_time_limit_of_the_tuning_job_ends_it(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    step = tuning(local, WAIT, "1", "2", ResourceLimits={"MaxParallelTrainingJobs": 1, "MaxRuntimeInSeconds": 120})
    monkeypatch.setattr(tuning_job, "wait", lambda jobs, left, until: futures.wait(jobs, left / 60, until))

    found, _ = finish(local, step)

    assert (tried(found), found["TrainingJobStatusCounters"]["Stopped"]) == (["1"], 1)


@pytest.mark.slow
@pytest.mark.parametrize(("parallel", "jobs", "most"), [(3, 3, 3), (1, 3, 1), (3, 2, 2)])
def test_as_many_jobs_run_at_once_as_both_limits_allow(local: Local, parallel: int, jobs: int, most: int) -> None:
    script = "import time; print('from', time.time()); time.sleep(0.5); print('to', time.time()); print('score=1;')"
    step = tuning(local, script, *"123456", ResourceLimits={"MaxParallelTrainingJobs": parallel})
    beside = local.processing("Beside", script)

    execution = local.run(step, *([beside] if jobs == 2 else []), options={"jobs": jobs})

    logs = [*execution.folder.glob("Tune/*/log.txt"), *execution.folder.glob("Beside/log.txt")]
    spans = [[float(line.split()[1]) for line in log.read_text().splitlines()[:2]] for log in logs]
    assert max(sum(began <= moment < ended for began, ended in spans) for moment, _ in spans) == most


@pytest.mark.slow
def test_a_signal_stops_all_training_jobs(local: Local) -> None:
    script = "import os, time; print(os.getpid()); time.sleep(60)"
    runner = start(local, tuning(local, script, "1", "2", "3", ResourceLimits={"MaxParallelTrainingJobs": 2}))
    jobs = [runner.numbers(f"Tune/{number}")[0] for number in ("001", "002")]
    runner.process.send_signal(signal.SIGINT)

    runner.process.communicate(timeout=30)

    assert all(map(local.gone, jobs))
    execution = runner.execution()
    assert (execution.status, execution.steps["Tune"].status) == ("Stopped", "Stopped")
    assert not (execution.folder / "Tune/003").exists()


@pytest.mark.slow
def test_a_fault_of_the_machine_fails_the_step_and_a_policy_retries_it(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, faults = tuning_job.run_training, iter([OSError(28, "full")])

    def once(job: Any) -> Any:
        for fault in faults:
            raise fault
        return run(job)

    monkeypatch.setattr(tuning_job, "run_training", once)
    policy = {"ExceptionType": ["Step.SERVICE_FAULT"], "IntervalSeconds": 1, "MaxAttempts": 1}
    found, _ = finish(local, tuning(local, PRINT, "1", "2") | {"RetryPolicies": [policy]})

    assert tried(found) == ["2", "1"]


# The cache, a selection, and what is kept

CACHE = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "value", "runs"),
    [
        ((*TRAINING, "RoleArn"), "arn:aws:iam::123456789012:role/other", False),
        ((*TRAINING, "StoppingCondition"), {"MaxRuntimeInSeconds": 9}, False),
        ((*TRAINING, "ResourceConfig", "InstanceType"), "ml.m5.xlarge", False),
        ((*TRAINING, "StaticHyperParameters", "n"), "2", True),
        ((*TRAINING, "AlgorithmSpecification", "TrainingInputMode"), "FastFile", True),
        ((*TRAINING, "Environment"), {"A": "1"}, True),  # AWS's cache does not notice it
        ((*TRAINING, "OutputDataConfig", "S3OutputPath"), f"{BUCKET}/other", True),  # where the next step looks
        ((CONFIG, "ResourceLimits", "MaxParallelTrainingJobs"), 2, True),
        ((CONFIG, "RandomSeed"), 3, True),
    ],
)  # fmt: skip
def test_a_result_is_reused_unless_something_changed_that_matters(
    local: Local, path: tuple[str, ...], value: Any, runs: bool
) -> None:
    before = local.run(tuning(local, PRINT, "1", "2") | CACHE)
    step = tuning(local, PRINT, "1", "2") | CACHE
    assert refused(local, path, value, step) == []

    again = local.run(step)

    assert again.steps["Tune"].source == (None if runs else before.id)
    if not runs:
        assert again.steps["Tune"].properties == before.steps["Tune"].properties
        assert (again.folder / "Tune/outputs/model/model.tar.gz").is_file()


@pytest.mark.slow
def test_other_code_runs_again_and_the_plan_says_so(local: Local) -> None:
    before = local.run(tuning(local, PRINT, "1") | CACHE)
    step = tuning(local, PRINT + "# changed", "1") | CACHE

    found = preview(local.definition(step), pipeline_name=NAME, parameters={}, home=local.home).steps["Tune"]

    assert found.because == "its inputs or the outputs it makes have changed"
    assert found.aws == f"on AWS it would reuse the result of {before.id}, because its inputs have the same URIs"
    assert local.run(step).steps["Tune"].source is None


@pytest.mark.slow
def test_a_later_step_can_run_alone_with_the_best_model_of_before(local: Local) -> None:
    best = local.get("Steps.Tune.BestTrainingJob.TunedHyperParameters['x']")
    steps = tuning(local, PRINT, "1", "2"), local.processing("Use", "import sys; print(sys.argv[1])", best)
    local.run(*steps)

    again = local.run(*steps, selection=Selection(("Use",)))

    assert (again.steps["Tune"].selected, local.log(again, "Use")) == (False, "2\n")
    assert (again.folder / "Tune/outputs/model/model.tar.gz").is_file()


@pytest.mark.slow
def test_cleaning_keeps_the_models_of_a_result_that_a_kept_execution_reuses(local: Local) -> None:
    local.run(tuning(local, PRINT, "1", "2") | CACHE)
    again = local.run(tuning(local, PRINT, "1", "2") | CACHE)

    cleaning.clean(local.home, keep=1)

    assert (again.folder / "Tune/outputs/model/model.tar.gz").is_file()


@pytest.mark.slow
def test_cleaning_removes_the_folders_of_training_jobs_that_failed_in_a_step_that_did_not(local: Local) -> None:
    script = "import sys; print(f'score={sys.argv[2]};'); sys.exit(sys.argv[2] == '1')"
    execution = local.run(tuning(local, script, "1", "2"))
    assert (execution.folder / "Tune/001/job").is_dir()

    cleaning.clean(local.home, keep=1)

    assert not (execution.folder / "Tune/001/job").exists()
    assert (execution.folder / "Tune/001/log.txt").is_file()


# What the SDK compiles


def compiled(local: Local) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The steps and the parameters of a pipeline that tunes, evaluates the best model, and registers it."""
    script = """
        import argparse, json
        parser = argparse.ArgumentParser()
        for name, kind in {"learning_rate": float, "max_depth": int, "loss": str, "iterations": int}.items():
            parser.add_argument(f"--{name}", type=kind, required=True)
        given = parser.parse_args()
        assert 0.01 <= given.learning_rate <= 0.3 and 2 <= given.max_depth <= 8 and given.iterations == 100
        print(f"validation rmse={given.learning_rate * given.max_depth}")
        json.dump(vars(given), open("/opt/ml/model/model.json", "w"))
    """
    source = f"{BUCKET}/code/sourcedir.tar.gz"
    local.put_archive(source, {"training.py": dedent(script)})
    local.store.put(f"{BUCKET}/data/train/a.csv", b"1")
    text = {name: local.join(local.get(f"Parameters.{name}")) for name in ("RateMin", "RateMax", "DepthMax")}
    job = local.get("Steps.Tuning.TrainingJobSummaries[0].TrainingJobName")
    model = local.join("s3:/", "bucket", "models", job, "output/model.tar.gz", on="/")
    tune = {
        "HyperParameterTuningJobConfig": {
            "Strategy": local.get("Parameters.Strategy"),
            "ResourceLimits": {"MaxParallelTrainingJobs": 2, "MaxNumberOfTrainingJobs": 4},
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:rmse"},
            "ParameterRanges": {
                INTEGER: [{"Name": "max_depth", "MinValue": "2", "MaxValue": text["DepthMax"], "ScalingType": "Auto"}],
                CONTINUOUS: [number("learning_rate", text["RateMin"], text["RateMax"], "Logarithmic")],
                CATEGORICAL: [values("loss", "squared_error", "absolute_error")],
            },
            "TrainingJobEarlyStoppingType": "Auto",
            "RandomSeed": 1,
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {
                "TrainingInputMode": "File",
                "TrainingImage": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/image:1",
                "MetricDefinitions": [{"Name": "validation:rmse", "Regex": "validation rmse=([0-9.eE+-]+)"}],
            },
            "RoleArn": "arn:aws:iam::123456789012:role/sagemaker",
            "OutputDataConfig": {"S3OutputPath": f"{BUCKET}/models"},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            "StaticHyperParameters": {
                "sagemaker_program": "training.py", "sagemaker_submit_directory": source, "iterations": "100",
            },
            "InputDataConfig": [{
                "ChannelName": "train",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{BUCKET}/data/train"}},
            }],
            "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
        },
    }  # fmt: skip
    evaluate = local.processing(
        "Evaluation",
        """
        import json, sys, tarfile
        model = tarfile.open("/opt/ml/processing/model/model.tar.gz").extractfile("model.json")
        print(sys.argv[1:3], json.load(model)["learning_rate"] == float(sys.argv[4]))
        """,
        "--job", local.get("Steps.Tuning.BestTrainingJob.TrainingJobName"),
        "--learning-rate", local.get("Steps.Tuning.BestTrainingJob.TunedHyperParameters['learning_rate']"),
        inputs={"model": model},
    )  # fmt: skip
    register = local.register("Register", InferenceSpecification={"Containers": [{"ModelDataUrl": model}]})
    parameters = [
        local.parameter("RateMin", "Float", 0.01),
        local.parameter("RateMax", "Float", 0.3),
        local.parameter("DepthMax", "Integer", 8),
        local.parameter("Strategy", default="Bayesian", EnumValues=["Bayesian", "Random"]),
    ]
    return [{"Name": "Tuning", "Type": "Tuning", "Arguments": tune, **CACHE}, evaluate, register], parameters


@both_ways
def test_the_sdks_own_tuning_pipeline_runs(local: Local) -> None:
    steps, parameters = compiled(local)

    execution = local.run(*steps, parameters=parameters)

    assert execution.status == "Succeeded", execution.failure_reason
    found, best = execution.steps["Tuning"].properties, execution.steps["Tuning"].properties["BestTrainingJob"]
    objectives = [each[FINAL]["Value"] for each in found["TrainingJobSummaries"]]
    assert len(objectives) == 4
    assert objectives == sorted(objectives)
    assert local.log(execution, "Evaluation") == f"{['--job', best['TrainingJobName']]} True\n"
    assert execution.steps["Register"].properties["InferenceSpecification"]["Containers"] == [
        {"ModelDataUrl": f"{BUCKET}/models/{best['TrainingJobName']}/output/model.tar.gz"}
    ]


def test_its_warm_start_is_refused_by_name(local: Local) -> None:
    steps, parameters = compiled(local)
    steps[0]["Arguments"]["WarmStartConfig"] = {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": local.get("Parameters.Strategy")}],
        "WarmStartType": "TransferLearning",
    }

    assert local.problems(*steps, parameters=parameters) == (
        "step 'Tuning': WarmStartConfig (ParentHyperParameterTuningJobs) cannot be used here: leave it out."
    )


def test_a_property_of_a_tuning_step_that_does_not_exist_is_named(local: Local) -> None:
    best = local.fail("Reads", local.get("Steps.Tune.BestTrainingJobs.TrainingJobName"))

    assert "a Tuning step has no 'BestTrainingJobs'. Did you mean 'BestTrainingJob'?" in local.problems(
        tuning(local), best
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "listed", "early", "statuses"),
    [
        ("Maximize", ("5", "1"), "Auto", ["Completed", "Stopped"]),
        ("Maximize", ("5", "1"), "Off", ["Completed", "Completed"]),
        ("Maximize", ("1", "5"), "Auto", ["Completed", "Completed"]),  # it is better
        ("Minimize", ("1", "5"), "Auto", ["Completed", "Stopped"]),
        ("Maximize", ("3", "3"), "Auto", ["Completed"]),  # a grid has each combination once
        ("Maximize", ("9", "5", "1", "6"), "Auto", ["Completed", "Stopped", "Stopped", "Stopped"]),
    ],
)
def test_a_job_that_is_worse_than_the_median_of_the_others_ends_early(
    local: Local, kind: str, listed: tuple[str, ...], early: str, statuses: list[str]
) -> None:
    script = (
        "import sys, time\nx = sys.argv[2]\nprint(f'score={x};', flush=True)\ntime.sleep(1.5)\nprint(f'score={x};')\n"
    )
    objective = {"Type": kind, "MetricName": "score"}
    step = tuning(
        local, script, *listed, HyperParameterTuningJobObjective=objective, TrainingJobEarlyStoppingType=early
    )

    execution = local.run(step)

    lines = [line for line in local.log(execution, "Tune").splitlines() if " starts: " not in line]
    assert [line.split()[1].rstrip(":") for line in lines] == statuses
    assert all("it was stopped early" in line for line in lines if " Stopped: " in line)
    best = execution.steps["Tune"].properties["BestTrainingJob"]
    assert best["TunedHyperParameters"] == {
        "x": listed[1] if listed == ("1", "5") and kind == "Maximize" else listed[0]
    }


def test_a_stand_in_with_summaries_alone_has_no_outputs() -> None:
    assert TYPES["Tuning"].outputs({"TrainingJobSummaries": [{"TrainingJobName": "best"}]}) == {}
