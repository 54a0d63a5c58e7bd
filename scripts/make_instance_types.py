"""Write instance_types.json of the guardrails: the size of each instance type, and what SageMaker accepts it for.

The uses come from the enums of botocore's SageMaker model, the sizes from moto's copy of EC2's DescribeInstanceTypes.
Both are development dependencies. Run `make instance-types` after raising their versions in constraints.txt.
"""

from __future__ import annotations

import datetime
import gzip
import json
from importlib import metadata, resources
from pathlib import Path

import botocore.loaders

TARGET = (
    Path(__file__).parents[1]
    / "{{cookiecutter.project_slug}}"
    / "vendor"
    / "sagemaker_ops"
    / "guardrails"
    / "instance_types.json"
)
# Our word for a use: the shape whose enum lists the types that SageMaker accepts for it.
SHAPES = {
    "processing": "ProcessingInstanceType",
    "training": "TrainingInstanceType",
    "transform": "TransformInstanceType",
    "endpoint": "ProductionVariantInstanceType",
    "studio": "AppInstanceType",
    "notebook": "InstanceType",
}


def instance_types() -> dict[str, dict[str, object]]:
    """{type: {vcpu, memory (GiB), gpus, arm64, storage (GB), uses}}; a type unknown to EC2 has its uses only."""
    shapes = botocore.loaders.Loader().load_service_model("sagemaker", "service-2")["shapes"]
    uses: dict[str, list[str]] = {}
    for use, shape in SHAPES.items():
        for name in shapes[shape]["enum"]:
            if name.startswith("ml."):  # Studio's enum also has "system"
                uses.setdefault(name, []).append(use)

    packed = resources.files("moto").joinpath("ec2/resources/instance_types.json.gz").read_bytes()
    ec2 = json.loads(gzip.decompress(packed))
    return {name: _size(ec2.get(name.removeprefix("ml."))) | {"uses": uses[name]} for name in sorted(uses)}


def _size(described: dict[str, dict] | None) -> dict[str, object]:
    if described is None:
        return {}
    gpus = sum(gpu["Count"] for gpu in described.get("GpuInfo", {}).get("Gpus", []))
    memory = described["MemoryInfo"]["SizeInMiB"] / 1024
    return {
        "vcpu": described["VCpuInfo"]["DefaultVCpus"],
        "memory": int(memory) if memory.is_integer() else memory,
        "gpus": gpus,
        "arm64": "arm64" in described["ProcessorInfo"]["SupportedArchitectures"],
        # Only types with disks of their own have it: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/InstanceStorage.html
        **({"storage": storage["TotalSizeInGB"]} if (storage := described.get("InstanceStorageInfo")) else {}),
    }


def main() -> None:
    head = {
        "made": datetime.date.today().isoformat(),
        "from": {package: metadata.version(package) for package in ("botocore", "moto")},
    }
    # One type per line, so that a diff shows which types were added or removed.
    lines = [f"    {json.dumps(name)}: {json.dumps(size)}" for name, size in instance_types().items()]
    text = json.dumps(head, indent=2).removesuffix("\n}") + ',\n  "types": {\n' + ",\n".join(lines) + "\n  }\n}\n"
    json.loads(text)
    TARGET.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
