"""[tracking] of project.toml: where MLflow keeps what is known about runs."""

from __future__ import annotations

import re
from dataclasses import dataclass

LOCAL = "local"
EXECUTION = "sagemaker.execution"
"""The tag with the id of an execution: if it is tracked again, MLflow's run of it is completed, not made twice."""
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_MLflowConfiguration.html
ARN = re.compile(
    r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:[0-9]{12}:(?:mlflow-tracking-server|mlflow-app)/[A-Za-z0-9-]{1,256}"
)
_SERVER = re.compile(r"https?://[^\s/]+\S*")


@dataclass(frozen=True)
class Tracking:
    """Where runs are tracked, and under which name."""

    uri: str = ""
    """`local`: .local/mlflow; the ARN of SageMaker's managed MLflow; the address of a server; empty: nowhere."""
    experiment: str = ""
    """The name of the experiment; empty: `<vertical>-<project>`."""

    @property
    def arn(self) -> str:
        """The ARN of SageMaker's managed MLflow, which executions on AWS can use, too; empty if it is not one."""
        return self.uri if ARN.fullmatch(self.uri) else ""

    @property
    def is_shared(self) -> bool:
        """Whether others see the runs, so that those of executions on AWS belong there, too."""
        return self.uri not in ("", LOCAL)


def misfits(tracking: Tracking) -> list[tuple[str, str]]:
    """(key of [tracking], what is wrong with its value)."""
    uri = tracking.uri
    if uri in ("", LOCAL) or ARN.fullmatch(uri) or _SERVER.fullmatch(uri):
        return []
    return [
        (
            "uri",
            f"'{uri}' is no place for MLflow: write \"local\", the ARN of SageMaker's MLflow such as "
            "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/name, or the http:// address of a server.",
        )
    ]
