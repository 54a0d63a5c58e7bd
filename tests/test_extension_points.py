"""What a team can change without editing vendor/: it compiles with the SDK and runs on this machine."""

from __future__ import annotations

import csv
import filecmp
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from projects import VENDOR, Project, Result, bake_into

from sagemaker_ops.definition import step_types
from sagemaker_ops.definition.expressions import is_expression
from sagemaker_ops.definition.paths import at
from sagemaker_ops.pipelines import publishing

pytestmark = pytest.mark.slow

ECR = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
AWS_SKLEARN = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
# The files of a team with its own reading, splits, models, metrics, steps and pipelines.
PROCESS = """
import numpy as np
import pandas as pd

def process(arguments):
    options = Options.of(arguments)
    [file] = arguments.input_dir.iterdir()
    table = pd.read_csv(file, sep=";", skiprows=1, encoding="latin-1")
    table = table.assign(delayed=np.where(table["late"] == 1, "yes", "no")).drop(columns=["late", "day"])
    rows = check_rows(table, options)
    month = rows.rows["month"]
    parts = np.select([month > 10, month > 8], ["test", "validation"], "train")
    prepared = describe_parts(rows, parts, options)
    prepared.save([arguments.train_dir, arguments.validation_dir, arguments.test_dir], arguments.summary_dir)
"""
MODEL = """
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from sagemaker_ops import Number

HYPERPARAMETERS = {
    "n_estimators": Number(100, 1, 10_000, "number of trees"),
    "min_samples_leaf": Number(1, 1, 10_000, "minimum number of rows per leaf"),
}

def make_model(schema, hyperparameters):
    numbered = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    return make_pipeline(
        make_column_transformer((numbered, schema.of_kind("categorical")), remainder="passthrough"),
        RandomForestClassifier(random_state=0, **hyperparameters),
    )
"""
METRICS = """
def cost(truth, prediction, weights):
    alarm = prediction[:, 1] >= 0.2
    return float((weights * ((truth == 1) & ~alarm) * 5 + weights * ((truth == 0) & alarm)).sum() / weights.sum())

METRICS = {"cost": Metric(cost, lower_is_better=True)}
"""
SCORING = """
import argparse, json, os, sys
from pathlib import Path

import pandas as pd

parser = argparse.ArgumentParser()
for name in ("threshold", "times", "strict", "label", "plain"):
    parser.add_argument(f"--{name}")
folder = Path("/opt/ml/processing")
rows = pd.concat(map(pd.read_parquet, (folder / "test").iterdir())).drop(columns="delayed").head(50)
rows.insert(0, "number", range(1000, 1050))
rows.to_csv(folder / "rows" / "rows.csv", index=False, header=False)
seen = {
    "arguments": vars(parser.parse_args()),
    "environment": {key: value for key, value in os.environ.items() if key.startswith("OWN_")},
    "extra": os.listdir(folder / "extra"),
    "warnings": sys.warnoptions,
}
(folder / "seen" / "seen.json").write_text(json.dumps(seen))
"""
STEPS_OF_TRAIN = "    steps = [processing, training, evaluation, quality]\n"
OWN_STEPS = """
    own = jobs.parameters
    scoring = jobs.processing_step(
        "Scoring",
        "scoring.py",
        inputs={"test": jobs.output(processing, "test"), "extra": target.data_uri},
        outputs=["rows", "seen"],
        arguments=[
            "--threshold", own["threshold"], "--times", own["repeat_times"], "--strict", own["strict"],
            "--label", own["label"], "--plain", 7,
        ],
        environment={"OWN_THRESHOLD": own["threshold"], "OWN_STRICT": own["strict"], "OWN_PLAIN": True},
        command=("python3", "-W", "error::SyntaxWarning"),
        depends_on=[evaluation],
    )
    model = jobs.create_model_step("ScoringModel", model_data=model_data)
    scores = jobs.transform_step(
        "Scores", model, data=jobs.output(scoring, "rows"),
        input_filter="$[1:]", join_source="Input", output_filter="$[0,-2,-1]",
    )
    steps = [processing, training, evaluation, quality, scoring, model, scores]
"""
COMMON = """
from parts.channels import channels

def processing_step(jobs, target):
    return jobs.processing_step(
        "Processing", "processing.py", inputs={"data": target.data_uri},
        outputs=["train", "validation", "test", "summary"], arguments=target.settings.data.arguments,
    )
"""
CHANNELS = """
def channels(jobs, processing):
    return {name: jobs.output(processing, name) for name in ("train", "validation", "summary")}
"""
TUNE = f"""
from production.pipelines._own import channels, processing_step
from sagemaker.core.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString

from sagemaker_ops import Jobs

def get_pipeline(target, session):
    jobs = Jobs(target, session)
    most_jobs, leaves = ParameterInteger("MostJobs", default_value=6), ParameterInteger("MostLeaves", default_value=9)
    lowest, package = ParameterFloat("LowestRate", default_value=0.01), ParameterString("ModelPackageArn")
    times = jobs.parameters["repeat_times"]
    processing = processing_step(jobs, target)
    data = channels(jobs, processing)
    spot = jobs.training_step(
        "Spot", "training.py", channels=data, spot=True, max_wait_minutes=90, image="{ECR}/own:1",
        hyperparameters={{"note": "it is", "times": times, "verbose": True, "rate": 0.5}},
        environment={{"OWN_TIMES": times}},
    )
    warm = jobs.training_step("Warm", "training.py", channels=data, keep_alive_minutes=30, depends_on=[spot])
    tuning = jobs.tuning_step(
        "Tuning", "training.py", channels=data, metric="validation:auc", max_jobs=most_jobs, max_parallel_jobs=3,
        ranges={{"rate": (lowest, 0.3), "leaves": (2, leaves), "trees": (10, 50), "weight": ["none", True, 2]}},
        hyperparameters={{"leaves": 5, "times": times, "verbose": True}}, depends_on=[warm],
    )
    best = jobs.best_model(tuning)
    register = jobs.register_step("Register", best, approval_status="Approved")
    model = jobs.create_model_step("BestModel", model_data=best)
    scores = jobs.transform_step(
        "Scores", model, data=target.data_uri, instance_count=2, environment={{"OWN_TIMES": times}}
    )
    approved = jobs.create_model_step("ApprovedModel", model_package=package)
    kept = jobs.transform_step("ApprovedScores", approved, data=target.data_uri, join_source="Input", cached=False)
    large = jobs.processing_step(
        "Large", "scoring.py", inputs={{}}, outputs=["seen"], image="{ECR}/own:2", instance_type="ml.m5.4xlarge",
        instance_count=3, command=("bash", "-c"), depends_on=["Tuning"],
    )
    steps = [processing, spot, warm, tuning, register, model, scores, approved, kept, large]
    return jobs.pipeline("tune", steps, [most_jobs, leaves, lowest, package])
"""
TABLES = {
    "gate": 'metric = "cost"\nmaximum = 5',
    "hyperparameters": "n_estimators = 10\nmin_samples_leaf = 5",
    "parameters": 'threshold = 0.5\nrepeat_times = 3\nstrict = true\nlabel = "late"',
}
GIVEN = {"Threshold": "0.25", "RepeatTimes": "4", "Strict": "false", "Label": "rather late"}


