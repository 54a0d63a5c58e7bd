"""What a whole run does both on AWS and here: cache, retries, limits, refusals."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from local.behaving import WRITE, both_ways, reporting, statuses
from runners import start, wait_for

from sagemaker_ops.container import packages, process
from sagemaker_ops.definition.retry_and_cache import cache_for
from sagemaker_ops.definition.step_types import TYPES
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import Selection, cache, check, list_pipeline_executions

pytestmark = pytest.mark.slow  # each runs a pipeline, most of them both ways


def test_after_a_failure_only_independent_steps_start_and_the_reason_is_shown(local: Any) -> None:
    steps = [
        local.processing("Bad", "raise SystemExit('broken')", outputs=("out",)),
        local.processing("Dependent", inputs={"x": local.output_of("Bad", "out")}),
        local.processing("Other"),
        local.processing("AfterOther", DependsOn=["Other"]),
    ]
    execution = local.run(*steps)
    assert statuses(execution) == {
        "Bad": "Failed", "Dependent": "NotStarted", "Other": "Succeeded", "AfterOther": "Succeeded"
    }  # fmt: skip
    assert (execution.status, execution.failure_reason) == ("Failed", "step 'Bad': exit code 1: broken")


def test_a_fail_step_fails_the_execution_with_its_message(local: Any) -> None:
    message = local.join("auc ", local.json_get("Evaluate", "Report", "metrics.auc"), " < ", local.get("Parameters.G"))
    steps = [reporting(local), local.fail("Low", message)]
    execution = local.run(*steps, parameters=[local.parameter("G", "Float", 0.9)])
    assert (execution.status, execution.failure_reason) == ("Failed", "step 'Low': auc 0.8 < 0.9")
    assert statuses(execution) == {"Evaluate": "Succeeded", "Low": "Failed"}


class Counted:
    """A cached step `Copy` that copies its input, and how often it ran."""

    def __init__(self, local: Any) -> None:
        self.local, self.ran = local, local.home.parent / "ran"
        local.store.put("s3://bucket/raw/in.txt", b"data")
        self.step = local.processing(
            "Copy", COUNTING, str(self.ran), inputs={"data": "s3://bucket/raw/"}, outputs=("out",)
        )
        self.step["CacheConfig"] = {"Enabled": True}

    def run(self, **more: Any) -> Any:
        return self.local.run(self.step, **more)

    @property
    def times(self) -> int:
        return len(self.ran.read_text())


COUNTING = """
    import os, shutil, sys
    open(sys.argv[1], "a").write("x")
    for name in os.listdir("/opt/ml/processing/data"):
        shutil.copy(f"/opt/ml/processing/data/{name}", "/opt/ml/processing/out/")
    if os.environ.get("FAIL"):
        raise SystemExit(1)
