"""What an endpoint costs while it exists: per hour and per month, where the policy has the price."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sagemaker_ops.guardrails.policy import Policy

MONTH = 730  # hours, as AWS counts


@dataclass(frozen=True)
class Cost:
    """per_hour: None if there is no price, for the reason in `unknown`."""

    per_hour: float | None
    currency: str = ""
    date: str = ""
    unknown: str = ""

    @property
    def per_month(self) -> float | None:
        return None if self.per_hour is None else self.per_hour * MONTH

    def __str__(self) -> str:
        if self.per_hour is None:
            return self.unknown
        per_hour, per_month = f"{self.per_hour:.4g} {self.currency} per hour", f"{self.per_month:.0f} per month"
        return f"{per_hour}, {per_month}, at the prices of {self.date}"


def of(instance_type: str, count: int, rules: Policy, region: str) -> Cost:
    """The cost of `count` instances; a serverless endpoint has no instance type."""
    prices = rules.prices
    if not instance_type:
        return Cost(None, unknown="paid for each request, nothing while there are none")
    if not prices.region:
        return Cost(None, unknown=f"unknown: {rules.source} has no [prices]")
    if prices.region != region:
        return Cost(None, unknown=f"unknown: the prices in {rules.source} are for {prices.region}, not for {region}")
    price = prices.endpoint.get(instance_type)
    if price is None:
        return Cost(None, unknown=f"unknown: {rules.source} [prices.endpoint] has no price for {instance_type}")
    return Cost(count * price, prices.currency, prices.date)


def lines(instance_type: str, count: int, most: int, rules: Policy, region: str) -> Iterator[str]:
    """The cost of an endpoint that is to be deployed, and that of as many instances as it can scale to."""
    usual, highest = (of(instance_type, number, rules, region) for number in (count, most))
    yield f"cost: {usual}" + (f"; up to {highest.per_hour:.4g} per hour" if most > count and highest.per_hour else "")