@pytest.fixture(scope="module")
def project(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with all of these files."""
    project = bake_into(tmp_path_factory.mktemp("extended"))
    (project.path / ".venv").symlink_to(environment)
    settings = (project.path / "project.toml").read_text(encoding="utf-8")
    for table, body in TABLES.items():
        settings = re.sub(rf"(?ms)^\[{table}\].*?(?=^\[)", f"[{table}]\n{body}\n\n", settings)
    (project.path / "project.toml").write_text(settings, encoding="utf-8")
    project.edit("data", source='"data/own"', target='"delayed"')
    project.edit("images", scoring=f'"{ECR}/scoring:3"', scoring_model=f'"{ECR}/serving:4"')
    project.edit("instances", scoring='"ml.m5.2xlarge"', evaluation='"ml.c5.2xlarge"', scores='"ml.m5.xlarge"')

    sample = (project.path / "data/sample/flights_classification.csv").read_text(encoding="utf-8")
    (project.path / "data" / "own").mkdir()
    table = "Flüge, Stand heute\n" + sample.replace(",", ";")
    (project.path / "data" / "own" / "Flüge.txt").write_text(table, encoding="latin-1")
    steps, pipelines = project.path / "production" / "steps", project.path / "production" / "pipelines"
    (steps / "model.py").write_text(MODEL, encoding="utf-8")
    (steps / "scoring.py").write_text(SCORING, encoding="utf-8")
    replace(steps / "processing.py", r"(?ms)^def process\(.*?(?=^def parser)", f"{PROCESS}\n\n")
    replace(steps / "metrics.py", r"(?m)^METRICS: .*$", METRICS)
    replace(pipelines / "train.py", re.escape(STEPS_OF_TRAIN), OWN_STEPS)
    (pipelines / "parts").mkdir()
    (pipelines / "parts" / "channels.py").write_text(CHANNELS, encoding="utf-8")
    (pipelines / "_own.py").write_text(COMMON, encoding="utf-8")
    (pipelines / "tune.py").write_text(TUNE, encoding="utf-8")
    return project


def replace(file: Path, pattern: str, text: str) -> None:
    content, count = re.subn(pattern, lambda _: text, file.read_text(encoding="utf-8"))
    assert count == 1, (file, pattern)
    file.write_text(content, encoding="utf-8")


@dataclass(frozen=True)
class Run:
    done: Result
    folder: Path

    def read(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run(project: Project) -> Run:
    """The pipeline train, run on this machine."""
    given = [f"--param={name}={value}" for name, value in GIVEN.items()]
    done = project.ops("run", "train", *given)
    assert (done.code, done.err) == (0, ""), done
    [folder] = re.findall(r"^Look in (\S+):", done.out, re.MULTILINE)
    return Run(done, project.path / folder)


@pytest.fixture(scope="module")
def train(run: Run) -> dict[str, Any]:
    """The definition of train."""
    return dict(run.read("definition.json"))


@pytest.fixture(scope="module")
def tune(project: Project) -> dict[str, Any]:
    """The definition of tune."""
    done = project.ops("compile", "tune")
    assert (done.code, done.err) == (0, ""), done
    return dict(json.loads(done.out))


def arguments(definition: dict[str, Any], step: str) -> dict[str, Any]:
    [found] = [each["Arguments"] for each in step_types.walk(definition["Steps"]) if each["Name"] == step]
    return dict(found)


def text_of(parameter: str) -> dict[str, Any]:
    """A parameter that is not text, where text is needed."""
    return {"Std:Join": {"On": "", "Values": [{"Get": f"Parameters.{parameter}"}]}}


# Steps and their settings


def test_a_step_has_the_image_and_the_instance_type_of_its_name_and_the_others_have_the_default(
    train: dict[str, Any],
) -> None:
    images = {name: arguments(train, name)["AppSpecification"]["ImageUri"] for name in ("Scoring", "Evaluation")}
    instances = {
        name: arguments(train, name)["ProcessingResources"]["ClusterConfig"]["InstanceType"]
        for name in ("Scoring", "Evaluation", "Processing")
    }

    assert images == {"Scoring": f"{ECR}/scoring:3", "Evaluation": AWS_SKLEARN}
    assert instances == {
        "Scoring": "ml.m5.2xlarge",
        "Evaluation": "ml.c5.2xlarge",
        "Processing": {"Get": "Parameters.ProcessingInstanceType"},
    }
    assert arguments(train, "ScoringModel")["PrimaryContainer"]["Image"] == f"{ECR}/serving:4"
    assert arguments(train, "Scores")["TransformResources"]["InstanceType"] == "ml.m5.xlarge"


def test_each_key_of_parameters_is_a_typed_parameter_with_its_default(train: dict[str, Any]) -> None:
    own = {each["Name"]: each for each in train["Parameters"] if each["Name"] in GIVEN}

    assert {name: (each["Type"], each["DefaultValue"]) for name, each in own.items()} == {
        "Threshold": ("Float", 0.5),
        "RepeatTimes": ("Integer", 3),
        "Strict": ("Boolean", True),
        "Label": ("String", "late"),
    }


def test_a_script_gets_text_whatever_the_type_of_a_value(run: Run) -> None:
    seen = run.read("Scoring/outputs/seen/seen.json")

    assert seen["arguments"] == {
        "threshold": "0.25",
        "times": "4",
        "strict": "false",
        "label": "rather late",
        "plain": "7",
    }
    assert seen["environment"] == {"OWN_THRESHOLD": "0.25", "OWN_STRICT": "false", "OWN_PLAIN": "true"}


def test_a_script_finds_its_inputs_and_the_options_of_its_command(run: Run) -> None:
    seen = run.read("Scoring/outputs/seen/seen.json")

    assert seen["extra"] == ["Flüge.txt"]
    assert seen["warnings"] == ["error::SyntaxWarning"]


def test_image_count_instance_type_and_command_of_a_single_step(tune: dict[str, Any]) -> None:
    large = arguments(tune, "Large")

    assert large["AppSpecification"]["ImageUri"] == f"{ECR}/own:2"
    assert large["AppSpecification"]["ContainerEntrypoint"] == [
        "bash",
        "-c",
        "/opt/ml/processing/input/code/scoring.py",
    ]
    cluster = large["ProcessingResources"]["ClusterConfig"]
    assert (cluster["InstanceType"], cluster["InstanceCount"]) == ("ml.m5.4xlarge", 3)
    assert arguments(tune, "Spot")["AlgorithmSpecification"]["TrainingImage"] == f"{ECR}/own:1"


def test_steps_wait_for_those_in_depends_on(train: dict[str, Any], tune: dict[str, Any]) -> None:
    waits = {step["Name"]: step["DependsOn"] for step in [*train["Steps"], *tune["Steps"]] if "DependsOn" in step}

    assert waits == {"Scoring": ["Evaluation"], "Warm": ["Spot"], "Tuning": ["Warm"], "Large": ["Tuning"]}


def test_helpers_next_to_a_pipeline_and_in_subfolders_are_not_pipelines(project: Project, tune: dict[str, Any]) -> None:
    assert [step["Name"] for step in tune["Steps"]][:2] == ["Processing", "Spot"], "made by the helpers"

    done = project.ops("compile", "_common")

    assert done.code == 2
    assert done.err.rstrip().endswith("Available: train, tune.")


# Other ways to read, split, model and measure


def test_a_model_can_be_made_from_own_reading_and_own_parts(run: Run) -> None:
    import pandas as pd  # slow, and other tests do not need it

    summary = run.read("Processing/outputs/summary/summary.json")
    parts = ("train", "validation", "test")
    months = [pd.read_parquet(run.folder / f"Processing/outputs/{part}")["month"].unique() for part in parts]

    assert summary["target"]["name"] == "delayed"
    assert {column["name"] for column in summary["columns"]}.isdisjoint({"late", "day"})
    assert [set(found) for found in months] == [{*range(1, 9)}, {9, 10}, {11, 12}]


def test_an_own_metric_has_a_baseline_and_decides_at_the_gate(run: Run) -> None:
    evaluation = run.read("Evaluation/outputs/evaluation/evaluation.json")
    cost = evaluation["binary_classification_metrics"]["cost"]

    assert evaluation["gate"] == {"metric": "cost", "value": cost["value"]}
    assert 0 < cost["value"] < evaluation["baseline"]["cost"]["value"]
    assert cost["standard_deviation"] > 0
    assert re.search(r"^Register +RegisterModel +Succeeded", run.done.out, re.MULTILINE)


@pytest.fixture(scope="module")
def model(run: Run) -> Any:
    from sagemaker_ops import load_model

    return load_model(run.folder / "Training/outputs/model")


def test_an_own_estimator_is_trained_with_its_own_hyperparameters(train: dict[str, Any], model: Any) -> None:
    forest = model.pipeline[-1]

    assert arguments(train, "Training")["HyperParameters"]["n_estimators"] == text_of("NEstimators")
    assert (type(forest).__name__, forest.n_estimators, forest.min_samples_leaf) == ("RandomForestClassifier", 10, 5)


def test_a_transform_step_joins_the_predictions_to_the_rows(run: Run, model: Any) -> None:
    from sagemaker_ops import predict, read_part

    rows = read_part(run.folder / "Processing/outputs/test", model.schema).head(50)
    with (run.folder / "Scores/outputs/transform/rows.csv.out").open(encoding="utf-8") as file:
        answers = list(csv.reader(file))

    assert [int(number) for number, *_ in answers] == list(range(1000, 1050))
    said = [float(word) for _, *words in answers for word in words]
    assert said == pytest.approx(predict(model.pipeline, model.schema.frame(rows)).ravel().tolist())


# What AWS accepts


CALLS = {
    "Training": ("CreateTrainingJob", ["TrainingJobName"]),
    "Processing": ("CreateProcessingJob", ["ProcessingJobName"]),
    "Tuning": ("CreateHyperParameterTuningJob", ["HyperParameterTuningJobName"]),
    "Transform": ("CreateTransformJob", ["TransformJobName"]),
    "Model": ("CreateModel", ["ModelName"]),
    "RegisterModel": ("CreateModelPackage", []),
}
"""{type of step: (the call that it makes, what the pipeline itself gives to it)}."""


@pytest.mark.parametrize("name", ["train", "tune"])
def test_every_job_is_asked_for_as_the_api_wants_it(name: str, request: pytest.FixtureRequest) -> None:
    definition: dict[str, Any] = request.getfixturevalue(name)
    api = botocore.session.get_session().get_service_model("sagemaker")
    missing, wrong = {}, {}
    for step in step_types.walk(definition["Steps"]):
        if step["Type"] not in CALLS:
            continue
        call, given_by_the_pipeline = CALLS[step["Type"]]
        shape = api.operation_model(call).input_shape
        missing[step["Name"]] = [key for key in shape.required_members if key not in step["Arguments"]]
        assert missing[step["Name"]] == given_by_the_pipeline
        filled = {**dict.fromkeys(given_by_the_pipeline, "name"), **_filled(step["Arguments"], shape)}
        report = ParamValidator().validate(filled, shape).generate_report()
        if found := [*report.splitlines(), *_outside(step["Arguments"], shape)]:
            wrong[step["Name"]] = found

    assert wrong == {}
    assert {step_types.of(kind).name for kind in CALLS} >= {
        step["Type"] for step in step_types.walk(definition["Steps"])
    } - {"Condition", "Fail"}


def _filled(value: Any, shape: Any) -> Any:
    """The value with each expression replaced by a value of the type that the API expects."""
    kind = shape.type_name if shape is not None else ""
    if is_expression(value):
        return {"integer": 1, "long": 1, "boolean": True, "float": 1.0, "double": 1.0}.get(kind, "x" * 20)
    if isinstance(value, dict):
        return {key: _filled(item, _inner(shape, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, shape.member if kind == "list" else None) for item in value]
    return value


def _inner(shape: Any, key: str) -> Any:
    kind = shape.type_name if shape is not None else ""
    return shape.members.get(key) if kind == "structure" else shape.value if kind == "map" else None


def _outside(value: Any, shape: Any, path: str = "") -> Iterator[str]:
    """What the validator does not check: numbers, lengths, words and patterns that the API does not allow."""
    if shape is None or is_expression(value):
        return
    limits = shape.metadata
    size = value if isinstance(value, int | float) else len(value)
    if not limits.get("min", size) <= size <= limits.get("max", size):
        yield f"{path} is {value!r}: {limits}"
    if isinstance(value, str) and limits.get("enum") and value not in limits["enum"]:
        yield f"{path} is {value!r}, none of {limits['enum']}"
    if isinstance(value, str) and "\\p{" not in (pattern := limits.get("pattern", "")) and not re.match(pattern, value):
        yield f"{path} is {value!r}, not like {pattern}"
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        below = shape.member if isinstance(value, list) else _inner(shape, str(key))
        yield from _outside(item, below, f"{path}.{key}")


def test_a_search_is_asked_for_with_numbers_as_text_and_the_limits_that_are_parameters(tune: dict[str, Any]) -> None:
    tuning = arguments(tune, "Tuning")
    config, job = tuning["HyperParameterTuningJobConfig"], tuning["TrainingJobDefinition"]

    assert config["ResourceLimits"] == {
        "MaxNumberOfTrainingJobs": {"Get": "Parameters.MostJobs"},
        "MaxParallelTrainingJobs": 3,
    }
    found = {
        each["Name"]: (kind, each.get("MinValue"), each.get("MaxValue"), each.get("Values"))
        for kind, ranges in config["ParameterRanges"].items()
        for each in ranges
    }
    assert found == {
        "rate": ("ContinuousParameterRanges", text_of("LowestRate"), "0.3", None),
        "leaves": ("IntegerParameterRanges", "2", text_of("MostLeaves"), None),
        "trees": ("IntegerParameterRanges", "10", "50", None),
        "weight": ("CategoricalParameterRanges", None, None, ["none", "true", "2"]),
    }
    fixed = {key: value for key, value in job["StaticHyperParameters"].items() if not key.startswith("sagemaker_")}
    assert fixed == {"times": text_of("RepeatTimes"), "verbose": "true"}


def test_the_best_model_is_at_the_output_of_its_training_job(tune: dict[str, Any]) -> None:
    folder = arguments(tune, "Tuning")["TrainingJobDefinition"]["OutputDataConfig"]["S3OutputPath"]
    url = arguments(tune, "BestModel")["PrimaryContainer"]["ModelDataUrl"]
    [registered] = arguments(tune, "Register")["InferenceSpecification"]["Containers"]

    job = {"Get": "Steps.Tuning.TrainingJobSummaries[0].TrainingJobName"}
    values = url["Std:Join"]["Values"]
    assert values[-2:] == [job, "output/model.tar.gz"]
    assert "/".join(values[:-2]) == folder
    assert registered["ModelDataUrl"] == url


def test_a_model_of_the_registry_is_named_by_its_arn(tune: dict[str, Any]) -> None:
    assert arguments(tune, "ApprovedModel")["Containers"] == [
        {"ModelPackageName": {"Get": "Parameters.ModelPackageArn"}}
    ]


def test_what_only_aws_can_do_is_reported_before_anything_starts(project: Project, tune: dict[str, Any]) -> None:
    runs = set((project.path / ".local").glob("runs/*"))

    done = project.ops("run", "tune", "--param", "ModelPackageArn=arn:aws:sagemaker:eu-west-1:1:model-package/a/1")

    assert (done.code, done.out) == (2, "Running tune …\n"), done
    assert "step 'Tuning'" not in done.err
    assert (
        "error: step 'Large': ProcessingResources.ClusterConfig.InstanceCount is 3, but only 1 can run here."
        in done.err
    )
    assert set((project.path / ".local").glob("runs/*")) == runs


# Arguments of single steps


CALLER = """
import json, sys
from dataclasses import replace
from pathlib import Path
from sagemaker.core.workflow.parameters import ParameterFloat
from sagemaker_ops import Jobs
from sagemaker_ops.errors import UserError
from sagemaker_ops.pipelines import compile_process, publishing
from sagemaker_ops.project import settings

def answer(code, training):
    given = {"training": settings.Training(**training), "parameters": {"quality_gate": 1}}
    network = {"subnets": ["subnet"], "security_groups": ["group"], "network_isolation": True}
    known = replace(target.settings, **given, environments={"local": replace(settings.LOCAL, kms_key="key", **network)})
    names = {"jobs": Jobs(replace(target, settings=known), session), "ParameterFloat": ParameterFloat}
    try:
        made = eval(code, names | {"s3": {"train": "s3://bucket/train/"}})
    except UserError as error:
        return str(error).splitlines()
    return json.loads(json.dumps(made.arguments, default=lambda variable: variable.expr))

target = publishing.target(settings.load(Path.cwd()), "local", Path.cwd())
session = compile_process._offline_session(target)
Path("answers.json").write_text(json.dumps([answer(*case) for case in json.loads(sys.argv[1])]))
sys.exit(compile_process.main("wrong", "local"))
"""
TRAIN = 'jobs.training_step("T", "training.py", channels=s3{})'
SEARCH = 'jobs.tuning_step("S", "training.py", channels=s3, metric="validation:auc"{})'
RATE = ', ranges={"rate": (0.1, 0.3)}'
HOUR = 3600
# (the call, [training]) → spot, maximum wait in seconds, and how many seconds the instances are kept.
CAPACITY: dict[tuple[str, str], tuple[bool, int | None, int | None]] = {
    (TRAIN.format(""), "{}"): (False, None, None),
    (TRAIN.format(", spot=True"), "{}"): (True, 2 * HOUR, None),
    (TRAIN.format(", spot=True, max_wait_minutes=60"), "{}"): (True, HOUR, None),
    (TRAIN.format(", keep_alive_minutes=60"), "{}"): (False, None, HOUR),
    (TRAIN.format(""), '{"spot": true}'): (True, 2 * HOUR, None),
    (TRAIN.format(""), '{"spot": true, "max_wait_minutes": 70}'): (True, 4200, None),
    (TRAIN.format(", max_wait_minutes=80"), '{"spot": true, "max_wait_minutes": 70}'): (True, 4800, None),
    (TRAIN.format(", spot=False"), '{"spot": true, "max_wait_minutes": 70}'): (False, None, None),
    (TRAIN.format(", spot=False, keep_alive_minutes=1"), '{"spot": true}'): (False, None, 60),
    (TRAIN.format(""), '{"keep_alive_minutes": 10}'): (False, None, 600),
    (TRAIN.format(", keep_alive_minutes=0"), '{"keep_alive_minutes": 10}'): (False, None, None),
    (TRAIN.format(", spot=True"), '{"keep_alive_minutes": 10}'): (True, 2 * HOUR, None),
    (SEARCH.format(RATE), '{"spot": true, "max_wait_minutes": 70}'): (True, 4200, None),
    (SEARCH.format(RATE + ", spot=True, max_wait_minutes=90"), "{}"): (True, 5400, None),
    (SEARCH.format(RATE), '{"keep_alive_minutes": 10}'): (False, None, 600),
}
# (the call, [training]) → the messages.
REFUSED: dict[tuple[str, str], list[str]] = {
    (TRAIN.format(", spot=True, keep_alive_minutes=5"), "{}"): [
        "step 'T', keep_alive_minutes: AWS does not keep the instances of a spot job; write 0, or turn spot off."
    ],
    (TRAIN.format(", keep_alive_minutes=5"), '{"spot": true}'): [
        "step 'T', keep_alive_minutes: AWS does not keep the instances of a spot job; write 0, or turn spot off."
    ],
    (TRAIN.format(", max_wait_minutes=90, keep_alive_minutes=61"), "{}"): [
        "step 'T', max_wait_minutes: this is only for spot jobs; remove it, or turn spot on.",
        "step 'T', keep_alive_minutes: AWS keeps instances for at most 60 minutes; write 0 to 60.",
    ],
    (TRAIN.format(", spot=True, max_wait_minutes=59"), "{}"): [
        "step 'T', max_wait_minutes: 59 is less than [pipeline].max_runtime_minutes, which it includes; "
        "write 60 or more."
    ],
    (SEARCH.format(RATE + ", max_wait_minutes=90"), "{}"): [
        "step 'S', max_wait_minutes: this is only for spot jobs; remove it, or turn spot on."
    ],
    (SEARCH.format(', ranges={}, strategy="Bayes"'), "{}"): [
        "step 'S', strategy: 'Bayes' is not one of Bayesian, Random, Hyperband, Grid. Did you mean 'Bayesian'?",
        "step 'S', ranges: name at least one hyperparameter.",
    ],
    (SEARCH.format(', ranges={"a": (3, 1), "b": (1, 2, 3), "c": [], "d": "none", "e": [*range(31)]}'), "{}"): [
        "step 'S', ranges['a']: 3 is not less than 1: write the lower number first.",
        "step 'S', ranges['b']: a range is (low, high); to choose from single values, write a list.",
        "step 'S', ranges['c']: a list can have 1 to 30 values, but this one has 0.",
        "step 'S', ranges['d']: write (low, high), or a list of values to choose from.",
        "step 'S', ranges['e']: a list can have 1 to 30 values, but this one has 31.",
    ],
    (SEARCH.format(RATE + ', strategy="Grid"'), "{}"): [
        "step 'S', ranges['rate']: Grid tries each value of a list, and does not accept a range; write a list."
    ],
    ('jobs.processing_step("P", "p.py", inputs={"code": "s3://b/c/"}, outputs=[])', "{}"): [
        "step 'P': the input 'code' is already its script; choose another name."
    ],
    ('jobs.processing_step("P", "p.py", inputs={"rows": "s3://b/c/"}, outputs=["rows"])', "{}"): [
        "step 'P': 'rows' is both an input and an output; rename one of them."
    ],
    ('jobs.create_model_step("M")', "{}"): ["step 'M': give create_model_step either model_data or model_package."],
    ('jobs.create_model_step("M", model_data="s3://b/m", model_package="arn")', "{}"): [
        "step 'M': give create_model_step either model_data or model_package."
    ],
    ('jobs.pipeline("p", [], [ParameterFloat("QualityGate")])', "{}"): [
        "project.toml [parameters].quality_gate: becomes the parameter QualityGate, which the pipeline already has; "
        "rename it."
    ],
    ('jobs.pipeline("p", [], [ParameterFloat("A"), ParameterFloat("A")])', "{}"): [
        "two parameters of the pipeline are named 'A'; rename one of them."
    ],
}
MODEL_STEP = 'jobs.create_model_step("M", {})'
# (the call, [training]) → the places of the network and the key in its arguments.
GUARDED: dict[tuple[str, str], tuple[str, list[str]]] = {
    (TRAIN.format(""), "{}"): ("", ["OutputDataConfig.KmsKeyId", "ResourceConfig.VolumeKmsKeyId"]),
    (SEARCH.format(RATE), "{}"): (
        "TrainingJobDefinition",
        ["TrainingJobDefinition.OutputDataConfig.KmsKeyId", "TrainingJobDefinition.ResourceConfig.VolumeKmsKeyId"],
    ),
    (MODEL_STEP.format('model_data="s3://b/m.tar.gz"'), "{}"): ("", []),
    (MODEL_STEP.format('model_package="arn"'), "{}"): ("", []),
    ('jobs.processing_step("P", "p.py", inputs={}, outputs=["rows"])', "{}"): (
        "NetworkConfig",
        ["ProcessingOutputConfig.KmsKeyId", "ProcessingResources.ClusterConfig.VolumeKmsKeyId"],
    ),
}
SCORE = 'jobs.processing_step("P", "scoring.py", inputs={{}}, outputs=[]{})'
# (the call, [training]) → the script whose code the job gets, or "" for all code.
CODE: dict[tuple[str, str], str] = {
    (TRAIN.format(""), "{}"): "training.py",
    (TRAIN.format(', environment={"OWN": "1"}'), "{}"): "training.py",
    (TRAIN.format(', environment={"PYTHONPATH": "/opt/ml/code/lib"}'), "{}"): "",
    (SEARCH.format(RATE), "{}"): "training.py",
    (SCORE.format(""), "{}"): "scoring.py",
    (SCORE.format(', command=("python3", "-u"), arguments=["--name=model.py"]'), "{}"): "scoring.py",
    (SCORE.format(', command=("python3", "-m")'), "{}"): "",
    (SCORE.format(', command=("bash", "-c")'), "{}"): "",
    (SCORE.format(', command=("spark-submit", "--py-files", "model.py")'), "{}"): "",
    (SCORE.format("").replace("scoring.py", "run.sh"), "{}"): "",
}
GRID = (SEARCH.format(', ranges={"a": [1, 2, 3], "b": ["x", "y"]}, strategy="Grid"'), "{}")


WRONG = TUNE.replace("keep_alive_minutes=30", "keep_alive_minutes=90")


@pytest.fixture(scope="module")
def answers(project: Project) -> dict[Any, Any]:
    """The result of each of these calls, all made in one process: its arguments, or messages.

    Also the messages of this process for production/pipelines/wrong.py.
    """
    cases = [*{**CAPACITY, **REFUSED, **GUARDED, **CODE}, GRID]
    (project.path / "production" / "pipelines" / "wrong.py").write_text(WRONG, encoding="utf-8")
    done = project.run(
        ".venv/bin/python",
        "-c",
        CALLER,
        json.dumps([[code, json.loads(training)] for code, training in cases]),
        AWS_DEFAULT_REGION="eu-west-1",
        SAGEMAKER_VALIDATE_ROLE="false",
    )
    (project.path / "production" / "pipelines" / "wrong.py").unlink()
    assert done.code == 2, done
    found = json.loads((project.path / "answers.json").read_text(encoding="utf-8"))
    return {**dict(zip(cases, found, strict=True)), WRONG: done.err.splitlines()[-1]}


@pytest.mark.parametrize("case", CAPACITY, ids=" ".join)
def test_spot_and_keep_alive_come_from_project_toml_or_the_step(answers: dict[Any, Any], case: tuple[str, str]) -> None:
    job = answers[case].get("TrainingJobDefinition", answers[case])

    assert job["StoppingCondition"]["MaxRuntimeInSeconds"] == HOUR
    assert CAPACITY[case] == (
        job.get("EnableManagedSpotTraining", False),
        job["StoppingCondition"].get("MaxWaitTimeInSeconds"),
        job["ResourceConfig"].get("KeepAlivePeriodInSeconds"),
    )


@pytest.mark.parametrize("case", REFUSED, ids=" ".join)
def test_what_aws_would_refuse_is_reported_in_a_sentence(answers: dict[Any, Any], case: tuple[str, str]) -> None:
    assert answers[case] == REFUSED[case]


@pytest.mark.parametrize("case", CODE, ids=" ".join)
def test_a_job_gets_the_code_that_its_script_needs(project: Project, answers: dict[Any, Any], case: Any) -> None:
    code = publishing.Code(project.path)

    assert re.findall(r"/code/([0-9a-f]{16})/", json.dumps(answers[case])) == [code.hash(CODE[case])]
    assert len({code.hash(script) for script in ("training.py", "scoring.py", "")}) == 3


def test_a_grid_has_as_many_jobs_as_combinations(answers: dict[Any, Any]) -> None:
    config = answers[GRID]["HyperParameterTuningJobConfig"]

    assert (config["Strategy"], config["ResourceLimits"]["MaxNumberOfTrainingJobs"]) == ("Grid", 6)


@pytest.mark.parametrize("case", GUARDED, ids=" ".join)
def test_network_key_and_tags_reach_whatever_is_made(answers: dict[Any, Any], case: tuple[str, str]) -> None:
    made, (network, keys) = answers[case], GUARDED[case]
    [around] = at(made, network) if network else [made]

    assert around["EnableNetworkIsolation"] is True
    assert around["VpcConfig"] == {"Subnets": ["subnet"], "SecurityGroupIds": ["group"]}
    assert [value for key in keys for value in at(made, key)] == ["key"] * len(keys)
    assert [tag["Key"] for tag in made["Tags"]] == ["vertical", "project", "env", "owner"]


def test_a_wrong_argument_is_reported_with_its_line_in_the_pipeline_file(answers: dict[Any, Any]) -> None:
    line = next(number for number, text in enumerate(WRONG.splitlines(), 1) if "keep_alive_minutes=90" in text)

    sentence = REFUSED[TRAIN.format(", max_wait_minutes=90, keep_alive_minutes=61"), "{}"][1].replace("'T'", "'Warm'")
    assert answers[WRONG] == f"production/pipelines/wrong.py line {line}: {sentence}"


def test_nothing_of_all_this_needed_a_change_in_vendor(project: Project, run: Run, tune: dict[str, Any]) -> None:
    def differences(found: filecmp.dircmp[str]) -> list[str]:
        here = [*found.diff_files, *found.left_only, *found.right_only, *found.funny_files]
        return here + [name for below in found.subdirs.values() for name in differences(below)]

    assert differences(filecmp.dircmp(VENDOR, project.path / "vendor", ignore=["__pycache__"])) == []
