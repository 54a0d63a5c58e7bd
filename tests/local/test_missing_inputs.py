"""Inputs that will not be there when a step starts are named before anything starts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from local.behaving import both_ways

from sagemaker_ops.definition.expressions import Scope
from sagemaker_ops.definition.plan import parse
from sagemaker_ops.errors import UserError
from sagemaker_ops.local.preview import preview
from sagemaker_ops.preflight.inputs import missing_inputs, overlaps
from sagemaker_ops.preflight.refusals import refusals

SCOPE = Scope(execution={"PipelineExecutionId": "e1"})
DATA = "/opt/ml/processing/data"


def missing(local: Any, *steps: Any) -> list[str]:
    """`step: address` for each address at which there is nothing."""
    plan, problems = parse(local.definition(*steps))
    assert not problems
    return [
        f"{problem.where.split(chr(39))[1]}: {problem.message.split()[4].rstrip(':')}"
        for problem in missing_inputs(plan, SCOPE, local.store)
        if problem.message.startswith("there is nothing at ")
    ]


def writer(local: Any, kind: str, uri: Any) -> Any:
    """A step named A of this kind that writes to the URI."""
    if kind == "Processing":
        step = local.processing("A", outputs=("out",))
        step["Arguments"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] = uri
    elif kind == "Transform":
        local.store.put("s3://bucket/in/a.csv", b"1")
        source = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in/"}}}
        resources = {"InstanceCount": 1, "InstanceType": "ml.m5.large"}
        arguments = {"ModelName": "m", "TransformInput": source, "TransformOutput": {"S3OutputPath": uri}}
        step = {"Name": "A", "Type": "Transform", "Arguments": arguments | {"TransformResources": resources}}
    else:
        step = local.training("A")
        if kind == "Checkpoints":
            step["Arguments"]["CheckpointConfig"] = {"S3Uri": uri}
        else:
            step["Arguments"]["OutputDataConfig"]["S3OutputPath"] = uri
    return step


@pytest.mark.parametrize("order", ["waits", "indirectly", "beside", "before"])
@pytest.mark.parametrize(
    ("kind", "writes", "reads", "is_made"),
    [
        pytest.param("Processing", "s3://b-1/out", "s3://b-1/out", True, id="the-output"),
        pytest.param("Processing", "s3://b-1/out/", "s3://b-1/out", True, id="with-a-slash"),
        pytest.param("Processing", "s3://b-1/out", "s3://b-1/out/", True, id="read-with-a-slash"),
        pytest.param("Processing", "s3://b-1/out", "s3://b-1//out/a.csv", True, id="a-file-in-it"),
        pytest.param("Processing", "s3://b-1/out", "s3://b-1/ou", True, id="a-real-prefix"),
        pytest.param("Processing", "s3://b-1/out", "s3://b-1", True, id="the-bucket"),
        pytest.param("Processing", "s3://b-12/out", "s3://b-1", False, id="another-bucket"),
        pytest.param("Processing", "s3://b-1/out", "s3://b-1/out2", False, id="another-folder"),
        pytest.param("Processing", "s3://b-1/out", "s3://b-1/raw/a.csv", False, id="elsewhere"),
        pytest.param("Processing", "s3://b-1", "s3://b-1/raw/a.csv", True, id="output-at-the-root"),
        pytest.param("Transform", "s3://b-1/out", "s3://b-1/out/a.csv.out", True, id="transformed"),
        pytest.param("Transform", "s3://b-1/out", "s3://b-1/other", False, id="not-transformed"),
        pytest.param("Training", "s3://b-1/", "s3://b-1/raw/a.csv", False, id="models-at-the-root"),
        pytest.param("Training", "s3://b-1", "s3://b-1/raw/", False, id="models-at-the-root-without-a-slash"),
        pytest.param("Training", "s3://b-1/m", "s3://b-1/m/job/output/model.tar.gz", False, id="no-known-job"),
        pytest.param("Training", "s3://b-1/m", "s3://b-1/m/", True, id="all-models"),
        pytest.param("Training", "s3://b-1/m", "s3://b-1/", True, id="the-bucket-with-models"),
        pytest.param("Checkpoints", "s3://b-1/c", "s3://b-1/c/last.pt", True, id="checkpoint"),
    ],
)
def test_an_address_is_made_only_by_a_step_before_the_one_that_reads_it(
    local: Any, kind: str, writes: str, reads: str, is_made: bool, order: str
) -> None:
    first, reader = writer(local, kind, writes), local.processing("Z", inputs={"x": reads})
    steps = [first, reader]
    if order == "waits":
        reader["DependsOn"] = ["A"]
    elif order == "indirectly":
        steps.append(local.processing("M", DependsOn=["A"]))
        reader["DependsOn"] = ["M"]
    elif order == "before":
        first["DependsOn"] = ["Z"]
    found = [] if is_made and order in ("waits", "indirectly") else [f"Z: {reads}"]
    assert missing(local, *steps) == found


def test_an_address_may_be_made_with_parameters_and_the_execution_but_must_be_known(local: Any) -> None:
    execution = local.join("s3://bucket", local.get("Execution.PipelineExecutionId"), "x", on="/")
    step = local.processing(
        "B", inputs={"known": execution, "unknown": local.join("s3://bucket/", local.output_of("A", "out"))}
    )
    assert missing(local, local.processing("A", outputs=("out",)), step) == ["B: s3://bucket/e1/x"]
    made = local.processing(
        "B",
        inputs={"known": local.join("s3://bucket/", local.get("Execution.PipelineExecutionId"), "/A/out")},
        DependsOn=["A"],
    )
    assert missing(local, local.processing("A", outputs=("out",)), made) == []


@pytest.mark.parametrize("kind", ["Processing", "Transform", "Training", "Checkpoints"])
def test_an_output_that_cannot_be_written_is_named_before_anything_starts(local: Any, kind: str) -> None:
    plan, _ = parse(local.definition(writer(local, kind, "s3://My-Bucket/out")))
    problems = [each.message for each in missing_inputs(plan, SCOPE, local.store)]
    assert "'s3://My-Bucket/out' is not an S3 URI: write it like s3://bucket/folder/file." in problems


def test_an_unknown_output_makes_no_known_input(local: Any) -> None:
    first = writer(local, "Processing", local.join("s3://bucket/", local.output_of("0", "out")))
    steps = [
        local.processing("0", outputs=("out",)),
        first,
        local.processing("Z", inputs={"x": "s3://bucket/x"}, DependsOn=["A"]),
    ]
    assert missing(local, *steps) == ["Z: s3://bucket/x"]


def model(name: str, **container: Any) -> Any:
    return {"Name": name, "Type": "Model", "Arguments": {"PrimaryContainer": container}}


def test_every_kind_of_input_counts(local: Any) -> None:
    nowhere = "s3://bucket/nowhere"
    training = local.training("Code", channels={"train": f"{nowhere}/train"})
    training["Arguments"]["HyperParameters"]["sagemaker_submit_directory"] = json.dumps(f"{nowhere}/code.tar.gz")
    several = {"Name": "Several", "Type": "Model", "Arguments": {"Containers": [{"ModelDataUrl": f"{nowhere}/2"}]}}
    value = {"Std:JsonGet": {"S3Uri": f"{nowhere}/report.json", "Path": "a"}}
    inner = {"Std:JsonGet": {"S3Uri": f"{nowhere}/deep.json", "Path": "a"}}
    alternatives = {"Type": "Not", "Condition": {"Type": "Or", "Conditions": [local.compare("Equals", 1, inner)]}}
    transform = writer(local, "Transform", "s3://bucket/out")
    transform["Arguments"]["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] = f"{nowhere}/t"
    reported = local.processing("P", "", {"Std:JsonGet": {"S3Uri": f"{nowhere}/p.json", "Path": "a"}})
    steps = [
        *(training, model("One", ModelDataUrl=f"{nowhere}/1"), several, transform, reported),
        local.register("Register", InferenceSpecification={"Containers": [{"ModelDataUrl": f"{nowhere}/3"}]}),
        local.condition("If", local.compare("GreaterThan", value, 0.5), alternatives),
        local.processing("Input", inputs={"x": f"{nowhere}/x"}),
    ]
    assert {each.replace(nowhere, "") for each in missing(local, *steps)} == {
        *("Code: /train", "Code: /code.tar.gz", "One: /1", "Several: /2", "A: /t", "P: /p.json", "Register: /3"),
        *("If: /report.json", "If: /deep.json", "Input: /x"),
    }


def test_a_file_read_by_a_condition_may_be_made_before_it(local: Any) -> None:
    value = {"Std:JsonGet": {"S3Uri": "s3://b-1/out/report.json", "Path": "a"}}
    check = local.condition("If", local.compare("GreaterThan", value, 0.5), DependsOn=["A"])
    assert missing(local, writer(local, "Processing", "s3://b-1/out"), check) == []
    assert missing(local, writer(local, "Training", "s3://b-1/out"), check) == ["If: s3://b-1/out/report.json"]


@pytest.mark.parametrize(
    ("stored", "step", "sentence"),
    [
        pytest.param(
            "raw", {"x": "s3://bucket/raw/"}, "there is nothing below s3://bucket/raw/, because it is", id="file"
        ),
        pytest.param(
            "raw/a", {"x": "s3://bucket/raw/a/b"}, "there is nothing at s3://bucket/raw/a/b: put", id="below-a-file"
        ),
        pytest.param(
            "m/model.tar.gz", model("M", ModelDataUrl="s3://bucket/m"), "there is no file s3://bucket/m,", id="folder"
        ),
        pytest.param(
            "m.tar.gz", model("M", ModelDataUrl="s3://bucket/m"), "there is no file s3://bucket/m,", id="prefix"
        ),
        pytest.param("m.tar.gz", model("M", ModelDataUrl="s3://bucket/m.tar.gz"), "", id="the-file"),
        pytest.param("raw/a", {"x": "s3://bucket/ra"}, "", id="prefix-of-a-folder"),
        pytest.param("raw/a", {"x": "bucket/raw"}, "'bucket/raw' is not an S3 URI", id="no-address"),
    ],
)
def test_a_file_is_not_a_folder(local: Any, stored: str, step: Any, sentence: str) -> None:
    local.store.put(f"s3://bucket/{stored}", b"x")
    if "Name" not in step:
        step = local.processing("A", inputs=step)
    found = [problem.message for problem in missing_inputs(parse(local.definition(step))[0], SCOPE, local.store)]
    assert [each[: len(sentence)] for each in found] == ([sentence] if sentence else [])


def test_an_empty_folder_is_no_input(local: Any) -> None:
    local.store.locate("s3://bucket/empty/deep").mkdir(parents=True)
    assert missing(local, local.processing("A", inputs={"x": "s3://bucket/empty/"})) == ["A: s3://bucket/empty/"]


@pytest.mark.parametrize(
    ("conditions", "named"),
    [
        pytest.param([("Equals", 1, 1)], {"Then"}, id="always"),
        pytest.param([("Equals", 1, 2)], {"Else"}, id="never"),
        pytest.param([("Equals", {"Get": "Execution.PipelineExecutionId"}, "e1")], {"Then"}, id="known-now"),
        pytest.param([("Equals", {"Get": "Steps.A.ProcessingJobStatus"}, "x")], set(), id="known-later"),
        pytest.param([("Equals", 1, 2), ("Equals", {"Get": "Steps.A.ProcessingJobStatus"}, "x")], set(), id="partly"),
        pytest.param([("Equals", 1, "1")], set(), id="of-different-types"),
    ],
)
def test_a_branch_counts_if_it_is_known_that_it_will_run(local: Any, conditions: Any, named: set[str]) -> None:
    steps = {name: local.processing(name, inputs={"x": "s3://bucket/nowhere"}) for name in ("Then", "Else", "Deep")}
    inner = local.condition("Inner", local.compare("Equals", 1, 2), then=[steps["Deep"]])
    compared = [local.compare(*each) for each in conditions]
    outer = local.condition("Outer", *compared, then=[steps["Then"], inner], otherwise=[steps["Else"]])
    found = missing(local, local.processing("A"), outer)
    assert {each.split(":")[0] for each in found} == named


def test_a_plan_says_what_a_branch_lacks_that_may_not_run(local: Any) -> None:
    step = local.processing("Then", inputs={"x": "s3://bucket/nowhere"})
    later = local.compare("Equals", local.get("Steps.A.ProcessingJobStatus"), "x")
    definition = local.definition(local.processing("A"), local.condition("If", later, then=[step]))
    found = preview(definition, pipeline_name="p", parameters={}, home=local.home)
    assert found.can_run
    assert [each.split(":")[0] for each in found.steps["Then"].lacks] == ["there is nothing at s3"]
    assert not found.steps["A"].lacks


# Two things at one place


def placed(local: Any, **inputs: tuple[str, str]) -> Any:
    """A step with inputs {name: (URI, LocalPath)}."""
    step = local.processing("A")
    step["Arguments"]["ProcessingInputs"] += [
        {"InputName": name, "S3Input": {"S3Uri": uri, "LocalPath": path}} for name, (uri, path) in inputs.items()
    ]
    return step


CLASHES = [
    pytest.param(
        {"a": ("raw/", DATA), "b": ("other/in/", f"{DATA}/in")},
        f"'a' and 'b' both put something at {DATA}/in/x.csv",
        id="inside",
    ),
    pytest.param(
        {"a": ("other/in/", f"{DATA}/in"), "b": ("raw/", DATA)},
        f"both put something at {DATA}/in/x.csv",
        id="the-inner-one-first",
    ),
    pytest.param(
        {"a": ("raw/in/x.csv", f"{DATA}/"), "b": ("other/x.csv/", f"{DATA}/x.csv")},
        f"'a' and 'b' both put something at {DATA}/x.csv",
        id="folder-on-a-file",
    ),
    pytest.param({"a": ("raw/", "/opt/ml/processing/input")}, "inputs 'code' and 'a' both put something at", id="code"),
    pytest.param({"a": ("raw/", DATA), "b": ("raw/in/", f"{DATA}/in")}, "", id="the-same-object"),
    pytest.param({"a": ("raw/", DATA), "b": ("new/", f"{DATA}/in")}, "", id="other-names"),
    pytest.param({"a": ("raw/", DATA), "b": ("other/", f"{DATA}2")}, "", id="a-longer-name"),
]


@pytest.mark.parametrize(("inputs", "sentence"), CLASHES)
def test_two_inputs_with_a_file_of_the_same_path_are_refused(local: Any, inputs: Any, sentence: str) -> None:
    for key in ("raw/in/x.csv", "other/in/x.csv", "other/x.csv/y", "new/y.csv", "raw/code/main.py"):
        local.store.put(f"s3://bucket/{key}", key.encode())
    step = placed(local, **{name: (f"s3://bucket/{key}", path) for name, (key, path) in inputs.items()})
    plan, _ = parse(local.definition(step))
    found = [problem.message for problem in [*refusals(plan, SCOPE), *missing_inputs(plan, SCOPE, local.store)]]
    assert len(found) == bool(sentence), found
    assert sentence in "".join(found)


@pytest.mark.slow
@both_ways
def test_an_input_from_a_step_is_refused_when_it_is_staged(local: Any) -> None:
    make = local.processing("Make", "open('/opt/ml/processing/out/x.csv', 'w').write('new')", outputs=("out",))
    local.store.put("s3://bucket/raw/in/x.csv", b"old")
    step = placed(local, a=("s3://bucket/raw/", DATA), b=(local.output_of("Make", "out"), f"{DATA}/in"))
    assert local.run(make, step).steps["A"].failure_reason == (
        f"inputs 'a' and 'b' both put something at {DATA}/in/x.csv, so one of them is lost: change a LocalPath."
    )


def test_many_files_are_compared_in_no_time(local: Any) -> None:
    files = {f"{number % 100}/{number}.csv": local.home / str(number) for number in range(20_000)}
    assert not list(overlaps([("a", DATA, files), ("b", f"{DATA}/new", {"x": local.home})]))


@pytest.mark.parametrize(
    ("kind", "change", "sentence"),
    [
        pytest.param(
            "inputs",
            {"LocalPath": "/opt/ml/processing/x/"},
            "have the LocalPath '/opt/ml/processing/x'",
            id="two-inputs",
        ),
        pytest.param(
            "outputs",
            {"LocalPath": "/opt/ml/processing/out"},
            "have the LocalPath '/opt/ml/processing/out'",
            id="two-outputs",
        ),
        pytest.param(
            "outputs", {"LocalPath": "/opt/ml/processing/x"}, "have the LocalPath '/opt/ml/processing/x'", id="both"
        ),
        pytest.param("outputs", {"OutputName": "x"}, "are named 'x'", id="names"),
        pytest.param("outputs", {"S3Uri": "s3://bucket/out"}, "", id="two-outputs-at-one-address"),
        pytest.param("outputs", {}, "", id="nothing"),
    ],
)
def test_inputs_and_outputs_have_names_and_folders_of_their_own(
    local: Any, kind: str, change: Any, sentence: str
) -> None:
    local.store.put("s3://bucket/raw/a", b"1")
    step = local.processing("A", inputs={"x": "s3://bucket/raw/"}, outputs=("out",))
    arguments = step["Arguments"]
    arguments["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] = "s3://bucket/out"
    if kind == "inputs":
        more = {"S3Uri": "s3://bucket/raw/", "LocalPath": DATA} | change
        arguments["ProcessingInputs"].append({"InputName": "new", "S3Input": more})
    else:
        more = {"S3Uri": "s3://bucket/new", "LocalPath": DATA} | change
        output = {"OutputName": more.pop("OutputName", "new"), "S3Output": more}
        arguments["ProcessingOutputConfig"]["Outputs"].append(output)
    found = [problem.message for problem in refusals(parse(local.definition(step))[0], SCOPE)]
    assert [sentence in each for each in found] == [True] * bool(sentence), found


def test_two_channels_with_one_name_are_refused(local: Any) -> None:
    step = local.training("A", channels={"train": "s3://bucket/a"})
    step["Arguments"]["InputDataConfig"] *= 2
    assert "two of its channels are named 'train'." in local.problems(step)


def test_everything_that_is_missing_is_reported_together_and_nothing_starts(local: Any) -> None:
    train = writer(local, "Training", "s3://bucket/")
    evaluate = local.processing("B", inputs={"x": "s3://bucket/x", "y": "s3://bucket/y"}, DependsOn=["A"])
    with pytest.raises(UserError) as caught:
        local.run(train, evaluate)
    assert [str(each).split(": put")[0] for each in caught.value.problems] == [
        "step 'B': there is nothing at s3://bucket/x",
        "step 'B': there is nothing at s3://bucket/y",
    ]
    assert not (local.home / "runs").exists()
