"""Write docs/guardrails.md, a reference of the rules, from the code that checks them.

Patterns, lists, defaults and messages come from the code: run `make guardrails-page` after changing any of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).parents[1]
PAGE = TEMPLATE / "docs" / "guardrails.md"
sys.path.insert(0, str(TEMPLATE / "{{cookiecutter.project_slug}}" / "vendor"))
sys.dont_write_bytecode = sys.pycache_prefix is None  # no caches in the project's folder

from sagemaker_ops.definition import request_limits  # noqa: E402
from sagemaker_ops.errors import Problem, RefusedError, UserError  # noqa: E402
from sagemaker_ops.guardrails import (  # noqa: E402
    gate_check,
    hyperparameter_check,
    identifiers,
    image_check,
    instance_check,
    instance_types,
    names,
    policy,
    project_check,
    volume_check,
)
from sagemaker_ops.guardrails.policy import Policy  # noqa: E402
from sagemaker_ops.project.settings import (  # noqa: E402
    Data,
    Environment,
    Gate,
    Images,
    Instances,
    Pipeline,
    Project,
    Settings,
)
from sagemaker_ops.project.target import Target  # noqa: E402

NAMES = {
    "vertical": (names.VERTICAL, "`[project].vertical`", 12),
    "project": (names.SLUG, "`[project].slug`", 26),
    "pipeline": (names.PIPELINE, "the file in `production/pipelines`, without `.py`", 16),
    "environment": (names.ENVIRONMENT, "`[environments.<name>]`", 7),
    "user": (names.USER, "the user of a personal deployment", 8),
    "region": (names.REGION, "`[project].region`", None),
    "value of a tag": (names.TAG_VALUE, "`[project].owner`", 256),
}
WRONG_NAMES: dict[str, tuple[Callable[[str, str], list[Problem]], tuple[str, ...]]] = {
    "vertical": (names.check_vertical, ("Retail", "re_tail", "retail-emea", "1retail", "r")),
    "project": (names.check_slug, ("Churn_Model", "churn-", "-churn", "churn--x", "c" * 41)),
    "pipeline": (names.check_pipeline, ("train_model", "con")),
    "environment": (names.check_environment, ("pre-prod",)),
    "user": (names.check_user, ("Anna.Schmidt@example.com",)),
    "region": (names.check_region, ("Ireland",)),
    "owner": (names.check_tag, ("R&D",)),
}
WRONG_ENVIRONMENTS = (
    {"account": "1234-5678-9012"},
    {"account": "123456789012", "role": "customer-jobs"},
    {"account": "123456789012", "role": "arn:aws:iam::111122223333:role/customer-jobs"},
    {"role": "arn:aws-cn:iam::123456789012:role/customer-jobs"},
    {"bucket": "My_Bucket"},
    {"bucket": "models-s3alias"},
    {"kms_key": "arn:aws:kms:us-east-1:123456789012:alias/customer"},
    {"subnets": ["subnet-123"], "security_groups": ["sg-0a1b2c3d"]},
    {"subnets": ["subnet-0a1b2c3d"]},
)
# What is limited, the words for it, and the shapes in request_shapes.json that have the numbers.
REQUEST_LIMITS = (
    ("arguments of a processing step", "{}, each of {} characters", ("ContainerArguments", "ContainerArgument")),
    (
        "variables of a processing step",
        "{}, each of {} characters",
        ("ProcessingEnvironmentMap", "ProcessingEnvironmentValue"),
    ),
    ("inputs of a processing step", "{}, of which one is its code", ("ProcessingInputs",)),
    ("hyperparameters", "{}, each of {} characters", ("HyperParameters", "HyperParameterValue")),
    ("channels of a training step", "{}", ("InputDataConfig",)),
    ("variables of a transform step", "{}", ("TransformEnvironmentMap",)),
    ("an S3 URI", "{} characters", ("S3Uri",)),
    ("tags", "{}", ("TagList",)),
)
CHURN = Project("Churn", "churn", "customer")
CLASSES = Data("data.csv", "late", "classification")
AUC = Gate("auc", minimum=0.65)
ENCRYPTED = {"dev": Environment(account="123456789012", kms_key="alias/customer")}
PAIRS = (
    Settings(CHURN, CLASSES, Gate("rmse", maximum=25)),
    Settings(CHURN, CLASSES, Gate("auc", minimum=65)),
    Settings(CHURN, Data("data.csv", "delay", "regression"), Gate("mae", minimum=25)),
    Settings(CHURN, CLASSES, AUC, hyperparameters={"max_itr": 100}),
    Settings(CHURN, CLASSES, AUC, hyperparameters={"max_iter": -5}),
    Settings(
        CHURN,
        Data("data.csv", "delay", "regression"),
        Gate("r2", minimum=0.1),
        hyperparameters={"class_weight": "balanced"},
    ),
    Settings(CHURN, CLASSES, AUC, instances=Instances(training="ml.g5.xlarge"), environments=ENCRYPTED),
    Settings(
        CHURN, CLASSES, AUC, instances=Instances(processing="ml.g5.xlarge"), pipeline=Pipeline(volume_size_gb=300)
    ),
    Settings(CHURN, CLASSES, AUC, images=Images("1.9")),
    Settings(CHURN, CLASSES, AUC, images=Images("1.9-0", {"training": "1.4-2-py312"})),
    Settings(Project("Churn", "churn", "customer", region="mx-central-1"), CLASSES, AUC, environments=ENCRYPTED),
)
# For each rule, an instance type that breaks it: use, name, policy, images.
BROKEN: dict[str, tuple[str, str, Policy, tuple[str, ...]]] = {
    "prefix": ("training", "m5.xlarge", Policy(), ()),
    "unknown": ("training", "ml.m8.xlarge", Policy(), ()),
    "use": ("training", "ml.t2.medium", Policy(), ()),
    "retired": ("training", "ml.p3.2xlarge", Policy(), ()),
    "policy": ("training", "ml.c5.xlarge", Policy(instance_types={"training": ["ml.m5.*"]}), ()),
    "arm64": ("endpoint", "ml.c7g.large", Policy(), ("1.9-0",)),
    "gpu": ("training", "ml.g5.xlarge", Policy(), ("1.9-0",)),
    "old": ("training", "ml.m4.xlarge", Policy(), ()),
    "burstable": ("training", "ml.t3.large", Policy(), ()),
    "newer": ("training", "ml.m9i.xlarge", Policy(), ()),
}
POLICY_KEYS = {
    "verticals": "The verticals that may own a project. Empty: any valid name.",
    "regions": "The allowed regions, as globs such as `eu-*`. Empty: any.",
    "required_tags": f"Those of {', '.join(f'`{tag}`' for tag in policy.TAGS)} that must not be empty.",
    "max_instances": "The maximum number of instances of one job or endpoint.",
    "max_runtime_minutes": "The maximum of `[pipeline].max_runtime_minutes`, the time limit of a job.",
    "max_instance_hours_per_execution": "The maximum number of instance hours of an execution, in the worst case.",
    "max_cost_per_execution": "The maximum cost of its instances, in the worst case and in the currency of `[prices]`.",
    "instance_types": f"A list of globs for each of {', '.join(f'`{use}`' for use in policy.USES)}. Empty: any.",
    "prices": "What an instance costs per hour: `region`, `date`, `currency`, and a price per type for each use.",
}


def table(*rows: Iterable[object]) -> str:
    """A Markdown table; the first row is its header."""
    head, *others = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *others))


def examples(lines: Iterable[str]) -> str:
    return "\n".join(["```text", *lines, "```"])


def wrong_names() -> Iterable[str]:
    for key, (check, values) in WRONG_NAMES.items():
        yield from (f"{key}: {problem.message}" for value in values for problem in check(value, ""))


def wrong_environments() -> Iterable[str]:
    for values in WRONG_ENVIRONMENTS:
        given: dict[str, Any] = dict(values)
        for problem in identifiers.check_environment(Environment(**given), "eu-west-1", "environments.dev"):
            yield str(problem).removeprefix("environments.dev.")


def pairs() -> Iterable[str]:
    """The problems of PAIRS, with the steps of a new project."""
    root = TEMPLATE / "{{cookiecutter.project_slug}}"
    for settings in PAIRS:
        problems = [
            *gate_check.check(settings, root),
            *hyperparameter_check.check(settings, root),
            *volume_check.check(settings, Policy()),
            *image_check.check(settings),
        ]
        assert problems
        yield from (str(problem).removeprefix("project.toml ") for problem in problems)


def composed() -> Iterable[tuple[str, str, int]]:
    """What is named, an example, and the length of the longest possible name."""

    def target(vertical: str, slug: str, environment: str, user: str) -> Target:
        project = Project("", slug, vertical)
        settings = Settings(project, Data("", "", ""), Gate(""), environments={environment: Environment()})
        return Target(settings, environment, "", "", user)

    usual = target("customer", "flight-delays", "dev", "anna")
    longest = target("v" * 12, "s" * 26, "e" * 7, "u" * 8)
    for what, name, pipelines in (
        ("pipeline", Target.pipeline_name, ("train", "p" * 16)),
        ("model package group", lambda each, _: each.model_package_group, ("", "")),
    ):
        yield what, f"`{name(usual, pipelines[0])}`", len(name(longest, pipelines[1]))


def broken_rules() -> Iterable[tuple[object, ...]]:
    for number, (rule, level) in enumerate(instance_types.RULES.items(), 1):
        use, name, rules, images = BROKEN[rule]
        [problem] = instance_check.check(name, use, "", rules, images)
        assert problem.level == level
        yield number, level, f"`{name}`, {use}", problem.message


def policy_rows() -> Iterable[tuple[str, str, str]]:
    for key, meaning in POLICY_KEYS.items():
        if key in ("instance_types", "prices"):
            yield f"`[{key}]`", "none", meaning
        else:
            default = getattr(Policy(), key)
            yield f"`{key}`", "not set" if default is None else f"`{default}`", meaning


def request_problems() -> list[str]:
    """The sentences for a processing step that has several mistakes."""
    arguments = {
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 20_000}
        },
        "AppSpecification": {"ImageUri": "../image", "ContainerArguments": ["--a"] * 126},
        "Environment": {"my-name": "x" * 297},
    }
    steps = [{"Name": "Processing", "Type": "Processing", "Arguments": arguments}]
    return [str(each) for each in request_limits.check({"Steps": steps}, place="production/pipelines/train.py")]


def request_rows() -> Iterable[tuple[str, str]]:
    shapes = request_limits.data()["shapes"]
    for what, words, limited in REQUEST_LIMITS:
        yield what, words.format(*(shapes[name]["max"] for name in limited))


def page() -> str:
    assert POLICY_KEYS.keys() == {item.name for item in fields(Policy)} - {"source"}
    data = instance_types.data()
    versions = " and ".join(f"{name} {version}" for name, version in data["from"].items())
    for pattern, where, most in NAMES.values():
        assert most is None or (pattern.fullmatch("a" * most) and not pattern.fullmatch("a" * (most + 1))), where
    name_rows = [
        (what, where, most or "", f"`{pattern.pattern}`".replace("|", "\\|"))
        for what, (pattern, where, most) in NAMES.items()
    ]
    old = ", ".join(f"`{family}` (use `{newer}`)" for family, newer in instance_types.OLD.items())
    retired = [(f"`{name}`", f"`{better}`") for name, better in instance_types.RETIRED.items()]
    return f"""\
