"""How the changes of a merge request are written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sagemaker_ops.errors import UserError
from sagemaker_ops.guardrails.policy import Policy, Prices
from sagemaker_ops.review import change
from sagemaker_ops.review.change import Change, Comparison
from sagemaker_ops.review.worktree import Commit

RULES = Policy(prices=Prices(region="eu-west-1", date="2026-11-01", currency="EUR", training={"ml.m5.large": 0.5}))
MAIN = Commit("main", "0123456789abcdef", "")


def definition(seconds: int, name: str = "Train") -> dict[str, Any]:
    """One training job with a time limit."""
    arguments = {
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
    }
    return {"Version": "2020-12-01", "Steps": [{"Name": name, "Type": "Training", "Arguments": arguments}]}


def between(before: Any, after: Any, problem: str = "", error: UserError | None = None) -> Change:
    return change.between("train", before, after, RULES, "eu-west-1", problem, error)


def comparison(*changes: Change) -> Comparison:
    return Comparison(MAIN, "local", changes, ())


LONGER = between(definition(3600), definition(7200))
BEFORE = "maximum cost before: 1 instance hours; 0.50 EUR for the instances, at the prices of 2026-11-01"
AFTER = "maximum cost after: 2 instance hours; 1.00 EUR for the instances, at the prices of 2026-11-01"
FIT = "step Fit (Training) on 1 x ml.m5.large"
COST = BEFORE.replace(" before", "")
STAYS = "removed; if it is deployed, it stays on AWS until `ops delete-pipeline train`."


@pytest.mark.parametrize(
    ("found", "status", "lines"),
    [
        pytest.param(between(definition(3600), definition(3600)), "unchanged", ["train: no change"], id="the same"),
        pytest.param(
            LONGER,
            "changed",
            ["train: 1 change", "  ~ step Train: MaxRuntimeInSeconds 3600 → 7200", f"  {BEFORE}", f"  {AFTER}"],
            id="a limit",
        ),
        pytest.param(
            between(definition(3600), definition(3600, "Fit")),
            "changed",
            [
                "train: 2 changes",
                "  + step Fit (Training) on 1 x ml.m5.large",
                "  - step Train (Training)",
                f"  {COST}",
            ],
            id="a name, at the same cost",
        ),
        pytest.param(
            between(None, definition(3600)),
            "added",
            ["train: new", "  + step Train (Training) on 1 x ml.m5.large", f"  {COST}"],
            id="new",
        ),
        pytest.param(between(definition(3600), None), "removed", [f"train: {STAYS}"], id="removed"),
        pytest.param(
            between(None, definition(3600), "it is broken."),
            "unknown",
            ["train: cannot be compared: it is broken.", f"  {COST}"],
            id="nothing to compare with",
        ),
        pytest.param(
            between(definition(3600), None, error=UserError("train.py line 3: no.", "more")),
            "unknown",
            ["train: cannot be compared: it cannot be compiled here: train.py line 3: no.", f"  {COST}"],
            id="broken here",
        ),
    ],
)
def test_a_change_in_words(found: Change, status: str, lines: list[str]) -> None:
    shown = list(change.text(comparison(found)))

    assert found.status == status
    assert shown[0] == "Against main (01234567), for local:"
    assert shown[2:] == lines


def test_json_has_the_cost_in_numbers() -> None:
    [found] = json.loads("".join(change.document(comparison(LONGER))))["Pipelines"]

    assert (found["Pipeline"], found["Status"], found["Changes"]) == ("train", "changed", list(LONGER.lines))
    assert found["MaximumCostBefore"]["InstanceHours"] == 1
    assert found["MaximumCostAfter"] == {
        "InstanceHours": 2.0, "Money": 1.0, "Currency": "EUR", "PriceDate": "2026-11-01", "Unknown": [],
    }  # fmt: skip


@pytest.mark.parametrize("name", ["```", "````\n# Heading", "`<script>`", "[a](http://b)", "\x1b[31m", "‮evil"])
def test_what_a_definition_contains_cannot_leave_its_block_of_code(name: str) -> None:
    found = between(definition(60, "Train"), definition(60, name))

    text = "\n".join(change.markdown(comparison(found)))

    heading, _, rest = text.partition("\n\n**`train`**: 2 changes\n\n")
    fence, _, block = rest.partition("diff\n")
    assert heading == "### Changes in the definitions against `main` (01234567)"
    assert set(fence) == {"`"}
    assert block.endswith(f"\n{fence}")
    assert fence not in block.removesuffix(f"\n{fence}")
    assert text.replace("\n", "").isprintable()
    assert "# Heading" not in text.splitlines()
