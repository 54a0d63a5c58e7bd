"""What AWS would refuse in a definition, and the sentence for each kind of limit."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest

from sagemaker_ops.definition import request_limits, step_types

ROLE = "arn:aws:iam::123456789012:role/jobs"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/image:1"
Step = dict[str, Any]


def s3_input(name: str = "data", uri: Any = "s3://bucket/data/") -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/{name}", "S3DataType": "S3Prefix"},
    }


TRAINING_JOB = {
    "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    "RoleArn": ROLE,
    "InputDataConfig": [
        {
            "ChannelName": "train",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/train/"}},
        }
    ],
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
}
# Everything that AWS requires, and a little more.
VALID: dict[str, dict[str, Any]] = {
    "Processing": {
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
        },
        "AppSpecification": {"ImageUri": IMAGE, "ContainerArguments": ["--rate=1"], "ContainerEntrypoint": ["python3"]},
        "RoleArn": ROLE,
        "ProcessingInputs": [s3_input()],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "out",
                    "S3Output": {
                        "S3Uri": "s3://bucket/out",
                        "LocalPath": "/opt/ml/processing/out",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        "Environment": {"A_1": ""},
        "NetworkConfig": {"EnableNetworkIsolation": False},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "Tags": [{"Key": "owner", "Value": "Ärzte team@example.com"}],
    },
    "Training": {**TRAINING_JOB, "HyperParameters": {"max_iter": "150"}, "Environment": {}},
    "Transform": {
        "ModelName": "model",
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/data/"}}},
        "TransformOutput": {"S3OutputPath": "s3://bucket/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "BatchStrategy": "MultiRecord",
        "MaxPayloadInMB": 6,
        "Environment": {},
    },
    "Model": {
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz", "Environment": {}},
    },
    "RegisterModel": {
        "ModelPackageGroupName": "customer-churn-dev",
        "InferenceSpecification": {
            "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        "ModelApprovalStatus": "Approved",
    },
    "Tuning": {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 10, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "depth", "Values": ["1", "2"]}]},
        },
        "TrainingJobDefinition": {**TRAINING_JOB, "StaticHyperParameters": {"max_iter": "150"}},
    },
    "AutoML": {
        "InputDataConfig": [
            {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/train/"}},
                "TargetAttributeName": "late",
            }
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/automl"},
        "RoleArn": ROLE,
    },
    "EMR": {"ClusterId": "j-1", "StepConfig": {"HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["x"]}}},
    "Lambda": {"anything": [1, {"": None}]},
}


def changed(kind: str, path: str, value: Any) -> Step:
    """A valid step with one other value; None removes it."""
    arguments = copy.deepcopy(VALID[kind])
    *above, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    place: Any = arguments
    for key in above:
        place = place[key] if isinstance(key, int) else place.setdefault(key, {})
    if value is None:
        del place[last]
    else:
        place[last] = value
    return {"Name": "Step", "Type": kind, "Arguments": arguments}


def problems(*steps: Step, parameters: tuple[dict[str, Any], ...] = (), **given: str) -> list[str]:
    definition = {"Version": "2020-12-01", "Parameters": list(parameters), "Steps": list(steps)}
    return [str(problem) for problem in request_limits.check(definition, given)]


def numbered(count: int, prefix: str = "V") -> dict[str, str]:
    return {f"{prefix}{index}": "" for index in range(count)}


@pytest.mark.parametrize("kind", VALID)
def test_a_valid_step_has_no_problems(kind: str) -> None:
    assert problems({"Name": "Step", "Type": kind, "Arguments": VALID[kind]}) == []


@pytest.mark.parametrize(
    ("kind", "path", "value", "sentence"),
    [
        # the number of items
        ("Processing", "AppSpecification.ContainerArguments", ["x"] * 126,
         "AppSpecification.ContainerArguments has 126 arguments, but AWS accepts at most 100: put them in a file that "
         "the script reads."),
        ("Processing", "AppSpecification.ContainerArguments", [],
         "AppSpecification.ContainerArguments is empty, but AWS needs at least 1 argument: add 1, or leave it out."),
        ("Processing", "ProcessingInputs", [s3_input(f"data{i}") for i in range(11)],
         "ProcessingInputs has 11 items, but AWS accepts at most 10."),
        ("Processing", "Environment", numbered(101), "Environment has 101 variables, but AWS accepts at most 100."),
        ("Transform", "Environment", numbered(17), "Environment has 17 variables, but AWS accepts at most 16."),
        ("Model", "PrimaryContainer.Environment", numbered(101),
         "PrimaryContainer.Environment has 101 variables, but AWS accepts at most 100."),
        ("Training", "HyperParameters", numbered(101),
         "HyperParameters has 101 hyperparameters, but AWS accepts at most 100: put them in a file that the script "
         "reads."),
        ("Training", "InputDataConfig", [], "InputDataConfig is empty, but AWS needs at least 1 item: add 1, or leave"),
        ("Training", "InputDataConfig", TRAINING_JOB["InputDataConfig"] * 21,  # type: ignore[operator]
         "InputDataConfig has 21 items, but AWS accepts at most 20."),
        ("Processing", "Tags", [{"Key": f"k{i}", "Value": ""} for i in range(51)],
         "Tags has 51 items, but AWS accepts at most 50."),
        ("Tuning", "HyperParameterTuningJobConfig.ParameterRanges.CategoricalParameterRanges.0.Values", ["x"] * 31,
         "CategoricalParameterRanges[0].Values has 31 items, but AWS accepts at most 30."),
        # the length of a text
        ("Processing", "AppSpecification.ContainerArguments.0", "--exclude=" + "x" * 287,
         "AppSpecification.ContainerArguments[0] ('--exclude=xxxxxxxxxxxxxxxxxxxxxxxxxxxx…') has 297 characters, but "
         "AWS accepts at most 256: put it in a file that the script reads."),
        ("Processing", "AppSpecification.ContainerArguments.0", "",
         "ContainerArguments[0] is empty, but AWS needs at least 1 character: write one line of text."),
        ("Processing", "AppSpecification.ContainerEntrypoint.0", "", "ContainerEntrypoint[0] is empty, but"),
        ("Processing", "Environment.A", "x" * 257, "Environment.A ('xxx"),
        ("Processing", "Environment", {"x" * 257: ""}, "a name in Environment ('xxx"),
        ("Training", "HyperParameters.max_iter", "x" * 2501,
         "has 2501 characters, but AWS accepts at most 2500: put it in a file that the script reads."),
        ("Training", "OutputDataConfig.S3OutputPath", "s3://bucket/" + "x" * 1013,
         "has 1025 characters, but AWS accepts at most 1024: shorten it."),
        ("Training", "RoleArn", "arn:aws:iam::1:role",
         "RoleArn is 'arn:aws:iam::1:role', which has 19 characters, but AWS needs at least 20: write the ARN of a "
         "role, such as arn:aws:iam::123456789012:role/name."),
        ("Training", "InputDataConfig.0.ChannelName", "c" * 65, "InputDataConfig[0].ChannelName ('ccc"),
        ("Tuning", "TrainingJobDefinition.StaticHyperParameters.max_iter", "x" * 2501,
         "TrainingJobDefinition.StaticHyperParameters.max_iter ('xxx"),
        # numbers
        ("Processing", "ProcessingResources.ClusterConfig.VolumeSizeInGB", 10**30,
         "ProcessingResources.ClusterConfig.VolumeSizeInGB is 1000000000000000000000000000000, but AWS accepts 1 to "
         "16384."),
        ("Processing", "ProcessingResources.ClusterConfig.VolumeSizeInGB", 0, "is 0, but AWS accepts 1 to 16384."),
        ("Processing", "ProcessingResources.ClusterConfig.InstanceCount", 101, "is 101, but AWS accepts 1 to 100."),
        ("Processing", "StoppingCondition.MaxRuntimeInSeconds", 0,
         "StoppingCondition.MaxRuntimeInSeconds is 0, but AWS accepts 1 to 777600."),
        ("Training", "ResourceConfig.InstanceCount", -1, "InstanceCount is -1, but AWS accepts 0 or more."),
        ("Training", "ResourceConfig.KeepAlivePeriodInSeconds", 21601, "is 21601, but AWS accepts 0 to 21600."),
        ("Transform", "TransformResources.InstanceCount", 0, "InstanceCount is 0, but AWS accepts 1 or more."),
        ("Tuning", "HyperParameterTuningJobConfig.ResourceLimits.MaxParallelTrainingJobs", 0,
         "MaxParallelTrainingJobs is 0, but AWS accepts 1 or more."),
        # patterns
        ("Processing", "AppSpecification.ImageUri", "../x",
         "AppSpecification.ImageUri is '../x', which AWS does not accept: write an image such as "
         "123456789012.dkr.ecr.eu-west-1.amazonaws.com/name:tag."),
        ("Training", "AlgorithmSpecification.TrainingImage", "Image", "TrainingImage is 'Image', which AWS"),
        ("Model", "PrimaryContainer.Image", "a b", "PrimaryContainer.Image is 'a b', which AWS does not accept"),
        ("RegisterModel", "InferenceSpecification.Containers.0.Image", "/x:1", "Containers[0].Image is '/x:1', which"),
        ("Processing", "ProcessingInputs.0.S3Input.S3Uri", "bucket/data",
         "ProcessingInputs[0].S3Input.S3Uri is 'bucket/data', which AWS does not accept: write an S3 URI such as "
         "s3://bucket/folder/."),
        ("Processing", "Environment", {"my-name": "x"},
         "a name in Environment is 'my-name', which AWS does not accept: write letters, digits and '_', and no digit"),
        ("Processing", "AppSpecification.ContainerArguments.0", "a\nb", "does not accept: write one line of text."),
        ("Processing", "RoleArn", "arn:aws:iam::12345678901:role/jobs", "write the ARN of a role"),
        ("Processing", "Tags.0.Value", "a & b", "write letters, digits, spaces and _ . : / = + - @."),
        ("Training", "InputDataConfig.0.ChannelName", "my train", "write letters, digits, '.', '-' and '_'."),
        ("Training", "VpcConfig", {"Subnets": ["subnet 1"], "SecurityGroupIds": ["sg-1"]},
         "VpcConfig.Subnets[0] is 'subnet 1', which AWS does not accept: write an ID such as subnet-0a1b2c3d"),
        ("Transform", "ModelName", "my_model",
         r"ModelName is 'my_model', which AWS does not accept: write text that matches "
         r"[a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?."),
        # words
        ("Transform", "BatchStrategy", "Multirecord",
         "BatchStrategy is 'Multirecord', but AWS accepts only MultiRecord or SingleRecord. Did you mean "
         "'MultiRecord'?"),
        ("RegisterModel", "ModelApprovalStatus", "approved", "but AWS accepts only Approved, Rejected or Pending"),
        ("Training", "AlgorithmSpecification.TrainingInputMode", "Files", "Did you mean 'File'?"),
        ("Tuning", "HyperParameterTuningJobConfig.Strategy", "Bayes", "Did you mean 'Bayesian'?"),
        ("EMR", "StepConfig.ActionOnFailure", "CANCEL", "StepConfig.ActionOnFailure is 'CANCEL', but AWS accepts only"),
        # required fields
        ("Processing", "AppSpecification.ImageUri", None, "AppSpecification.ImageUri is missing."),
        ("Processing", "ProcessingResources", None, "ProcessingResources is missing."),
        ("Processing", "ProcessingResources.ClusterConfig.VolumeSizeInGB", None,
         "ProcessingResources.ClusterConfig.VolumeSizeInGB is missing."),
        ("Training", "OutputDataConfig", None, "OutputDataConfig is missing."),
        ("Training", "InputDataConfig.0.DataSource", None, "InputDataConfig[0].DataSource is missing."),
        ("Transform", "TransformOutput.S3OutputPath", None, "TransformOutput.S3OutputPath is missing."),
        ("RegisterModel", "InferenceSpecification.Containers", None, "InferenceSpecification.Containers is missing."),
        ("Tuning", "HyperParameterTuningJobConfig.Strategy", None, "JobConfig.Strategy is missing."),
        ("Tuning", "TrainingJobDefinition.StoppingCondition", None, "Definition.StoppingCondition is missing."),
        ("AutoML", "InputDataConfig", None, "InputDataConfig is missing."),
        ("EMR", "StepConfig.HadoopJarStep.Jar", None, "StepConfig.HadoopJarStep.Jar is missing."),
        # types
        ("Processing", "Environment.A", 1, "Environment.A must be text, not '1'."),
        ("Processing", "Environment", ["A"], "Environment must be an object."),
        ("Processing", "ProcessingInputs", {"data": {}}, "ProcessingInputs must be a list."),
        ("Processing", "ProcessingInputs.0", "data", "ProcessingInputs[0] must be an object."),
        ("Processing", "StoppingCondition.MaxRuntimeInSeconds", "3600", "must be a number, not '3600'."),
        ("Processing", "StoppingCondition.MaxRuntimeInSeconds", 0.5, "must be a whole number, not 0.5."),
        ("Processing", "StoppingCondition.MaxRuntimeInSeconds", float("inf"), "must be a smaller number."),
        ("Processing", "NetworkConfig.EnableNetworkIsolation", "true", "must be true or false, not 'true'."),
        # names of fields
        ("Processing", "NetworkConfig.VpcConfg", {},
         "NetworkConfig.VpcConfg is not a field of this request. Did you mean 'VpcConfig'?"),
        ("Training", "EnableManagedSpotTrainig", True, "Did you mean 'EnableManagedSpotTraining'?"),
        ("Transform", "TransformOutput.Acept", "text/csv", "Did you mean 'Accept'?"),
    ],
)  # fmt: skip
def test_what_aws_refuses_is_reported_in_one_sentence(kind: str, path: str, value: Any, sentence: str) -> None:
    (found,) = problems(changed(kind, path, value))

    assert found.startswith("step 'Step': ")
    assert sentence in found


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Processing", "AppSpecification.ContainerArguments", ["x"] * 100),
        ("Processing", "AppSpecification.ContainerArguments.0", "x" * 256),
        ("Processing", "ProcessingInputs", [s3_input(f"data{i}") for i in range(10)]),
        ("Processing", "Environment", numbered(100)),
        ("Processing", "ProcessingResources.ClusterConfig.VolumeSizeInGB", 16384),
        ("Processing", "ProcessingResources.ClusterConfig.VolumeSizeInGB", 30.0),
        ("Processing", "AppSpecification.ImageUri", "localhost:5000/a/b_c.d--e"),
        ("Processing", "AppSpecification.ImageUri", f"{IMAGE}@sha256:{'0' * 64}"),
        ("Processing", "AppSpecification.ImageUri", "image"),
        ("Processing", "RoleArn", None),
        ("Processing", "ProcessingResources.ClusterConfig.InstanceType", "ml.m99.large"),
        ("Processing", "NewSinceTheFileWasMade", {"a": 1}),
        ("Transform", "ModelName", "${ModelName}"),
        ("Transform", "Environment", numbered(16)),
        ("Training", "HyperParameters.max_iter", ""),
        ("Training", "HyperParameters.max_iter", "x" * 2500),
    ],
)
def test_what_is_just_within_the_limits_or_not_known_is_accepted(kind: str, path: str, value: Any) -> None:
    assert problems(changed(kind, path, value)) == []


TEXT = {"Name": "Text", "Type": "String", "DefaultValue": "x" * 300}
COUNT = {"Name": "Count", "Type": "Integer", "DefaultValue": 0}
ARGUMENT = "AppSpecification.ContainerArguments.0"
COUNTED = "ProcessingResources.ClusterConfig.InstanceCount"


def get(target: str) -> dict[str, str]:
    return {"Get": target}


def join(*values: Any, on: str = "") -> dict[str, Any]:
    return {"Std:Join": {"On": on, "Values": list(values)}}


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        pytest.param(ARGUMENT, get("Parameters.Text"), "has 300 characters, but", id="a default"),
        pytest.param(COUNTED, get("Parameters.Count"), "is 0, but AWS accepts 1 to 100.", id="a number"),
        pytest.param(COUNTED, get("Parameters.Text"), "needs a number, but parameter 'Text' has type", id="type"),
        pytest.param(ARGUMENT, get("Parameters.Count"), "has type Integer: write Count.to_string().", id="other type"),
        pytest.param(ARGUMENT, join("x" * 200, "y" * 99), "has 299 characters, but", id="a Join of what is known"),
        pytest.param(ARGUMENT, join("--a=", get("Parameters.Text")), "has 304 characters", id="Join with a default"),
        pytest.param(
            ARGUMENT,
            join("x" * 300, get("Execution.PipelineExecutionId"), on="/"),
            "has at least 301 characters, but AWS accepts at most 256",
            id="a Join of which a part is known",
        ),
        pytest.param("ProcessingInputs.0.S3Input.S3Uri", join("b", "data", on="/"), "write an S3 URI", id="pattern"),
    ],
)  # fmt: skip
def test_expressions_are_checked_as_far_as_they_are_known(path: str, value: Any, sentence: str) -> None:
    (found,) = problems(changed("Processing", path, value), parameters=(TEXT, COUNT))

    assert sentence in found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (ARGUMENT, get("Steps.Other.ProcessingJobName")),
        (ARGUMENT, get("Parameters.Unknown")),
        (ARGUMENT, join("s3://", get("Execution.PipelineExecutionId"))),
        (ARGUMENT, {"Std:Nothing": []}),
        ("AppSpecification.ImageUri", get("Parameters.NoDefault")),
        ("ProcessingInputs.0.S3Input.S3Uri", join(get("Steps.Other.Uri"), "bucket")),
        ("ProcessingInputs", get("Parameters.Text")),
        ("Environment.A", {"Std:JsonGet": {"PropertyFile": get("Steps.A.PropertyFiles.B"), "Path": "x"}}),
    ],
)
def test_a_value_that_is_known_only_at_run_time_is_not_checked(path: str, value: Any) -> None:
    without_default = {"Name": "NoDefault", "Type": "String"}

    assert problems(changed("Processing", path, value), parameters=(TEXT, without_default)) == []


def test_given_parameters_replace_their_defaults() -> None:
    step = changed("Processing", COUNTED, get("Parameters.Count"))

    assert problems(step, parameters=(COUNT,), Count="2") == []
    assert "is 101" in problems(step, parameters=(COUNT,), Count="101")[0]


def test_everything_is_reported_together_with_the_file_also_in_branches() -> None:
    wrong = changed("Training", "RoleArn", "none") | {"Name": "Inner"}
    condition = {"Conditions": [], "IfSteps": [wrong], "ElseSteps": []}
    steps = [
        changed("Processing", "Environment", numbered(101)),
        {"Name": "Gate", "Type": "Condition", "Arguments": condition},
        {"Name": "n" * 65, "Type": "Fail", "Arguments": {"ErrorMessage": "x"}, "DisplayName": "d" * 257},
    ]
    parameters = [{"Name": "my name", "Type": "String"}]

    found = request_limits.check({"Parameters": parameters, "Steps": steps}, place="train.py")

    assert [each.where for each in found] == [
        "train.py parameter 'my name'", "train.py step 'Step'", "train.py step 'Inner'", "train.py a step",
        f"train.py step '{'n' * 65}'",
    ]  # fmt: skip


def test_a_definition_for_this_machine_may_leave_out_what_aws_requires() -> None:
    step = changed("Processing", "AppSpecification", {"ContainerArguments": []})
    too_many = changed("Processing", "Environment", numbered(101))

    assert request_limits.check({"Steps": [step]}, whole=False) == []
    assert len(request_limits.check({"Steps": [step, too_many]}, whole=False)) == 1


@pytest.mark.parametrize(
    "definition",
    [
        {},
        {"Parameters": {}, "Steps": {}},
        {"Parameters": [1], "Steps": [1, None, {"Type": ["x"]}]},
        {"Steps": [{"Name": "A", "Type": "Condition", "Arguments": []}]},
        {"Steps": [{"Name": "A", "Type": "Condition", "Arguments": {"IfSteps": 1, "ElseSteps": [1]}}]},
    ],
)
def test_a_malformed_definition_is_left_to_the_parser(definition: dict[str, Any]) -> None:
    request_limits.check(definition)


def test_a_definition_is_checked_at_once() -> None:
    steps = [{"Name": f"{kind}{i}", "Type": kind, "Arguments": VALID[kind]} for kind in VALID for i in range(10)]
    begun = time.process_time()

    assert request_limits.check({"Steps": steps}) == []
    assert time.process_time() - begun < 0.5


def test_every_step_type_with_a_request_is_described() -> None:
    runs_anything = {"Callback", "Lambda", "Lineage", "Cleanup", "EMRServerless", "ForEach", "Condition", "Fail"}

    assert {name for name, each in step_types.TYPES.items() if not each.requests} == runs_anything
