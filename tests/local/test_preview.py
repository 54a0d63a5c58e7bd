"""What `ops plan` predicts: which steps are cached, which run and why, and what cannot run here."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from local.conftest import BUCKET, Local

from sagemaker_ops.local.preview import CACHED, FAILS, PERHAPS, REFUSED, RUNS, SKIPPED, Preview, preview

CACHE: dict[str, Any] = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"}}
COPY = """
    import pathlib
    for file in sorted(pathlib.Path("/opt/ml/processing/data").rglob("*.csv")):
        pathlib.Path("/opt/ml/processing/out", file.name).write_bytes(file.read_bytes())
"""
NAME = "customer-demo-train-local"


def foresee(local: Local, *steps: Any, parameters: Any = (), given: dict[str, str] | None = None) -> Preview:
    definition = local.definition(*steps, parameters=parameters)
    return preview(definition, pipeline_name=NAME, parameters=given or {}, home=local.home)


def copying(local: Local, name: str, source: Any, *arguments: Any, **more: Any) -> dict[str, Any]:
    """A step that copies its input `data` to its output `out`."""
    return local.processing(name, COPY, *arguments, inputs={"data": source}, outputs=("out",), **{**CACHE, **more})


def chain(local: Local, *arguments: str, **more: Any) -> list[dict[str, Any]]:
    """Prepare reads the table, and Use reads the output of Prepare."""
    first = copying(local, "Prepare", f"{BUCKET}/data/", *arguments, **more)
    return [first, copying(local, "Use", local.output_of("Prepare", "out"), "--again")]


@pytest.fixture(autouse=True)
def _table(local: Local) -> None:
    local.store.put(f"{BUCKET}/data/a.csv", b"1")


def test_before_the_first_run_nothing_is_known(local: Local) -> None:
    found = foresee(local, *chain(local))

    assert (found.steps["Prepare"].does, found.steps["Prepare"].because) == (RUNS, "it has no result yet")
    assert found.steps["Use"].does == PERHAPS
    assert found.steps["Use"].aws == "on AWS it runs in any case"
    assert found.can_run
    assert not (local.home / "runs").exists()


def test_finished_steps_are_cached_here_and_on_aws(local: Local) -> None:
    done = local.run(*chain(local))

    for forecast in foresee(local, *chain(local)).steps.values():
        assert (forecast.does, forecast.source, forecast.aws) == (CACHED, done.id, "")


def test_changed_content_at_the_same_uri_runs_here_and_is_overlooked_on_aws(local: Local) -> None:
    done = local.run(*chain(local))
    local.store.put(f"{BUCKET}/data/a.csv", b"2")

    found = foresee(local, *chain(local)).steps

    assert (found["Prepare"].does, found["Use"].does) == (RUNS, PERHAPS)
    for forecast in found.values():
        assert forecast.aws == f"on AWS it would reuse the result of {done.id}, because its inputs have the same URIs"


def test_the_same_content_at_another_uri_is_cached_here_and_runs_on_aws(local: Local) -> None:
    parameters = [local.parameter("Data", default=f"{BUCKET}/data/")]
    step = copying(local, "Prepare", local.get("Parameters.Data"))
    local.run(step, parameters=parameters)
    local.store.put(f"{BUCKET}/moved/a.csv", b"1")

    moved = {"Data": f"{BUCKET}/moved/"}
    found = foresee(local, step, parameters=parameters, given=moved).steps["Prepare"]
    local.run(step, parameters=parameters, given=moved)
    again = foresee(local, step, parameters=parameters, given=moved).steps["Prepare"]

    assert (found.does, found.aws) == (CACHED, "on AWS it would run, because its inputs have other URIs")
    assert (again.does, again.aws) == (CACHED, "")


def test_two_steps_that_do_the_same_share_a_result_here(local: Local) -> None:
    steps = [copying(local, name, f"{BUCKET}/data/") for name in ("Once", "Again")]
    steps[1]["DependsOn"] = ["Once"]

    done = local.run(*steps)

    assert (done.steps["Once"].source, done.steps["Again"].source) == (None, done.id)
    assert [each.aws for each in foresee(local, *steps).steps.values()] == ["", ""]


def test_another_pipeline_has_its_own_cache_on_aws(local: Local) -> None:
    local.run(*chain(local))
    definition = local.definition(*chain(local))

    found = preview(definition, pipeline_name="another", parameters={}, home=local.home).steps["Prepare"]

    assert (found.does, found.aws) == (CACHED, "on AWS it would run, because its inputs have other URIs")


def test_an_output_with_a_fixed_uri_hides_a_change_from_aws(local: Local) -> None:
    steps = chain(local, "--old")
    output = steps[0]["Arguments"]["ProcessingOutputConfig"]["Outputs"][0]
    output["S3Output"]["S3Uri"] = f"{BUCKET}/prepared/"
    done = local.run(*steps)
    steps[0]["Arguments"]["AppSpecification"]["ContainerArguments"] = ["--new"]

    found = foresee(local, *steps).steps

    assert (found["Prepare"].does, found["Prepare"].aws) == (RUNS, "")
    assert found["Use"].does == PERHAPS
    assert found["Use"].aws.startswith(f"on AWS it would reuse the result of {done.id}")


def age(local: Local, days: int) -> None:
    """Make every cached result this many days older."""
    then = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    for file in (local.home / "cache").glob("*.json"):
        entry = json.loads(file.read_text())
        entry["ended"], entry["addresses"] = then, {key: [entry["execution"], then] for key in entry["addresses"]}
        file.write_text(json.dumps(entry))


def test_a_changed_argument_is_named_with_its_old_value(local: Local) -> None:
    local.run(*chain(local, "--depth", "2"))

    assert foresee(local, *chain(local, "--depth", "3")).steps["Prepare"].because == (
        'AppSpecification.ContainerArguments is ["--depth", "3"], was ["--depth", "2"]'
    )


def test_a_changed_hyperparameter_and_changed_code_are_named(local: Local) -> None:
    step = {**local.training("Train", "print(1)", depth="2"), **CACHE}
    hyperparameters = step["Arguments"]["HyperParameters"]
    local.run(step)
    step["Arguments"]["HyperParameters"] = {**hyperparameters, "depth": "3"}
    assert foresee(local, step).steps["Train"].because == 'HyperParameters.depth is "3", was "2"'

    other = f"{BUCKET}/code/other/sourcedir.tar.gz"
    step["Arguments"]["HyperParameters"] = {**hyperparameters, "sagemaker_submit_directory": other}
    local.put_archive(other, {"train.py": "print(2)"})
    assert foresee(local, step).steps["Train"].because == (
        "the content of HyperParameters.sagemaker_submit_directory has changed"
    )


def test_only_two_of_many_changes_are_named(local: Local) -> None:
    local.run(copying(local, "Prepare", f"{BUCKET}/data/", environment=dict.fromkeys("ABCD", "1")))

    found = foresee(local, copying(local, "Prepare", f"{BUCKET}/data/", environment=dict.fromkeys("ABCD", "2")))

    assert found.steps["Prepare"].because == 'Environment.A is "2", was "1"; Environment.B is "2", was "1"; and 2 more'


def test_a_result_that_is_too_old_is_named(local: Local) -> None:
    done = local.run(*chain(local))
    age(local, 31)

    found = foresee(local, *chain(local)).steps["Prepare"]

    assert (found.does, found.because) == (RUNS, f"the result of {done.id} is older than CacheConfig allows")


def test_a_modified_result_is_named(local: Local) -> None:
    done = local.run(*chain(local))
    for file in local.store.find(done.steps["Prepare"].outputs["out"]).values():
        file.write_text("other")

    assert foresee(local, *chain(local)).steps["Prepare"].because == f"the result of {done.id} is no longer unchanged"


def test_other_packages_are_named(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    local.run(*chain(local))
    for module in ("cache", "preview"):
        monkeypatch.setattr(f"sagemaker_ops.local.{module}.packages_digest", lambda: "other")

    assert foresee(local, *chain(local)).steps["Prepare"].because == "other packages are installed"


def test_a_step_without_a_cache_always_runs(local: Local) -> None:
    local.run(*chain(local, CacheConfig={"Enabled": False}))

    found = foresee(local, *chain(local, CacheConfig={"Enabled": False})).steps

    assert (found["Prepare"].does, found["Prepare"].because, found["Prepare"].aws) == (
        RUNS,
        "it has no CacheConfig",
        "",
    )
    assert found["Use"].does == PERHAPS


def test_an_argument_that_differs_each_time_is_named(local: Local) -> None:
    step = copying(local, "Prepare", f"{BUCKET}/data/", local.get("Execution.PipelineExecutionId"))
    local.run(step)

    found = foresee(local, step).steps["Prepare"]

    assert (found.does, found.because) == (RUNS, "Execution.PipelineExecutionId is different in each execution")


def gated(local: Local) -> list[dict[str, Any]]:
    """Measure writes a number, and Gate compares it with 0.5."""
    script = 'import pathlib; pathlib.Path("/opt/ml/processing/out/m.json").write_text(\'{"auc": 0.9}\')'
    measure = local.processing("Measure", script, outputs=("out",), files={"Report": "out/m.json"}, **CACHE)
    better = local.compare("GreaterThan", local.json_get("Measure", "Report", "auc"), 0.5)
    after = local.processing("After", DependsOn=["Bad"], **CACHE)
    return [measure, local.condition("Gate", better, then=[local.fail("Good", "x")], otherwise=[
        local.processing("Bad", **CACHE)]), after]  # fmt: skip


def test_a_condition_on_cached_results_is_decided_and_the_other_branch_skipped(local: Local) -> None:
    steps = gated(local)
    assert {name: each.does for name, each in foresee(local, *steps).steps.items()} == {
        "Measure": RUNS, "Gate": RUNS, "Good": FAILS, "Bad": RUNS, "After": RUNS
    }  # fmt: skip
    local.run(*steps)

    found = foresee(local, *steps).steps

    assert found["Gate"].because == "it will be True"
    assert (found["Good"].does, found["Bad"].does, found["After"].does) == (FAILS, SKIPPED, SKIPPED)
    assert (found["Bad"].because, found["After"].because) == ("'Gate' is True", "it needs 'Bad', which does not start")


def test_everything_that_cannot_run_here_is_reported_together(local: Local) -> None:
    clusters = copying(local, "Wide", f"{BUCKET}/nowhere/")
    clusters["Arguments"]["ProcessingResources"]["ClusterConfig"]["InstanceCount"] = 2
    notify = {"Name": "Notify", "Type": "Lambda", "Arguments": {}, "DependsOn": ["Prepare"]}
    after = copying(local, "After", f"{BUCKET}/data/", DependsOn=["Notify"])
    missing = local.parameter("Size", "Integer")

    found = foresee(local, *chain(local), clusters, notify, after, parameters=[missing])

    assert not found.can_run
    assert [str(problem) for problem in found.problems] == [
        "parameter 'Size' (Integer) has no default: give it a value."
    ]
    assert found.steps["Notify"].does == REFUSED
    assert found.steps["Notify"].problems[0].startswith("steps of type Lambda run only on AWS")
    assert [problem.split(" ")[0] for problem in found.steps["Wide"].problems] == [
        "ProcessingResources.ClusterConfig.InstanceCount",
        "there",
    ]
    assert foresee(local, *chain(local), notify, after).steps["After"].because == (
        "it needs 'Notify', which cannot run here"
    )


@pytest.mark.parametrize("definition", [None, [], {}, {"Version": "1", "Steps": []}], ids=str)
def test_an_invalid_definition_is_a_problem_and_not_an_exception(local: Local, definition: object) -> None:
    found = preview(definition, pipeline_name=NAME, parameters={}, home=local.home)

    assert found.problems
    assert not found.can_run


@pytest.mark.slow
def test_a_run_does_what_was_predicted(local: Local) -> None:
    def alter() -> None:
        local.store.put(f"{BUCKET}/data/a.csv", b"2")

    changes: list[tuple[Any, list[dict[str, Any]]]] = [
        (None, [*chain(local), *gated(local)]),
        (None, [*chain(local), *gated(local)]),
        (alter, [*chain(local), *gated(local)]),
        (None, [*chain(local, "--new"), *gated(local)]),
        (lambda: age(local, 40), [*chain(local, "--new"), *gated(local)]),
        (None, [*chain(local), *gated(local)]),
    ]
    for change, steps in changes:
        if change is not None:
            change()
        predicted = foresee(local, *steps).steps
        done = local.run(*steps)
        for name, forecast in predicted.items():
            step = done.steps[name]
            if forecast.does == CACHED:
                assert (step.status, step.source) == ("Succeeded", forecast.source)
            elif forecast.does == RUNS and forecast.because and name not in ("Bad", "After"):  # in the other branch
                assert (step.source, step.attempts) == (None, 1), name
            elif forecast.does == SKIPPED:
                assert step.status == "NotStarted"


@pytest.mark.slow
def test_four_times_the_steps_take_four_times_as_long(local: Local) -> None:
    def took(number: int) -> float:
        first = copying(local, "Step0", f"{BUCKET}/data/")
        steps = [{**first, "Name": f"Step{i}", "DependsOn": [f"Step{i - 1}"] if i else []} for i in range(number)]
        times = []
        for _ in range(3):
            start = time.process_time()
            assert foresee(local, *steps).can_run
            times.append(time.process_time() - start)
        return min(times)

    assert took(1000) < 8 * took(250)  # with quadratic growth it would be 16 times


def test_steps_that_wait_for_each_other_are_reported_and_the_others_are_shown(local: Local) -> None:
    circle = [local.fail("A", "x", DependsOn=["B"]), local.fail("B", "x", DependsOn=["A"])]

    found = foresee(local, *circle, *chain(local))

    assert [str(problem) for problem in found.problems] == ["steps wait for each other in a circle: A ← B ← A."]
    assert found.steps["Prepare"].does == RUNS