<!-- Made by scripts/make_guardrails_page.py: `make guardrails-page`. -->

# Guardrails

```bash
ops check
```

```text
error: project.toml [project].vertical: {names.check_vertical("Retail", "")[0].message}
warning: project.toml [instances].endpoint: {instance_check.check("ml.t2.medium", "endpoint", "", Policy())[0].message}
```

Guardrails report what AWS or your organisation would refuse, before anything is deployed. All problems are reported
together, one per line, errors before warnings. Warnings do not stop anything. The same rules apply when you generate a
project, and in `make check`, the commit hook, GitLab and every command.

| | |
|---|---|
| `ops check` | Also checks the hyperparameters with the model itself, and the columns of Parquet files. |
| `make check`, `python -m sagemaker_ops.guardrails` | Need no installed packages. |
| `make run` | Checks first, before it installs anything. |
| `--format json` | Prints an array of `level`, `file`, `key`, `line` and `message`. |
| `--format gitlab` | Prints a code-quality report. GitLab shows that of the job `guardrails` in the merge request. |

The exit code is {RefusedError.exit_code} if a rule refuses something. It is {UserError.exit_code} if `project.toml` or
the policy cannot be read, or if your table lacks a column. Otherwise it is 0.

## Names

{table(("what", "where it is written", "longest", "pattern"), *name_rows)}

