"""What a pipeline does on AWS and so does here, behaviour by behaviour: the graph, then a job, then a whole run."""

from __future__ import annotations

import io
import itertools
import json
import os
import signal
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from runners import start, wait_for

from ops.container import packages, process
from ops.container.archives import unpack
from ops.definition import parameters
from ops.definition.conditions import holds
from ops.definition.expressions import Scope, resolve
from ops.definition.policies import cache_for
from ops.definition.shapes import AWS_ONLY
from ops.errors import UserError
from ops.local import Selection, cache, check, list_pipeline_executions

pytestmark = pytest.mark.slow  # each runs a pipeline, most of them both ways

both_ways = pytest.mark.parametrize("local", ["namespace", "rewrite"], indirect=True)

REPORT = """
    import json
    json.dump({"metrics": {"auc": 0.8, "a.b": [7]}, "label": "x"}, open("/opt/ml/processing/report/report.json", "w"))
"""
WRITE = "open('/opt/ml/processing/out/a.txt', 'w').write('made')"
SCOPE = Scope(
    parameters={"Rate": 0.5, "Count": 3, "Flag": True, "Name": "abc"}, execution={"PipelineExecutionId": "id0123"}
)


def statuses(execution: Any) -> dict[str, str]:
    return {name: step.status for name, step in execution.steps.items()}


def reporting(local: Any, name: str = "Evaluate") -> Any:
    """A step with the property file Report."""
    return local.processing(name, REPORT, outputs=("report",), files={"Report": "report/report.json"})


# The graph


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(
            lambda local: local.processing("B", inputs={"x": local.output_of("Evaluate", "report")}), id="argument"
        ),
        pytest.param(
            lambda local: local.fail("B", local.join("a", local.join(local.output_of("Evaluate", "report")))), id="join"
        ),
        pytest.param(lambda local: local.fail("B", local.json_get("Evaluate", "Report", "label")), id="json-get"),
        pytest.param(
            lambda local: local.fail(
                "B", {"Std:JsonGet": {"S3Uri": local.output_of("Evaluate", "report"), "Path": "a"}}
            ),
            id="json-get-of-uri",
        ),
        pytest.param(
            lambda local: local.condition("B", local.compare("Equals", 1, local.json_get("Evaluate", "Report", "x"))),
            id="condition",
        ),
        pytest.param(
            lambda local: local.condition(
                "B",
                {
                    "Type": "Or",
                    "Conditions": [
                        {
                            "Type": "Not",
                            "Condition": local.compare("Equals", local.json_get("Evaluate", "Report", "x"), 1),
                        }
                    ],
                },
            ),
            id="nested-condition",
        ),
        pytest.param(lambda local: local.fail("B", "x", DependsOn=["Evaluate"]), id="depends-on"),
    ],
)
def test_the_order_comes_from_references_and_depends_on_never_from_the_list(local: Any, second: Any) -> None:
    plan = check(local.definition(local.fail("Last", "x", DependsOn=["B"]), second(local), reporting(local)))
    assert list(plan.steps) == ["Evaluate", "B", "Last"]
    assert plan.steps["B"].waits_for == {"Evaluate"}


