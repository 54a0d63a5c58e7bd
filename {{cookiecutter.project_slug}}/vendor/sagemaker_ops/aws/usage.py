"""How much of their instances the jobs of an execution used, from CloudWatch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import aws_call, is_denied, sentence
from sagemaker_ops.aws.executions import AwsExecution, AwsStep, Job
from sagemaker_ops.guardrails import instance_types

# {a job's metric: the statistic to use}. Memory: the maximum, because a job ends when it does not fit.
# https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
METRICS = {"CPUUtilization": "Average", "MemoryUtilization": "Maximum", "GPUUtilization": "Average"}
# These two are sums over all cores or chips, each of which counts 100 %.
_SHARED_BY = {"CPUUtilization": "vcpu", "GPUUtilization": "gpus"}
_QUERIES = 500  # per GetMetricData call
_POINTS = 1000  # per query
_FINE = timedelta(days=15)  # older data has one value per five minutes, not per minute
_MINUTE, _FIVE_MINUTES = 60, 300


@dataclass(frozen=True)
class _Question:
    """One query of GetMetricData, and the step it is for. divisor: the number of cores or chips in the value."""

    step: AwsStep
    metric: str
    divisor: float
    query: dict[str, Any]


def add(execution: AwsExecution, described: Mapping[str, dict[str, Any]]) -> str:
    """Give each step that had a job its `used`, in % of the instances; returns the reason if that is not allowed.

    described: {step: answer of DescribeProcessingJob, …}.
    """
    questions = [
        question
        for step, job in execution.jobs
        if step.name in described and step.start_time and not step.source
        for question in _questions(step, job, described[step.name], step.start_time)
    ]
    with aws_call("read the utilisation of the jobs"):
        try:
            answers = _answers(execution.account, questions)
        except ClientError as error:
            if is_denied(error):
                return f"the utilisation of the jobs is not known: {sentence(error)}."
            raise
    found: dict[tuple[str, str], list[float]] = {}
    for question, values in zip(questions, answers, strict=True):
        found.setdefault((question.step.name, question.metric), []).extend(each / question.divisor for each in values)
    for step, _ in execution.jobs:
        for metric, statistic in METRICS.items():
            values = found.get((step.name, metric), [])
            if values:
                step.used[metric] = round(max(values) if statistic == "Maximum" else sum(values) / len(values), 1)
    return ""


def _questions(step: AwsStep, job: Job, described: dict[str, Any], start: datetime) -> Iterator[_Question]:
    resources = described
    for key in job.kind.resources:
        resources = resources.get(key, {})
    size = instance_types.types().get(str(resources.get("InstanceType")), {})
    now = datetime.now(UTC)
    seconds = ((step.end_time or now) - start).total_seconds()
    unit = _FIVE_MINUTES if now - start > _FINE else _MINUTE
    period = unit * max(1, math.ceil(seconds / unit / _POINTS))
    for metric, statistic in METRICS.items():
        divisor = size.get(_SHARED_BY[metric]) if metric in _SHARED_BY else 1
        if divisor:  # otherwise it has no GPUs, or its number of cores is unknown
            for query in _queries(job, metric, statistic, period, int(resources.get("InstanceCount", 1))):
                yield _Question(step, metric, float(divisor), query)


def _queries(job: Job, metric: str, statistic: str, period: int, count: int) -> Iterator[dict[str, Any]]:
    """One query for each instance; those of a transform job have ids that only a search finds."""
    space = job.log_group
    if job.kind.job and not job.kind.job.numbered_hosts:
        search = f"SEARCH('{{{space},Host}} MetricName=\"{metric}\" \"{job.name}\"', '{statistic}', {period})"
        yield {"Expression": search}
        return
    for number in range(1, count + 1):
        host = [{"Name": "Host", "Value": f"{job.name}/algo-{number}"}]
        stat = {"Namespace": space, "MetricName": metric, "Dimensions": host}
        yield {"MetricStat": {"Metric": stat, "Period": period, "Stat": statistic}}


def _answers(account: Account, questions: list[_Question]) -> list[list[float]]:
    """The values for each question."""
    found: dict[str, list[float]] = {}
    for first in range(0, len(questions), _QUERIES):
        batch = questions[first : first + _QUERIES]
        starts = [each.step.start_time for each in batch if each.step.start_time]
        ends = [each.step.end_time or datetime.now(UTC) for each in batch]
        pages = (
            account.client("cloudwatch")
            .get_paginator("get_metric_data")
            .paginate(
                MetricDataQueries=[{"Id": f"q{first + n}", **each.query} for n, each in enumerate(batch)],
                StartTime=min(starts).replace(second=0, microsecond=0),
                EndTime=max(ends) + timedelta(minutes=1),
            )
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                found.setdefault(result["Id"], []).extend(result["Values"])
    return [found.get(f"q{number}", []) for number in range(len(questions))]
