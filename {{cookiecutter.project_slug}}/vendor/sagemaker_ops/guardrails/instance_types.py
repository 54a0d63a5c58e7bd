"""Instance types: which SageMaker takes for which use, how large they are, and which rules one does not keep."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sagemaker_ops.guardrails.policy import Policy, allows

# The rules in the order in which they are asked, and what breaking one means. The first error ends the questions; of
# the warnings there may be several.
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
# AWS lists them still and has none left; what has as many GPUs, or as many as there are.
RETIRED = {
    "ml.p2.xlarge": "ml.g5.xlarge",
    "ml.p2.8xlarge": "ml.g5.48xlarge",
    "ml.p2.16xlarge": "ml.g5.48xlarge",
    "ml.p3.2xlarge": "ml.g5.2xlarge",
    "ml.p3.8xlarge": "ml.g5.12xlarge",
    "ml.p3.16xlarge": "ml.g5.48xlarge",
}
# Not what EC2 calls "previous generation": that has m5, too, which is well and everywhere.
OLD = {"c4": "c5", "m4": "m5", "p3dn": "p4d", "t2": "t3"}
BURSTABLE = ("t2", "t3")
# Families whose chips the data do not always count as GPUs.
ACCELERATORS = ("dl", "inf", "p", "trn")
# Whose images run on the instances of a use: keys of [images].
IMAGES = {
    "processing": ("processing", "evaluation"),
    "training": ("training",),
    "transform": ("inference",),
    "endpoint": ("inference",),
}
# From the sixth generation on a letter for the processor follows the number: ml.m8.xlarge cannot come any more.
# Accelerators go without: ml.g7.xlarge, ml.p6-b300.48xlarge.
NEW_ACCELERATOR = r"ml\.((?:dl|g|inf|p|trn))(\d{1,3})(?:-[a-z0-9]+)?\.\d*xlarge"
NEW_INSTANCE_TYPE = r"ml\.[a-z]+\d{1,3}[a-z][a-z0-9-]*\.(?:\d*xlarge|large|medium|small)"
QUOTAS = (
    "A quota holds for one instance type and one use, and is often 0 in a new account: before the first job ask for "
    "more under Service Quotas, Amazon SageMaker."
)


@cache
def data() -> dict[str, Any]:
    """{made: YYYY-MM-DD, from: {package: version}, types}."""
    read: dict[str, Any] = json.loads(Path(__file__).with_name("instance_types.json").read_bytes())
    return read


def types() -> dict[str, dict[str, Any]]:
    """{type: {vcpu, memory (GiB), gpus, arm64, uses}} of every type SageMaker knew when the list was made.

    Of some only the uses are known.
    """
    known: dict[str, dict[str, Any]] = data()["types"]
    return known


def broken_rules(name: str, use: str, policy: Policy, images: Sequence[str] = ()) -> list[str]:
    """The RULES that `name` does not keep for `use`: one error, or else every warning."""
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
    scikit_learn = use in IMAGES and bool(images) and all("/" not in image for image in images)  # by its version
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
    """Whether the type has GPUs, or chips that other makers build for the same."""
    return bool(types()[name].get("gpus")) or family(name).startswith(ACCELERATORS)


def _may_be_newer(name: str) -> bool:
    families = {family(other) for other in types()}
    if accelerator := re.fullmatch(NEW_ACCELERATOR, name):
        generations = [re.fullmatch(rf"{accelerator[1]}(\d+).*", each) for each in families]
        return int(accelerator[2]) > max(int(found[1]) for found in generations if found)
    return re.fullmatch(NEW_INSTANCE_TYPE, name) is not None and family(name) not in families