def test_independent_steps_run_at_once_and_never_more_than_allowed(local: Any) -> None:
    place = local.home.parent / "meet"
    place.mkdir()
    meet = """
        import os, sys, time
        here = os.path.join(sys.argv[1], str(os.getpid()))
        open(here, "w")
        until = time.monotonic() + 30
        while len(os.listdir(sys.argv[1])) < 2 and not os.path.exists(sys.argv[1] + "/../met"):
            assert time.monotonic() < until, "nobody came"
            time.sleep(0.005)
        open(sys.argv[1] + "/../met", "w")
        time.sleep(0.05)  # long enough for a third to come, if one were let in
        assert len(os.listdir(sys.argv[1])) <= 2
        os.remove(here)
    """
    execution = local.run(*(local.processing(name, meet, str(place)) for name in "ABCD"), options={"jobs": 2})
    assert execution.status == "Succeeded", execution.failure_reason


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        pytest.param(
            lambda local: [local.fail("A", "x", DependsOn=["B"]), local.fail("B", "x", DependsOn=["A"])],
            "in a circle",
            id="circle",
        ),
        pytest.param(
            lambda local: [
                local.condition(
                    "If",
                    local.compare("Equals", local.output_of("In", "out"), "x"),
                    then=[local.processing("In", outputs=("out",))],
                )
            ],
            "in a circle",
            id="condition-on-its-own-branch",
        ),
        pytest.param(
            lambda local: [local.fail("A", local.output_of("B", "out"))], "'B', which is no step", id="unknown-step"
        ),
        pytest.param(
            lambda local: [local.fail("A", "x", DependsOn=["B"])], "DependsOn names 'B', which is no step", id="unknown"
        ),
        pytest.param(
            lambda local: [local.fail("A", local.get("Parameters.B"))], "'B', which is no parameter", id="parameter"
        ),
        pytest.param(
            lambda local: [local.fail("A", "x"), local.fail("A", "x")], "two steps have this name", id="twins"
        ),
    ],
)
def test_what_cannot_be_a_graph_is_refused_before_anything_runs(local: Any, steps: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        local.run(*steps(local))
    assert not (local.home / "runs").exists()


def test_the_branch_not_taken_and_what_hangs_on_it_never_start_and_are_no_failure(local: Any) -> None:
    steps = [
        local.condition("If", local.compare("Equals", 1, 2), then=[local.processing("Inside", outputs=("out",))]),
        local.processing("ByData", inputs={"x": local.output_of("Inside", "out")}),
        local.fail("ByName", "x", DependsOn=["ByData"]),
    ]
    execution = local.run(*steps)
    assert execution.status == "Succeeded"
    assert statuses(execution) == {"If": "Succeeded"} | dict.fromkeys(("Inside", "ByData", "ByName"), "NotStarted")


def test_a_step_that_depends_on_a_condition_waits_for_it_and_conditions_nest(local: Any) -> None:
    yes, no = local.compare("Equals", 1, 1), local.compare("Equals", 1, 2)
    inner = local.condition("Inner", no, then=[local.fail("Then", "x")], otherwise=[local.register("Else")])
    steps = [
        local.fail("After", "x", DependsOn=["Inner"]),
        local.condition("Outer", yes, then=[inner], otherwise=[local.fail("Never", "x")], DependsOn=["Evaluate"]),
        reporting(local),
    ]
    execution = local.run(*steps)
    assert statuses(execution) == {
        "Evaluate": "Succeeded", "Outer": "Succeeded", "Inner": "Succeeded", "Else": "Succeeded", "After": "Failed",
        "Then": "NotStarted", "Never": "NotStarted",
    }  # fmt: skip
    assert [execution.steps[name].properties for name in ("Outer", "Inner")] == [
        {"Outcome": "True"},
        {"Outcome": "False"},
    ]
    ran = ("Evaluate", "Outer", "Inner", "After")
    assert all(
        execution.steps[first].end_time <= execution.steps[second].start_time
        for first, second in itertools.pairwise(ran)
    )


def compare(kind: str, left: Any, right: Any) -> dict[str, Any]:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        (compare("Equals", {"Get": "Parameters.Count"}, 3.0), True),
        (compare("Equals", "a", "b"), False),
        (compare("Equals", True, {"Get": "Parameters.Flag"}), True),
        (compare("GreaterThan", 3, 3), False),
        (compare("GreaterThanOrEqualTo", {"Get": "Parameters.Rate"}, 0.5), True),
        (compare("LessThan", "a", "b"), True),
        (compare("LessThanOrEqualTo", 4, 3), False),
        ({"Type": "In", "QueryValue": {"Get": "Parameters.Name"}, "Values": ["x", "abc"]}, True),
        ({"Type": "In", "QueryValue": 1, "Values": []}, False),
        ({"Type": "Not", "Condition": compare("Equals", 1, 1)}, False),
        ({"Type": "Or", "Conditions": [compare("Equals", 1, 2), compare("Equals", 1, 1)]}, True),
        ({"Type": "Or", "Conditions": [compare("Equals", 1, 1), compare("Equals", 1, "1")]}, True),
        ({"Type": "Not", "Condition": {"Type": "Or", "Conditions": []}}, True),
    ],
)
def test_conditions_compare_negate_and_combine(condition: dict[str, Any], outcome: bool) -> None:
    assert holds(condition, SCOPE) is outcome


