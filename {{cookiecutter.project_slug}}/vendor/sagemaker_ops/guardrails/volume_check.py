"""Checks the disk of a job: types with local storage have disks of their own, with a fixed size and their own key.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingClusterConfig.html, and API_ResourceConfig.html
and API_TransformResources.html there: "You can't request a VolumeKmsKeyId when using an instance type with local
storage", nor "a VolumeSizeInGB greater than the total size of the local instance storage".
"""

from __future__ import annotations

import re
from typing import Any

from sagemaker_ops.errors import Problem
from sagemaker_ops.guardrails import instance_types
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.project.settings import FILE, Settings

JOB_USES = ("processing", "training", "transform")
NOT_A_TYPE = {"prefix", "unknown", "use", "retired"}  # rules of instance_types.py, which say what to write instead
SIZED_USES = ("processing", "training")  # a transform job has no volume size
# For types that are not in the list: a `d` after the number, `i` for storage, and the accelerators that all have disks.
# https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
HAS_DISKS = re.compile(r"[a-z]+\d+[a-z]*d[a-z]*|(?:i|is|im|d|h)\d.*|g[4-9].*|p(?:[4-9]|\d\d).*|trn\d.*")


def check(settings: Settings, rules: Policy) -> list[Problem]:
    """The instance types of jobs that do not go with a kms_key of an environment, or with the size of the volume."""
    keys = [f"[environments.{name}].kms_key" for name, each in settings.environments.items() if each.kms_key]
    given, size = settings.instances, settings.pipeline.volume_size_gb
    problems = []
    for use in JOB_USES:
        name = str(getattr(given, use))
        problems += check_key(name, use, keys, rules, f"{FILE} [instances].{use}")
        if use in SIZED_USES:
            problems += check_size(name, size, f"{FILE} [pipeline].volume_size_gb", f" of [instances].{use}")
    for step, name in given.steps.items():
        use = next((use for use in JOB_USES if use in instance_types.types().get(name, {"uses": ()})["uses"]), "")
        problems += check_key(name, use or JOB_USES[0], keys, rules, f"{FILE} [instances].{step}")
    return problems


def check_key(name: str, use: str, keys: list[str], rules: Policy, where: str) -> list[Problem]:
    """Whether the type can have a key for its disk; keys: the places of those that it would get."""
    if not keys or not has_local_storage(name) or NOT_A_TYPE & {*instance_types.broken_rules(name, use, rules)}:
        return []
    from sagemaker_ops.guardrails import instance_advice  # goes through every type

    among = [other for other in instance_advice.candidates(use, rules) if not has_local_storage(other)]
    size = instance_types.types().get(name, {})
    cpus: dict[str, Any] = {
        key: size[key] for key in ("vcpu", "memory") if key in size
    }  # today's types with GPUs all have such disks
    near = instance_advice.nearest(cpus, among, name[3:4], accelerated=False) if cpus else ""
    other = f"use {instance_advice.sized(near)}, or remove" if near else "use another type, or remove"
    return [
        Problem(
            f"'{name}' has local storage, which AWS encrypts itself: with this type it refuses {' and '.join(keys)}; "
            f"{other} {'the key' if len(keys) == 1 else 'the keys'}.",
            where,
        )
    ]


def check_size(name: str, size: int, where: str, whose: str = "") -> list[Problem]:
    """Whether the type's local storage is as large as the volume that a job asks for."""
    storage = instance_types.types().get(name, {}).get("storage")
    if storage is None or size <= storage:
        return []
    return [
        Problem(
            f"{size} GB is more than the local storage of '{name}'{whose}, {storage} GB: write {storage} or less, "
            "or use another type.",
            where,
        )
    ]


def has_local_storage(name: str) -> bool:
    """Whether jobs on this type use its own disks; for a type that is not in the list, AWS's naming decides."""
    size = instance_types.types().get(name)
    if size is not None and "vcpu" in size:
        return "storage" in size
    return name not in instance_types.RETIRED and bool(re.fullmatch(rf"ml\.(?:{HAS_DISKS.pattern})\.\w+", name))
