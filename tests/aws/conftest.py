"""A moto server, what it lacks, and commands that run against it as in a terminal."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from projects import Project, Result, bake_into

from aws import deployable, gaps
from sagemaker_ops.aws import account as accounts
from sagemaker_ops.aws import pipelines, watch
from sagemaker_ops.aws.account import Account
from sagemaker_ops.commands import app
from sagemaker_ops.commands import models as model_commands
from sagemaker_ops.commands import pipelines as commands
from sagemaker_ops.project.settings import Environment, parse

ACCOUNT = "123456789012"
REGION = "eu-west-1"
BUCKET = "customer-ml-dev"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/customer-pipelines"


@dataclass(frozen=True)
class Aws:
    """The server, as a test sees it."""

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs to reach it, without the developer's own settings."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",  # pragma: allowlist secret
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    @functools.cache  # noqa: B019 - it lives as long as the tests, and a client takes its time to make
    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",  # pragma: allowlist secret
        )

    def calls(self, *names: str) -> list[str]:
        """The SageMaker operations that were called, in order; only those with these names, if any are given."""
        return [name for name, _ in gaps.CALLS if not names or name in names]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow: a server, its clients and commands in separate processes take seconds."""
    for item in items:
        names = getattr(item, "fixturenames", ())
        if item.path.parent == Path(__file__).parent and ("_server" in names or "_deployable" in names):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def _server() -> Iterator[str]:
    gaps.register()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(_server: str) -> Aws:
    """An empty account with the bucket and the role of the vertical 'customer'."""
    import urllib.request

    urllib.request.urlopen(urllib.request.Request(f"{_server}/moto-api/reset", method="POST"), timeout=10).close()
    gaps.reset()
    account = Aws(_server)
    account.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    gaps.CALLS.clear()
    return account


@pytest.fixture(scope="session")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = bake_into(tmp_path_factory.mktemp("aws"))
    project.edit("environments.dev", account=f'"{ACCOUNT}"', role=f'"{ROLE}"', bucket=f'"{BUCKET}"')
    return project


@pytest.fixture(scope="session")
def _deployable(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that compiles at once and that the tests share: do not change it."""
    project = bake_into(tmp_path_factory.mktemp("deployable"), owner="team@example.com")
    project.edit("environments.dev", account=f'"{ACCOUNT}"', role=f'"{ROLE}"', bucket=f'"{BUCKET}"')
    deployable.prepare(project)
    # Once, for all copies.
    compiled = project.run(sys.executable, "-m", "sagemaker_ops", "compile", "train", "--env", "dev")
    assert compiled.code == 0, compiled
    return project


@pytest.fixture
def project(_project: Project) -> Project:
    """The project that `ops` runs in and that the tests share: do not change it."""
    return _project


@pytest.fixture
def ops(aws: Aws, _project: Project) -> Callable[..., Result]:
    """`ops("list-pipelines")` runs the command in a generated project whose environment dev is the server."""

    def run(*arguments: str, **environment: str) -> Result:
        return _project.run(sys.executable, "-m", "sagemaker_ops", *arguments, **{**aws.environment, **environment})

    return run


@pytest.fixture(scope="session")
def _clients() -> dict[tuple[str, int], Any]:
    return {}


@pytest.fixture
def clients(
    aws: Aws, _clients: dict[tuple[str, int], Any], monkeypatch: pytest.MonkeyPatch
) -> dict[tuple[str, int], Any]:
    """The clients of every Account in this process, by service and attempts: shared, for they take time and memory."""
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    make = Account.client

    def client(self: Account, service: str) -> Any:
        key = (service, self.attempts)
        if key not in _clients:
            _clients[key] = make(self, service)
        return _clients[key]

    monkeypatch.setattr(Account, "client", client)
    return _clients


@pytest.fixture
def account(clients: object, monkeypatch: pytest.MonkeyPatch) -> Account:
    """The environment dev of a project, in this process."""
    monkeypatch.setattr(watch, "FIRST", 0.01)
    monkeypatch.setattr(watch, "LONGEST", 0.01)
    table = {
        "project": {"name": "x", "slug": "flight-delays", "vertical": "customer", "region": REGION},
        "data": {"source": "data", "target": "late", "problem": "classification"},
        "gate": {"metric": "auc", "minimum": 0.5},
    }
    return Account(replace(parse(table), environments={"dev": Environment(ACCOUNT, ROLE, BUCKET)}), "dev")


@pytest.fixture
def here(
    clients: object, project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    """Like `ops`, but in this process and in the test's `project`: faster, and a test can intercept calls.

    Each call is tried only once.
    """
    for module in (commands, model_commands):
        monkeypatch.setattr(module, "find_root", lambda: project.path)
    once = functools.partialmethod(accounts.Account.__init__, attempts=1)
    monkeypatch.setattr(accounts.Account, "__init__", once)
    monkeypatch.setattr(pipelines, "PAUSE", 0)
    monkeypatch.setattr("gc.disable", lambda: None)  # only useful in a separate process
    monkeypatch.syspath_prepend(project.path)

    def _run(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["ops", *arguments])
        with pytest.raises(SystemExit) as caught:
            app.main()
        done = capsys.readouterr()
        return Result(int(caught.value.code or 0), done.out, done.err)

    return _run