@pytest.mark.parametrize(("second", "branch"), [(1, "Then"), (2, "Else")])
def test_all_conditions_of_a_list_must_hold(local: Any, second: int, branch: str) -> None:
    questions = [local.compare("Equals", 1, 1), local.compare("Equals", 1, second)]
    step = local.condition("If", *questions, then=[local.register("Then")], otherwise=[local.register("Else")])
    ran = {name for name, status in statuses(local.run(step)).items() if status == "Succeeded"}
    assert ran == {"If", branch}


@pytest.mark.parametrize(("left", "right"), [(1, "1"), (True, 1), ("true", True)])
def test_values_of_different_types_are_not_compared(left: Any, right: Any) -> None:
    with pytest.raises(UserError, match="both sides must be of one type"):
        holds(compare("Equals", left, right), SCOPE)


def test_a_property_file_is_read_from_its_output_after_the_upload(local: Any) -> None:
    auc = local.json_get("Evaluate", "Report", "metrics.auc")
    gate = local.condition(
        "Gate", local.compare("LessThan", auc, 0.7), then=[local.fail("Low", local.join("auc is ", auc))]
    )

    def on_change(execution: Any) -> None:
        if execution.steps["Evaluate"].status == "Succeeded" and execution.steps["Gate"].status == "NotStarted":
            uploaded = f"s3://bucket/{execution.id}/Evaluate/report/report.json"
            assert local.store.read_json(uploaded)["metrics"]["auc"] == 0.8
            local.store.put(uploaded, b'{"metrics": {"auc": 0.1}}')

    execution = local.run(gate, reporting(local), on_change=on_change)
    assert execution.failure_reason == "step 'Low': auc is 0.1"
    assert execution.read_property_file("Evaluate", "Report") == {"metrics": {"auc": 0.1}}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("metrics.auc", "0.8"),
        ("metrics['a.b'][0]", "7"),
        ('["label"]', "x"),
        ("metrics.auk", "report.json (property file 'Report' of step 'Evaluate') has no 'metrics.auk': 'auk' is miss"),
        ("metrics['a.b'][1]", "has no 'metrics.a.b[1]': '1' is missing"),
        ("metrics", "has no single value at 'metrics'"),
    ],
)
def test_a_path_into_json_gives_its_value_or_fails_the_step_with_a_sentence(
    local: Any, path: str, message: str
) -> None:
    execution = local.run(reporting(local), local.fail("B", local.json_get("Evaluate", "Report", path)))
    assert message in execution.steps["B"].failure_reason


def test_json_is_read_by_property_file_and_by_address(local: Any) -> None:
    address = local.join(local.output_of("Evaluate", "report"), "report.json", on="/")
    by_address = {"Std:JsonGet": {"S3Uri": address, "Path": "label"}}
    message = local.join(local.json_get("Evaluate", "Report", "label"), by_address, on=" and ")
    assert local.run(reporting(local), local.fail("B", message)).steps["B"].failure_reason == "x and x"


DECLARED = {
    "Text": parameters.Parameter("Text", "String", "x"),
    "Count": parameters.Parameter("Count", "Integer", 1),
    "Rate": parameters.Parameter("Rate", "Float", 0.1),
    "Flag": parameters.Parameter("Flag", "Boolean", False),
    "Status": parameters.Parameter("Status", "String", "Approved", ("Approved", "Rejected")),
}


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({}, {"Text": "x", "Count": 1, "Rate": 0.1, "Flag": False, "Status": "Approved"}),
        ({"Text": "", "Count": "-3", "Rate": "1e-3"}, {"Text": "", "Count": -3, "Rate": 0.001}),
        ({"Rate": "2", "Flag": "True", "Status": "Rejected"}, {"Rate": 2.0, "Flag": True, "Status": "Rejected"}),
    ],
)
def test_parameters_get_their_type(given: dict[str, str], values: dict[str, Any]) -> None:
    found, problems = parameters.values(DECLARED, given)
    assert not problems
    assert {name: found[name] for name in values} == values
    assert type(found["Rate"]) is float


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"Cuont": "1"}, "there is no parameter 'Cuont'. Did you mean 'Count'?"),
        ({"Zzz": "1"}, "there is no parameter 'Zzz'. There is: Text, Count, Rate, Flag, Status."),
        ({"Count": "1.5"}, "parameter 'Count' needs a value of type Integer, not '1.5'."),
        ({"Count": ""}, "parameter 'Count' needs a value of type Integer, not ''."),
        ({"Rate": "nan"}, "parameter 'Rate' needs a value of type Float, not 'nan'."),
        ({"Flag": "yes"}, "parameter 'Flag' needs a value of type Boolean, not 'yes'."),
        ({"Status": "Aproved"}, "is one of Approved, Rejected, not 'Aproved'. Did you mean 'Approved'?"),
    ],
)
def test_wrong_parameters_are_one_sentence_each(given: dict[str, str], sentence: str) -> None:
    _, [problem] = parameters.values(DECLARED, given)
    assert sentence in str(problem)


