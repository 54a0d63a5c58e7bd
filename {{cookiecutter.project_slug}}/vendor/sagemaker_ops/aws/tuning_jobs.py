"""The results of tuning steps on AWS, which DescribeHyperParameterTuningJob has."""

from __future__ import annotations

from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import aws_call
from sagemaker_ops.aws.executions import AwsExecution, AwsStep
from sagemaker_ops.definition.tuning_type import TUNING
from sagemaker_ops.errors import UserError


def add(account: Account, execution: AwsExecution) -> None:
    """Add the description of its tuning job to each tuning step.

    UserError if AWS has reused the result of an earlier execution, which has the job.
    """
    for step in execution.steps.values():
        if step.type != TUNING.name or not isinstance(step, AwsStep):
            continue
        if step.source:
            raise UserError(f"step '{step.name}' has its result from execution {step.source}: give that one.")
        arn = str(step.metadata.get(f"{TUNING.name}Job", {}).get("Arn", ""))
        if name := arn.rpartition("/")[2]:
            with aws_call(f"describe tuning job {name}"):
                found = account.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
            step.properties |= found
