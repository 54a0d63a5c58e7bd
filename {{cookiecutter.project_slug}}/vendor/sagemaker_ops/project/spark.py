"""[spark] of project.toml: where the processing step runs if `engine` is "spark", and on how much."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sagemaker_ops.project.typed import choice

ENGINES = ("pandas", "spark")
PROCESSING, SERVERLESS = "processing", "emr-serverless"
_PACKAGES = re.compile(r"s3://[^/\s]+/\S+\.tar\.gz")
_LEAST = {
    "instance_count": 1, "executors": 1, "executor_cores": 1, "executor_memory_gb": 1, "driver_memory_gb": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Spark:
    """On AWS. A run on this machine uses all of its processors, whatever is written here."""

    runs_on: str = choice(PROCESSING, SERVERLESS, default=PROCESSING)
    """A SageMaker processing job, or an EMR Serverless application."""
    image: str = ""
    """The URI of the image of the processing job: AWS's Spark image with the packages of the steps."""
    instance_count: int = 1
    """Of the processing job."""
    executors: int = 4
    """The next four and packages: of an EMR Serverless job."""
    executor_cores: int = 4
    executor_memory_gb: int = 14
    driver_memory_gb: int = 14
    packages: str = ""
    """The S3 URI of an archive of venv-pack with the packages of the steps; empty: the application's image has them."""


def misfits(spark: Spark) -> list[tuple[str, str]]:
    """(key of [spark], what is wrong with its value)."""
    found = [
        (key, f"{value} is too small: write {least} or more.")
        for key, least in _LEAST.items()
        if (value := getattr(spark, key)) < least
    ]
    if spark.packages and not _PACKAGES.fullmatch(spark.packages):
        found.append(("packages", f"'{spark.packages}' is not the S3 URI of an archive: write s3://…/packages.tar.gz."))
    return found
