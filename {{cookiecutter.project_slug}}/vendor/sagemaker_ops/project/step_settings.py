"""[instances] and [images] of project.toml: on what each step runs, and in which image."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sagemaker_ops.project.typed import others


@dataclass(frozen=True)
class Instances:
    """The instance type for each use, and for any step by its name."""

    studio: str = "ml.t3.medium"
    processing: str = "ml.m5.large"
    training: str = "ml.m5.xlarge"
    transform: str = "ml.m5.large"
    endpoint: str = "ml.c5.large"
    steps: Mapping[str, str] = others()
    """{key of a step: its instance type}, see `key_of`."""

    def of(self, step: str, use: str) -> str:
        """The instance type of a step: its own if set, otherwise that of the use."""
        return self.steps.get(key_of(step)) or str(getattr(self, use))


@dataclass(frozen=True)
class Images:
    """The version of AWS's scikit-learn image, or the URI of another image: for any step by its name, and a default.

    The key `inference` is the image that serves a model.
    """

    default: str = "1.9-0"
    steps: Mapping[str, str] = others()

    def has(self, step: str) -> bool:
        """Whether the step has an image of its own."""
        return key_of(step) in self.steps

    def of(self, step: str) -> str:
        """The image of a step: its own if set, otherwise the default."""
        return self.steps.get(key_of(step)) or self.default


def key_of(step: str) -> str:
    """The key of a step in [instances] and [images]: `daily_scoring` for the step `DailyScoring` or `daily-scoring`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|-", "_", step).lower()
