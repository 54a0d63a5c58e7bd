"""The product itself: a generated project compiles its pipeline and runs it here, from the terminal."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from projects import Bake, Project, Result

pytestmark = pytest.mark.slow

ENVIRONMENT = {
    "account": '"111122223333"',
    "role": '"arn:aws:iam::111122223333:role/customer-jobs"',
    "bucket": '"customer-data"',
}


@pytest.fixture
def project(ready: Bake) -> Project:
    return ready()


def definition(project: Project, environment: str = "local") -> dict[str, Any]:
    done = project.ops("compile", "train", "--env", environment)
    assert done.code == 0, done
    assert done.err == ""
    compiled: dict[str, Any] = json.loads(done.out)
    return compiled


@pytest.mark.parametrize("problem", ["classification", "regression"])
def test_make_run_registers_a_model_and_says_how_good_it_is(ready: Bake, problem: str) -> None:
    project = ready(problem=problem)

    done = project.make("run")

    assert done.code == 0, done
    assert done.err == ""
    steps = re.findall(r"^(\w+) +\w+ +Succeeded", done.out, re.MULTILINE)
    assert steps == ["Processing", "Training", "Evaluation", "QualityGate", "Register"]
    assert re.search(r"^metric +model +± +baseline$", done.out, re.MULTILINE)
    assert "registered model customer-flight-delays-local version 1 (PendingManualApproval)" in done.out
    [folder] = re.findall(r"^Look in (\S+):", done.out, re.MULTILINE)
    run = project.path / folder
    assert (run / "Evaluation" / "outputs" / "evaluation" / "evaluation.json").is_file()
    assert (run / "Training" / "log.txt").stat().st_size > 0
    assert ": better than a naive model" in (run / "Evaluation" / "log.txt").read_text(encoding="utf-8")


def test_the_gate_refuses_with_both_numbers_and_exit_code_1(project: Project) -> None:
    done = project.ops("run", "train", "--param", "QualityGate=0.99")

    assert done.code == 1, done
    assert done.out.splitlines()[-3].startswith("Failed in ")
    assert re.search(r"auc of the model is 0\.7\d+, but the quality gate requires at least 0\.99", done.out)
    assert not (project.path / ".local" / "registry").exists()

    again = project.ops("run", "train", "--param", "QualityGate=0.1", "--param", "MaxIter=5")
    listed = project.ops("list-pipeline-executions", "--env", "local")

    assert again.code == 0, again
    assert listed.code == 0, listed
    statuses = re.findall(r"customer-flight-delays-train-local +(\w+)", listed.out)
    assert statuses == ["Succeeded", "Failed"], "the newest first"


def test_two_compiles_are_identical_and_an_unchanged_project_is_not_compiled_again(project: Project) -> None:
    first = definition(project)
    for kept in (project.path / ".local" / "compiled").iterdir():
        kept.unlink()

    assert definition(project) == first

    (project.path / "sagemaker.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    assert definition(project) == first


@pytest.mark.parametrize("change", ["production/steps/model.py", "data/sample/flights_classification.csv"])
def test_changed_code_and_data_are_found_at_another_address(project: Project, change: str) -> None:
    before = definition(project)
    path = project.path / change
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")

    assert definition(project) != before


@pytest.mark.parametrize(("file", "old"), [("train.py", "TrainingInstanceType"), ("_common.py", "QualityGate")])
def test_a_changed_pipeline_file_is_compiled_again(project: Project, file: str, old: str) -> None:
    definition(project)
    path = project.path / "production/pipelines" / file
    path.write_text(path.read_text(encoding="utf-8").replace(f'"{old}"', '"Gate"'), encoding="utf-8")

    assert "Gate" in [parameter["Name"] for parameter in definition(project)["Parameters"]]


def test_environments_differ_only_in_their_values(project: Project) -> None:
    project.edit("environments.dev", **ENVIRONMENT)
    local, dev = definition(project), definition(project, "dev")

    text = json.dumps(dev)
    for there, here in (
        ("arn:aws:iam::111122223333:role/customer-jobs", "arn:aws:iam::123456789012:role/local"),
        ("s3://customer-data/customer/flight-delays/dev/", "s3://local/customer/flight-delays/local/"),
        ("customer-flight-delays-dev", "customer-flight-delays-local"),
        ('{"Key": "env", "Value": "dev"}', '{"Key": "env", "Value": "local"}'),
    ):
        text = text.replace(there, here)
    assert json.loads(text) == local


def test_a_model_says_who_and_what_started_the_run_that_made_it(project: Project) -> None:
    compiled = definition(project)
    [declared] = [each for each in compiled["Parameters"] if each["Name"] == "StartedBy"]
    assert declared == {"Name": "StartedBy", "Type": "String", "DefaultValue": "unknown"}

    for commit in ("a" * 40, "b" * 40):
        variables = {"CI_PIPELINE_ID": "345", "CI_COMMIT_SHA": commit, "GITLAB_USER_LOGIN": "anna"}
        done = project.ops("run", "train", **variables)
        assert done.code == 0, done

    listed = project.ops("list-models", "--env", "local", "--output", "json")
    [model] = json.loads(listed.out)["ModelPackages"]
    assert model["StartedBy"] == {"User": "anna", "Commit": "a" * 12, "Pipeline": "345"}
    described = project.ops("describe-pipeline-execution", "latest", "--output", "json")
    execution = json.loads(described.out)
    assert execution["StartedBy"]["Commit"] == "b" * 12
    reused = {each["StepName"] for each in execution["PipelineExecutionSteps"] if each.get("CacheHitResult")}
    assert reused == {"Processing", "Training", "Evaluation", "Register"}


def test_a_registered_model_carries_what_it_was_made_from(project: Project) -> None:
    compiled = definition(project)
    [gate] = [step for step in compiled["Steps"] if step["Name"] == "QualityGate"]
    [register] = gate["Arguments"]["IfSteps"]
    arguments = register["Arguments"]
    assert arguments["CustomerMetadataProperties"] == {
        "StartedBy": {"Get": "Parameters.StartedBy"},
        "PipelineExecutionArn": {"Get": "Execution.PipelineExecutionArn"},
        "DataUri": {"Get": "Parameters.InputDataUrl"},
        "LibraryVersion": "0.2.0",
    }
    files = {
        kind: each["Statistics"]["S3Uri"]["Std:Join"]["Values"][1]
        for kind, each in arguments["DriftCheckBaselines"].items()
    }
    assert files == {"ModelQuality": "evaluation.json", "ModelDataQuality": "summary.json"}
    card = json.loads(arguments["ModelCard"]["ModelCardContent"])
    assert (card["intended_uses"]["risk_rating"], arguments["ModelCard"]["ModelCardStatus"]) == ("Unknown", "Draft")

    for more in ((), ("--param", "MaxIter=20")):
        done = project.ops("run", "train", *more)
        assert done.code == 0, done

    listed = json.loads(project.ops("list-models", "--env", "local", "--output", "json").out)["ModelPackages"]
    metadata = listed[1]["CustomerMetadataProperties"]
    assert metadata["DataUri"].startswith("s3://local/customer/flight-delays/local/raw/")
    assert len(metadata["SchemaHash"]) == 16
    store = project.path / ".local" / "s3"
    baselines = [each["Statistics"]["S3Uri"] for each in listed[1]["DriftCheckBaselines"].values()]
    assert [(store / uri.removeprefix("s3://")).is_file() for uri in baselines] == [True, True]
    compared = project.ops("list-models", "--env", "local", "--compare", "1", "latest")
    assert compared.code == 0, compared
    assert re.search(r"^≠ max_iter +150 +20$", compared.out, re.MULTILINE)
    assert re.search(r"^  rows +19,500 +19,500$", compared.out, re.MULTILINE)


def test_key_network_isolation_and_limits_reach_every_job(project: Project) -> None:
    key = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    project.edit(
        "environments.prod",
        **ENVIRONMENT,
        kms_key=f'"{key}"',
        subnets='["subnet-0a1b2c3d"]',
        security_groups='["sg-0a1b2c3d"]',
        network_isolation="true",
    )
    jobs = {step["Name"]: step for step in definition(project, "prod")["Steps"]}
    vpc = {"SecurityGroupIds": ["sg-0a1b2c3d"], "Subnets": ["subnet-0a1b2c3d"]}

    for name in ("Processing", "Evaluation"):
        arguments = jobs[name]["Arguments"]
        assert arguments["NetworkConfig"] == {"EnableNetworkIsolation": True, "VpcConfig": vpc}
        assert arguments["ProcessingOutputConfig"]["KmsKeyId"] == key
        assert arguments["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] == key
    training = jobs["Training"]["Arguments"]
    assert training["VpcConfig"] == vpc
    assert training["EnableNetworkIsolation"] is True
    assert training["OutputDataConfig"]["KmsKeyId"] == key
    assert training["ResourceConfig"]["VolumeKmsKeyId"] == key
    for name in ("Processing", "Training", "Evaluation"):
        assert jobs[name]["Arguments"]["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600}
        assert jobs[name]["CacheConfig"] == {"Enabled": True, "ExpireAfter": "P30D"}
        assert {tag["Key"]: tag["Value"] for tag in jobs[name]["Arguments"]["Tags"]} == {
            "vertical": "customer",
            "project": "flight-delays",
            "env": "prod",
            "owner": "data-team@example.com",
        }


def read_json(project: Project, done: Result, name: str) -> Any:
    """A file of the execution that a run has printed."""
    [folder] = re.findall(r"^Look in (\S+):", done.out, re.MULTILINE)
    return json.loads((project.path / folder / name).read_text(encoding="utf-8"))


def processing(compiled: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    """The arguments of the step Processing, and {input: its S3 URI}, without the parameter of the data."""
    [step] = [step for step in compiled["Steps"] if step["Name"] == "Processing"]
    inputs = {entry["InputName"]: entry["S3Input"]["S3Uri"] for entry in step["Arguments"]["ProcessingInputs"]}
    assert inputs.pop("data") == {"Get": "Parameters.InputDataUrl"}
    return step["Arguments"]["AppSpecification"]["ContainerArguments"], inputs


def test_weight_id_and_schema_reach_processing_if_they_exist(project: Project) -> None:
    project.edit("environments.dev", **ENVIRONMENT)
    arguments, inputs = processing(definition(project, "dev"))
    assert [word for word in arguments if word.startswith(("--weight", "--id", "--schema"))] == []
    assert list(inputs) == ["code"]

    project.edit("data", weight='"distance"', id='"day"')
    (project.path / "data" / "schema.toml").write_text('[columns]\n"late" = "text"\n', encoding="utf-8")

    arguments, inputs = processing(definition(project, "dev"))
    wanted = {"--weight=distance", "--id=day", "--schema=/opt/ml/processing/schema/schema.toml"}
    assert wanted <= set(arguments)
    assert re.fullmatch(r"s3://customer-data/customer/flight-delays/dev/code/[0-9a-f]{16}/schema/", inputs["schema"])


def test_without_a_limit_on_groups_the_quality_gate_is_the_only_condition(project: Project) -> None:
    before = definition(project)
    project.edit("evaluation", groups='["carrier", "month"]')

    compiled = definition(project)

    assert {"--group=carrier", "--group=month"} <= set(processing(compiled)[0])
    step = next(each for each in before["Steps"] if each["Name"] == "Processing")
    step["Arguments"]["AppSpecification"]["ContainerArguments"] = processing(compiled)[0]
    assert compiled == before


def test_a_limit_on_groups_is_one_more_condition(project: Project) -> None:
    before = definition(project)
    project.edit("data", exclude='["carrier"]')
    project.edit("evaluation", groups='["carrier", "origin"]', max_group_difference="0.001")

    [gate] = [step for step in definition(project)["Steps"] if step["Type"] == "Condition"]
    added = {each["Name"]: each["DefaultValue"] for each in definition(project)["Parameters"]}
    for parameter in before["Parameters"]:
        added.pop(parameter["Name"])
    assert added == {"MaxGroupDifference": 0.001}
    assert [each["Type"] for each in gate["Arguments"]["Conditions"]] == ["GreaterThanOrEqualTo", "LessThanOrEqualTo"]

    refused = project.ops("run", "train")
    passed = project.ops("run", "train", "--param", "MaxGroupDifference=0.9")

    assert refused.code == 1, refused
    assert re.search(
        r"auc of the model is 0\.7\d+, and the quality gate requires at least 0\.65; "
        r"auc differs by 0\.\d+ between '\w+' and '\w+' of '\w+', but at most 0\.001 is allowed",
        refused.out,
    )
    for column in ("carrier", "origin"):
        assert re.search(rf"^'{column}': auc is [\d.]+ higher for '\w+' ", refused.out, re.MULTILINE)
    assert passed.code == 0, passed
    [page] = re.findall(r"^Open (\S+)", passed.out, re.MULTILINE)
    text = (project.path / page).read_text(encoding="utf-8")
    assert re.search(r"Quality gate: difference of auc between groups is 0\.\d+ and must be at most 0\.9: passed", text)


def test_a_model_is_registered_with_the_content_types_that_it_supports(unchanged: Project) -> None:
    [gate] = [step for step in definition(unchanged)["Steps"] if step["Type"] == "Condition"]
    [register] = gate["Arguments"]["IfSteps"]

    inference = register["Arguments"]["InferenceSpecification"]
    assert inference["SupportedContentTypes"] == inference["SupportedResponseMIMETypes"]
    assert inference["SupportedContentTypes"] == ["text/csv", "application/json", "application/jsonlines"]


def test_the_hyperparameters_of_a_new_project_can_be_set_at_a_start(project: Project) -> None:
    done = project.ops("run", "train", "--param", "ClassWeight=balanced", "--param", "EarlyStoppingRounds=3")

    assert done.code == 0, done
    [log] = project.path.glob(".local/runs/*/Training/log.txt")
    assert "class_weight=balanced, early_stopping_rounds=3" in log.read_text(encoding="utf-8")
    assert re.search(r"^stopped after \d+ of 150 iterations$", log.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_first_run_keeps_the_types_of_the_columns_and_the_second_changes_nothing(project: Project) -> None:
    kept, quick = project.path / "data" / "schema.toml", ("--param", "MaxIter=3")

    first = project.ops("run", "train", *quick)
    assert first.code == 0, first
    assert "\nWrote data/schema.toml, the type of each column: " in first.out
    written = kept.read_text(encoding="utf-8")
    assert tomllib.loads(written)["columns"]["day"] == "integer"

    second = project.ops("run", "train", *quick)
    assert second.code == 0, second
    assert "schema.toml" not in second.out
    assert kept.read_text(encoding="utf-8") == written
    assert read_json(project, first, "definition.json") == read_json(project, second, "definition.json")

    edited = written.replace('"day" = "integer"', '"day" = "text"')
    kept.write_text(edited, encoding="utf-8")
    third = project.ops("run", "train", *quick)
    assert third.code == 0, third
    assert kept.read_text(encoding="utf-8") == edited
    found = read_json(project, third, "Processing/outputs/summary/schema.json")
    assert {"name": "day", "kind": "categorical"} in found["features"]


def test_a_table_that_no_longer_matches_the_schema_ends_the_run_with_a_sentence(project: Project) -> None:
    kept = project.path / "data" / "schema.toml"
    kept.write_text('[columns]\n"carrier" = "number"\n', encoding="utf-8")

    done = project.ops("run", "train")

    assert done.code == 1, done
    sentence = "column 'carrier' contains text such as 'B6' in 100 % of the rows, but schema.toml says number"
    assert f"step 'Processing': {sentence}" in done.out
    assert kept.read_text(encoding="utf-8") == '[columns]\n"carrier" = "number"\n'


@pytest.mark.parametrize(
    ("kept", "sentence"),
    [
        pytest.param("[columns", "data/schema.toml: not valid TOML: ", id="no TOML"),
        pytest.param('[columns]\n"carier" = "text"', "Did you mean 'carrier'?", id="a column that is gone"),
    ],
)
def test_a_schema_that_does_not_match_is_reported_before_anything_runs(
    project: Project, kept: str, sentence: str
) -> None:
    (project.path / "data" / "schema.toml").write_text(kept, encoding="utf-8")

    done = project.ops("run", "train")
    checked = project.ops("check")

    assert (done.code, done.out) == (2, "Running train …\n"), done
    assert sentence in done.err
    assert len(done.err.splitlines()) == 1
    assert (checked.code, checked.err) == (2, done.err)
    assert not (project.path / ".local" / "runs").exists()


def test_another_table_is_never_checked_against_the_schema_of_the_sample(project: Project) -> None:
    of_the_sample = 'source = "data/sample/flights_classification.csv"\n[columns]\n"carrier" = "text"\n'
    (project.path / "data" / "schema.toml").write_text(of_the_sample, encoding="utf-8")
    rows = "".join(f"{number % 50},{number % 50 > 20}\n" for number in range(200))
    (project.path / "data" / "own.csv").write_text(f"minutes,late\n{rows}", encoding="utf-8")
    project.edit("data", source='"data/own.csv"')

    done = project.ops("run", "train")

    assert done.code == 0, done
    assert "\nWrote data/schema.toml again, for 'data/own.csv', " in done.out
    kept = tomllib.loads((project.path / "data" / "schema.toml").read_text(encoding="utf-8"))
    assert kept == {"source": "data/own.csv", "columns": {"minutes": "integer", "late": "boolean"}}


def test_an_s3_source_is_not_cached_by_its_address(project: Project) -> None:
    project.edit("data", source='"s3://customer-data/flights/"')

    steps = {step["Name"]: step for step in definition(project)["Steps"]}

    assert not steps["Processing"].get("CacheConfig", {}).get("Enabled", False)
    assert steps["Training"]["CacheConfig"]["Enabled"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("run", "trian"), 2, "No pipeline 'trian' in production/pipelines. Did you mean 'train'?"),
        (("run", "train", "--param", "QualityGat=1"), 2, "Did you mean 'QualityGate'?"),
        (("run", "train", "--param", "MaxIter=many"), 2, "'MaxIter' needs a value of type Integer, not 'many'"),
        (("run", "train", "--param", "ModelApprovalStatus=Yes"), 2, "PendingManualApproval"),
        (("run", "train", "--param", "MaxIter"), 2, "'MaxIter' does not have the form NAME=VALUE"),
        (("compile", "train", "--env", "dev"), 2, "[environments.dev].role: not set yet"),
        (("compile", "train", "--env", "test"), 2, "project.toml has no [environments.test]"),
        (("list-pipeline-executions", "--env", "dev"), 2, "write the 12 digits of the AWS account"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_argument_gets_a_sentence(
    unchanged: Project, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    done = unchanged.ops(*arguments)

    assert (done.code, done.out.removeprefix("Running train …\n")) == (code, ""), done
    assert sentence in done.err
    assert "Traceback" not in done.err
    assert not (unchanged.path / ".local" / "runs").exists()


@pytest.mark.parametrize(
    ("table", "values", "code", "sentence"),
    [
        pytest.param("data", {"source": '"data/sample/flight.csv"'}, 2, "there is no file", id="no such file"),
        pytest.param("data", {"target": '"lat"'}, 2, "has no column 'lat'. Did you mean 'late'?", id="no such target"),
        pytest.param("data", {"exclude": '["dist"]'}, 2, "has no column 'dist'", id="no such column to exclude"),
        pytest.param("data", {"source": '"data/empty.csv"'}, 2, "is empty", id="empty table"),
        pytest.param("data", {"test_share": "0.9"}, 2, "together below 1", id="shares"),
        pytest.param(
            "gate",
            {"minimum": '"high"'},
            2,
            "[gate].minimum: expected a number, found 'high'",
            id="string for a number",
        ),
        pytest.param("instances", {"training": '"ml.t2.medium"'}, 3, "not available for training", id="instance type"),
        pytest.param("project", {"vertical": '"Customer"'}, 3, "such as 'customer'", id="vertical"),
        pytest.param(
            "data",
            {"source": '"s3://customer-data/flights/"'},
            2,
            "is on S3, and a local run needs a copy",
            id="data that is not here",
        ),
    ],
)
def test_a_wrong_project_gets_a_sentence(
    ready: Bake, table: str, values: dict[str, str], code: int, sentence: str
) -> None:
    project = ready()
    (project.path / "data" / "empty.csv").touch()
    project.edit(table, **values)

    done = project.ops("run", "train")
    checked = project.ops("check")

    assert done.code == code, done
    assert sentence in done.err
    if "s3://" not in str(values):  # not on this machine, but valid
        assert (checked.code, checked.err) == (code, done.err)
    assert "Traceback" not in done.err
    assert not (project.path / ".local" / "runs").exists()


def test_a_typo_in_a_key_gets_a_sentence(project: Project) -> None:
    path = project.path / "project.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("test_share", "test_sare"), encoding="utf-8")

    done = project.ops("run", "train")

    assert done.code == 2
    assert done.err == "error: project.toml [data]: unknown key 'test_sare'. Did you mean 'test_share'?\n"


def test_a_region_without_the_image_runs_here_and_needs_another_image_on_aws(project: Project) -> None:
    account = "123456789012"
    project.edit("project", region='"mx-central-1"')
    unfinished = project.ops("run", "train")
    project.edit(
        "environments.dev", account=f'"{account}"', role=f'"arn:aws:iam::{account}:role/jobs"', bucket='"models"'
    )

    finished, planned = project.ops("run", "train"), project.ops("plan", "train")
    checked, compiled = project.ops("check"), project.ops("compile", "train", "--env", "dev")

    assert [(each.code, each.err) for each in (unfinished, finished, planned)] == [(0, "")] * 3
    assert checked.code == compiled.code == 3
    assert checked.err == compiled.err
    assert "does not offer its scikit-learn image '1.9-0' in mx-central-1" in checked.err
    project.edit("images", default=f'"{account}.dkr.ecr.mx-central-1.amazonaws.com/own:1"')
    assert project.ops("check").code == project.ops("compile", "train", "--env", "dev").code == 0


def test_an_instance_type_in_the_pipeline_file_is_checked(project: Project) -> None:
    path = project.path / "production" / "pipelines" / "train.py"
    source = path.read_text(encoding="utf-8")
    path.write_text(
        re.sub(r"instance_type=jobs\.parameter\(.*\),", 'instance_type="ml.p3.2xlarge",', source), encoding="utf-8"
    )

    done = project.ops("run", "train")

    assert done.code == 3, done
    assert done.err.startswith("error: production/pipelines/train.py step 'Training': 'ml.p3.2xlarge' is retired")


def test_a_mistake_in_the_pipeline_file_is_reported_with_its_line(project: Project) -> None:
    path = project.path / "production" / "pipelines" / "train.py"
    source = path.read_text(encoding="utf-8").replace("jobs.training_step(", "jobs.trainin_step(")
    path.write_text(source, encoding="utf-8")
    line = next(number for number, text in enumerate(source.splitlines(), 1) if "trainin_step" in text)

    done = project.ops("run", "train")

    assert done.code == 2
    assert done.err.startswith(f"error: production/pipelines/train.py line {line}: AttributeError:")
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("command", ["--help", "check", "list-pipeline-executions", "compile train", "run train"])
def test_no_command_imports_what_it_does_not_use(unchanged: Project, command: str) -> None:
    definition(unchanged)
    wrong = ["--param=QualityGate=high"] if command == "run train" else []  # as far as the start of the execution

    done = unchanged.run(".venv/bin/python", "-X", "importtime", "-m", "sagemaker_ops", *command.split(), *wrong)

    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.err.splitlines()}
    assert "sagemaker_ops" in imported
    assert imported & {"boto3", "numpy", "pandas", "pyarrow", "sagemaker", "sklearn"} == set()


def test_a_reader_that_stops_early_is_not_an_error(unchanged: Project) -> None:
    done = unchanged.run("bash", "-o", "pipefail", "-c", ".venv/bin/python -m sagemaker_ops compile train | head -1")

    assert (done.out, done.err) == ("{\n", "")


def test_a_local_folder_that_cannot_be_written_gets_a_sentence(project: Project, tmp_path: Path) -> None:
    definition(project)
    folder = project.path / ".local"
    blocked = tmp_path / "file"
    blocked.touch()
    folder.rename(tmp_path / "kept")
    folder.symlink_to(blocked)  # where even root cannot write

    done = project.ops("run", "train")

    assert done.code == 2, done
    assert len(done.err.splitlines()) == 1
    assert "Traceback" not in done.err


def test_from_another_projects_folder_it_refuses_to_run(project: Project, tmp_path: Path) -> None:
    (tmp_path / "project.toml").touch()

    done = Project(tmp_path).run(
        project.path / ".venv/bin/python", "-m", "sagemaker_ops", "check", PYTHONPATH=str(project.path / "vendor")
    )

    assert done.code == 2
    assert str(project.path) in done.err
