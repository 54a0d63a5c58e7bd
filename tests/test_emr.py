"""infra/emr.yaml on top of infra/vertical.yaml: what the application is, and who may use it.

moto deploys both stacks, and iam.py decides about requests, as in test_infra.py. moto's CloudFormation does not know
EMR Serverless: a parameter stands in for the id of the application, whose properties moto's EMR Serverless takes.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from iam import Document, Request, Values, as_list, is_allowed
from moto import mock_aws
from projects import TEMPLATE, Bake
from test_infra import (
    ACCOUNT,
    BUCKET,
    GIVEN,
    GROUPS,
    REGION,
    ROLES,
    SUBNETS,
    VPC,
    Stack,
    body,
    condition_keys,
    create,
    defaults,
    expand,
    granted,
    is_known,
    stack_of,
    template,
)

pytestmark = pytest.mark.slow  # loading botocore's models and every action of IAM takes seconds

FILE = TEMPLATE / "infra" / "emr.yaml"
PAGE = TEMPLATE / "docs" / "emr.md"
OWN, OTHERS = "00f1own", "00f1others"  # ids of applications, which AWS chooses
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/5f1c9a52-0d6f-4c0e-9d43-0a1b2c3d4e5f"
EMR_ROLES = (*ROLES, "emr")
STACKS = [pytest.param({}, id="change"), pytest.param({"DataScientists": "look"}, id="look")]
EVERYTHING: Document = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def emr() -> dict[str, Any]:
    """The file, with `Fn::Sub` for `!Sub`."""
    from cfnlint.decode import cfn_yaml  # costs every test process a second

    return dict(cfn_yaml.load(str(FILE)))


def parameters(**given: str) -> dict[str, str]:
    required = {"Vertical": "customer", "Owner": "ml-team@example.com", "KmsKey": KEY}
    return {**defaults(emr()), **required, **given}


@functools.cache
def _deploy(given: tuple[tuple[str, str], ...]) -> Stack:
    made = emr()
    del made["Resources"]["Application"]
    made["Parameters"]["Application"] = {"Type": "String"}
    chosen = parameters(**dict(given))
    with mock_aws():
        create("vertical", body(), {**defaults(template()), **GIVEN, "Environment": chosen["Environment"]})
        return stack_of(create("emr", made, {**chosen, "Application": OWN}))


def deploy(**given: str) -> Stack:
    return _deploy(tuple(given.items()))


def only_emr(stack: Stack) -> Stack:
    """Without what the roles have from vertical.yaml."""

    def is_own(role: str, document: Document) -> bool:
        return role == "emr" or re.search("emr-serverless|PipelineExecutionEMR", json.dumps(document)) is not None

    own = {role: [each for each in given if is_own(role, each)] for role, given in stack.policies.items()}
    return Stack(own, stack.trust, stack.outputs)


def application(run: str = "", *, of: str = OWN) -> str:
    return f"arn:aws:emr-serverless:{REGION}:{ACCOUNT}:/applications/{of}{run}"


def resolve(value: Any, given: Mapping[str, str]) -> Any:
    """The value of an expression, as CloudFormation fills it in."""
    if isinstance(value, list):
        return [resolve(each, given) for each in value]
    if not isinstance(value, dict):
        return value
    if "Ref" in value:
        found = given.get(value["Ref"])
        return found.split(",") if value["Ref"] in ("Subnets", "SecurityGroups") and found else found
    if "Fn::Sub" in value:
        return re.sub(r"\$\{([\w:]+)\}", lambda match: given[match[1]], value["Fn::Sub"])
    if "Fn::If" in value:
        _, yes, no = value["Fn::If"]
        return resolve(yes if given["Subnets"] else no, given)
    return {key: resolve(each, given) for key, each in value.items()}


def arguments(value: Any) -> Any:
    """Properties as arguments of the API: its names begin with a lower-case letter."""
    if isinstance(value, list):
        return [arguments(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key[0].lower() + key[1:]: arguments(each) for key, each in value.items() if each is not None}


def create_application(**given: str) -> dict[str, Any]:
    """What the properties make, with botocore's check of their names and types."""
    properties = emr()["Resources"]["Application"]["Properties"]
    request = arguments(resolve(properties, {**parameters(**given), "AWS::AccountId": ACCOUNT}))
    request["tags"] = {each["key"]: each["value"] for each in request["tags"]}
    request["autoStopConfiguration"]["idleTimeoutMinutes"] = int(request["autoStopConfiguration"]["idleTimeoutMinutes"])
    with mock_aws():
        client = boto3.client("emr-serverless", region_name=REGION)
        made = client.create_application(**request)["applicationId"]
        found: dict[str, Any] = client.get_application(applicationId=made)["application"]
    return request | found


