"""A table of what currently costs money: since when, how many instance hours, and the command that stops it."""

from __future__ import annotations

from collections.abc import Iterator

from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.running import Running
from sagemaker_ops.aws.schedule_list import Listed
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.terminal import tables


def lines(account: Account, found: list[Running], rules: Policy) -> Iterator[str]:
    """A line for each thing that is running, and the total so far."""
    if not found:
        yield f"Nothing of '{account.vertical}' is running in account {account.id}, {account.region}."
        return
    costs = [_cost(each, rules, account.region) for each in found]
    heading = ("what", "name", "instance type", "count", "since", "hours", "cost", "stop it with")
    rows = [
        (
            each.kind,
            each.name,
            each.instance_type,
            each.count,
            tables.moment(each.since),
            None if each.hours is None else round(each.hours, 1),
            _money(each, cost, rules),
            each.stop,
        )
        for each, cost in zip(found, costs, strict=True)
    ]
    yield from tables.lines(heading, rows)
    hours = sum(each.hours or 0 for each in found)
    known = [cost for each, cost in zip(found, costs, strict=True) if each.hours is not None]
    if None in known:
        total = f"cost unknown: {rules.source} [prices] does not have all the prices"
    else:
        total = f"{sum(cost or 0 for cost in known):.2f} {rules.prices.currency}, at the prices of {rules.prices.date}"
    yield ""
    yield f"So far {hours:.1f} instance hours; {total}."


def schedule_lines(found: list[Listed]) -> Iterator[str]:
    """A line for each schedule, which costs nothing until it starts its pipeline; none without any."""
    if found:
        yield ""
        heading = ("schedule of pipeline", "when", "state", "next run")
        yield from tables.lines(
            heading, [(each.name, each.when, each.state.lower(), each.shown_next) for each in found]
        )


def _cost(each: Running, rules: Policy, region: str) -> float | None:
    """Its cost so far; None if it has no price."""
    prices = rules.prices
    price = getattr(prices, each.use, {}).get(each.instance_type) if prices.region == region else None
    return None if price is None or each.hours is None else each.hours * price


def _money(each: Running, cost: float | None, rules: Policy) -> str:
    if each.hours is None:
        return ""
    return "unknown" if cost is None else f"{cost:.2f} {rules.prices.currency}"
