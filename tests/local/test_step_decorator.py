"""Jobs that the SDK makes of Python functions with @step or @remote."""

from __future__ import annotations

from typing import Any

import pytest

CHANNEL = "sagemaker_remote_function_bootstrap"
V3 = ["/bin/bash", f"/opt/ml/input/data/{CHANNEL}/job_driver.sh"]


def function_job(
    local: Any, entrypoint: list[str] | None = None, channel: str = CHANNEL, **more: str
) -> dict[str, Any]:
    """A training job like those that the SDK makes of functions."""
    step: dict[str, Any] = local.training("MyFunction", "")
    step["Arguments"]["AlgorithmSpecification"] |= {
        "ContainerEntrypoint": entrypoint or V3,
        "ContainerArguments": ["--s3_base_uri", "s3://bucket/base"],
    }
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://bucket/base/{CHANNEL}"}}
    step["Arguments"]["InputDataConfig"] = [{"ChannelName": channel, "DataSource": source}]
    return step


@pytest.mark.parametrize(
    ("entrypoint", "channel"),
    [(V3, CHANNEL), (["/bin/bash", "/opt/ml/input/data/other/job_driver.sh"], CHANNEL), (V3, "other")],
)
def test_a_function_that_cannot_run_here_is_refused(local: Any, entrypoint: list[str], channel: str) -> None:
    assert "it runs a function of @step or @remote" in local.problems(function_job(local, entrypoint, channel))