def test_wrong_and_missing_parameters_are_reported_together_before_anything_runs(local: Any) -> None:
    declared = [local.parameter("A"), local.parameter("B", "Integer", 1)]
    with pytest.raises(UserError) as caught:
        local.run(local.fail("F", "x"), parameters=declared, given={"B": "x", "C": "y"})
    assert caught.value.exit_code == 2
    assert len(caught.value.problems) == 3
    assert not (local.home / "runs").exists()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        pytest.param({"Get": "Parameters.Rate"}, 0.5, id="float-stays"),
        pytest.param({"Get": "Parameters.Count"}, 3, id="integer-stays"),
        pytest.param({"Get": "Parameters.Flag"}, True, id="boolean-stays"),
        pytest.param({"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Count"}]}}, "3", id="join-is-text"),
        pytest.param(
            {"Std:Join": {"On": "/", "Values": ["s3:/", {"Get": "Execution.PipelineExecutionId"}, 0.5]}},
            "s3://id0123/0.5",
            id="join-of-all",
        ),
        pytest.param(
            {"Std:Join": {"On": "-", "Values": [{"Get": "Parameters.Flag"}, None]}}, "true-null", id="join-json"
        ),
        pytest.param({"a": [{"Get": "Parameters.Name"}, {"b": 1}]}, {"a": ["abc", {"b": 1}]}, id="inside-data"),
    ],
)
def test_a_typed_get_stays_typed_and_a_join_is_text(expression: Any, value: Any) -> None:
    resolved = resolve(expression, SCOPE)
    assert resolved == value
    assert type(resolved) is type(value)


def test_an_execution_has_one_id_and_every_step_sees_the_same_variables(local: Any) -> None:
    names = ("PipelineExecutionId", "PipelineName", "PipelineArn", "PipelineExecutionArn", "StartDateTime")
    values = [local.get(f"Execution.{name}") for name in (*names, "CurrentDateTime", "ProcessingJobName")]
    script = "import sys; print(sys.argv[1])"
    steps = [local.processing(name, script, local.join(*values[:5], on=" ")) for name in "AB"]
    steps.append(local.processing("C", script, local.join(*values, on=" ")))
    execution = local.run(*steps, region="eu-west-1")
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/customer-demo-train-local"
    expected = f"{execution.id} customer-demo-train-local {arn} {arn}/execution/{execution.id} "
    assert all(local.log(execution, step).startswith(expected) for step in "ABC")
    assert local.log(execution, "A") == local.log(execution, "B")
    assert f"pipelines-{execution.id}-C-" in local.log(execution, "C")


# A job


@both_ways
def test_outputs_are_found_by_their_names(local: Any) -> None:
    write = """
        for name in ("first", "second"):
            open(f"/opt/ml/processing/{name}/name.txt", "w").write(name)
    """
    read = "print(*(open(f'/opt/ml/processing/{name}/name.txt').read() for name in 'xy'))"
    made = local.processing("Make", write, outputs=("first", "second"))
    step = local.processing(
        "Read", read, inputs={"x": local.output_of("Make", "second"), "y": local.output_of("Make", "first")}
    )
    execution = local.run(step, made)
    assert local.log(execution, "Read") == "second first\n", execution.failure_reason
    outputs = execution.steps["Make"].properties["ProcessingOutputConfig"]["Outputs"]
    assert outputs["second"]["S3Output"]["S3Uri"] == f"s3://bucket/{execution.id}/Make/second"
    assert local.output(execution, "Make", "second/name.txt") == "second"
    assert not os.readlink(execution.folder / "Make/outputs/second").startswith("/")  # the project can be moved


