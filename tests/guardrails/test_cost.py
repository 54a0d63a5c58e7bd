"""The maximum cost of an execution, and the limits that the policy sets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sagemaker_ops.guardrails import cost
from sagemaker_ops.guardrails.policy import Policy, Prices

Step = dict[str, Any]
REGION = "eu-west-1"
PRICES = Prices(
    region=REGION,
    date="2026-11-24",
    currency="USD",
    processing={"ml.m5.large": 0.5},
    training={"ml.m5.large": 1.0, "ml.g5.xlarge": 10.0},
)


def processing(minutes: int | None = 60, count: Any = 1, kind: Any = "ml.m5.large", **rest: Any) -> Step:
    limit = {"StoppingCondition": {"MaxRuntimeInSeconds": minutes * 60}} if minutes else {}
    arguments = {"ProcessingResources": {"ClusterConfig": {"InstanceType": kind, "InstanceCount": count}}, **limit}
    return {"Name": "Processing", "Type": "Processing", "Arguments": arguments, **rest}


def training(kind: str = "ml.m5.large", minutes: int = 60, **resources: Any) -> Step:
    config = resources or {"InstanceType": kind, "InstanceCount": 1}
    arguments = {"ResourceConfig": config, "StoppingCondition": {"MaxRuntimeInSeconds": minutes * 60}}
    return {"Name": "Training", "Type": "Training", "Arguments": arguments}


def condition(if_steps: list[Step], else_steps: list[Step]) -> Step:
    arguments = {"Conditions": [], "IfSteps": if_steps, "ElseSteps": else_steps}
    return {"Name": "Gate", "Type": "Condition", "Arguments": arguments}


def tuning(jobs: Any = None, *grid: int) -> Step:
    """grid: the number of values of each hyperparameter."""
    limits = {"MaxParallelTrainingJobs": 2, **({"MaxNumberOfTrainingJobs": jobs} if jobs else {})}
    ranges = {"CategoricalParameterRanges": [{"Name": str(size), "Values": ["x"] * size} for size in grid]}
    search = {"Strategy": "Grid" if grid else "Random", "ParameterRanges": ranges if grid else {}}
    arguments = {
        "HyperParameterTuningJobConfig": {"ResourceLimits": limits, **search},
        "TrainingJobDefinition": training()["Arguments"],
    }
    return {"Name": "Tuning", "Type": "Tuning", "Arguments": arguments}


def retried(*kinds: str, **policy: Any) -> Step:
    return processing(RetryPolicies=[{"ExceptionType": list(kinds or ["SageMaker.JOB_INTERNAL_ERROR"]), **policy}])


TRANSFORM: Step = {
    "Name": "Predict",
    "Type": "Transform",
    "Arguments": {"TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1}},
}
FAIL: Step = {"Name": "Failed", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}


def definition(*steps: Step, **defaults: Any) -> dict[str, Any]:
    parameters = [{"Name": name, "Type": "String", "DefaultValue": value} for name, value in defaults.items()]
    return {"Version": "2020-12-01", "Parameters": parameters, "Steps": list(steps)}


def get(name: str) -> dict[str, str]:
    return {"Get": f"Parameters.{name}"}


@pytest.mark.parametrize(
    ("steps", "hours", "money"),
    [
        pytest.param([processing()], 1, 0.5, id="a job"),
        pytest.param([processing(count=4)], 4, 2, id="instances"),
        pytest.param([processing(minutes=None)], 24, 12, id="AWS's limit if it has none"),
        pytest.param([processing(), training()], 2, 1.5, id="a price per use"),
        pytest.param([processing(), FAIL], 1, 0.5, id="a step without an instance"),
        pytest.param([condition([processing()], [training()])], 1, 1, id="the costlier branch"),
        pytest.param(
            [condition([training("ml.g5.xlarge", 30)], [training(minutes=120)])], 2, 5, id="costlier, not longer"
        ),
        pytest.param([condition([condition([training()], [FAIL])], []), processing()], 2, 1.5, id="nested"),
        pytest.param([retried(MaxAttempts=2)], 3, 1.5, id="retries"),
        pytest.param([retried()], 6, 3, id="AWS's default number of retries"),
        pytest.param([retried(ExpireAfterMin=30)], 1.5, 0.75, id="retries until a time"),
        pytest.param([retried("SageMaker.RESOURCE_LIMIT", ExpireAfterMin=600)], 1, 0.5, id="waiting for a quota"),
        pytest.param(
            [retried("SageMaker.RESOURCE_LIMIT", "SageMaker.JOB_INTERNAL_ERROR", MaxAttempts=2)],
            3,
            1.5,
            id="retries of which some cost nothing",
        ),
        pytest.param([retried(ExpireAfterMin=600, MaxAttempts=1)], 2, 1, id="whichever is reached first"),
        pytest.param(
            [training(InstanceType="ml.m5.large", InstanceCount=1, KeepAlivePeriodInSeconds=1800)],
            1.5,
            1.5,
            id="a warm pool",
        ),
        pytest.param(
            [
                training(
                    InstanceGroups=[
                        {"InstanceGroupName": "a", "InstanceType": "ml.m5.large", "InstanceCount": 2},
                        {"InstanceGroupName": "b", "InstanceType": "ml.g5.xlarge", "InstanceCount": 1},
                    ]
                )
            ],
            3,
            12,
            id="a mixed cluster",
        ),
        pytest.param([tuning(10)], 10, 10, id="tuning"),
        pytest.param([tuning(None, 2, 3)], 6, 6, id="tuning by a grid, which needs no number of jobs"),
    ],
)
def test_the_worst_case_in_hours_and_money(steps: list[Step], hours: float, money: float) -> None:
    worst = cost.worst_case(definition(*steps), {}, Policy(prices=PRICES), REGION)

    assert (worst.hours, worst.money, worst.unknown) == (hours, money, ())


def test_parameters_override_their_defaults() -> None:
    one = definition(processing(kind=get("Type"), count=get("Count")), Type="ml.m5.large", Count=2)
    rules = Policy(prices=PRICES)

    assert cost.worst_case(one, {}, rules, REGION).hours == 2
    assert cost.worst_case(one, {"Count": "5"}, rules, REGION).hours == 5  # as it is typed
    assert cost.worst_case(one, {"Type": "ml.m5.xlarge"}, rules, REGION).money is None


@pytest.mark.parametrize(
    ("steps", "prices", "region", "reason"),
    [
        pytest.param([processing()], Prices(), REGION, "guardrails.toml has no [prices]", id="no prices"),
        pytest.param(
            [processing()], PRICES, "eu-central-1", "are for eu-west-1, not for eu-central-1", id="of another region"
        ),
        pytest.param(
            [processing(kind="ml.m5.xlarge")],
            PRICES,
            REGION,
            "[prices.processing] has no price for ml.m5.xlarge",
            id="type",
        ),
        pytest.param(
            [processing(kind=get("X"))], PRICES, REGION, "step 'Processing': the definition does not fix", id="open"
        ),
        pytest.param([TRANSFORM], PRICES, REGION, "step 'Predict': a transform job has no time limit", id="transform"),
        pytest.param(
            [{"Name": "Spark", "Type": "EMRServerless", "Arguments": {}}],
            PRICES,
            REGION,
            "step 'Spark': a definition does not say how long a step of type EMRServerless takes",
            id="not a SageMaker instance",
        ),
    ],
)
def test_an_unknown_cost_is_never_guessed(steps: list[Step], prices: Prices, region: str, reason: str) -> None:
    worst = cost.worst_case(definition(*steps), {}, Policy(prices=prices), region)

    assert worst.money is None
    assert reason in worst.unknown[0]
    assert f"cost unknown: {worst.unknown[0]}" in cost.lines(worst)[0]


HOURS = Policy(max_instance_hours_per_execution=2)
MONEY = Policy(max_cost_per_execution=2, prices=PRICES)


@pytest.mark.parametrize(
    ("policy", "step", "levels", "sentence"),
    [
        pytest.param(Policy(), processing(count=99), [], "", id="no limit"),
        pytest.param(HOURS, processing(count=2), [], "", id="as many hours as allowed"),
        pytest.param(HOURS, processing(count=3), ["error"], "allows 2 instance hours per execution", id="more hours"),
        pytest.param(MONEY, processing(count=4), [], "", id="as much money as allowed"),
        pytest.param(
            MONEY,
            processing(count=5),
            ["error"],
            "2 USD per execution, and this one may take up to 2.50 USD",
            id="more money",
        ),
        pytest.param(MONEY, processing(kind="ml.m5.xlarge"), ["error"], "ask for the price to be added", id="no price"),
        pytest.param(
            HOURS, processing(kind=get("X")), ["error"], "step 'Processing': the definition does not fix", id="open"
        ),
        pytest.param(
            HOURS, TRANSFORM, ["warning"], "step 'Predict': a transform job has no time limit", id="transform"
        ),
    ],
)
def test_a_limit_refuses_what_may_exceed_it(policy: Policy, step: Step, levels: list[str], sentence: str) -> None:
    problems = cost.check(definition(step), {}, policy, REGION)

    assert [problem.level for problem in problems] == levels
    assert all(sentence in str(problem) for problem in problems)


def test_the_parameters_of_a_start_are_checked_against_the_limit() -> None:
    one = definition(processing(count=get("Count")), Count=1)

    assert cost.check(one, {}, HOURS, REGION) == []
    assert [problem.level for problem in cost.check(one, {"Count": 3}, HOURS, REGION)] == ["error"]


def test_known_hours_above_the_limit_are_refused_although_others_are_unknown() -> None:
    prices = replace(PRICES, transform={"ml.m5.large": 0.5})
    policy = Policy(max_cost_per_execution=2, max_instance_hours_per_execution=2, prices=prices)

    problems = cost.check(definition(processing(count=5), TRANSFORM), {}, policy, REGION)

    assert [problem.level for problem in problems] == ["warning", "error", "error"]


def test_the_line_shows_the_previous_value() -> None:
    rules = Policy(prices=PRICES)
    before = cost.worst_case(definition(processing()), {}, rules, REGION)
    worst = cost.worst_case(definition(processing(count=3)), {}, rules, REGION)

    assert cost.lines(worst, before) == [
        "worst case: 3 instance hours (before: 1); 1.50 USD for the instances, at the prices of 2026-11-24"
    ]
    assert cost.lines(worst, worst) == cost.lines(worst)
