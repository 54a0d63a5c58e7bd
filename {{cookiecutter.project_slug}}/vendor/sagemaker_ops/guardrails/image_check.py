"""Checks [images]: versions of AWS's scikit-learn image, the regions that have it, and images that must go together."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from sagemaker_ops.errors import Problem, nearest_word
from sagemaker_ops.guardrails import names
from sagemaker_ops.project.settings import FILE, Settings

TRAINING, SERVING = "training", "inference"  # kinds of AWS's image; the second is also a key of [images]
USUAL = ("processing", "training", "evaluation", SERVING)  # the keys of what a new project's pipeline uses
LOADING = ("evaluation", SERVING)  # those that load the model of `training`
VERSION = re.compile(r"(\d+)\.(\d+)-(\d+)(?:-py\d+)?")
REGISTRY = re.compile(r"\d{12}\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.[a-z0-9.]+/.+")
EXAMPLE_ACCOUNT = "123456789012"
_PLACE = f"{FILE} [images]"
NO_SPARK_IMAGE = (
    "not set yet: AWS's Spark image lacks pyarrow, so write the URI of one with the packages of the steps (the guide's "
    "page on Spark has its Dockerfile)."
)


@cache
def data() -> dict[str, Any]:
    """{from: {package: version}, versions: {kind: [version]}, regions: [region]}."""
    read: dict[str, Any] = json.loads(Path(__file__).with_name("images.json").read_bytes())
    return read


def is_version(image: str) -> bool:
    """Whether it names a version of AWS's image; otherwise it is a URI."""
    return "/" not in image


def check(settings: Settings, local: bool = False) -> list[Problem]:
    """The problems of [images]. local: only those that matter to a run on this machine, which needs no image."""
    images = settings.images
    given = {"default": images.default, **images.steps}
    problems = []
    for key, image in given.items():
        serves = key == SERVING or (key == "default" and not images.has(SERVING))
        problems += _check_version(key, image, [TRAINING] * (key != SERVING) + [SERVING] * serves)
    if problems or local:
        return problems
    problems = _check_spark(settings)
    problems += [problem for key in (SERVING, "default") for problem in _check_registry(settings, key)]
    problems += _check_scikit_learn(settings)
    region = settings.project.region
    known = has_image(region) or names.check_region(region, "")  # another rule reports what is not a region
    return problems + ([] if known else _check_region(settings))


def _check_spark(settings: Settings) -> list[Problem]:
    """The processing job of [spark] needs an image as soon as an environment is set up."""
    spark, data = settings.spark, settings.data
    ready = any(each.account for name, each in settings.environments.items() if name != "local")
    if data.engine != "spark" or spark.runs_on != "processing" or spark.image or not ready:
        return []
    return [Problem(NO_SPARK_IMAGE, f"{FILE} [spark].image")]


def has_image(region: str) -> bool:
    """Whether AWS's image is in this region."""
    return region in data()["regions"]


def no_image(image: str, region: str, account: str = "") -> str:
    """The sentence for a region that does not have the image."""
    own = f"{account or EXAMPLE_ACCOUNT}.dkr.ecr.{region}.amazonaws.com/scikit-learn:{image}"
    return (
        f"AWS does not offer its scikit-learn image '{image}' in {region}: copy the image to your own registry there "
        f"and write its URI, such as '{own}', or use another region in [project].region."
    )


def _check_region(settings: Settings) -> list[Problem]:
    """An error if an environment is set up in a region without the image, otherwise a warning: runs here need none."""
    images, region = settings.images, settings.project.region
    accounts = [each.account for name, each in settings.environments.items() if name != "local" and each.account]
    ready = any(
        each.account or each.role or each.bucket for name, each in settings.environments.items() if name != "local"
    )
    keys = [key for key, image in images.steps.items() if is_version(image)]
    if is_version(images.default) and not all(images.has(key) for key in USUAL):
        keys.insert(0, "default")
    return [
        Problem(
            no_image(images.default if key == "default" else images.of(key), region, *accounts[:1]),
            f"{_PLACE}.{key}",
            "error" if ready else "warning",
        )
        for key in keys
    ]


def _check_version(key: str, image: str, kinds: list[str]) -> list[Problem]:
    """Whether AWS has this version of its image for each of the kinds."""
    versions = data()["versions"]
    known = [version for version in versions[kinds[0]] if all(version in versions[kind] for kind in kinds)]
    if not is_version(image) or image in known:
        return []
    newest = known[-1]
    found = VERSION.fullmatch(image)
    if found and _numbers(found) > _numbers(VERSION.fullmatch(newest)):
        made = " ".join(*data()["from"].items())
        message = f"'{image}' is not in the list of images of {made}; if it is newer, ignore this warning."
        return [Problem(message, f"{_PLACE}.{key}", "warning")]
    meant = next((version for version in known if version.startswith(f"{image}-")), "") or nearest_word(image, known)
    return [
        Problem(
            f"'{image}' is not a version of AWS's scikit-learn image: write one such as '{meant or newest}', or the "
            "whole URI of another image, such as "
            f"'{EXAMPLE_ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/my-image:1'.",
            f"{_PLACE}.{key}",
        )
    ]


def _check_scikit_learn(settings: Settings) -> list[Problem]:
    """The images that load a model need the scikit-learn that trained it: load_model of tabular/ refuses another."""
    images = settings.images
    found: dict[str, tuple[str, str]] = {}
    trained = images.of(TRAINING)
    for key in LOADING:
        loads = images.of(key)
        if is_version(trained) and is_version(loads) and _minor(trained) != _minor(loads):
            place, other, better = (key, TRAINING, trained) if images.has(key) else (TRAINING, key, loads)
            found.setdefault(place, (other, better))
    return [
        Problem(
            f"this image has another version of scikit-learn than that of '{other}', and a model can be loaded only by "
            f"the version that trained it: write '{better}'.",
            f"{_PLACE}.{place}",
        )
        for place, (other, better) in found.items()
    ]


def _check_registry(settings: Settings, key: str) -> list[Problem]:
    """A model's image must be in the region of the model.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html
    """
    images, region = settings.images, settings.project.region
    image = images.default if key == "default" else images.of(key) if images.has(key) else ""
    if key == "default" and images.has(SERVING):
        return []
    found = REGISTRY.fullmatch(image)
    if found is None or found[1] == region:
        return []
    better = image.replace(f".{found[1]}.", f".{region}.", 1)
    message = f"the image is in {found[1]}, but a model in {region} needs one from there: write '{better}'."
    return [Problem(message, f"{_PLACE}.{key}")]


def _minor(version: str) -> tuple[int, ...]:
    found = VERSION.fullmatch(version)
    return _numbers(found)[:2]


def _numbers(found: re.Match[str] | None) -> tuple[int, ...]:
    return tuple(map(int, found.groups())) if found else ()