KEYS = ("raw/a.csv", "raw/deep/b.csv", "raw2/c.csv")


@both_ways
@pytest.mark.parametrize(
    ("uri", "found"),
    [
        pytest.param("s3://bucket/raw/a.csv", "a.csv", id="one-object-keeps-its-name"),
        pytest.param("s3://bucket/raw/", "a.csv deep/b.csv", id="folder"),
        pytest.param("s3://bucket/raw//deep/", "b.csv", id="double-slash"),
    ],
)
def test_an_input_is_one_object_or_all_below_a_prefix(local: Any, uri: str, found: str) -> None:
    for key in KEYS:
        local.store.put(f"s3://bucket/{key}", key.encode())
    script = """
        import pathlib
        there = pathlib.Path("/opt/ml/processing/data")
        print(*sorted(str(file.relative_to(there)) for file in there.rglob("*") if file.is_file()))
    """
    execution = local.run(local.processing("A", script, inputs={"data": uri}))
    assert local.log(execution, "A").split() == found.split(), execution.failure_reason


def test_an_empty_prefix_is_an_error_before_the_start_or_at_the_steps_turn(local: Any) -> None:
    with pytest.raises(UserError, match=r"there is nothing at s3://bucket/none/; put it into .*/s3/bucket/none"):
        local.run(local.processing("A", inputs={"x": "s3://bucket/none/"}))
    steps = [local.processing("A", outputs=("out",)), local.processing("B", inputs={"x": local.output_of("A", "out")})]
    execution = local.run(*steps)
    assert execution.steps["B"].failure_reason.startswith(f"there is nothing at s3://bucket/{execution.id}/A/out")


@pytest.mark.parametrize(
    ("prefix", "names"),
    [
        pytest.param("s3://bucket/raw", {"a.csv", "deep/b.csv", "raw2/c.csv"}, id="no-slash-matches-more"),
        pytest.param("s3://bucket/ra", {"raw/a.csv", "raw/deep/b.csv", "raw2/c.csv"}, id="part-of-a-name"),
        pytest.param("s3://bucket/raw/a", {"a.csv"}, id="part-of-a-file"),
        pytest.param("s3://bucket", {"raw/a.csv", "raw/deep/b.csv", "raw2/c.csv"}, id="bucket"),
        pytest.param("s3://bucket/other", set(), id="nothing"),
        pytest.param("s3://elsewhere/raw", set(), id="no-such-bucket"),
    ],
)
def test_a_prefix_is_a_prefix_and_no_folder(local: Any, prefix: str, names: set[str]) -> None:
    for key in KEYS:
        local.store.put(f"s3://bucket/{key}", key.encode())
    assert set(local.store.find(prefix)) == names


@both_ways
@pytest.mark.parametrize("ends_well", [True, False])
def test_outputs_are_visible_only_when_the_job_has_ended_well(local: Any, ends_well: bool) -> None:
    written, go = local.home.parent / "written", local.home.parent / "go"
    script = """
        import os, sys, time
        open("/opt/ml/processing/out/a.txt", "w").write("made")
        open(sys.argv[1], "w")
        while not os.path.exists(sys.argv[2]):
            time.sleep(0.005)
        raise SystemExit(sys.argv[3] == "False")
    """
    seen = []

    def on_change(execution: Any) -> None:
        if execution.steps["A"].status == "Executing":
            wait_for(written.exists, "the job has written")
            seen.append(local.store.find("s3://bucket/out/"))
            go.touch()

    step = local.processing("A", script, str(written), str(go), str(ends_well), outputs=("out",))
    step["Arguments"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] = "s3://bucket/out/"
    execution = local.run(step, on_change=on_change)
    assert seen == [{}]
    assert set(local.store.find("s3://bucket/out/")) == ({"a.txt"} if ends_well else set())
    # what a failed job wrote is kept to be looked at
    assert (execution.folder / "A/job/ml/processing/out/a.txt").exists() is not ends_well


