"""Write images.json of the guardrails: the versions of AWS's scikit-learn image, and the regions that have it.

Both come from the SageMaker SDK, which only generated projects have: in one with the new version of the SDK, run
`.venv/bin/python …/scripts/make_image_list.py`.
"""

from __future__ import annotations

import json
from importlib import metadata, resources
from pathlib import Path

TARGET = (
    Path(__file__).parents[1]
    / "{{cookiecutter.project_slug}}"
    / "vendor"
    / "sagemaker_ops"
    / "guardrails"
    / "images.json"
)
KINDS = ("training", "inference")


def images() -> dict[str, object]:
    """{from: {package: version}, versions: {kind: [version], oldest first}, regions: [region]}."""
    config = json.loads(resources.files("sagemaker.core").joinpath("image_uri_config/sklearn.json").read_bytes())
    versions = {kind: config[kind]["versions"] for kind in KINDS}
    # A region counts only if it has every version.
    regions = set.intersection(*(set(each["registries"]) for kind in KINDS for each in versions[kind].values()))
    return {
        "from": {"sagemaker-core": metadata.version("sagemaker-core")},
        "versions": {kind: sorted(versions[kind], key=_numbers) for kind in KINDS},
        "regions": sorted(regions),
    }


def _numbers(version: str) -> tuple[list[int], str]:
    """1.4-2-py312 comes after 1.4-2."""
    number, _, rest = version.partition("-")
    return [int(part) for part in number.split(".")], rest


def main() -> None:
    TARGET.write_text(json.dumps(images(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
