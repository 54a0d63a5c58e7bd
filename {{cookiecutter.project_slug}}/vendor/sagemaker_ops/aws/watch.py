"""Follows an execution on AWS until it has ended."""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from sagemaker_ops.aws import executions, lookup
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import AwsError, may_pass
from sagemaker_ops.aws.executions import RUNNING, AwsExecution
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import Execution

# Seconds between two polls: the first, and the longest while nothing changes. SageMaker has no waiter.
FIRST = float(os.environ.get("OPS_POLL_SECONDS", "3"))
LONGEST = FIRST * 10
GROWTH = 1.5
# A pause is up to this much shorter, so that jobs of GitLab that began together do not go on calling AWS together.
SPREAD = 0.2
# How often in a row AWS may be unreachable before the wait is given up; each attempt has its own retries.
PATIENCE = 10
# How often to check whether an execution has begun; one that ends at once is never seen running.
SETTLING = 4

Found = TypeVar("Found")


class NotEndedError(UserError):
    """The time to wait is over. The exit code is that of the command `timeout`."""

    exit_code = 124


def until_ended(
    account: Account,
    arn: str,
    on_change: Callable[[Execution], None],
    just_begun: bool = False,
    minutes: float | None = None,
) -> AwsExecution:
    """Wait until the execution has ended and return it; each of its states is passed to `on_change`.

    just_begun: it was just started or retried, which AWS may not show everywhere yet.
    minutes: how long to wait; NotEndedError after that.
    """
    deadline = math.inf if minutes is None else time.monotonic() + 60 * minutes
    if just_begun:
        _await_begin(account, arn, deadline)
    known = patiently(lambda: executions.unchanging(account, arn), deadline)
    waits = pauses()
    seen = None
    while True:
        execution = patiently(lambda: executions.state(account, arn, known), deadline)
        on_change(execution)
        if execution.status not in RUNNING:
            return execution
        now = [(step.name, step.status, step.attempts) for step in execution.steps.values()]
        if now != seen:
            seen, waits = now, pauses()
        _sleep(next(waits), deadline)


def _await_begin(account: Account, arn: str, deadline: float) -> None:
    for pause, _ in zip(pauses(), range(SETTLING), strict=False):
        found = patiently(lambda: lookup.describe(account, arn), deadline)
        if found is not None and found["PipelineExecutionStatus"] in RUNNING:
            return
        _sleep(pause, deadline)


def patiently(ask: Callable[[], Found], deadline: float = math.inf) -> Found:
    """The result of `ask`, repeated while AWS cannot be reached or is overloaded, because a wait can take hours.

    deadline: when to give up, as in time.monotonic(); NotEndedError then.
    """
    waits = pauses()
    for _ in range(PATIENCE - 1):
        try:
            return ask()
        except AwsError as error:
            if not may_pass(error):
                raise
        _sleep(next(waits), deadline)
    return ask()


def _sleep(seconds: float, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise NotEndedError("the execution has not ended within the time of --timeout.")
    time.sleep(min(seconds, left))


def pauses() -> Iterator[float]:
    """Seconds to wait before each poll, longer each time."""
    pause = FIRST
    while True:
        yield pause * (1 - SPREAD * random.random())
        pause = min(pause * GROWTH, LONGEST)
