"""The alarm that makes AWS go back to the old model while the traffic moves to a new one in steps."""

from __future__ import annotations

from collections.abc import Mapping

from botocore.exceptions import ClientError

from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.endpoint_requests import VARIANT, as_list
from sagemaker_ops.aws.errors import aws_change, code_of


def name_of(endpoint: str) -> str:
    return f"{endpoint}-errors"


def put(account: Account, endpoint: str, tags: Mapping[str, str]) -> None:
    """It goes off as soon as the endpoint answers a request with an error of its own (5xx)."""
    with aws_change(f"set the alarm of endpoint '{endpoint}'"):
        account.client("cloudwatch").put_metric_alarm(
            AlarmName=name_of(endpoint),
            AlarmDescription=f"Endpoint {endpoint} answers with errors: an update goes back to the old model.",
            Namespace="AWS/SageMaker",
            MetricName="Invocation5XXErrors",
            Dimensions=[{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": VARIANT}],
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="notBreaching",
            Tags=as_list(tags),
        )


def remove(account: Account, endpoint: str) -> None:
    """An alarm that does not exist is fine."""
    with aws_change(f"delete the alarm of endpoint '{endpoint}'"):
        try:
            account.client("cloudwatch").delete_alarms(AlarmNames=[name_of(endpoint)])
        except ClientError as error:
            if code_of(error) != "ResourceNotFound":
                raise
