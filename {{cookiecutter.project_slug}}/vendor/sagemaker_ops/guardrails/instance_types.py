"""Instance types: which uses SageMaker accepts them for, how large they are, and which rules they break."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sagemaker_ops.guardrails.policy import Policy, allows

# The rules in the order in which they are checked, and the level of each. Checking stops at the first error; there may
# be several warnings.
RULES = {
    "prefix": "error",
    "unknown": "error",
    "use": "error",
    "retired": "error",
    "policy": "error",
    "arm64": "error",
    "gpu": "warning",
    "old": "warning",
    "burstable": "warning",
    "newer": "warning",
}
# AWS still lists them but has none left. The replacement has as many GPUs, or as many as are available.
RETIRED = {
    "ml.p2.xlarge": "ml.g5.xlarge",
    "ml.p2.8xlarge": "ml.g5.48xlarge",
    "ml.p2.16xlarge": "ml.g5.48xlarge",
    "ml.p3.2xlarge": "ml.g5.2xlarge",
    "ml.p3.8xlarge": "ml.g5.12xlarge",
    "ml.p3.16xlarge": "ml.g5.48xlarge",
}
# Not what EC2 calls "previous generation": that includes m5, which is fine and available everywhere.
OLD = {"c4": "c5", "m4": "m5", "p3dn": "p4d", "t2": "t3"}
BURSTABLE = ("t2", "t3")
# Families whose chips are not always counted as GPUs in the data.
ACCELERATORS = ("dl", "inf", "p", "trn")
# The keys of [images] whose images run on the instances of a use.
IMAGES = {
    "processing": ("processing", "evaluation"),
    "training": ("training",),
    "transform": ("inference",),
    "endpoint": ("inference",),
}
# From the sixth generation on, a letter for the processor follows the number, so ml.m8.xlarge will never exist.
# Accelerators have no such letter: ml.g7.xlarge, ml.p6-b300.48xlarge.
NEW_ACCELERATOR = r"ml\.((?:dl|g|inf|p|trn))(\d{1,3})(?:-[a-z0-9]+)?\.\d*xlarge"
NEW_INSTANCE_TYPE = r"ml\.[a-z]+\d{1,3}[a-z][a-z0-9-]*\.(?:\d*xlarge|large|medium|small)"
QUOTAS = (
    "A quota applies to one instance type and one use, and is often 0 in a new account: before the first job, request "
    "an increase under Service Quotas, Amazon SageMaker."
)


@cache
def data() -> dict[str, Any]:
    """{made: YYYY-MM-DD, from: {package: version}, types}."""
    read: dict[str, Any] = json.loads(Path(__file__).with_name("instance_types.json").read_bytes())
    return read


def types() -> dict[str, dict[str, Any]]:
    """{type: {vcpu, memory (GiB), gpus, arm64, uses}} of every type SageMaker had when the list was made.

    For some, only the uses are known. Those with disks of their own also have their size: storage (GB).
    """
    known: dict[str, dict[str, Any]] = data()["types"]
    return known


def broken_rules(name: str, use: str, policy: Policy, images: Sequence[str] = ()) -> list[str]:
    """The RULES that `name` breaks for `use`: one error, otherwise every warning."""
    size = types().get(name)
    if size is None:
        if f"ml.{name}" in types():
            return ["prefix"]
        if not _may_be_newer(name):
            return ["unknown"]
    elif use not in size["uses"]:
        return ["use"]
    elif name in RETIRED:
        return ["retired"]
    if not allows(policy.instance_types_for(use), name):
        return ["policy"]
    if size is None:
        return ["newer"]
    scikit_learn = (
        use in IMAGES and bool(images) and all("/" not in image for image in images)
    )  # a version names AWS's image
    if size.get("arm64") and scikit_learn:
        return ["arm64"]
    asked = {
        "gpu": scikit_learn and is_accelerated(name),
        "old": family(name) in OLD,
        "burstable": use == "training" and family(name) in BURSTABLE,
    }
    return [rule for rule, broken in asked.items() if broken]


def family(name: str) -> str:
    """`m5` of `ml.m5.large`."""
    return name.split(".")[1]


def is_accelerated(name: str) -> bool:
    """Whether the type has GPUs or other accelerators."""
    return bool(types()[name].get("gpus")) or family(name).startswith(ACCELERATORS)


def _may_be_newer(name: str) -> bool:
    families = {family(other) for other in types()}
    if accelerator := re.fullmatch(NEW_ACCELERATOR, name):
        generations = [re.fullmatch(rf"{accelerator[1]}(\d+).*", each) for each in families]
        return int(accelerator[2]) > max(int(found[1]) for found in generations if found)
    return re.fullmatch(NEW_INSTANCE_TYPE, name) is not None and family(name) not in families
