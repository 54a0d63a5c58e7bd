"""Passages of README and docs that quote figures."""
from __future__ import annotations
from collections.abc import Mapping
from benchmarks.results import Result
def write(found: Mapping[str, Result]) -> None:
    pass