@both_ways
def test_the_model_is_an_archive_with_its_files_at_the_root(local: Any) -> None:
    script = """
        import os
        os.mkdir(os.path.join(os.environ["SM_MODEL_DIR"], "code"))
        for name in ("model.bin", "code/inference.py"):
            open(os.path.join(os.environ["SM_MODEL_DIR"], name), "w").write(name)
    """
    read = "import tarfile; print(sorted(tarfile.open('/opt/ml/processing/model/model.tar.gz').getnames()))"
    model = local.get("Steps.Train.ModelArtifacts.S3ModelArtifacts")
    execution = local.run(local.training("Train", script), local.processing("Read", read, inputs={"model": model}))
    assert local.log(execution, "Read") == "['code', 'code/inference.py', 'model.bin']\n", execution.failure_reason
    properties = execution.steps["Train"].properties
    uri = f"s3://bucket/models/{properties['TrainingJobName']}/output/model.tar.gz"
    assert properties["ModelArtifacts"] == {"S3ModelArtifacts": uri}


@both_ways
@pytest.mark.parametrize(("wrote", "archives"), [(True, {"model.tar.gz", "output.tar.gz"}), (False, {"model.tar.gz"})])
def test_output_data_is_an_archive_beside_the_model(local: Any, wrote: bool, archives: set[str]) -> None:
    script = "import os; open(os.environ['SM_OUTPUT_DATA_DIR'] + '/curve.csv', 'w').write('c')" if wrote else ""
    execution = local.run(local.training("Train", script))
    job = execution.steps["Train"].properties["TrainingJobName"]
    assert set(local.store.find(f"s3://bucket/models/{job}/output/")) == archives
    if wrote:
        with tarfile.open(execution.folder / "Train/outputs/model/output.tar.gz") as tar:
            assert tar.getnames() == ["curve.csv"]


@both_ways
def test_hyperparameters_are_strings_in_the_file_and_decoded_on_the_command_line(local: Any) -> None:
    script = """
        import json, os, sys
        print(json.dumps([sys.argv, json.load(open("/opt/ml/input/config/hyperparameters.json")), os.getcwd()]))
    """
    hyperparameters = {
        "learning_rate": "0.1", "n": "5", "flag": "true", "name": "abc", "list": '[1,2,"x"]', "none": "null",
        "object": '{"b": 1, "a": 2}', "quoted": '"q"', "empty": "", "sagemaker_extra": "x",
    }  # fmt: skip
    execution = local.run(local.training("Train", script, **hyperparameters))
    argv, file, cwd = json.loads(local.log(execution, "Train"))
    assert argv == [
        *["train.py", "--empty", "", "--flag", "True", "--learning_rate", "0.1", "--list", "[1, 2, 'x']", "-n", "5"],
        *["--name", "abc", "--none", "", "--object", "a=2,b=1", "--quoted", "q"],
    ]
    assert file == {"sagemaker_submit_directory": "s3://bucket/code/Train/sourcedir.tar.gz"} | file | hyperparameters
    assert cwd == local.opt_ml(execution, "Train", "code")


def archive_of(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("train.py"), io.BytesIO())
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, link
        tar.addfile(member, io.BytesIO())
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "kind", "link"),
    [
        pytest.param("../out", tarfile.REGTYPE, "", id="parent"),
        pytest.param("a/../../out", tarfile.REGTYPE, "", id="parent-inside"),
        pytest.param("link", tarfile.SYMTYPE, "/etc/passwd", id="absolute-link"),
        pytest.param("link", tarfile.SYMTYPE, "../../out", id="link-out"),
        pytest.param("a/link", tarfile.LNKTYPE, "../out", id="hard-link-out"),
        pytest.param("device", tarfile.CHRTYPE, "", id="device"),
        pytest.param("pipe", tarfile.FIFOTYPE, "", id="pipe"),
    ],
)
def test_an_archive_that_leads_out_of_its_folder_is_not_unpacked(local: Any, name: str, kind: bytes, link: str) -> None:
    step = local.training("Train")
    local.store.put(step["Arguments"]["HyperParameters"]["sagemaker_submit_directory"], archive_of(name, kind, link))
    execution = local.run(step)
    assert "sourcedir.tar.gz cannot be unpacked" in str(execution.failure_reason)
    assert not [path for path in local.home.parent.rglob("*") if path.name in ("out", "link", "device", "pipe")]


