"""Running the steps by hand: what SageMaker does with folders and arguments, in a temporary folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import evaluation
import numpy as np
import pandas as pd
import processing
import pytest
import training
from projects import TEMPLATE_PROJECT

from sagemaker_ops.tabular.model_archive import Model, load_model

SAMPLE = TEMPLATE_PROJECT / "data" / "sample"


@dataclass(frozen=True)
class Chain:
    """Three steps that pass on their folders; each method returns the exit code."""

    root: Path

    def process(self, source: Path | pd.DataFrame, target: str, problem: str, *arguments: str) -> int:
        if isinstance(source, pd.DataFrame):
            path = self.root / "table.csv"
            source.to_csv(path, index=False)
            source = path
        folders = [f"--{name}-dir={self.root / name}" for name in ("train", "validation", "test", "summary")]
        return processing.main(
            [f"--input-dir={source}", *folders, f"--target={target}", f"--problem={problem}", *arguments]
        )

    def train(self, *arguments: str) -> int:
        folders = [f"--{name}-dir={self.root / name}" for name in ("train", "validation", "summary", "model")]
        return training.main([*folders, "--max_iter=30", *arguments])

    def evaluate(self, *arguments: str) -> int:
        folders = [f"--{name}-dir={self.root / name}" for name in ("model", "test", "summary")]
        return evaluation.main([*folders, f"--output-dir={self.root / 'evaluation'}", *arguments])

    def model(self) -> Model:
        return load_model(self.root / "model")

    def part(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.root / name / "part-0.parquet")

    def json(self, path: str) -> dict[str, Any]:
        def refuse(constant: str) -> None:
            raise ValueError(f"{path} contains {constant}, which is not JSON")

        content: dict[str, Any] = json.loads((self.root / path).read_text(), parse_constant=refuse)
        return content


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return Chain(tmp_path)


@pytest.fixture
def customers() -> pd.DataFrame:
    """300 customers: numbers, a boolean and a category, with gaps; older members buy."""
    random = np.random.default_rng(7)
    age, member = random.integers(18, 90, 300).astype(float), random.random(300) < 0.5
    table = pd.DataFrame({"age": age, "member": member, "town": random.choice(["Bonn", "Köln", "Trier"], 300)})
    table["spent"] = (age * 3 + member * 50 + random.normal(0, 20, 300)).round(2)
    table["bought"] = np.where(table["spent"] > 190, "yes", "no")
    table.loc[::11, "age"] = np.nan
    table.loc[::13, "town"] = None
    return table


@pytest.fixture(scope="session")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """The sample, processed and trained once. Only read it: do not write to its folders."""
    chain = Chain(tmp_path_factory.mktemp("flights"))
    assert chain.process(SAMPLE / "flights_classification.csv", "late", "classification") == 0
    assert chain.train() == 0
    return chain
