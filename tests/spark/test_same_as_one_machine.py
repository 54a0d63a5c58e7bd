"""The engine on Spark against the one for one machine: the same rows, parts, summary, schema and sentences."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sagemaker_ops.tabular import preparation
from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.schema import Schema
from sagemaker_ops.tabular.spark import counts, session
from sagemaker_ops.tabular.spark import preparation as on_spark
from sagemaker_ops.tabular.splits import PARTS, Options
from sagemaker_ops.tabular.tables import read_part
from spark.tables import ALIKE, REFUSED, Make, classes, csv, table

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("spark"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.skipif(not (find_spec("pyspark") and shutil.which("java")), reason="needs pyspark and Java"),
]


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """One session for all tables."""
    before = dict(os.environ)
    with ExitStack() as stack:
        yield stack.enter_context(session.spark_session())
    os.environ.clear()
    os.environ.update(before)


def process(engine: ModuleType, source: Path, options: Options, folder: Path, *spark: Any) -> None:
    """The four steps, and what they save."""
    (folder / "summary").mkdir(parents=True)
    rows = engine.check_rows(engine.read_source(*spark, source, options), options)
    prepared = engine.describe_parts(rows, engine.split_rows(rows, options), options)
    prepared.save([folder / name for name in PARTS], folder / "summary")


def differences(one: Any, other: Any, where: str = "") -> Iterator[str]:
    """Where two contents of JSON differ; sums of numbers may differ in their last digits."""
    if isinstance(one, dict) and isinstance(other, dict) and list(one) == list(other):
        for key in one:
            yield from differences(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for place, (a, b) in enumerate(zip(one, other, strict=True)):
            yield from differences(a, b, f"{where}[{place}]")
    elif isinstance(one, float) and isinstance(other, float):
        yield from [] if math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) else [f"{where}: {one} and {other}"]
    elif one != other or type(one) is not type(other):
        yield f"{where}: {one!r} and {other!r}"


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as text, sorted: Spark writes those of several files in another order."""
    texts = rows.astype(object).where(rows.notna(), "").astype(str)
    return texts.sort_values(list(texts.columns)).reset_index(drop=True)


@pytest.mark.parametrize("make", ALIKE, ids=lambda make: make.__name__)
def test_rows_parts_and_descriptions_are_the_same(make: Make, spark: Any, tmp_path: Path) -> None:
    source, options = make(tmp_path)

    process(preparation, source, options, tmp_path / "one")
    process(on_spark, source, options, tmp_path / "spark", spark)

    for name in ("schema.json", "summary.json"):
        one, other = (json.loads((tmp_path / each / "summary" / name).read_text()) for each in ("one", "spark"))
        assert list(differences(one, other, name)) == []
    kept, found = ((tmp_path / each / "summary" / "schema.toml").read_text() for each in ("one", "spark"))
    assert kept == found
    schema = Schema.load(tmp_path / "one" / "summary")
    for name in PARTS:
        one, other = (read_part(tmp_path / each / name, schema) for each in ("one", "spark"))
        assert [str(kind) for kind in one.dtypes] == [str(kind) for kind in other.dtypes]
        pd.testing.assert_frame_equal(in_order(one), in_order(other))


@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
def test_a_wrong_table_is_refused_with_the_same_sentences(make: Make, spark: Any, tmp_path: Path) -> None:
    source, options = make(tmp_path)

    with pytest.raises(StepError) as one:
        process(preparation, source, options, tmp_path / "one")
    with pytest.raises(StepError) as other:
        process(on_spark, source, options, tmp_path / "spark", spark)

    assert one.value.findings == other.value.findings


@pytest.mark.parametrize("problem", ["regression", "time"])
def test_columns_with_too_many_values_to_count_each(
    problem: str, spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "MOST", 60)  # in the driver; workers count all of the few rows
    rows = table(text=[f"t{row % 150}" for row in range(400)], v=np.arange(400) * 1.5, when=np.arange(400) // 2)
    source = csv(tmp_path, rows)
    options = Options("v", "regression") if problem == "regression" else classes(split="time", split_column="when")

    process(preparation, source, options, tmp_path / "one")
    process(on_spark, source, options, tmp_path / "spark", spark)

    one, other = (json.loads((tmp_path / each / "summary/summary.json").read_text()) for each in ("one", "spark"))
    found = list(differences(one, other))
    assert [each for each in found if ".top" not in each] == []  # among texts that are equally frequent


def test_a_dataframe_and_a_column_of_parts_of_ones_own(spark: Any, tmp_path: Path) -> None:
    from pyspark.sql import functions

    options = classes()
    frame = spark.createDataFrame(table()[["a", "b", "c", "y"]])
    part = functions.when(functions.col("b") < 30, "train").otherwise(
        functions.when(functions.col("b") < 40, "validation").otherwise("test")
    )

    rows = on_spark.check_rows(frame, options)

    with pytest.raises(StepError, match="the split names 'other'"):
        on_spark.describe_parts(rows, functions.lit("other"), options)
    prepared = on_spark.describe_parts(rows, part, options)

    expected = table().b
    assert prepared.summary["parts"]["train"]["rows"] == int((expected < 30).sum())
    assert prepared.summary["parts"]["test"]["rows"] == int((expected >= 40).sum())