The names on AWS are made from these. Even the longest ones fit: SageMaker allows 256 characters for a pipeline, and 63
for a model package group.

{table(("what", "for example, Anna's", "longest"), *composed())}

For an invalid name, the message says what to write instead:

{examples(wrong_names())}

## Environments

The value `""` means "not set yet" and is allowed. Any other value in `[environments.<name>]` must be valid and match
the region and the account. A key from another account gives a warning.

{examples(wrong_environments())}

The bucket of an `s3://` source in `[data]` is also checked. A bucket's name must not start with
{", ".join(f"`{prefix}`" for prefix in identifiers.RESERVED_PREFIXES)}, nor end with
{", ".join(f"`{suffix}`" for suffix in identifiers.RESERVED_SUFFIXES)}.

## Verticals and environments on AWS

```text
pipeline 'customer-churn-train-prod' belongs to environment 'prod', but --env is 'dev': use --env prod.
```

Before a command changes or starts something on AWS, it checks the tags and the name. What belongs to another vertical
or environment is refused, with exit code {RefusedError.exit_code}. This cannot be turned off.

| belongs to | tag | name |
|---|---|---|
| your vertical | `vertical` | starts with `<vertical>-` |
| the environment in `--env` | `env` | ends with `-<env>`, or with `-<env>-<user>` for a personal deployment |

