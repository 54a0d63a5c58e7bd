"""Stand-ins: a stub has the outputs of a step that does not run here, and everything around this step runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from local.behaving import REPORT, statuses
from local.conftest import BUCKET, Local

from sagemaker_ops.definition.plan import parse
from sagemaker_ops.definition.step_types import TYPES
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import Execution, Selection, executions
from sagemaker_ops.local.preview import CACHED, PERHAPS, REFUSED, RUNS, STAND_IN, Preview, preview
from sagemaker_ops.pipelines import stubs

CACHE: dict[str, Any] = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"}}
COPY = """
    import pathlib, shutil
    shutil.copytree("/opt/ml/processing/data", "/opt/ml/processing/out", dirs_exist_ok=True)
"""
NAME = "customer-demo-train-local"
OUTPUTS = {"ticket": "String", "count": "Integer", "share": "Float", "done": "Boolean"}
FULL = {"ticket": "T-1", "count": 3, "share": 0.5, "done": True}


def aws_only(name: str = "Notify", kind: str = "Lambda", **more: Any) -> dict[str, Any]:
    """A step that cannot run here, with an output of each type."""
    declared = [{"OutputName": output, "OutputType": kind} for output, kind in OUTPUTS.items()]
    return {"Name": name, "Type": kind, "Arguments": {}, "OutputParameters": declared, **more}


def output(name: str, step: str = "Notify") -> dict[str, str]:
    return {"Get": f"Steps.{step}.OutputParameters['{name}']"}


def outputs(**changes: Any) -> dict[str, Any]:
    return {"properties": {"OutputParameters": {**FULL, **changes}}}


def gate(local: Local, left: Any, right: Any) -> dict[str, Any]:
    return local.condition("Gate", local.compare("Equals", left, right))


def write(local: Local, content: dict[str, Any]) -> dict[str, Path]:
    """{step: the file with its stub}."""
    files = {}
    for name, stub in content.items():
        files[name] = local.home.parent / f"{name}.json"
        text = stub if isinstance(stub, str | bytes) else json.dumps(stub)
        files[name].write_bytes(text.encode() if isinstance(text, str) else text)
    return files


def run(local: Local, *steps: Any, given: dict[str, Any], selection: Selection | None = None, **more: Any) -> Execution:
    """Run the steps with these stubs."""
    stand_ins, problems = stubs.read(local.definition(*steps), write(local, given), {}, local.store, selection)
    return local.run(*steps, stand_ins=stand_ins, known=problems, selection=selection, **more)


def refused(local: Local, *steps: Any, given: dict[str, Any]) -> str:
    """The problems, because of which nothing starts."""
    with pytest.raises(UserError) as caught:
        run(local, *steps, given=given)
    assert not (local.home / "runs").exists()
    return str(caught.value).replace(f"{local.home.parent}/", "")


def foresee(local: Local, *steps: Any, given: dict[str, Any]) -> Preview:
    definition = local.definition(*steps)
    stand_ins, problems = stubs.read(definition, write(local, given), {}, local.store)
    return preview(definition, pipeline_name=NAME, parameters={}, home=local.home, stand_ins=stand_ins, known=problems)


def skeleton(local: Local, *steps: Any, name: str = "Notify") -> dict[str, Any]:
    return stubs.skeleton(parse(local.definition(*steps))[0], name)


@pytest.mark.parametrize("kind", [name for name, kind in TYPES.items() if not kind.runs_here])
def test_each_type_that_runs_only_on_aws_can_have_a_stand_in(local: Local, kind: str) -> None:
    step = {"Name": "Away", "Type": kind, "Arguments": {}}
    reader = gate(local, local.get("Steps.Away.Made['by name'].Parts[1].Uri"), "s3://b/k")

    done = run(
        local, step, reader, given={"Away": {"properties": {"Made": {"by name": {"Parts": [{}, {"Uri": "s3://b/k"}]}}}}}
    )

    assert (done.status, statuses(done)) == ("Succeeded", {"Away": "StandIn", "Gate": "Succeeded"})
    assert done.steps["Gate"].properties == {"Outcome": "True"}


@pytest.mark.parametrize(("name", "value"), [*FULL.items(), ("share", 1)])
def test_an_output_has_the_type_that_it_has_in_the_stub(local: Local, name: str, value: Any) -> None:
    done = run(local, aws_only(), gate(local, output(name), value), given={"Notify": outputs(**{name: value})})

    assert done.steps["Gate"].properties == {"Outcome": "True"}


def test_a_stand_in_never_looks_like_a_success(local: Local) -> None:
    step = aws_only(Arguments={"model": local.join("model-", local.get("Execution.PipelineName"))})

    done = run(local, step, given={"Notify": outputs()})

    file = str(local.home.parent / "Notify.json")
    kept = executions.find(local.home, done.id)
    for execution in (done, kept):
        assert (execution.status, execution.stand_ins) == ("Succeeded", ["Notify"])
        assert (execution.steps["Notify"].status, execution.steps["Notify"].stand_in) == ("StandIn", file)
    assert json.loads((done.folder / "execution.json").read_text())["steps"][0]["status"] == "StandIn"
    assert f"did not run: its outputs are those in {file}" in local.log(kept, "Notify")
    assert f'"model": "model-{NAME}"' in local.log(kept, "Notify")


def test_a_stand_in_waits_and_fails_like_the_step_that_it_replaces(local: Local) -> None:
    report = local.processing("Report", REPORT, outputs=("report",), files={"Report": "report/report.json"})
    step = aws_only(Arguments={"auc": local.json_get("Report", "Report", "metrics.f1")})
    after = gate(local, output("count"), 3)

    done = run(local, report, step, after, given={"Notify": outputs()})

    assert statuses(done) == {"Report": "Succeeded", "Notify": "Failed", "Gate": "NotStarted"}
    assert "has no 'metrics.f1'" in str(done.steps["Notify"].failure_reason)


STUBS: list[tuple[Any, str]] = [
    ("{", "its stub Notify.json is not JSON: Expecting property name"),
    ("", "its stub Notify.json is not JSON: Expecting value"),
    (b"\xff\xfe\x00", "its stub Notify.json is not JSON: "),
    ("[1]", "its stub Notify.json is not a JSON object."),
    ("null", "its stub Notify.json is not a JSON object."),
    ('{"properties": {}, "properties": {}}', "the key 'properties' appears twice in an object."),
    ('{"properties": {"a": NaN}}', "NaN is not a number in JSON."),
    ("[" * 3000, "its stub Notify.json is not JSON that can be read: it is nested too deeply."),
    ('{"properties": ' + '{"a": ' * 150 + "1" + "}" * 151, "its stub Notify.json is nested too deeply, or contains"),
    ('{"properties": {"a": "\\ud800"}}', "or contains a character that AWS cannot store."),
    (
        {"OutputParameters": FULL},
        "its stub Notify.json has the key 'OutputParameters': write the step's outputs into \"properties\".",
    ),
    ({"properties": [FULL]}, 'its stub Notify.json needs objects as "properties" and "files"'),
    ({**outputs(), "files": "a.csv"}, 'its stub Notify.json needs objects as "properties" and "files"'),
    ({}, "its stub Notify.json has no 'OutputParameters.count': 'OutputParameters' is missing."),
    ({"properties": {"OutputParameters": 3}}, "has no 'OutputParameters.count': 'count' is missing."),
    (
        {"properties": {"OutputParameters": {"cuont": 3}}},
        "its stub Notify.json has no 'OutputParameters.count': 'count' is missing. Did you mean 'cuont'?",
    ),
    (outputs(cuont=3), "has the output 'cuont', which the step does not declare. Did you mean 'count'?"),
    (outputs(count=None), "its stub Notify.json has null as 'count', which the step declares as Integer."),
    (outputs(ticket=1), "its stub Notify.json has 1 as 'ticket', which the step declares as String."),
    (outputs(count="3"), "its stub Notify.json has \"3\" as 'count', which the step declares as Integer."),
    (outputs(count=3.5), "its stub Notify.json has 3.5 as 'count', which the step declares as Integer."),
    (outputs(count=True), "its stub Notify.json has true as 'count', which the step declares as Integer."),
    (outputs(share="0.5"), "its stub Notify.json has \"0.5\" as 'share', which the step declares as Float."),
    (outputs(share=False), "its stub Notify.json has false as 'share', which the step declares as Float."),
    (outputs(done=1), "its stub Notify.json has 1 as 'done', which the step declares as Boolean."),
    (outputs(done="true"), "its stub Notify.json has \"true\" as 'done', which the step declares as Boolean."),
    (outputs(count="<fill in: Integer>"), "still has placeholders: replace '<fill in: Integer>'."),
    (
        {**outputs(), "files": {"s3://bucket/a.csv": "a.csv"}},
        "its stub Notify.json puts a.csv at s3://bucket/a.csv, but there is no such file.",
    ),
    (
        {**outputs(), "files": {"s3://bucket/a": "a.csv", "s3://bucket/b": 3}},
        "its stub Notify.json puts 3 at s3://bucket/b, but there is no such file.",
    ),
    ({**outputs(), "files": {"s3://bucket/a": "x" * 300}}, "its stub Notify.json cannot be read: File name too long ("),
    (
        {**outputs(), "files": {"s3://bucket": "Notify.json"}},
        "its stub Notify.json puts Notify.json at s3://bucket, which is a bucket: write s3://bucket/Notify.json.",
    ),
    ({**outputs(), "files": {"a.csv": "Notify.json"}}, "its stub Notify.json: 'a.csv' is not an S3 URI"),
    ({**outputs(), "files": {"s3://bucket/../a": "Notify.json"}}, "its stub Notify.json: 's3://bucket/../a' is not"),
]


@pytest.mark.parametrize(("stub", "sentence"), STUBS, ids=lambda value: str(value)[:60])
def test_a_stub_that_cannot_be_used_is_refused_before_the_start(local: Local, stub: Any, sentence: str) -> None:
    said = refused(local, aws_only(), gate(local, output("count"), 3), given={"Notify": stub})

    assert sentence in said
    assert [line.split(":")[0] for line in said.splitlines()] == ["step 'Notify'"] * len(said.splitlines())
    assert "run only on AWS" not in said


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nowhere.json", "there is no file {}, which must contain its outputs: `ops plan` shows what to write."),
        (".", "there is no file {}, which must contain its outputs"),
        ("x" * 300, "its stub {} cannot be read: File name too long."),
    ],
    ids=["missing", "a folder", "too long"],
)
def test_a_file_that_cannot_be_read_is_named(local: Local, name: str, sentence: str) -> None:
    file = local.home.parent / name
    _, [problem] = stubs.read(local.definition(aws_only()), {"Notify": file}, {}, local.store)

    assert str(problem).startswith(f"step 'Notify': {sentence.format(file)}")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"Notfy": outputs()}, "--stub Notfy: there is no such step. Did you mean 'Notify'?"),
        ({"X": outputs()}, "--stub X: there is no such step. Available: Notify, Gate, Bad."),
        ({"Gate": {}}, "step 'Gate': its stub Gate.json is not needed: steps of type Condition always run here."),
        ({"Bad": {}}, "step 'Bad': its stub Bad.json is not needed: steps of type Fail always run here."),
    ],
    ids=["misspelt", "unknown", "Condition", "Fail"],
)
def test_a_stub_that_nothing_can_use_is_refused(local: Local, given: dict[str, Any], sentence: str) -> None:
    bad = local.fail("Bad", "bad")
    steps = [aws_only(), local.condition("Gate", local.compare("Equals", output("count"), 3), otherwise=[bad])]

    assert sentence in refused(local, *steps, given={"Notify": outputs(), **given}).splitlines()


def test_a_stub_for_a_step_that_is_not_selected_is_refused(local: Local) -> None:
    steps = [aws_only(), gate(local, output("count"), 3)]
    run(local, *steps, given={"Notify": outputs()})

    with pytest.raises(UserError, match=r"^--stub Notify: this run does not include the step\.$"):
        run(local, *steps, given={"Notify": outputs()}, selection=Selection(("Gate",)))


def test_stubs_of_project_toml_are_for_any_pipeline_and_give_way_to_others(local: Local) -> None:
    files = write(local, {"Notify": outputs(), "Elsewhere": {}})
    [given] = write(local, {"Other": outputs(count=4)}).values()
    definition = local.definition(aws_only())

    usual, problems = stubs.read(definition, {}, files, local.store)
    other, _ = stubs.read(definition, {"Notify": given}, files, local.store)

    assert (list(usual), problems) == (["Notify"], [])
    assert usual["Notify"].properties["OutputParameters"]["count"] == 3
    assert other["Notify"].properties["OutputParameters"]["count"] == 4


def test_all_problems_of_all_stubs_are_reported_with_those_of_the_definition(local: Local) -> None:
    other = aws_only("Other", "Callback")
    third = aws_only("Third", "EMR")
    wide = local.processing("Wide")
    wide["Arguments"]["ProcessingResources"]["ClusterConfig"]["InstanceCount"] = 2

    said = refused(local, aws_only(), other, third, wide, given={"Notify": outputs(count="3"), "Other": "{"})

    assert [line.split(":")[0] for line in said.splitlines()] == [
        "step 'Notify'",
        "step 'Other'",
        "step 'Third'",
        "step 'Wide'",
    ]
    assert "steps of type EMR run only on AWS: write the outputs of this one into a file, and add --stub Third=" in said


# What the stub to fill in contains


READS: dict[str, tuple[list[str], dict[str, Any]]] = {
    "nothing": ([], {}),
    "an output": (["OutputParameters['count']"], {"OutputParameters": {"count": "<fill in: Integer>"}}),
    "two outputs": (
        ["OutputParameters['done']", "OutputParameters.ticket", "OutputParameters['done']"],
        {"OutputParameters": {"done": "<fill in: Boolean>", "ticket": "<fill in: String>"}},
    ),
    "a name with a dot": (["Made['a.b']"], {"Made": {"a.b": "<fill in: a.b>"}}),
    "a list": (
        ["BestCandidate.InferenceContainers[1].ModelDataUrl"],
        {"BestCandidate": {"InferenceContainers": [{}, {"ModelDataUrl": "<fill in: ModelDataUrl>"}]}},
    ),
    "something and a part of it": (["Made", "Made.Uri"], {"Made": {"Uri": "<fill in: Uri>"}}),
}


@pytest.mark.parametrize(("paths", "properties"), READS.values(), ids=READS)
def test_a_stub_to_fill_in_has_what_other_steps_read(local: Local, paths: list[str], properties: Any) -> None:
    readers = [
        local.condition(f"Gate{at}", local.compare("Equals", local.get(f"Steps.Notify.{path}"), 1))
        for at, path in enumerate(paths)
    ]

    assert skeleton(local, aws_only(), *readers) == {"properties": properties}


def test_an_output_that_the_step_does_not_declare_cannot_be_read(local: Local) -> None:
    said = local.problems(aws_only(), gate(local, output("cuont"), 3))

    assert "step 'Gate': it reads 'cuont', which is not an output of step 'Notify'. Did you mean 'count'?" in said


def test_a_plan_shows_stand_ins_and_stubs_that_are_needed(local: Local) -> None:
    steps = [aws_only(), aws_only("Other"), gate(local, output("count"), 3)]

    found = foresee(local, *steps, given={"Notify": outputs()})
    complete = foresee(local, *steps, given={"Notify": outputs(), "Other": {}})

    assert found.steps["Notify"].does == STAND_IN
    assert found.steps["Notify"].because.endswith("Notify.json")
    assert (found.steps["Other"].does, found.can_run) == (REFUSED, False)
    assert (complete.steps["Other"].does, complete.can_run) == (STAND_IN, True)
    assert complete.steps["Gate"].because == "it will be True"


# Steps that run here, but not on this machine


def built_in(local: Local) -> dict[str, Any]:
    """A training step that is refused: it uses the algorithm of its image."""
    step: dict[str, Any] = local.training("Train")
    step["Arguments"]["HyperParameters"] = {}
    return {**step, **CACHE}


TRAINED = {
    "properties": {"ModelArtifacts": {"S3ModelArtifacts": f"{BUCKET}/stub/model.tar.gz"}},
    "files": {f"{BUCKET}/stub/model.tar.gz": "model.bin"},
}


def test_a_stub_also_replaces_a_step_that_cannot_run_on_this_machine(local: Local) -> None:
    (local.home.parent / "model.bin").write_bytes(b"model")
    register = local.register("Register")
    url = local.get("Steps.Train.ModelArtifacts.S3ModelArtifacts")
    register["Arguments"]["InferenceSpecification"] = {"Containers": [{"ModelDataUrl": url}]}
    assert "it is not in script mode" in refused(local, built_in(local), register, given={})

    first, second = (run(local, built_in(local), register, given={"Train": TRAINED}) for _ in range(2))

    assert local.store.get_file(f"{BUCKET}/stub/model.tar.gz").read_bytes() == b"model"
    assert local.output(first, "Train", "model/model.tar.gz") == "model"
    assert [each.steps["Train"].status for each in (first, second)] == ["StandIn", "StandIn"]
    packages = [each.steps["Register"].properties for each in (first, second)]
    assert [each["ModelPackageVersion"] for each in packages] == [1, 2]  # never mistaken for a known result
    assert {each["ApprovalDescription"] for each in packages} == {"with stand-ins for Train"}


def test_property_files_of_a_stand_in_are_read_from_its_files(local: Local) -> None:
    report = local.processing("Report", "1/0", outputs=("report",), files={"Report": "report/report.json"})
    reader = gate(local, local.json_get("Report", "Report", "auc"), 0.8)
    uri = f"{BUCKET}/stub/report"
    stub = {
        "properties": {"ProcessingOutputConfig": {"Outputs": {"report": {"S3Output": {"S3Uri": uri}}}}},
        "files": {f"{uri}/report.json": "auc.json"},
    }
    (local.home.parent / "auc.json").write_text('{"auc": 0.8}')

    to_fill_in = skeleton(local, report, reader, name="Report")
    without = refused(local, report, reader, given={"Report": {"properties": stub["properties"]}})
    unfilled = refused(local, report, reader, given={"Report": to_fill_in})
    done = run(local, report, reader, given={"Report": stub})

    assert to_fill_in["files"] == {"<fill in: S3Uri of report>/report.json": "<fill in: report.json>"}
    assert "still has placeholders: replace '<fill in: S3Uri of report>', " in unfilled
    assert f'has no file for {uri}/report.json: add it to "files"' in without
    assert done.steps["Gate"].properties == {"Outcome": "True"}
    assert done.read_property_file("Report", "Report") == {"auc": 0.8}


@pytest.mark.parametrize(
    "made",
    [{"Outputs": []}, {"Outputs": {"out": {"S3Output": {}}}}, {"Outputs": {"out": {"S3Output": {"S3Uri": 1}}}}, 5],
    ids=str,
)
def test_outputs_in_another_form_are_refused(local: Local, made: Any) -> None:
    step = local.processing("Report", "1/0", outputs=("out",))

    said = refused(local, step, given={"Report": {"properties": {"ProcessingOutputConfig": made}}})

    assert said == "step 'Report': its stub Report.json has outputs in another form than a Processing step."


# Nothing real is reused for a stand-in, and the other way round


@pytest.mark.slow
def test_a_stand_in_is_not_cached_and_steps_after_it_are_cached_by_content(local: Local) -> None:
    table = local.home.parent / "table"
    table.mkdir()
    (table / "a.csv").write_text("1")
    local.store.put(f"{BUCKET}/data/a.csv", b"2")
    first = local.processing("First", COPY, inputs={"data": f"{BUCKET}/data/"}, outputs=("out",), **CACHE)
    then = local.processing(
        "Then", COPY, "--again", inputs={"data": local.output_of("First", "out")}, outputs=("out",), **CACHE
    )
    uri = {"S3Output": {"S3Uri": f"{BUCKET}/stub/"}}
    stub = {
        "properties": {"ProcessingOutputConfig": {"Outputs": {"out": uri}}},
        "files": {f"{BUCKET}/stub/": "table"},
    }

    begun = run(local, first, then, given={"First": stub})
    again = run(local, first, then, given={"First": stub})
    foreseen = foresee(local, first, then, given={"First": stub}).steps
    real = local.run(first, then)
    (table / "a.csv").write_text("3")
    changed = run(local, first, then, given={"First": stub})

    assert (statuses(begun), local.output(begun, "Then", "out/a.csv")) == (
        {"First": "StandIn", "Then": "Succeeded"},
        "1",
    )
    assert (again.steps["First"].source, again.steps["Then"].source) == (None, begun.id)
    assert (foreseen["Then"].does, foreseen["Then"].aws) == (PERHAPS, "")
    assert [step.source for step in real.steps.values()] == [None, None]
    assert local.output(real, "Then", "out/a.csv") == "2"
    assert (changed.steps["First"].status, changed.steps["Then"].source) == ("StandIn", None)
    assert local.output(changed, "Then", "out/a.csv") == "3"
    assert foresee(local, first, given={}).steps["First"].does == CACHED
    assert foresee(local, first, given={"First": stub}).steps["First"].does == STAND_IN


def test_a_selected_step_can_continue_after_a_stand_in(local: Local) -> None:
    steps = [aws_only(), gate(local, output("count"), 3)]
    first = run(local, *steps, given={"Notify": outputs()})

    second = run(local, *steps, given={}, selection=Selection(("Gate",)))

    assert statuses(second) == {"Notify": "StandIn", "Gate": "Succeeded"}
    assert (second.steps["Notify"].source, second.stand_ins) == (first.id, ["Notify"])


@pytest.mark.parametrize(
    ("uri", "path", "objects"),
    [
        (f"{BUCKET}/x/b.csv", "table/a.csv", ["x/b.csv"]),
        (f"{BUCKET}/x/", "table/a.csv", ["x/a.csv"]),
        (f"{BUCKET}/x", "table", ["x/a.csv", "x/deep/b.csv"]),
        (f"{BUCKET}/x/", "table/", ["x/a.csv", "x/deep/b.csv"]),
        (f"{BUCKET}/", "table/deep", ["b.csv"]),
        (BUCKET, "table/deep", ["b.csv"]),
    ],
)
def test_files_and_folders_of_a_stub_become_objects(local: Local, uri: str, path: str, objects: list[str]) -> None:
    for name in ("a.csv", "deep/b.csv"):
        (local.home.parent / "table" / name).parent.mkdir(exist_ok=True)
        (local.home.parent / "table" / name).write_text(name)

    run(local, aws_only(), given={"Notify": {"files": {uri: path}}})

    assert list(local.store.find(BUCKET)) == objects
    assert list(local.store.find(BUCKET).values())[-1].read_text() in ("a.csv", "deep/b.csv")


def test_what_a_stub_puts_into_s3_is_an_input_that_exists(local: Local) -> None:
    reader = local.processing("Read", "", inputs={"data": f"{BUCKET}/made/"}, DependsOn=["Notify"])
    (local.home.parent / "a.csv").write_text("1")
    stub = {**outputs(), "files": {f"{BUCKET}/made/a.csv": "a.csv"}}

    assert "there is nothing at s3://bucket/made/" in refused(local, aws_only(), reader, given={"Notify": outputs()})
    assert foresee(local, aws_only(), reader, given={"Notify": stub}).steps["Read"].does == RUNS


def test_a_step_that_repeats_others_waits_for_what_those_read(local: Local) -> None:
    body = {
        "Name": "Inner",
        "Type": "Lambda",
        "Arguments": {"item": {"Get": "ForEach.CurrentItem.name"}, "list": local.get("Steps.First.Outcome")},
    }
    after = {**body, "Name": "After", "Arguments": {"before": local.get("Steps.Inner.OutputParameters['x']")}}
    each = {
        "Name": "Each",
        "Type": "ForEach",
        "Arguments": {
            "IterableItems": ["a", "b"],
            "MaxConcurrency": 2,
            "Selector": {"Pick": "MaxBy", "Field": {"Get": "IterationOutput.Inner.OutputParameters['x']"}},
            "ForEachBody": [body, after],
        },
    }
    first = local.condition("First", local.compare("Equals", 1, 1))
    reader = gate(local, local.get("Steps.Each.IterationOutputs[1].Inner.OutputParameters['x']"), 2)
    made = {"properties": {"IterationOutputs": [{}, {"Inner": {"OutputParameters": {"x": 2}}}]}}

    plan, problems = parse(local.definition(each, first, reader))
    done = run(local, each, first, reader, given={"Each": made})

    assert (problems, plan.steps["Each"].waits_for) == ([], {"First"})
    assert statuses(done) == {"First": "Succeeded", "Each": "StandIn", "Gate": "Succeeded"}