def test_cfn_lint_has_nothing_against_it() -> None:
    from cfnlint.api import lint_file

    assert [str(each) for each in lint_file(FILE)] == []


def test_the_application_stops_by_itself_and_has_a_limit() -> None:
    made = create_application()

    assert (made["name"], made["type"], made["releaseLabel"]) == ("customer-spark-dev", "Spark", "emr-7.10.0")
    assert made["autoStartConfiguration"] == {"enabled": True}
    assert made["autoStopConfiguration"] == {"enabled": True, "idleTimeoutMinutes": 15}
    assert made["maximumCapacity"] == {"cpu": "32 vCPU", "memory": "128 GB", "disk": "400 GB"}
    assert made["tags"] == {"vertical": "customer", "env": "dev", "owner": "ml-team@example.com"}
    assert "initialCapacity" not in made, "workers that wait cost money until the application stops"


def test_the_application_takes_notebooks_and_keeps_its_logs_in_the_bucket() -> None:
    made = create_application(Environment="prod")

    assert made["interactiveConfiguration"] == {"livyEndpointEnabled": True}
    assert made["monitoringConfiguration"] == {
        "managedPersistenceMonitoringConfiguration": {"enabled": False},
        "s3MonitoringConfiguration": {
            "logUri": f"s3://customer-ml-prod-{ACCOUNT}/customer/emr/prod/logs/",
            "encryptionKeyArn": KEY,
        },
    }


@pytest.mark.parametrize(
    ("given", "network"),
    [
        pytest.param({}, None, id="no VPC"),
        pytest.param(VPC, {"subnetIds": SUBNETS, "securityGroupIds": GROUPS}, id="VPC"),
    ],
)
def test_the_workers_run_in_the_subnets(given: dict[str, str], network: dict[str, Any] | None) -> None:
    assert create_application(**given).get("networkConfiguration") == network


def test_the_parameters_of_both_stacks_agree() -> None:
    first, second = template()["Parameters"], emr()["Parameters"]

    for name in ("Vertical", "Environment"):
        assert second[name]["AllowedPattern"] == first[name]["AllowedPattern"]
    assert template()["Resources"]["Bucket"]["Properties"]["BucketName"]["Fn::Sub"] in FILE.read_text(encoding="utf-8")


def test_every_role_that_gets_a_policy_is_one_of_the_first_stack() -> None:
    text = FILE.read_text(encoding="utf-8")
    roles = {
        each["Properties"]["RoleName"]["Fn::Sub"]
        for each in template()["Resources"].values()
        if each["Type"] == "AWS::IAM::Role"
    }

    named = set(re.findall(r'!Sub "(\$\{Vertical\}-\w+-\$\{Environment\})"', text))
    assert named
    assert named <= roles


@pytest.mark.parametrize("given", STACKS)
def test_every_action_and_condition_key_exists(given: dict[str, str]) -> None:
    stack = only_emr(deploy(**given))
    statements = [each for role in EMR_ROLES for document in stack.policies[role] for each in document["Statement"]]

    unknown = {pattern for each in statements for pattern in as_list(each["Action"]) if not expand(pattern)}
    wrong = [
        (pattern, key)
        for each in statements
        for operator, keys in each.get("Condition", {}).items()
        for pattern in as_list(each["Action"])
        for key in keys
        if not operator.endswith("IfExists")
        and not any(is_known(key, condition_keys(action)) for action in expand(pattern))
    ]

    assert (unknown, wrong) == (set(), [])