@pytest.mark.filterwarnings("ignore:Python 3.14 will:DeprecationWarning")  # of a Python that has the filter
@pytest.mark.parametrize(
    ("name", "kind", "link"),
    [("../out.py", tarfile.REGTYPE, ""), ("a/../../out.py", tarfile.REGTYPE, ""), ("link", tarfile.SYMTYPE, "/etc")],
)
def test_python_without_the_filter_for_archives_refuses_what_it_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: bytes, link: str
) -> None:
    monkeypatch.delattr(tarfile, "data_filter")  # as in Python 3.11.2, which Debian 12 has
    (tmp_path / "odd.tar.gz").write_bytes(archive_of(name, kind, link))
    (tmp_path / "good.tar.gz").write_bytes(archive_of("deep/a.py"))
    with pytest.raises(UserError, match="cannot be unpacked"):
        unpack(tmp_path / "odd.tar.gz", tmp_path / "in")
    unpack(tmp_path / "good.tar.gz", tmp_path / "in")
    assert (tmp_path / "in/deep/a.py").is_file()
    assert not (tmp_path / "out.py").exists()


def test_an_absolute_path_in_an_archive_lands_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "odd.tar.gz").write_bytes(archive_of("/tmp/absolute/out"))
    unpack(tmp_path / "odd.tar.gz", tmp_path / "in")
    assert (tmp_path / "in/tmp/absolute/out").is_file()


@both_ways
def test_each_job_has_this_python_and_a_working_directory_of_its_own(local: Any) -> None:
    script = 'import os, sys; print(sys.executable, os.getcwd(), os.listdir()); open("here", "x")'
    execution = local.run(local.processing("A", script), local.processing("B", script))
    places = {local.log(execution, step) for step in "AB"}
    assert len(places) == 2
    assert all(place.startswith(sys.executable) and place.endswith(" []\n") for place in places)


