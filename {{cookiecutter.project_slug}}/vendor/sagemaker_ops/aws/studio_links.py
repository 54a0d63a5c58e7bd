"""The addresses of executions in Studio, for people to open in a browser."""

from __future__ import annotations

from sagemaker_ops.aws import lookup
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import AwsError
from sagemaker_ops.guardrails.identifiers import partition

# Hosts of the console: https://docs.aws.amazon.com/general/latest/gr/aws-service-endpoints.html
_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


def execution(account: Account, arn: str) -> str:
    """The graph of the execution in Studio, if the account has one domain; otherwise the console's page of Studio.

    The console itself shows no executions.
    """
    region, kind = account.region, partition(account.region)
    domains = _domains(account)
    if len(domains) == 1 and kind == "aws":
        place = f"pipelines/view/{lookup.pipeline_of(arn)}/executions/{lookup.id_of(arn)}/graph"
        return f"https://studio-{domains[0]}.studio.{region}.sagemaker.aws/{place}"
    return f"https://{region}.{_CONSOLES.get(kind, _CONSOLES['aws'])}/sagemaker/home?region={region}#/studio-landing"


def _domains(account: Account) -> list[str]:
    try:
        return [each["DomainId"] for each in account.pages("list_domains", "Domains")]
    except AwsError:  # not allowed, or not reachable: the execution has started anyway
        return []