An execution belongs with its pipeline, and a model version with its model package group. A Studio app belongs to a
person: it is refused only if it, its space or its user profile has the tag of another environment. Commands that only
show something also refuse what has the tag of another environment, if they may read the tag. `latest` does not change
another user's personal deployment: write the id instead.

The commands also check who you are, as far as they can know it:

| you use | your vertical comes from | your environment comes from |
|---|---|---|
| Studio, with your own user profile | its name, `<vertical>-<user>` | unknown |
| a role with the tags `vertical` and `env`, which the commands may read (`iam:ListRoleTags`) | its tag | its tag |
| a shared Studio space, another role, an IAM user, keys shared by several people | unknown | unknown |

If it is unknown, the commands still check the tags and the name of everything that they change. They cannot know
whether you are entitled to work on this project or in this environment: whoever has the project's files and these
credentials can write any `--env`. Then only the permissions of the credentials protect other verticals and
environments, as they always do if somebody does not use the commands. Use separate roles, such as those of the
[stack](infra.md): AWS itself then refuses changes to what belongs to others. `ops doctor` warns if your vertical is
unknown.

## Instance types

`ops instance-types --for training --min-memory 64` lists the available types. The list was made on {data["made"]}, from
{versions}. SageMaker accepts different types for each use: {", ".join(policy.USES)}.
These rules are checked in this order, up to the first error:

{table(("", "level", "for example", "message"), *broken_rules())}

{instance_types.QUOTAS}

Retired types, and what to use instead:

{table(("type", "instead"), *retired)}

Old families: {old}.
Burstable families, which are unsuitable for training: {", ".join(f"`{each}`" for each in instance_types.BURSTABLE)}.

If a file in `production/pipelines` sets instance types or counts itself, they are checked when it is compiled.

## Settings that contradict each other

{examples(pairs())}

Also reported: a column with two roles, a target whose values do not match the problem or the metric, shares that leave
no rows, spot capacity with a warm pool, a bucket that belongs to another environment's account, and a model that is
loaded by another version of scikit-learn than trained it.

The rules follow your code: a metric or a hyperparameter that a script in `production/steps` names is yours, and nothing
is assumed about it. A region without AWS's image is an error once an environment has an account, a role or a bucket,
and never stops a run on your machine. The list of images is from
{" ".join(*image_check.data()["from"].items())}.

## Run time

`[pipeline].max_runtime_minutes` is at most {project_check.MAX_RUNTIME_MINUTES}: AWS allows a processing job 9 days.

## Limits of AWS

{examples(request_problems())}

A definition is compared with what the API of SageMaker accepts: required fields, their types, how long a text or a list
may be, the range of a number, allowed words and patterns. That includes the defaults of parameters. The limits are
from botocore {request_limits.data()["from"]["botocore"]}. AWS reports them only when you deploy the pipeline, or when
the step starts. These are the ones that you are most likely to reach:

{table(("what", "limit"), *request_rows())}

`ops run`, `ops plan`, `ops compile` and `ops update-pipeline` check the whole definition. Their exit code is then
{UserError.exit_code}. `ops check` compiles nothing, so it checks only `volume_size_gb`, `[images]` and
`[hyperparameters]` in `project.toml`, which become fields of a request. A definition that you run from a file with
`--definition` may lack fields that AWS requires.

## Policy

`{policy.FILE}` belongs to the organisation. Where it sets no limit, only the limits of AWS apply.

{table(("key", "default", "what it allows"), *policy_rows())}

```toml title="{policy.FILE}"
verticals = ["customer", "revenue", "operations"]
regions = ["eu-*"]
required_tags = ["owner"]
max_instances = 4
max_runtime_minutes = 1440
max_instance_hours_per_execution = 20

[instance_types]
training = ["ml.m5.*", "ml.c5.*", "ml.g5.xlarge"]

[prices]
region = "eu-west-1"
date = "2026-11-24"
currency = "USD"
processing = {{ "ml.m5.large" = 0.5, "ml.m5.xlarge" = 1.0 }}
training = {{ "ml.m5.xlarge" = 1.0 }}
```

In the worst case, every job runs until its time limit, every retry happens, and every condition takes the more
expensive branch. `ops update-pipeline` shows the worst case in instance hours. It also shows the cost if `[prices]` is
for the project's region and has every instance type of the pipeline for its use; otherwise the cost is "unknown". The
prices above are made up: take yours from the price list of AWS.

`ops update-pipeline` and `ops start-pipeline-execution` refuse an execution that may exceed a limit, with exit code
{RefusedError.exit_code}. A transform job has no time limit on AWS, so a pipeline with one gets a warning instead.

The variable `{policy.VARIABLE}` names a file that replaces this one completely. Define it as a GitLab variable of type
*file* in a group, and it applies to every project of the group. You can then change the policy without a merge request
in each project. If the file is missing or invalid, every command stops with exit code {UserError.exit_code}.
"""


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