@both_ways
def test_a_job_has_its_own_environment_and_none_of_the_hosts_credentials(
    local: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.launcher = None  # one that starts with these variables around it
    for name in (
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ROLE_ARN"),
        *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_WEB_IDENTITY_TOKEN_FILE", "SOME_TOKEN", "CI_JOB_TOKEN"),
    ):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("LANG", "C.UTF-8")
    script = """
        import json, os
        beside = [open(f"/proc/{number}/environ").read() for number in (os.getpid(), os.getppid())]
        print(json.dumps([dict(os.environ), "secret" in "".join(beside)]))
    """
    step = local.processing("A", script, environment={"MODE": "/opt/ml/processing", "LINES": "one\ntwo"})
    execution = local.run(step, region="eu-west-1")
    seen, leaked = json.loads(local.log(execution, "A"))
    assert "secret" not in seen.values()
    assert not leaked
    assert (seen["MODE"], seen["LINES"]) == (local.opt_ml(execution, "A", "processing"), "one\ntwo")
    assert (seen["LANG"], seen["AWS_REGION"], seen["PYTHONUNBUFFERED"]) == ("C.UTF-8", "eu-west-1", "1")
    assert seen["AWS_EC2_METADATA_DISABLED"] == "true"  # else the instance's own role would answer
    assert "/A/job/" in seen["PIP_TARGET"]  # what a script installs goes away with its job


@pytest.mark.slow
def test_botocore_finds_no_credentials_in_a_job(local: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    home = local.home.parent / "home"
    (home / ".aws").mkdir(parents=True)
    keys = "aws_access_key_id = a\naws_secret_access_key = b\n"
    (home / ".aws/credentials").write_text(f"[default]\n{keys}")
    (home / ".aws/config").write_text(f"[default]\n{keys}")
    (home / ".boto").write_text(f"[Credentials]\n{keys}")
    monkeypatch.setenv("HOME", str(home))
    script = "import botocore.session; print(botocore.session.Session().get_credentials())"
    assert local.log(local.run(local.processing("A", script)), "A") == "None\n"


# A run


def test_after_a_failure_dependents_do_not_start_and_others_do_and_the_reason_is_shown(local: Any) -> None:
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
    steps = [reporting(local), local.fail("Low", message), local.register("Never") | {"DependsOn": ["Low"]}]
    execution = local.run(*steps, parameters=[local.parameter("G", "Float", 0.9)])
    assert (execution.status, execution.failure_reason) == ("Failed", "step 'Low': auc 0.8 < 0.9")
    assert statuses(execution) == {"Evaluate": "Succeeded", "Low": "Failed", "Never": "NotStarted"}


class Counted:
    """A cached step that copies its input, `Copy`, and how often it ran."""

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
def test_a_result_found_in_the_cache_stands_for_the_step(local: Any) -> None:
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
def test_the_same_content_is_found_wherever_it_lies(local: Any, change: Callable[[Counted], None]) -> None:
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
def test_any_change_of_what_goes_in_or_came_out_runs_the_step_again(
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
def test_an_age_is_written_as_aws_and_the_sdk_write_it(text: str, expected: dict[str, int]) -> None:
    assert cache_for({"Enabled": True, "ExpireAfter": text}) == (timedelta(**expected), [])


@pytest.mark.parametrize("text", ["", "P", "30", "T", "30x", "P30D " * 2, "9" * 5000 + "d"])
def test_what_is_no_age_is_one_sentence(text: str) -> None:
    found, [sentence] = cache_for({"Enabled": True, "ExpireAfter": text})
    assert found is None
    assert "write a duration such as 'P30D' or 'T12H'" in sentence


def test_a_failed_step_is_never_found(local: Any) -> None:
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
def test_a_fault_of_the_machine_is_tried_again_as_the_policy_says(
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


def test_a_users_exit_code_is_never_tried_again(local: Any) -> None:
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
        """The limit is over when both processes of the job are ready, and the grace when both have heard."""
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
    runner.process.communicate(timeout=8)  # less than the grace
    assert local.gone(step)
    assert runner.execution().status == "Stopped"


def chain(local: Any) -> list[Any]:
    """Three steps, each of which adds its letter and the parameter to what the one before it made."""
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
def test_a_selection_runs_on_the_results_of_an_earlier_execution(
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
    again = local.run(*steps, parameters=declared, selection=selection)  # its parameters are those of its source
    assert again.parameters == {"Word": source.parameters["Word"] if selection.source else "2"}


@pytest.mark.parametrize(
    ("selection", "sentence"),
    [
        (Selection(("First",)), r"there is no step 'First'\. There is: "),
        (Selection(("Alpa",)), r"there is no step 'Alpa'\. Did you mean 'Alpha'\?"),
        (Selection(("C",)), "it needs 'B', which is Failed in execution"),
        (Selection(("No",)), "it is in the branch of 'If' that execution"),
        (Selection(("B",), source="zzz"), "zzz"),
    ],
)
def test_a_selection_without_the_results_it_needs_is_refused(local: Any, selection: Selection, sentence: str) -> None:
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
    assert f"step 'A': {where} is 2; here only 1 can run." in local.problems(step)
    change(step, local.get("Parameters.Count"))
    declared = [local.parameter("Count", "Integer", 1)]
    assert check(local.definition(step, parameters=declared)).steps
    with pytest.raises(UserError, match=r"InstanceCount is 2; here only 1 can run\."):
        local.run(step, parameters=declared, given={"Count": "2"})
    assert not (local.home / "runs").exists()


@pytest.mark.parametrize("kind", AWS_ONLY)
def test_a_step_type_of_aws_alone_is_refused_by_name_before_the_start(local: Any, kind: str) -> None:
    with pytest.raises(UserError, match=f"step 'X': steps of type {kind} run on AWS only"):
        local.run(local.processing("A"), {"Name": "X", "Type": kind, "Arguments": {}})
    assert not (local.home / "runs").exists()


def test_registering_counts_versions_a_group_and_keeps_what_was_given(local: Any) -> None:
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


def test_steps_that_register_at_once_get_a_version_each(local: Any) -> None:
    execution = local.run(*(local.register(f"R{number}") for number in range(24)), options={"jobs": 24})
    versions = [step.properties["ModelPackageVersion"] for step in execution.steps.values()]
    assert sorted(versions) == list(range(1, 25))
    for step in execution.steps.values():
        file = local.home / f"registry/models/{step.properties['ModelPackageVersion']}.json"
        assert json.loads(file.read_text()) == step.properties
