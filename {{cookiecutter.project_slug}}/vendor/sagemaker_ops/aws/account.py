"""The AWS account that a command works in: its clients, the caller, and the region."""

from __future__ import annotations

import functools
import getpass
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.config import Config
from botocore.session import Session

from sagemaker_ops.aws import calls
from sagemaker_ops.aws.call_failures import reason, wrong_key
from sagemaker_ops.aws.errors import AwsError, aws_call
from sagemaker_ops.errors import RefusedError, UserError
from sagemaker_ops.project.settings import FILE, Settings

# It retries after throttling, a fault in AWS or a lost connection, and waits longer each time, as standard mode does.
# After throttling, it also slows down all calls of the client: otherwise, a list of hundreds of pipelines gives up.
RETRIES: Mapping[str, Any] = {"mode": "adaptive"}
PAGE = 100  # items in one answer: AWS's maximum, and ten times its default


@dataclass(frozen=True, eq=False)  # compared by identity: settings cannot be hashed
class Account:
    """One environment of the project, connected. AWS is called only when needed."""

    settings: Settings
    environment_name: str
    attempts: int = 5
    """The maximum number of attempts of a call."""

    @property
    def vertical(self) -> str:
        return self.settings.project.vertical

    @property
    def region(self) -> str:
        return self.settings.project.region

    @property
    def id(self) -> str:
        """The twelve digits in project.toml for the environment."""
        return self.settings.environment(self.environment_name).account

    @functools.cached_property
    def _session(self) -> Session:
        # boto3's session would import resources and transfers, which take as long again and are not used here.
        session = Session()
        calls.use(session)
        # For all its clients, because some fetch credentials.
        session.set_default_client_config(
            Config(
                retries={**RETRIES, "total_max_attempts": self.attempts},
                connect_timeout=5,
                read_timeout=calls.READ,
                user_agent_extra="cookiecutter-sagemaker",
            )
        )
        assumed = session.get_component("credential_provider").get_provider("assume-role")
        assumed._prompter = _ask_for_code  # botocore's own waits for ever where nobody can type
        return session

    @functools.cache  # noqa: B019 - an account lives as long as its command
    def client(self, service: str) -> Any:
        """A client as boto3 creates it; AwsError if the configuration of this machine cannot be used."""
        try:
            if wrong := wrong_key(self._session.get_credentials()):
                raise AwsError(f"{wrong}.")
            return self._session.create_client(service, region_name=self.region)
        except UserError:
            raise
        except Exception as error:  # of any type: botocore does not expect everything that files and programs contain
            raise AwsError(f"cannot read the AWS configuration: {reason(error)}.") from error

    @property
    def sagemaker(self) -> Any:
        return self.client("sagemaker")

    @property
    def s3(self) -> Any:
        return self.client("s3")

    @functools.cached_property
    def caller(self) -> str:
        """The ARN of the caller; RefusedError if it is in another account than project.toml says."""
        with aws_call("identify the caller"):
            identity = self.client("sts").get_caller_identity()
            account, arn = identity["Account"], str(identity["Arn"])
        if account != self.id:
            raise RefusedError(
                f"these credentials belong to account {account}, but {FILE} [environments."
                f"{self.environment_name}] is account {self.id}: log in to that account, or use another --env."
            )
        return arn

    def pages(self, operation: str, key: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        """The items under `key` from every page of a list operation of SageMaker."""
        with aws_call(f"list ({operation})"):
            for page in self.sagemaker.get_paginator(operation).paginate(**{"MaxResults": PAGE, **arguments}):
                yield from page[key]

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of a SageMaker resource."""
        return {tag["Key"]: tag["Value"] for tag in self.pages("list_tags", "Tags", ResourceArn=arn)}


def _ask_for_code(prompt: str) -> str:
    """The code of an MFA device, typed by the user; AwsError if there is no terminal."""
    if not sys.stdin.isatty():
        raise AwsError(
            "this AWS profile asks for the code of an MFA device, and this is not a terminal: use a terminal, or "
            "credentials from `aws sts get-session-token`."
        )
    return getpass.getpass(prompt)


def connect(settings: Settings, environment: str) -> Account:
    """The account of an environment; UserError if it does not exist or lacks an account, role or bucket."""
    if environment == "local":
        raise UserError("'local' is this machine: choose an environment in project.toml with --env, such as --env dev.")
    settings.environment(environment)
    return Account(settings, environment)
