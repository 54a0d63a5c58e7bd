"""Waits for an endpoint: until it has been created or updated, or until it is gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from sagemaker_ops.aws import endpoints, watch
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.endpoints import CHANGING

Say = Callable[[str], None]
"""Shows what the endpoint is doing."""


def until_changed(account: Account, name: str, say: Say, config: str = "") -> dict[str, Any] | None:
    """The answer of DescribeEndpoint once the endpoint is not being changed; None if it is gone.

    config: the configuration that it was just told to change to, which AWS may not show at once.
    """
    pause, seen, settling = watch.FIRST, "", watch.SETTLING if config else 0
    while True:
        described = watch.patiently(lambda: endpoints.describe(account, name))
        if described is None:
            return None
        if (state := doing(described)) != seen:
            say(state)
            seen, pause = state, watch.FIRST
        if described["EndpointStatus"] in CHANGING:
            settling = 0
        elif not settling or described["EndpointConfigName"] == config:
            return described
        settling = max(0, settling - 1)
        time.sleep(pause)
        pause = min(pause * watch.GROWTH, watch.LONGEST)


def doing(described: Mapping[str, Any]) -> str:
    """The status of an endpoint, and the stage of an update: `Updating (Baking)`."""
    pending = described.get("PendingDeploymentSummary") or {}
    variants = pending.get("ProductionVariants") or described.get("ProductionVariants") or [{}]
    stages = [str(each["Status"]) for each in variants[0].get("VariantStatus") or ()]
    return f"{described['EndpointStatus']}{f' ({stages[0]})' if stages else ''}"
