"""[predict] of project.toml: what the pipeline that `ops new pipeline predict` writes predicts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Predict:
    """The new rows."""

    source: str = ""
    """A table like [data].source, with or without the target; empty: [data].source itself."""
