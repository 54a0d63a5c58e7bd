"""Prints the log of a step on AWS from CloudWatch, also while the step is running."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

from botocore.exceptions import ClientError

from sagemaker_ops.aws import executions, watch
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import aws_call, is_not_found
from sagemaker_ops.aws.executions import RUNNING, AwsExecution, AwsStep, Job
from sagemaker_ops.errors import UserError

_ENDED = ("Succeeded", "Failed", "Stopped")


def show(account: Account, arn: str, step: str | None, follow: bool) -> None:
    """Write the log of a step to standard output; with `follow`, keep writing until the step has ended.

    step: its name, or None for the one that failed or started last. UserError if there is no log.
    """
    known = executions.unchanging(account, arn)
    tokens: dict[str, str] = {}
    printed = False
    waits = watch.pauses()
    while True:
        execution = watch.patiently(lambda: executions.state(account, arn, known))
        if step is None:
            step = execution.step_to_look_at().name
            print(f"Step {step} of execution {execution.id}:", file=sys.stderr, flush=True)
        found = _checked(execution, step, follow)
        over = not follow or _over(execution, found)  # checked before the log is read, so that the log is complete
        for line in _new_lines(account, found.job, tokens):
            print(line, flush=follow)
            printed, waits = True, watch.pauses()
        if over:
            break
        time.sleep(next(waits))
    if not printed:
        raise UserError(
            f"step '{step}' is {found.status}, but CloudWatch has no log lines yet: they appear a few seconds after "
            "the container has started."
        )


def _over(execution: AwsExecution, step: AwsStep) -> bool:
    return execution.status not in RUNNING or step.status in _ENDED


def _checked(execution: AwsExecution, name: str, follow: bool) -> AwsStep:
    step = cast(AwsStep, execution.step(name))
    if step.source:
        env = execution.account.environment_name
        raise UserError(
            f"step '{name}' reused the result of another execution: run `ops logs {step.source} {name} --env {env}`."
        )
    if step.job is not None or (follow and not _over(execution, step)):
        return step
    elsewhere = [made["LogFilePath"] for made in step.metadata.values() if made.get("LogFilePath")]
    if elsewhere:
        raise UserError(f"the log of step '{name}' ({step.type}) is not in CloudWatch, but at {elsewhere[0]}.")
    reason = f" ({step.failure_reason})" if step.failure_reason else ""
    did = "has not started" if step.status == "NotStarted" else f"is {step.status} and has no job with a log{reason}"
    raise UserError(f"step '{name}' ({step.type}) {did} in execution {execution.id}.")


def _new_lines(account: Account, job: Job | None, tokens: dict[str, str]) -> Iterator[str]:
    """The lines since the last call; `tokens` has the position in each stream."""
    if job is None:
        return
    group = job.log_group
    name = job.name
    streams = watch.patiently(lambda: _streams(account, group, name))
    for stream in streams:
        host = stream.removeprefix(f"{name}/").rpartition("-")[0]
        prefix = f"[{host}] " if len(streams) > 1 else ""
        for message in _messages(account, group, stream, tokens):
            yield f"{prefix}{message}"


def _streams(account: Account, group: str, job: str) -> list[str]:
    """The log streams: one for each container of the job; none while it is starting."""
    with aws_call(f"read the log of {job}"):
        try:
            pages = (
                account.client("logs")
                .get_paginator("describe_log_streams")
                .paginate(logGroupName=group, logStreamNamePrefix=f"{job}/")
            )
            return [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
        except ClientError as error:
            if is_not_found(error):
                return []
            raise


def _messages(account: Account, group: str, stream: str, tokens: dict[str, str]) -> Iterator[str]:
    """The messages since the last call. AWS repeats the same token at the end, and may return empty pages before."""
    while True:
        before = tokens.get(stream)
        page = watch.patiently(partial(_page, account, group, stream, before))
        for event in page["events"]:
            yield event["message"].rstrip("\n")
        tokens[stream] = page["nextForwardToken"]
        if page["nextForwardToken"] == before:
            return


def _page(account: Account, group: str, stream: str, token: str | None) -> dict[str, Any]:
    """One page of a stream, from its beginning or from the token's position."""
    arguments = {"nextToken": token} if token else {}
    with aws_call(f"read the log {stream}"):
        page: dict[str, Any] = account.client("logs").get_log_events(
            logGroupName=group, logStreamName=stream, startFromHead=True, **arguments
        )
    return page
