"""Two environments in one account: under --env dev, no command changes, starts or shows what belongs to prod."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from projects import Project, Result

from aws import deployable, gaps
from aws.conftest import ACCOUNT, BUCKET, REGION, ROLE, Aws
from aws.executed import TAGS, TRAIN, deploy, started
from aws.test_endpoints import put_endpoint
from aws.test_guard import credentials_of
from aws.test_models import put_group, put_version
from aws.test_studio import DOMAIN, OWN, put_app
from sagemaker_ops.aws import execution_changes, guard, lookup, models, pipelines
from sagemaker_ops.aws.account import Account
from sagemaker_ops.errors import RefusedError, UserError
from sagemaker_ops.project.settings import Environment

pytestmark = pytest.mark.slow

Ops = Callable[..., Result]
PROD = {**TAGS, "env": "prod"}
PIPELINE, GROUP = "customer-flight-delays-train-prod", "customer-flight-delays-prod"
CHANGES = ("add_", "create_", "delete_", "retry_", "start_", "stop_", "update_")


@pytest.fixture
def both(account: Account) -> Account:
    """The environment dev of a project that has prod in the same account, and test in another one."""
    places = {"dev": ACCOUNT, "prod": ACCOUNT, "test": "111122223333"}
    environments = {name: Environment(id, ROLE, BUCKET) for name, id in places.items()}
    return Account(replace(account.settings, environments=environments), "dev")


@pytest.fixture
def prod(aws: Aws) -> dict[str, str]:
    """What prod has; the ways to name it, to be filled into a command."""
    deploy(aws, PIPELINE, PROD)
    deploy(aws, f"{PIPELINE}-anna", {**PROD, "user": "anna"})
    put_group(aws, GROUP, PROD)
    put_app("customer-ana", "lab", tags={**OWN, "env": "prod"})
    put_endpoint(aws, GROUP, PROD)
    return {
        "pipeline": PIPELINE,
        "personal": f"{PIPELINE}-anna",
        "execution": started(aws, PIPELINE, status="Failed"),
        "personal_execution": started(aws, f"{PIPELINE}-anna", status="Executing"),
        "model": put_version(aws, GROUP),
        "group": GROUP,
        "app": "lab/JupyterLab/default",
        "endpoint": GROUP,
    }


@pytest.mark.parametrize(
    "command",
    [
        "start-pipeline-execution {pipeline} --yes",
        "start-pipeline-execution {personal} --yes",
        "stop-pipeline-execution {personal_execution} --yes",
        "retry-pipeline-execution {execution} --yes",
        "update-pipeline-execution {execution} --name mine --yes",
        "delete-pipeline {pipeline} --yes",
        "delete-pipeline {personal} --stop-first --yes",
        "approve-model {model} --yes",
        "approve-model {group}/1 --yes",
        "reject-model {model} --yes",
        "delete-app {app} --yes",
        "delete-app lab --yes",
        "deploy-endpoint {group}/1 --yes",
        "delete-endpoint {endpoint} --yes",
        "describe-endpoint {endpoint}",
        "invoke project.toml --endpoint {endpoint}",
        "list-pipeline-executions {pipeline}",
        "describe-pipeline-execution {execution}",
        "describe-pipeline-execution {execution} --watch",
        "logs {execution} Training",
        "list-models {group}",
    ],
)
def test_nothing_of_another_environment_is_touched(aws: Aws, ops: Ops, prod: dict[str, str], command: str) -> None:
    gaps.CALLS.clear()

    done = ops(*command.format(**prod).split(), "--env", "dev")

    assert done.code == 3, done
    assert "belongs to environment 'prod'" in done.err
    assert "but --env is 'dev': use --env prod." in done.err
    assert done.out == ""
    assert [name for name, _ in gaps.CALLS if name.startswith(CHANGES)] == []


@pytest.mark.parametrize("command", ["stop-pipeline-execution", "describe-pipeline-execution"])
@pytest.mark.parametrize("id_", ["whole", "start", "latest"])
def test_an_id_leads_only_to_the_environment(ops: Ops, prod: dict[str, str], command: str, id_: str) -> None:
    whole = lookup.id_of(prod["personal_execution"])
    written = {"whole": whole, "start": whole[:5], "latest": "latest"}[id_]

    done = ops(command, written, "--env", "dev")

    assert (done.code, "in dev for this project's pipelines (none)" in done.err) == (2, True), done


@pytest.mark.parametrize(
    ("name", "tags", "refusal"),
    [
        pytest.param("x-train-dev", {"project": "x"}, "", id="another project"),
        pytest.param("x-train-dev-anna", {"user": "anna"}, "", id="a personal deployment"),
        pytest.param("x-prod-train-dev", {"project": "x-prod"}, "", id="a project x-prod"),
        pytest.param("dev-train-dev", {"project": "dev"}, "", id="a project dev"),
        pytest.param("prod-train-dev", {"project": "prod"}, "", id="a project prod"),
        pytest.param("x-train-prod", {"env": "prod"}, "use --env prod", id="prod"),
        pytest.param("x-train-prod-anna", {"env": "prod", "user": "anna"}, "use --env prod", id="personal in prod"),
        pytest.param("x-dev-train-prod", {"env": "prod", "project": "x-dev"}, "use --env prod", id="a project x-dev"),
        pytest.param("dev-train-prod", {"env": "prod", "project": "dev"}, "use --env prod", id="a project dev in prod"),
        pytest.param("x-prod-dev", {"env": "prod", "user": "dev"}, "use --env prod", id="a user called dev in prod"),
        pytest.param("x-train-dev", {"env": "prod"}, "use --env prod", id="the name of dev, the tag of prod"),
        pytest.param("x-train-prod", {}, "its name does not end with '-dev'", id="the tag of dev, the name of prod"),
        pytest.param("x-train-devtwo", {}, "its name does not end with '-dev'", id="a longer name"),
        pytest.param("x-train-preprod", {"env": "preprod"}, "use --env preprod", id="a third environment"),
        pytest.param("x-train-dev", {"env": None}, "has no tag 'env'", id="no tag"),
        pytest.param("x-train-prod", {"env": None}, "has no tag 'env'", id="no tag in prod"),
        pytest.param("x-train-dev", {"env": ""}, "belongs to environment ''", id="an empty tag"),
        pytest.param("x-train-dev", {"env": "Dev"}, "use --env Dev", id="upper case"),
    ],
)
@pytest.mark.parametrize("kind", ["execution", "pipeline", "model"])
def test_an_environment_is_known_by_tag_and_name(
    aws: Aws, both: Account, kind: str, name: str, tags: dict[str, Any], refusal: str
) -> None:
    name = f"customer-{name}"
    tags = {key: value for key, value in {**TAGS, **tags}.items() if value is not None}
    finds: dict[str, Callable[[], object]] = {
        "execution": lambda: execution_changes.own(both, started(aws, name, status="Failed")),
        "pipeline": lambda: pipelines.find(both, name, name),
        "model": lambda: models.find(both, put_version(aws, name), "customer-flight-delays-dev"),
    }
    if kind == "model":
        put_group(aws, name, tags)
    else:
        deploy(aws, name, tags)

    if not refusal:
        assert finds[kind]()
        return
    with pytest.raises(RefusedError) as raised:
        finds[kind]()
    assert refusal in str(raised.value)
    assert len(raised.value.problems) == 1


@pytest.mark.parametrize(
    ("account_id", "region", "error", "message"),
    [
        ("111122223333", REGION, RefusedError, "it belongs to environment 'test', so use --env test."),
        ("111122223333", "us-east-1", UserError, "use the --env that it belongs to."),
        (ACCOUNT, "us-east-1", UserError, "use the --env that it belongs to."),
    ],
)
def test_an_arn_of_another_account_is_refused(
    aws: Aws, both: Account, account_id: str, region: str, error: type[UserError], message: str
) -> None:
    """Even if this account has a resource with the same name."""
    put_group(aws, "customer-x-dev", TAGS)
    put_version(aws, "customer-x-dev")
    place = f"arn:aws:sagemaker:{region}:{account_id}"

    with pytest.raises(UserError) as execution:
        lookup.execution_arn(both, f"{place}:pipeline/{TRAIN}/execution/abcdefghijkl")
    with pytest.raises(UserError) as model:
        models.find(both, f"{place}:model-package/customer-x-dev/1", "customer-flight-delays-dev")

    assert [type(each.value) for each in (execution, model)] == [error, error]
    assert message in str(execution.value)
    assert message in str(model.value)


@pytest.mark.parametrize(
    ("user", "caller", "refused"),
    [
        pytest.param("", "", False, id="the shared one"),
        pytest.param("anna", "", True, id="nobody knows who calls"),
        pytest.param("anna", "customer-ben", True, id="somebody else"),
        pytest.param("anna", "customer-anna", False, id="her own"),
    ],
)
def test_latest_is_not_somebody_elses_personal_execution(
    aws: Aws, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: str, caller: str, refused: bool
) -> None:
    name = f"{TRAIN}-{user}" if user else TRAIN
    deploy(aws, name, {**TAGS, "user": user} if user else TAGS)
    arn = started(aws, name)
    metadata = tmp_path / "metadata.json"
    metadata.write_text(json.dumps({"UserProfileName": caller}), encoding="utf-8")
    monkeypatch.setattr(guard, "STUDIO_METADATA", metadata)

    assert execution_changes.own(account, lookup.id_of(arn)).arn == arn  # written out, it is meant
    if refused:
        with pytest.raises(RefusedError, match=f"{lookup.id_of(arn)}, belongs to the personal deployment of 'anna'"):
            execution_changes.own(account, "latest")
    else:
        assert execution_changes.own(account, "latest").arn == arn


@pytest.mark.parametrize(
    ("tags", "refused"),
    [
        pytest.param({"vertical": "customer", "env": "dev"}, False, id="dev"),
        pytest.param({"vertical": "customer", "env": "prod"}, True, id="prod"),
        pytest.param({"vertical": "customer", "env": "nonprod"}, False, id="no environment of the project"),
        pytest.param({"vertical": "customer"}, False, id="unknown"),
        pytest.param({"env": "prod"}, False, id="not a role of a vertical"),
    ],
)
def test_a_role_of_another_environment_changes_nothing(
    aws: Aws, both: Account, monkeypatch: pytest.MonkeyPatch, tags: dict[str, str], refused: bool
) -> None:
    credentials_of(aws, **tags)
    monkeypatch.setattr(Account, "caller", f"arn:aws:sts::{ACCOUNT}:assumed-role/data-science/ana")

    if refused:
        with pytest.raises(RefusedError, match=r"you work in environment 'prod' \(role data-science\), but --env is"):
            guard.check_caller(both)
    else:
        guard.check_caller(both)


@pytest.fixture
def project(_deployable: Project, tmp_path: Path) -> Project:
    return deployable.copy(_deployable, tmp_path)


@pytest.mark.parametrize(
    ("group", "tags", "sentence"),
    [
        pytest.param(GROUP, PROD, f"'{GROUP}' belongs to environment 'prod'", id="prod's"),
        pytest.param(GROUP, None, "must start with 'customer-' and end with '-dev'", id="prod's future one"),
        pytest.param("customer-flights", None, "must start with 'customer-' and end with '-dev'", id="no environment"),
        pytest.param("revenue-x-dev", {**TAGS, "vertical": "revenue"}, "belongs to 'revenue'", id="another vertical's"),
        pytest.param("revenue-x-dev", None, "must start with 'customer-'", id="another vertical's future one"),
        pytest.param("customer-old-dev", {}, "has no tag 'vertical'", id="nobody's"),
        pytest.param("customer-x-dev", {**TAGS, "project": "x"}, "", id="another project's"),
    ],
)
def test_a_pipeline_registers_only_into_groups_of_its_environment(
    aws: Aws, project: Project, group: str, tags: dict[str, str] | None, sentence: str
) -> None:
    if tags is not None:
        put_group(aws, group, tags)
    file = project.path / "production" / "pipelines" / "train.py"
    text = file.read_text(encoding="utf-8").replace("target.model_package_group", f'"{group}"')
    file.write_text(text, encoding="utf-8")
    gaps.CALLS.clear()

    done = project.run(sys.executable, "-m", "sagemaker_ops", "update-pipeline", "train", "--yes", **aws.environment)

    assert (done.code, sentence in done.err) == (3 if sentence else 0, True), done
    assert bool(aws.calls("create_pipeline")) == (not sentence)
    assert bool(aws.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"]) == (not sentence)


@pytest.mark.parametrize("command", ["update-pipeline", "start-pipeline-execution", "delete-pipeline"])
def test_a_user_is_not_called_like_an_environment(aws: Aws, ops: Ops, command: str) -> None:
    done = ops(command, "train", "--as", "prod", "--yes")

    assert (done.code, aws.calls()) == (3, []), done
    assert "--as: 'prod' is an environment: use another user name." in done.err


def test_what_runs_is_stopped_where_it_belongs(ops: Ops, prod: dict[str, str]) -> None:
    running = json.loads(ops("list-running", "--env", "dev", "--output", "json").out)["Running"]

    [stop] = [each["StopWith"] for each in running if each["Kind"] == "execution"]
    assert stop == f"ops stop-pipeline-execution {prod['personal_execution']} --env prod"


def test_an_app_is_of_the_environment_that_any_of_its_tags_names(ops: Ops, aws: Aws) -> None:
    """The app itself has the vertical's tag, and only the user profile says that it is in prod."""
    app = put_app("customer-ana", "lab", tags={"env": "prod"})
    gaps.TAGS[app["AppArn"]] = OWN

    done = ops("delete-app", "lab", "--domain", DOMAIN, "--yes")

    assert (done.code, aws.calls("delete_app")) == (3, []), done
    assert "app 'lab/JupyterLab/default' belongs to environment 'prod'" in done.err


def test_if_tags_must_not_be_read_an_execution_is_shown(ops: Ops, prod: dict[str, str]) -> None:
    gaps.FAULTS["list_tags"] = [(400, "AccessDeniedException", "no")]

    done = ops("describe-pipeline-execution", prod["execution"], "--env", "dev")

    assert done.code == 0, done