"""


@both_ways
def test_a_cached_result_replaces_running_the_step(local: Any) -> None:
    counted = Counted(local)
    first, second = counted.run(), counted.run()
    assert counted.times == 1
    assert (first.steps["Copy"].source, second.steps["Copy"].source) == (None, first.id)
    assert second.steps["Copy"].properties == first.steps["Copy"].properties
    assert local.output(second, "Copy", "out/in.txt") == "data"
    read = local.processing(
        "Read", "print(open('/opt/ml/processing/x/in.txt').read())", inputs={"x": local.output_of("Copy", "out")}
    )
    third = local.run(counted.step, read)
    assert (counted.times, local.log(third, "Read")) == (1, "data\n")


def test_a_training_step_is_found_in_the_cache_with_its_model(local: Any) -> None:
    step = local.training("Train", "print('trained')", rate="0.5") | {"CacheConfig": {"Enabled": True}}
    first, second = local.run(step), local.run(step)
    assert second.steps["Train"].source == first.id
    assert second.steps["Train"].properties["ModelArtifacts"] == first.steps["Train"].properties["ModelArtifacts"]
    step["Arguments"]["HyperParameters"]["rate"] = "0.6"
    assert local.run(step).steps["Train"].source is None


def _elsewhere(counted: Counted) -> None:
    counted.local.store.put("s3://other/place/in.txt", b"data")
    counted.step["Arguments"]["ProcessingInputs"][1]["S3Input"]["S3Uri"] = "s3://other/place/"


def _written_again(counted: Counted) -> None:
    counted.local.store.put("s3://bucket/raw/in.txt", b"data")


def _output_elsewhere(counted: Counted) -> None:
    counted.step["Arguments"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] = "s3://bucket/mine/"


@pytest.mark.parametrize("change", [_elsewhere, _written_again, _output_elsewhere])
def test_the_same_content_is_found_wherever_it_is(local: Any, change: Callable[[Counted], None]) -> None:
    counted = Counted(local)
    first = counted.run()
    change(counted)
    assert (counted.run().steps["Copy"].source, counted.times) == (first.id, 1)


def _put(name: str, content: bytes) -> Callable[[Counted], None]:
    return lambda counted: counted.local.store.put(f"s3://bucket/{name}", content)


def _environment(counted: Counted) -> None:
    counted.step["Arguments"]["Environment"]["MODE"] = "x"


def _argument(counted: Counted) -> None:
    counted.step["Arguments"]["AppSpecification"]["ContainerArguments"].append("--more")


def _image(counted: Counted) -> None:
    counted.step["Arguments"]["AppSpecification"]["ImageUri"] = "other"


def _another_output(counted: Counted) -> None:
    outputs = counted.step["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    outputs.append({"OutputName": "b", "S3Output": {"S3Uri": "s3://bucket/b", "LocalPath": "/opt/ml/processing/b"}})


def _renamed(counted: Counted) -> None:
    there = counted.local.store.locate("s3://bucket/raw/in.txt")
    there.rename(there.with_name("renamed.txt"))


def _made(counted: Counted) -> Path:
    [path] = counted.local.home.glob("s3/bucket/*/Copy/out/in.txt")
    return path


def _package(_: Counted) -> None:
    packages.packages_digest.cache_clear()
    Path(packages.sysconfig.get_paths()["purelib"], "new-1.0.dist-info").mkdir()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_put("raw/in.txt", b"atad"), id="input"),
        pytest.param(_put("raw/more.txt", b""), id="another-input"),
        pytest.param(_renamed, id="renamed-input"),
        pytest.param(_put("code/Copy/main.py", COUNTING.replace("\n    ", "\n").encode() + b"#"), id="code"),
        pytest.param(_put("code/Copy/helper.py", b""), id="code-beside"),
        pytest.param(_environment, id="environment"),
        pytest.param(_argument, id="argument"),
        pytest.param(_image, id="image"),
        pytest.param(_another_output, id="another-output"),
        pytest.param(_package, id="installed-package"),
        pytest.param(lambda counted: _made(counted).unlink(), id="output-removed"),
        pytest.param(lambda counted: _made(counted).write_bytes(b"DATA"), id="output-altered"),
        pytest.param(lambda counted: counted.step["CacheConfig"].update(Enabled=False), id="no-longer-enabled"),
        pytest.param(lambda counted: counted.step.pop("CacheConfig"), id="no-cache-config"),
    ],
)
def test_any_change_in_inputs_or_outputs_runs_the_step_again(
    local: Any, change: Callable[[Counted], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    site_packages = local.home.parent / "site-packages"
    site_packages.mkdir()
    monkeypatch.setattr(packages.sysconfig, "get_paths", lambda: {"purelib": str(site_packages)})
    packages.packages_digest.cache_clear()
    counted = Counted(local)
    counted.run()
    change(counted)
    execution = counted.run()
    assert (execution.steps["Copy"].source, counted.times) == (None, 2), execution.failure_reason
    packages.packages_digest.cache_clear()


@pytest.mark.parametrize(("expires", "age", "found"), [("P30D", {"days": 29}, True), ("T12H", {"hours": 13}, False)])
def test_a_result_that_is_too_old_is_not_reused(
    local: Any, expires: str, age: dict[str, int], found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(local)
    counted.step["CacheConfig"] = {"Enabled": True, "ExpireAfter": expires}
    counted.run()

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(**age)

    monkeypatch.setattr(cache, "datetime", Later)
    assert (counted.run().steps["Copy"].source is not None) is found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30d", {"days": 30}),
        ("P30D", {"days": 30}),
        ("T12H", {"hours": 12}),
        ("T30m", {"minutes": 30}),
        ("PT1H", {"hours": 1}),
        ("p1y2m3dT4h5m6s", {"days": 365 + 60 + 3, "hours": 4, "minutes": 5, "seconds": 6}),
    ],
)
def test_a_duration_is_read_as_aws_and_the_sdk_write_it(text: str, expected: dict[str, int]) -> None:
    assert cache_for({"Enabled": True, "ExpireAfter": text}) == (timedelta(**expected), [])


@pytest.mark.parametrize("text", ["", "P", "30", "T", "30x", "P30D " * 2, "9" * 5000 + "d"])
def test_an_invalid_duration_is_one_sentence(text: str) -> None:
    found, [sentence] = cache_for({"Enabled": True, "ExpireAfter": text})
    assert found is None
    assert "write a duration such as 'P30D' or 'T12H'" in sentence


def test_a_failed_step_is_never_cached(local: Any) -> None:
    counted = Counted(local)
    counted.step["Arguments"]["Environment"] = {"FAIL": "yes"}
    assert [counted.run().status for _ in range(2)] == ["Failed", "Failed"]
    assert counted.times == 2


def test_without_the_cache_every_step_runs(local: Any) -> None:
    counted = Counted(local)
    counted.run()
    assert counted.run(options={"cache": False}).steps["Copy"].source is None
    assert counted.times == 2


RETRY = {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 3, "BackoffRate": 2, "MaxAttempts": 2}


@pytest.mark.parametrize(
    ("policies", "faults", "status", "pauses"),
    [
        pytest.param([RETRY], 0, "Succeeded", [], id="no-fault"),
        pytest.param([RETRY], 2, "Succeeded", [3, 6], id="as-often-as-it-says"),
        pytest.param([RETRY], 3, "Failed", [3, 6], id="and-no-more"),
        pytest.param([RETRY | {"MaxAttempts": 0}], 1, "Failed", [], id="never"),
        pytest.param([{"ExceptionType": ["Step.SERVICE_FAULT"]}], 9, "Failed", [1, 2, 4, 8, 16], id="defaults"),
        pytest.param(
            [{"ExceptionType": ["Step.SERVICE_FAULT"], "IntervalSeconds": 30, "ExpireAfterMin": 1}],
            9,
            "Failed",
            [30],
            id="not-after-a-minute",
        ),
        pytest.param([{"ExceptionType": ["SageMaker.CAPACITY_ERROR"]}], 1, "Failed", [], id="of-another-fault"),
        pytest.param([], 1, "Failed", [], id="without-a-policy"),
    ],
)
def test_an_error_of_the_machine_is_retried_as_the_policy_says(
    local: Any, policies: Any, faults: int, status: str, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, waited = [0.0], []

    def wait(_: object, seconds: float) -> bool:
        clock[0] += seconds
        waited.append(seconds)
        return False

    move = type(local.store).move_folder
    left = [faults]

    def move_folder(*arguments: Any) -> None:
        if left[0]:
            left[0] -= 1
            raise OSError(5, "Input/output error", "a.txt")
        move(*arguments)

    monkeypatch.setattr(process.Stop, "wait", wait)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(type(local.store), "move_folder", move_folder)
    execution = local.run(local.processing("A", WRITE, outputs=("out",), RetryPolicies=policies))
    assert (execution.status, waited, execution.steps["A"].attempts) == (status, pauses, len(pauses) + 1)
    if status == "Failed":
        assert execution.failure_reason == "step 'A': Input/output error: a.txt"
    else:
        assert local.output(execution, "A", "out/a.txt") == "made"


def test_an_exit_code_of_the_program_is_never_retried(local: Any) -> None:
    steps = [
        local.processing("Exit", "raise SystemExit(1)", RetryPolicies=[RETRY]),
        local.processing("Killed", "import os; os.kill(os.getpid(), 9)", RetryPolicies=[RETRY]),
        local.processing("NoProgram", RetryPolicies=[RETRY]),
    ]
    not_executable = "/opt/ml/processing/input/code/main.py"
    steps[2]["Arguments"]["AppSpecification"]["ContainerEntrypoint"] = [not_executable]
    execution = local.run(*steps)
    assert [(step.status, step.attempts) for step in execution.steps.values()] == [("Failed", 1)] * 3


@pytest.mark.slow
@both_ways
def test_the_time_limit_ends_a_job(local: Any) -> None:
    begin = time.monotonic()
    execution = local.run(local.processing("A", "import time; time.sleep(60)", seconds=1))
    assert 1 <= time.monotonic() - begin < 30
    assert execution.steps["A"].failure_reason == "it was stopped after MaxRuntimeInSeconds = 1."


@both_ways
def test_the_time_limit_terminates_and_then_kills_the_whole_group(local: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    script = """
        import os, signal, time
        say = lambda text: os.write(1, f"{text}\\n".encode())
        signal.signal(signal.SIGTERM, lambda *_: say("terminated"))
        say(os.fork())
        while True:
            time.sleep(1)
    """
    timer = threading.Timer

    def in_time(seconds: float, then: Callable[[], None]) -> threading.Timer:
        """The limit ends when both processes of the job are ready, and the grace period when both got the signal."""
        lines = {77: 2, process.GRACE_SECONDS: 4}[seconds]

        def end() -> None:
            try:
                [log] = local.home.glob("runs/*/A")
                wait_for(lambda: (log / "log.txt").read_text().count("\n") == lines, f"{lines} lines")
            finally:
                then()

        return timer(0, end)

    monkeypatch.setattr(threading, "Timer", in_time)
    execution = local.run(local.processing("A", script, seconds=77))
    assert execution.steps["A"].failure_reason == "it was stopped after MaxRuntimeInSeconds = 77."
    *numbers, first, second = local.log(execution, "A").split()
    assert (first, second) == ("terminated", "terminated")
    [child] = [int(number) for number in numbers if number != "0"]
    assert local.gone(child)


SLEEPER = """
    import os, signal, sys, time
    if "stubborn" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(os.getpid(), flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_execution_without_orphans(local: Any, number: signal.Signals) -> None:
    runner = start(local, local.processing("A", SLEEPER), local.fail("B", "x", DependsOn=["A"]))
    [step] = runner.numbers("A")
    runner.process.send_signal(number)
    output, _ = runner.process.communicate(timeout=30)
    assert runner.process.returncode == 0
    assert output.splitlines()[-3:] == [
        "Stopping Executing NotStarted",
        "Stopping Stopped NotStarted",
        "Stopped Stopped NotStarted",
    ]
    assert local.gone(step)
    assert runner.execution().status == "Stopped"


def test_a_second_signal_kills_at_once(local: Any) -> None:
    runner = start(local, local.processing("A", SLEEPER, "stubborn"))
    [step] = runner.numbers("A")
    runner.process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    assert runner.process.poll() is None
    runner.process.send_signal(signal.SIGINT)
    runner.process.communicate(timeout=8)  # less than the grace period
    assert local.gone(step)
    assert runner.execution().status == "Stopped"


def chain(local: Any) -> list[Any]:
    """Three steps, each of which adds its letter and the parameter to the output of the one before."""
    script = """
        import os, sys
        before = "/opt/ml/processing/x/text"
        text = open(before).read() if os.path.exists(before) else ""
        open("/opt/ml/processing/out/text", "w").write(text + sys.argv[1])
    """
    steps, before = [], ""
    for name in "ABC":
        inputs = {"x": local.output_of(before, "out")} if before else {}
        word = local.join(name, local.get("Parameters.Word"))
        steps.append(local.processing(name, script, word, inputs=inputs, outputs=("out",)))
        before = name
    return steps


@pytest.mark.parametrize(
    ("selection", "ran", "text"),
    [
        pytest.param(Selection(("B",)), "B", "A1B2", id="one-step"),
        pytest.param(Selection(("B",), onward=True), "BC", "A1B2C2", id="and-what-depends-on-it"),
        pytest.param(Selection(("C",), source="first"), "C", "A0B0C2", id="on-a-named-execution"),
        pytest.param(Selection(("A", "C")), "AC", "A1B1C2", id="with-a-gap", marks=pytest.mark.slow),
    ],
)
def test_a_selection_runs_with_the_results_of_an_earlier_execution(
    local: Any, selection: Selection, ran: str, text: str
) -> None:
    steps, declared = chain(local), [local.parameter("Word")]
    before = [local.run(*steps, parameters=declared, given={"Word": word}) for word in "01"]
    source = before[0] if selection.source else before[1]
    if selection.source:
        selection = Selection(selection.steps, selection.onward, source.id)
    execution = local.run(*steps, parameters=declared, given={"Word": "2"}, selection=selection)
    assert execution.status == "Succeeded", execution.failure_reason
    assert {name: step.source for name, step in execution.steps.items()} == {
        name: None if name in ran else source.id for name in "ABC"
    }
    assert local.output(execution, ran[-1], "out/text") == text
    again = local.run(*steps, parameters=declared, selection=selection)  # with the parameters of its source
    assert again.parameters == {"Word": source.parameters["Word"] if selection.source else "2"}


@pytest.mark.parametrize(
    ("selection", "sentence"),
    [
        (Selection(("First",)), r"there is no step 'First'\. Available: "),
        (Selection(("Alpa",)), r"there is no step 'Alpa'\. Did you mean 'Alpha'\?"),
        (Selection(("C",)), "it needs 'B', which is Failed in execution"),
        (Selection(("No",)), "it is in the branch of 'If' that execution"),
        (Selection(("B",), source="zzz"), "zzz"),
    ],
)
def test_a_selection_whose_needed_results_are_missing_is_refused(
    local: Any, selection: Selection, sentence: str
) -> None:
    steps = [
        local.processing("Alpha", outputs=("out",)),
        local.processing("B", "raise SystemExit(1)", DependsOn=["Alpha"]),
        local.processing("C", DependsOn=["B"]),
        local.condition("If", local.compare("Equals", 1, 1), otherwise=[local.processing("No")]),
    ]
    local.run(*steps)
    with pytest.raises(UserError, match=sentence):
        local.run(*steps, selection=selection)
    assert len(list_pipeline_executions(local.home)) == 1


def _count_of_processing(step: Any, count: Any) -> None:
    step["Arguments"]["ProcessingResources"]["ClusterConfig"]["InstanceCount"] = count


def _count_of_training(step: Any, count: Any) -> None:
    step["Arguments"]["ResourceConfig"]["InstanceCount"] = count


@pytest.mark.parametrize(
    ("kind", "where", "change"),
    [
        ("processing", "ProcessingResources.ClusterConfig.InstanceCount", _count_of_processing),
        ("training", "ResourceConfig.InstanceCount", _count_of_training),
    ],
)
def test_more_than_one_instance_is_refused_by_name(local: Any, kind: str, where: str, change: Any) -> None:
    step = getattr(local, kind)("A")
    change(step, 2)
    assert f"step 'A': {where} is 2, but only 1 can run here." in local.problems(step)
    change(step, local.get("Parameters.Count"))
    declared = [local.parameter("Count", "Integer", 1)]
    assert check(local.definition(step, parameters=declared)).steps
    with pytest.raises(UserError, match=r"InstanceCount is 2, but only 1 can run here\."):
        local.run(step, parameters=declared, given={"Count": "2"})
    assert not (local.home / "runs").exists()


@pytest.mark.parametrize("kind", [name for name, kind in TYPES.items() if not kind.runs_here])
def test_a_step_type_that_runs_only_on_aws_is_refused_before_the_start(local: Any, kind: str) -> None:
    with pytest.raises(UserError, match=f"step 'X': steps of type {kind} run only on AWS"):
        local.run(local.processing("A"), {"Name": "X", "Type": kind, "Arguments": {}})
    assert not (local.home / "runs").exists()


def test_registering_numbers_the_versions_of_a_group_and_keeps_the_arguments(local: Any) -> None:
    local.store.put("s3://bucket/model.tar.gz", b"m")
    containers = {"Containers": [{"Image": "i", "ModelDataUrl": local.get("Parameters.Model")}]}
    metrics = {"ModelQuality": {"Statistics": {"S3Uri": local.join("s3://bucket/", "e.json")}}}
    steps = [
        local.register(
            "R", "g-1", InferenceSpecification=containers, ModelMetrics=metrics, ModelApprovalStatus="Approved"
        ),
        local.register("Other", "g-2"),
    ]
    for version in (1, 2):
        execution = local.run(*steps, parameters=[local.parameter("Model", default="s3://bucket/model.tar.gz")])
        properties = execution.steps["R"].properties
        assert properties["ModelPackageArn"].endswith(f":model-package/g-1/{version}")
        assert json.loads((local.home / f"registry/g-1/{version}.json").read_text()) == properties
    assert properties["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == "s3://bucket/model.tar.gz"
    assert properties["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"] == "s3://bucket/e.json"
    assert properties["ModelApprovalStatus"] == "Approved"
    assert execution.steps["Other"].properties["ModelApprovalStatus"] == "PendingManualApproval"


def test_steps_that_register_at_the_same_time_get_separate_versions(local: Any) -> None:
    execution = local.run(*(local.register(f"R{number}") for number in range(24)), options={"jobs": 24})
    versions = [step.properties["ModelPackageVersion"] for step in execution.steps.values()]
    assert sorted(versions) == list(range(1, 25))
    for step in execution.steps.values():
        file = local.home / f"registry/models/{step.properties['ModelPackageVersion']}.json"
        assert json.loads(file.read_text()) == step.properties
