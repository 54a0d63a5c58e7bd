"""Steps of the types that run only on AWS: refused by name, and never with a traceback, whatever their arguments."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from local.conftest import BUCKET, Local

from sagemaker_ops.definition import request_limits, step_types
from sagemaker_ops.errors import UserError
from sagemaker_ops.guardrails import cost, policy, resources
from sagemaker_ops.local import check
from sagemaker_ops.local.preview import REFUSED, SKIPPED, preview

NAME = "customer-demo-train-local"
ROLE = "arn:aws:iam::123456789012:role/role"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/image:1"
DATA: dict[str, Any] = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{BUCKET}/data"}}
CHANNEL = {"ChannelName": "train", "DataSource": DATA}
CLUSTER = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}
TRAINING_JOB = {
    "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    "InputDataConfig": [CHANNEL],
    "OutputDataConfig": {"S3OutputPath": f"{BUCKET}/models"},
    "ResourceConfig": CLUSTER,
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    "RoleArn": ROLE,
}
CHECK = {
    "ProcessingResources": {"ClusterConfig": CLUSTER},
    "AppSpecification": {"ImageUri": IMAGE},
    "ProcessingInputs": [{"InputName": "data", "AppManaged": False, "S3Input": {"S3Uri": f"{BUCKET}/data"}}],
    "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": {"S3Uri": f"{BUCKET}/out"}}]},
    "StoppingCondition": {"MaxRuntimeInSeconds": 1800},
    "RoleArn": ROLE,
}
AUTOML = {
    "InputDataConfig": [{"DataSource": DATA, "TargetAttributeName": "y", "ChannelType": "training"}],
    "OutputDataConfig": {"S3OutputPath": f"{BUCKET}/out"},
    "AutoMLJobConfig": {"Mode": "ENSEMBLING"},
    "RoleArn": ROLE,
}
RANGES = {"ContinuousParameterRanges": [{"Name": "rate", "MinValue": "0.1", "MaxValue": "0.9"}]}
TUNING = {
    "HyperParameterTuningJobConfig": {
        "Strategy": "Bayesian",
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2},
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "auc"},
        "ParameterRanges": RANGES,
    },
    "TrainingJobDefinition": TRAINING_JOB,
}
PLACE = f"{BUCKET}/code/job.py"
REALISTIC: dict[str, list[dict[str, Any]]] = {
    "QualityCheck": [CHECK],
    "ClarifyCheck": [CHECK],
    "Callback": [{"Topic": "x"}],
    "Lambda": [{"event": "x", "run": {"Get": "Execution.PipelineExecutionId"}}],
    "Lineage": [{"Artifacts": [{"Source": {"SourceUri": PLACE}, "ArtifactType": "x"}]}],
    "Cleanup": [{"EndpointName": "x"}],
    "EndpointConfig": [{"ProductionVariants": [{"ModelName": "m", "VariantName": "v", "InstanceType": "ml.m5.large"}]}],
    "Endpoint": [{"EndpointName": "x", "EndpointConfigName": "y"}],
    "InferenceComponent": [{"EndpointName": "x", "Specification": {"ModelName": "m"}}],
    "AutoML": [
        AUTOML,
        {
            "AutoMLJobInputDataConfig": [{"ChannelType": "training", "DataSource": DATA}],
            "OutputDataConfig": {"S3OutputPath": f"{BUCKET}/out"},
            "AutoMLProblemTypeConfig": {"TabularJobConfig": {"TargetAttributeName": "y"}},
        },
    ],
    "EMR": [
        {
            "ClusterId": "j-1",
            "StepConfig": {"HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["spark-submit", PLACE]}},
        },
        {
            "ClusterConfig": {"Instances": {"InstanceCount": 2, "MasterInstanceType": "m5.xlarge"}},
            "StepConfig": {"HadoopJarStep": {"Jar": "x"}},
        },
    ],
    "Job": [{"JobCategory": "x", "JobConfigSchemaVersion": "1", "JobConfigDocument": "{}"}],
    "ForEach": [{"Items": [1, 2], "Steps": [{"Name": "Inner", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}]}],
}
# What belongs to steps that run here, with parts missing or of another type.
MINIMAL: list[Any] = [
    {},
    {"InputDataConfig": [{}]},
    {"InputDataConfig": {"Get": "Parameters.Data"}},
    {"ProcessingInputs": [{"InputName": "x"}]},
    {"AppSpecification": {"ImageUri": IMAGE}},
    {"HyperParameters": {"sagemaker_program": 1}},
    {"ModelName": {"Get": "Steps.Prepare.ProcessingJobName"}},
    {"TrainingJobDefinition": {}, "HyperParameterTuningJobConfig": {}},
    {"TrainingJobDefinitions": [{}]},
    {"HyperParameterTuningJobConfig": "x", "TrainingJobDefinition": 3},
    {"HyperParameterTuningJobConfig": {"ResourceLimits": {"Get": "Parameters.Data"}}},
    {"ProcessingResources": "x", "ResourceConfig": []},
    {"ProcessingResources": {"ClusterConfig": [None]}, "StoppingCondition": "x"},
]


def test_every_type_that_runs_only_on_aws_is_in_the_table() -> None:
    assert set(REALISTIC) == {name for name, each in step_types.TYPES.items() if not each.runs_here}


def definition_with(local: Local, kind: str) -> dict[str, Any]:
    """Two steps that run here and, between them, one step of the type for each of the arguments above."""
    every = copy.deepcopy([*REALISTIC.get(kind, [TUNING]), *MINIMAL])
    there = [{"Name": f"There{number}", "Type": kind, "Arguments": each} for number, each in enumerate(every)]
    after = local.processing("After", DependsOn=[each["Name"] for each in there])
    parameter = local.parameter("Data", "String", BUCKET)
    return local.definition(local.processing("Prepare"), *there, after, parameters=[parameter])


@pytest.mark.parametrize("kind", REALISTIC)
def test_it_is_refused_by_name(local: Local, kind: str) -> None:
    definition = definition_with(local, kind)
    there = [each["Name"] for each in definition["Steps"] if each["Name"].startswith("There")]
    said = f"steps of type {kind} run only on AWS: write the outputs of this one into a file, and add --stub"

    with pytest.raises(UserError) as caught:
        check(definition)
    with pytest.raises(UserError) as refused:
        local.run(*definition["Steps"], parameters=definition["Parameters"])
    found = preview(definition, pipeline_name=NAME, parameters={}, home=local.home)

    for error in (caught, refused):
        lines = str(error.value).splitlines()
        assert sorted(lines) == sorted(f"step '{name}': {said} {name}=FILE." for name in there)
    refusals = {name: each.problems for name, each in found.steps.items() if each.does == REFUSED}
    assert refusals == {name: (f"{said} {name}=FILE.",) for name in there}
    assert (found.steps["Prepare"].problems, found.steps["After"].does) == ((), SKIPPED)


@pytest.mark.parametrize("kind", [*REALISTIC, "Tuning"])
def test_its_cost_and_its_limits_on_aws_are_known_or_a_sentence_says_why_not(local: Local, kind: str) -> None:
    definition = definition_with(local, kind)
    strict = policy.Policy(max_instance_hours_per_execution=100, max_cost_per_execution=100)

    worst = cost.worst_case(definition, {}, strict)
    problems = cost.check(definition, {}, strict)
    problems += request_limits.check(definition) + resources.check(definition, strict, "a.py")

    assert worst.hours >= 48  # of the two steps next to it
    assert cost.lines(worst)[0].startswith("worst case: ")
    assert [problem for problem in problems if not str(problem).endswith((".", "?"))] == []