@pytest.mark.parametrize("given", STACKS)
def test_no_quota_of_iam_is_exceeded(given: dict[str, str]) -> None:
    """10,240 characters of inline policies in each role, and ten managed policies.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    inline = only_emr(deploy(**given)).policies
    resources = emr()["Resources"].values()

    for role in EMR_ROLES:
        assert sum(len(json.dumps(each, separators=(",", ":"))) for each in inline[role]) <= 10_240, role
    assert not [each for each in resources if each["Type"] == "AWS::IAM::ManagedPolicy"]


def test_the_file_is_short_enough_for_cloudformation() -> None:
    assert FILE.stat().st_size <= 51_200


# An action, the resource, and the roles that may: as deployed by default, and if data scientists only look.
LOOK, RUN = {"gitlab", "studio"}, {"pipelines", "studio"}
ACTIONS: list[tuple[str, str, set[str], set[str]]] = [
    ("ListApplications", "*", LOOK, LOOK),
    ("GetApplication", application(), {*LOOK, "pipelines"}, {*LOOK, "pipelines"}),
    ("ListJobRuns", application(), LOOK, LOOK),
    ("ListTagsForResource", application(), LOOK, LOOK),
    ("ListJobRunAttempts", application("/jobruns/1"), LOOK, LOOK),
    ("GetJobRun", application("/jobruns/1"), {*LOOK, "pipelines"}, {*LOOK, "pipelines"}),
    ("GetDashboardForJobRun", application("/jobruns/1"), {*LOOK, "pipelines"}, {*LOOK, "pipelines"}),
    ("StartApplication", application(), RUN, {"pipelines"}),
    ("StopApplication", application(), {"studio"}, set()),
    ("StartJobRun", application(), RUN, {"pipelines"}),
    ("CancelJobRun", application("/jobruns/1"), RUN, {"pipelines"}),
    ("TagResource", application("/jobruns/1"), RUN, {"pipelines"}),
    ("AccessLivyEndpoints", application(), {"studio"}, set()),
    ("TagResource", application(), set(), set()),
    ("UntagResource", application("/jobruns/1"), set(), set()),
    ("UpdateApplication", application(), set(), set()),
    ("DeleteApplication", application(), set(), set()),
    ("CreateApplication", "*", set(), set()),
]
PRINCIPAL: dict[str, Values] = {"aws:PrincipalTag/vertical": ["customer"]}


@pytest.mark.parametrize(("action", "resource", "by_default", "if_they_look"), ACTIONS)
def test_who_may_do_what_with_the_own_application(
    action: str, resource: str, by_default: set[str], if_they_look: set[str]
) -> None:
    request = Request(f"emr-serverless:{action}", resource, PRINCIPAL)

    for stack, expected in ((deploy(), by_default), (deploy(DataScientists="look"), if_they_look)):
        assert {role for role in EMR_ROLES if is_allowed(stack.policies[role], request)} == expected


def test_the_table_has_every_action_that_is_granted() -> None:
    found = {action for role in EMR_ROLES for action in granted(only_emr(deploy()), role)}

    assert {each for each in found if each.startswith("emr-serverless:")} == {
        f"emr-serverless:{action}" for action, _, roles, _ in ACTIONS if roles
    }


@pytest.mark.parametrize("role", EMR_ROLES)
@pytest.mark.parametrize("run", ["", "/jobruns/1", "/sessions/1"])
def test_other_applications_are_out_of_reach_also_with_more_rights(role: str, run: str) -> None:
    policies = deploy().policies[role]
    reading = ("Get", "List")
    actions = [each for each in expand("emr-serverless:*") if not each.partition(":")[2].startswith(reading)]

    reached = [
        action
        for action in actions
        if is_allowed([*policies, EVERYTHING], Request(action, application(run, of=OTHERS), PRINCIPAL))
    ]

    assert len(actions) > 10
    assert reached == []
    for action in expand("emr-serverless:*"):
        if action != "emr-serverless:ListApplications":
            assert not is_allowed(policies, Request(action, application(run, of=OTHERS), PRINCIPAL)), action


@pytest.mark.parametrize(
    ("tags", "allowed"),
    [
        pytest.param({"aws:RequestTag/vertical": ["customer"], "aws:RequestTag/env": ["dev"]}, True, id="own"),
        pytest.param({}, True, id="no tags: its ARN shows whose it is"),
        pytest.param({"aws:RequestTag/vertical": ["revenue"]}, False, id="another vertical"),
        pytest.param({"aws:RequestTag/env": ["prod"]}, False, id="another environment"),
    ],
)
@pytest.mark.parametrize("role", ["pipelines", "studio"])
def test_a_job_has_no_tags_of_others(role: str, tags: dict[str, Values], allowed: bool) -> None:
    request = Request("emr-serverless:StartJobRun", application(), {**PRINCIPAL, **tags})

    assert is_allowed(deploy().policies[role], request) == allowed
    assert is_allowed([*deploy().policies[role], EVERYTHING], request) == allowed


@pytest.mark.parametrize("key", ["vertical", "project", "env"])
def test_the_tags_of_an_owner_stay(key: str) -> None:
    request = Request(
        "emr-serverless:UntagResource", application("/jobruns/1"), {**PRINCIPAL, "aws:TagKeys": ["x", key]}
    )

    assert not is_allowed([*deploy().policies["studio"], EVERYTHING], request)


@pytest.mark.parametrize(
    ("role", "service", "allowed"),
    [
        pytest.param("customer-emr-dev", "emr-serverless.amazonaws.com", True, id="the role of jobs"),
        pytest.param("customer-emr-dev", "sagemaker.amazonaws.com", False, id="to another service"),
        pytest.param("customer-pipelines-dev", "emr-serverless.amazonaws.com", False, id="another role"),
        pytest.param("customer-emr-prod", "emr-serverless.amazonaws.com", False, id="of another environment"),
        pytest.param("revenue-emr-dev", "emr-serverless.amazonaws.com", False, id="of another vertical"),
    ],
)
def test_one_role_is_passed_to_emr(role: str, service: str, allowed: bool) -> None:
    request = Request(
        "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/{role}", {**PRINCIPAL, "iam:PassedToService": [service]}
    )

    found = {each: is_allowed(deploy().policies[each], request) for each in EMR_ROLES}

    assert found == {"gitlab": False, "studio": allowed, "pipelines": allowed, "emr": False}
    assert not is_allowed(deploy(DataScientists="look").policies["studio"], request)


@pytest.mark.parametrize(
    ("source", "trusted"),
    [(application(), True), (application("/jobruns/1"), True), (application(of=OTHERS), False)],
)
def test_only_the_own_application_gets_the_role(source: str, trusted: bool) -> None:
    [statement] = deploy().trust["emr"]["Statement"]
    keys: dict[str, Values] = {"aws:SourceAccount": [ACCOUNT], "aws:SourceArn": [source]}

    assert statement["Principal"] == {"Service": "emr-serverless.amazonaws.com"}
    document: Document = {"Statement": [{**statement, "Resource": "*"}]}
    assert is_allowed([document], Request("sts:AssumeRole", "role", keys)) == trusted


@pytest.mark.parametrize(
    ("key", "readable", "writable"),
    [
        pytest.param("customer/churn/dev/runs/1/a.parquet", True, True, id="own"),
        pytest.param("customer/emr/dev/logs/a.gz", True, True, id="logs"),
        pytest.param("customer/churn/prod/raw/a.csv", True, False, id="another environment"),
        pytest.param("customer/exports/a.csv", True, False, id="no environment"),
        pytest.param("customers/churn/dev/a.csv", False, False, id="another vertical"),
        pytest.param("a.csv", False, False, id="nobody's"),
    ],
)
def test_jobs_read_below_the_vertical_and_write_below_the_environment(key: str, readable: bool, writable: bool) -> None:
    policies, arn = deploy().policies["emr"], f"arn:aws:s3:::{BUCKET}/{key}"

    assert is_allowed(policies, Request("s3:GetObject", arn, PRINCIPAL)) == readable
    for action in ("s3:PutObject", "s3:DeleteObject"):
        assert is_allowed(policies, Request(action, arn, PRINCIPAL)) == writable


def test_jobs_do_nothing_but_read_and_write() -> None:
    services = {action.partition(":")[0] for action in granted(only_emr(deploy()), "emr")}
    keys = {
        resource
        for document in deploy().policies["emr"]
        for statement in document["Statement"]
        if statement["Effect"] == "Allow" and any(each.startswith("kms:") for each in as_list(statement["Action"]))
        for resource in as_list(statement["Resource"])
    }

    assert services == {"s3", "kms"}
    assert keys == {KEY}


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        ("SageMakerPipelineExecutionEMRStepStatusUpdateRule", True),
        ("SageMakerPipelineExecutionEMRClusterStatusUpdateRule", True),
        ("customer-alarm", False),
    ],
)
def test_pipelines_may_make_the_rules_of_sagemaker(rule: str, allowed: bool) -> None:
    request = Request("events:PutRule", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}", PRINCIPAL)

    assert {role: is_allowed(deploy().policies[role], request) for role in EMR_ROLES} == {
        **dict.fromkeys(EMR_ROLES, False),
        "pipelines": allowed,
    }


def test_the_outputs_are_lines_of_project_toml() -> None:
    outputs = deploy().outputs

    assert tomllib.loads(outputs["ProjectToml"]) == {
        "emr_application": outputs["EmrApplication"],
        "emr_role": outputs["EmrRole"],
    }
    assert outputs["EmrRole"] == f"arn:aws:iam::{ACCOUNT}:role/customer-emr-dev"


def test_the_page_names_each_parameter_and_output() -> None:
    page = PAGE.read_text(encoding="utf-8").partition("## For the platform team")[2]
    written = re.findall(r"^\| `(\w+)` \| (.+?) \| ", page, re.MULTILINE)
    wanted = {
        name: f"`{each['Default']}`" if str(each.get("Default", "")) else "none" if "Default" in each else "required"
        for name, each in emr()["Parameters"].items()
    }

    assert dict(written) == wanted
    assert [name for name in emr()["Outputs"] if f"`{name}`" not in page] == []
    command = page.partition("```bash\n")[2].partition("```")[0]
    assert [name for name, default in wanted.items() if default == "required" and f"{name}=" not in command] == []
    assert Path("infra/emr.yaml").as_posix() in command


def block(language: str, beginning: str) -> str:
    """The block of the page that begins so."""
    page = PAGE.read_text(encoding="utf-8")
    [found] = [each for each in re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL) if each.startswith(beginning)]
    return str(found)


def test_the_packed_packages_run_where_they_are_unpacked(bake: Bake, tmp_path: Path) -> None:
    """With one small package, because those of the steps take a minute."""
    project = bake()
    (project.path / "pack.sh").write_text(block("bash", "#!/bin/bash"), encoding="utf-8")

    done = project.run("bash", "pack.sh", PYTHON=sys.executable, PACKAGES="six")

    assert done.code == 0, done
    [archive] = (project.path / "build" / "spark").glob("packages-*.tar.gz")
    assert done.out.splitlines() == [archive.relative_to(project.path).as_posix()]
    (project.path / "build" / "spark" / "environment").rename(project.path / "gone")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / "unpacked", filter="fully_trusted")
    python = str(tmp_path / "unpacked" / "bin" / "python")
    command = [python, "-I", "-c", "import six; print(six.__file__)"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.startswith(str(tmp_path / "unpacked"))


def test_the_script_packs_what_steps_need(bake: Bake) -> None:
    """By default; and the script passes shellcheck."""
    script = block("bash", "#!/bin/bash")
    checked = subprocess.run(
        [Path(sys.executable).with_name("shellcheck"), "-"], input=script, capture_output=True, text=True, check=False
    )
    vendored = tomllib.loads((bake().path / "vendor" / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert checked.stdout == ""
    assert '"${PACKAGES:-./vendor[steps]}"' in script
    assert {"pandas>=2.2,<2.4", "pyarrow", "scipy", "scikit-learn==1.9.*"} <= {
        *vendored["optional-dependencies"]["steps"]
    }
    assert "boto3" in vendored["dependencies"], "the GitLab job uploads the archive with it"


def test_gitlab_takes_the_job_that_packs(bake: Bake) -> None:
    file = bake().path / ".gitlab-ci.yml"
    file.write_text(file.read_text(encoding="utf-8") + "\n" + block("yaml", "pack-for-spark:"), encoding="utf-8")

    done = subprocess.run(
        [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.gitlab-ci", file],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_and_the_notebook_name_the_same_keys() -> None:
    notebook = (TEMPLATE / "{{cookiecutter.project_slug}}" / "develop" / "spark.ipynb").read_text(encoding="utf-8")

    for key in tomllib.loads(deploy().outputs["ProjectToml"]):
        assert f"there['{key}']" in notebook
        assert f"\n{key} = " in PAGE.read_text(encoding="utf-8")


def test_a_project_does_not_carry_it(bake: Bake) -> None:
    assert not (bake().path / "infra").exists()
