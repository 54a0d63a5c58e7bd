"""What one step can read of another: every property that AWS fills in is there, or refused before anything starts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from local.conftest import BUCKET, Local

from sagemaker_ops.definition import step_properties, step_types
from sagemaker_ops.local import check
from sagemaker_ops.local.preview import preview

METRICS = [
    {"Name": "val:acc", "Regex": "val_acc=([0-9.]+)"},
    {"Name": "loss", "Regex": r"loss: (?<number>\S+)"},
    {"Name": "silent", "Regex": "never (.*)"},
    {"Name": "broken", "Regex": "x=([0-9"},
    {"Name": "flat", "Regex": "x=[0-9]"},
    {"Name": "word", "Regex": "stage (.*)"},
    {"Name": "twice", "Regex": "stage ([0-9])"},
    {"Name": "twice", "Regex": "stage ([0-9"},
]
LOG = "print('val_acc=0.71 val_acc=0.8'); print('stage 1'); print('loss: 2e-1 val_acc=0.93'); print('stage done')"


def trained(local: Local, script: str = LOG) -> Any:
    step = local.training("Train", script, rate="0.5")
    step["Arguments"]["AlgorithmSpecification"]["MetricDefinitions"] = METRICS
    return step


def reading(local: Local, path: str, name: str = "Reads") -> Any:
    return local.processing(name, "import sys; print(sys.argv[1])", local.join(local.get(f"Steps.{path}")))


def steps(local: Local) -> list[Any]:
    """A step of each type that runs here and has properties."""
    local.store.put(f"{BUCKET}/in/a", b"1")
    local.put_archive(f"{BUCKET}/m.tar.gz", {"code/inference.py": HANDLERS})
    container = {"ModelDataUrl": f"{BUCKET}/m.tar.gz"}
    message = "open('/opt/ml/output/message', 'w').write('two rows')"
    transform = {
        "ModelName": local.get("Steps.Create.ModelName"),
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{BUCKET}/in"}}},
        "TransformOutput": {"S3OutputPath": f"{BUCKET}/answers"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
    }
    specification: dict[str, Any] = {"InferenceSpecification": {"Containers": [container]}}
    return [
        local.processing("Prepare", message, inputs={"data": f"{BUCKET}/in"}, outputs=("out",), seconds=60),
        trained(local),
        {"Name": "Create", "Type": "Model", "Arguments": {"PrimaryContainer": container}},
        {"Name": "Answer", "Type": "Transform", "Arguments": transform},
        local.register("Register", **specification),
        {"Name": "Alone", "Type": "RegisterModel", "Arguments": specification},
        local.condition("Gate", local.compare("Equals", 1, 1)),
    ]


HANDLERS = "def model_fn(folder): pass\ndef transform_fn(*_): return '1'\n"
A_TIME = "a time"
READ = {
    "Prepare.ProcessingJobName": "pipelines-",
    "Prepare.ProcessingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:processing-job/pipelines-",
    "Prepare.ProcessingJobStatus": "Completed",
    "Prepare.ExitMessage": "two rows",
    "Prepare.CreationTime": A_TIME,
    "Prepare.ProcessingStartTime": A_TIME,
    "Prepare.ProcessingEndTime": A_TIME,
    "Prepare.LastModifiedTime": A_TIME,
    "Prepare.ProcessingInputs['data'].S3Input.S3Uri": f"{BUCKET}/in",
    "Prepare.ProcessingOutputConfig.Outputs['out'].S3Output.LocalPath": "/opt/ml/processing/out",
    "Prepare.ProcessingResources.ClusterConfig.InstanceType": "ml.m5.large",
    "Prepare.AppSpecification.ContainerEntrypoint[0]": "python3",
    "Prepare.StoppingCondition.MaxRuntimeInSeconds": "60",
    "Train.TrainingJobName": "pipelines-",
    "Train.TrainingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/pipelines-",
    "Train.TrainingJobStatus": "Completed",
    "Train.SecondaryStatus": "Completed",
    "Train.CreationTime": A_TIME,
    "Train.TrainingStartTime": A_TIME,
    "Train.TrainingEndTime": A_TIME,
    "Train.LastModifiedTime": A_TIME,
    "Train.TrainingTimeInSeconds": "",
    "Train.ModelArtifacts.S3ModelArtifacts": f"{BUCKET}/models/pipelines-",
    "Train.ModelArtifacts": '{"S3ModelArtifacts": ',
    "Train.FinalMetricDataList['val:acc'].Value": "0.93",
    "Train.FinalMetricDataList['val:acc'].MetricName": "val:acc",
    "Train.FinalMetricDataList['val:acc'].Timestamp": A_TIME,
    "Train.FinalMetricDataList['loss'].Value": "0.2",
    "Train.HyperParameters.rate": "0.5",
    "Train.HyperParameters['rate']": "0.5",
    "Train.AlgorithmSpecification.MetricDefinitions[0].Name": "val:acc",
    "Train.OutputDataConfig.S3OutputPath": f"{BUCKET}/models",
    "Create.ModelName": "pipelines-",
    "Create.ModelArn": "arn:aws:sagemaker:us-east-1:123456789012:model/pipelines-",
    "Create.CreationTime": A_TIME,
    "Create.PrimaryContainer.ModelDataUrl": f"{BUCKET}/m.tar.gz",
    "Answer.TransformJobName": "pipelines-",
    "Answer.TransformJobArn": "arn:aws:sagemaker:us-east-1:123456789012:transform-job/pipelines-",
    "Answer.TransformJobStatus": "Completed",
    "Answer.CreationTime": A_TIME,
    "Answer.TransformStartTime": A_TIME,
    "Answer.TransformEndTime": A_TIME,
    "Answer.ModelName": "pipelines-",
    "Answer.TransformOutput.S3OutputPath": f"{BUCKET}/answers",
    "Register.ModelPackageGroupName": "models",
    "Register.ModelPackageVersion": "1",
    "Register.ModelPackageArn": "arn:aws:sagemaker:us-east-1:123456789012:model-package/models/1",
    "Register.ModelPackageStatus": "Completed",
    "Register.ModelApprovalStatus": "PendingManualApproval",
    "Register.CreationTime": A_TIME,
    "Register.InferenceSpecification.Containers[0].ModelDataUrl": f"{BUCKET}/m.tar.gz",
    "Alone.ModelPackageName": "pipelines-",
    "Alone.ModelPackageArn": "arn:aws:sagemaker:us-east-1:123456789012:model-package/pipelines-",
    "Alone.ModelPackageStatus": "Completed",
    "Alone.CreationTime": A_TIME,
    "Gate.Outcome": "True",
}


def test_a_step_reads_what_aws_would_fill_in(local: Local) -> None:
    paths = list(READ)
    joined = local.processing("Reads", "import sys; print(*sys.argv[1:], sep='\\n')")
    joined["Arguments"]["AppSpecification"]["ContainerArguments"] = [
        local.join(local.get(f"Steps.{path}")) for path in paths
    ]
    before = datetime.now(UTC)

    execution = local.run(*steps(local), joined)

    assert execution.status == "Succeeded", execution.failure_reason
    read = dict(zip(paths, local.log(execution, "Reads").splitlines(), strict=True))
    for path, expected in READ.items():
        if expected is A_TIME:
            assert before <= datetime.fromisoformat(read[path]) <= datetime.now(UTC) + timedelta(seconds=1), path
        else:
            assert read[path].startswith(expected), (path, read[path])
    assert int(read["Train.TrainingTimeInSeconds"]) >= 0


def test_the_table_has_everything_that_is_filled_in(local: Local) -> None:
    """Of every type that runs here: what its properties have besides its arguments."""
    for step in steps(local):
        filled = step_types.of(step["Type"]).expected(step["Arguments"]).keys() - step["Arguments"].keys()
        read = {path.split(".")[1].split("[")[0] for path in READ if path.startswith(f"{step['Name']}.")}
        assert filled - read == set()


REFUSED = [
    # What no job of this type has.
    ("Prepare.ProcessingJobNam", "a Processing step has no 'ProcessingJobNam'. Did you mean 'ProcessingJobName'?"),
    ("Prepare.TrainingJobName", "a Processing step has no 'TrainingJobName'."),
    ("Prepare.ProcessingOutputConfig.Output", "has no 'Output'. Did you mean 'Outputs'?"),
    ("Prepare.ProcessingOutputConfig.Outputs['out'].S3Uri", "has no 'S3Uri'."),
    ("Prepare.ProcessingOutputConfig.Outputs['on'].S3Output.S3Uri", "it reads 'on', which is not an output of step"),
    ("Prepare.ProcessingOutputConfig.Outputs[0].S3Output.S3Uri", "it reads '0', which is not an output of step"),
    ("Prepare.ProcessingInputs['date'].S3Input.S3Uri", "not an input of step 'Prepare'. Did you mean 'data'?"),
    ("Prepare.ProcessingJobStatus.Name", "a Processing step has no 'Name'."),
    ("Train.ModelArtifacts.S3ModelArtifact", "Did you mean 'S3ModelArtifacts'?"),
    ("Train.S3ModelArtifacts", "a Training step has no 'S3ModelArtifacts'."),
    ("Train.InputDataConfig['train']", "a Training step has no 'train'."),
    ("Train.FinalMetricDataList['val:ac'].Value", "not a metric of step 'Train'. Did you mean 'val:acc'?"),
    ("Train.FinalMetricDataList['val:acc'].Number", "a Training step has no 'Number'."),
    ("Train.FinalMetricDataList['broken'].Value", "its Regex 'x=([0-9' is not valid: unterminated character set"),
    ("Train.FinalMetricDataList['flat'].Value", "its Regex 'x=[0-9]' has no (group) around the number."),
    ("Train.FinalMetricDataList['twice'].Value", "its Regex 'stage ([0-9' is not valid"),
    ("Create.ModelNam", "a Model step has no 'ModelNam'. Did you mean 'ModelName'?"),
    ("Answer.TransformOutput.S3Path", "a Transform step has no 'S3Path'."),
    ("Register.ModelPackageVersions", "Did you mean 'ModelPackageVersion'?"),
    ("Gate.Outcom", "a Condition step has no 'Outcom'. Did you mean 'Outcome'?"),
    # What only AWS fills in.
    ("Prepare.RoleArn", "it reads 'RoleArn' of step 'Prepare', which only AWS fills in: leave it out here."),
    ("Prepare.MonitoringScheduleArn", "which only AWS fills in"),
    ("Train.BillableTimeInSeconds", "which only AWS fills in"),
    ("Train.SecondaryStatusTransitions[0].Status", "which only AWS fills in"),
    ("Train.ProfilingStatus", "which only AWS fills in"),
    ("Create.DeploymentRecommendation.RecommendationStatus", "which only AWS fills in"),
    ("Answer.DataProcessing.JoinSource", "which only AWS fills in"),
    ("Register.CreatedBy.UserProfileName", "which only AWS fills in"),
    ("Register.ModelPackageName", "which only AWS fills in"),
    ("Alone.ModelPackageVersion", "which only AWS fills in"),
    # What is not in its arguments.
    ("Train.HyperParameters.rates", "which is not in its arguments. Did you mean 'rate'?"),
    ("Train.ResourceConfig.VolumeSizeInGB", "which is not in its arguments."),
    ("Train.AlgorithmSpecification.MetricDefinitions[9].Name", "which is not in its arguments."),
]  # fmt: skip


@pytest.mark.parametrize(("path", "sentence"), REFUSED, ids=[path for path, _ in REFUSED])
def test_what_is_not_there_is_refused_before_the_start(local: Local, path: str, sentence: str) -> None:
    found = local.problems(*steps(local), reading(local, path))

    assert found.startswith("step 'Reads': it reads ")
    assert sentence in found
    assert len(found.splitlines()) == 1


WAYS = {
    "in an argument": lambda local, get: local.processing("Reads", "", get),
    "in a join": lambda local, get: local.processing("Reads", "", local.join("a", local.join(get))),
    "in a condition": lambda local, get: local.condition("Reads", local.compare("Equals", get, "a")),
    "in a condition's Or": lambda local, get: local.condition(
        "Reads", {"Type": "Or", "Conditions": [local.compare("Equals", get, "a")]}
    ),
    "in a branch": lambda local, get: local.condition("Gate2", then=[local.processing("Reads", "", get)]),
    "in a branch of a branch": lambda local, get: local.condition(
        "G", otherwise=[local.condition("H", then=[local.fail("Reads", get)])]
    ),
    "in the address of a JSON file": lambda local, get: local.processing(
        "Reads", "", {"Std:JsonGet": {"S3Uri": local.join(get), "Path": "a"}}
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_it_is_found_wherever_it_is_read(local: Local, way: str) -> None:
    step = WAYS[way](local, local.get("Steps.Train.ModelArtifact.S3ModelArtifacts"))

    assert "step 'Reads': " in (found := local.problems(trained(local), step))
    assert "Did you mean 'ModelArtifacts'?" in found


def test_the_plan_shows_it_at_the_step_that_reads(local: Local) -> None:
    definition = local.definition(trained(local), reading(local, "Train.BillableTimeInSeconds"))

    found = preview(definition, pipeline_name="p", parameters={}, home=local.home)

    assert found.steps["Reads"].problems == (
        "it reads 'BillableTimeInSeconds' of step 'Train', which only AWS fills in: leave it out here.",
    )
    assert found.steps["Train"].problems == ()


@pytest.mark.parametrize(
    ("kind", "path", "hint"),
    [
        ("AutoML", "BestCandidateProperties.ModelInsightsJsonReportPath", ""),
        ("AutoML", "BestCandidate.InferenceContainers[0].ModelDataUrl", ""),
        ("AutoML", "BestCandidat.CandidateName", "Did you mean 'BestCandidate'?"),
        ("QualityCheck", "CalculatedBaselineStatistics", ""),
        ("ClarifyCheck", "CalculatedBaselineConstraint", "Did you mean 'CalculatedBaselineConstraints'?"),
        ("Endpoint", "EndpointArn", ""),
        ("EndpointConfig", "EndpointConfigNam", "Did you mean 'EndpointConfigName'?"),
        ("Lambda", "OutputParameters['x']", ""),
        ("Callback", "OutputParameters['x']", ""),
        ("EMR", "ClusterId", ""),
    ],
)
def test_the_properties_of_steps_that_run_only_on_aws(local: Local, kind: str, path: str, hint: str) -> None:
    there = {"Name": "There", "Type": kind, "Arguments": {"x": "y"}}
    found = [line for line in local.problems(there, reading(local, f"There.{path}")).splitlines() if "'Reads'" in line]

    assert [hint in line for line in found] == ([True] if hint else [])


@pytest.mark.slow
def test_a_metric_is_compared_as_a_number(local: Local) -> None:
    better = local.compare("GreaterThan", local.get("Steps.Train.FinalMetricDataList['val:acc'].Value"), 0.9)
    execution = local.run(trained(local), local.condition("Gate", better, otherwise=[local.fail("Low", "low")]))

    assert (execution.status, execution.steps["Gate"].properties) == ("Succeeded", {"Outcome": "True"})


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["silent", "word"])
def test_a_metric_without_a_number_in_the_log_fails_the_step_that_reads_it(local: Local, metric: str) -> None:
    step = reading(local, f"Train.FinalMetricDataList['{metric}'].Value")
    execution = local.run(trained(local), step)

    assert execution.steps["Train"].status == "Succeeded"
    assert execution.steps["Reads"].failure_reason == (
        f"the log of step 'Train' has no number for the metric '{metric}': print one that its Regex in "
        "MetricDefinitions matches."
    )


@pytest.mark.slow
@pytest.mark.parametrize("printed", ["val_acc=nan", "val_acc=0.9\nval_acc=1.2.3"])
def test_the_last_match_counts_even_if_it_is_not_a_number(local: Local, printed: str) -> None:
    step = trained(local, f"print({printed!r})")
    step["Arguments"]["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "m", "Regex": "val_acc=(.*)"}]
    execution = local.run(step, reading(local, "Train.FinalMetricDataList['m'].Value"))

    assert "has no number for the metric 'm'" in str(execution.steps["Reads"].failure_reason)


@pytest.mark.slow
def test_metrics_that_nobody_reads_are_no_problem(local: Local) -> None:
    execution = local.run(trained(local))

    assert (execution.status, set(execution.steps["Train"].properties["FinalMetricDataList"])) == (
        "Succeeded", {"val:acc", "loss"},
    )  # fmt: skip


@pytest.mark.slow
def test_a_cached_job_has_the_same_properties(local: Local) -> None:
    step = trained(local) | {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}}
    read = reading(local, "Train.FinalMetricDataList['loss'].Value")
    first, second = (local.run(step, read) for _ in range(2))

    assert second.steps["Train"].source == first.id
    assert second.steps["Train"].properties == first.steps["Train"].properties
    assert local.log(second, "Reads") == "0.2\n"


@pytest.mark.slow
def test_the_names_of_metrics_can_be_parameters(local: Local) -> None:
    step = trained(local)
    named = [{"Name": local.get("Parameters.Metric"), "Regex": "val_acc=([0-9.]+)"}]
    step["Arguments"]["AlgorithmSpecification"]["MetricDefinitions"] = named
    parameter = local.parameter("Metric", "String", "acc")
    execution = local.run(step, reading(local, "Train.FinalMetricDataList['acc'].Value"), parameters=[parameter])

    assert local.log(execution, "Reads") == "0.93\n"


@pytest.mark.slow
def test_a_message_that_is_not_utf8_fails_a_processing_job(local: Local) -> None:
    execution = local.run(local.processing("A", "open('/opt/ml/output/message', 'wb').write(b'\\xff')"))

    assert execution.steps["A"].failure_reason == (
        "/opt/ml/output/message is not UTF-8, which fails a job on AWS: write it as UTF-8."
    )


@pytest.mark.parametrize("depends", ["DependsOn", "a reference"])
def test_nothing_can_wait_for_a_fail_step(local: Local, depends: str) -> None:
    fails = local.fail("Stop", "no")
    after = local.processing("After")
    if depends == "DependsOn":
        after["DependsOn"] = ["Stop"]
    else:
        after["Arguments"]["Environment"] = {"A": local.get("Steps.Stop.ErrorMessage")}

    sentence = "step 'After': it waits for 'Stop', a step of type Fail, after which nothing can run."
    assert local.problems(fails, after) == sentence
    assert local.problems(local.condition("Gate", then=[fails, after])) == sentence


def test_a_fail_step_can_wait_for_others(local: Local) -> None:
    plan = check(local.definition(local.processing("A"), local.fail("Stop", "no", DependsOn=["A"])))

    assert plan.steps["Stop"].waits_for == {"A"}


def test_every_type_that_runs_here_and_has_properties_is_in_the_file() -> None:
    known = json.loads(step_properties.FILE.read_bytes())["types"]

    with_properties = [
        name for name in step_types.HERE if not (each := step_types.of(name)).always_fails and not each.may_write
    ]
    assert set(with_properties) <= known.keys()  # a step that writes where its arguments say has none
