"""What the engine on Spark consists of, without Spark: what replaces its programs here, counting, and sampling."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sagemaker_ops.spark import submit
from sagemaker_ops.store import Store
from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.sampling import VARIABLE, read_sample
from sagemaker_ops.tabular.schema import Feature, Schema
from sagemaker_ops.tabular.spark import order, session
from sagemaker_ops.tabular.spark.counts import MOST, Moments, added, counted
from sagemaker_ops.tabular.spark.storage import location

SCHEMA = Schema("y", "regression", (Feature("x", "numeric"),))


def test_the_command_of_the_spark_image_starts_the_script(tmp_path: Path) -> None:
    given = [
        "smspark-submit",
        "--py-files",
        "s3://bucket/code.zip",
        "/opt/ml/processing/input/code/processing_spark.py",
    ]

    made = submit.replaced([*given, "--train-dir", "s3://bucket/runs/1", "@/opt/ml/processing/x.txt"], Store(tmp_path))

    assert made == [
        "python3",
        "/opt/ml/processing/input/code/processing_spark.py",
        "--train-dir",
        str(tmp_path / "bucket" / "runs" / "1"),
        "@/opt/ml/processing/x.txt",
    ]


@pytest.mark.parametrize(
    ("argument", "there"),
    [
        ("--input-dir=s3://bucket/a/", "--input-dir={}/bucket/a"),
        ("s3a://bucket/a b", "{}/bucket/a b"),
        ("--missing=s", "--missing=s"),
    ],
)
def test_uris_in_arguments_are_places_of_the_store(argument: str, there: str, tmp_path: Path) -> None:
    assert submit.here(argument, Store(tmp_path)) == there.format(tmp_path)


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ("s3:/bucket/key", "s3://bucket/key"),
        ("s3://bucket/key", "s3://bucket/key"),
        ("file:/a/b", "/a/b"),
        ("/a", "/a"),
    ],
)
def test_a_path_of_the_parser_is_a_uri_again(given: str, place: str) -> None:
    assert location(Path(given)) == place


def test_without_java_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "find_spec", lambda _: object())
    monkeypatch.setattr(session.shutil, "which", lambda _: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)

    assert "Spark needs Java 17" in session.missing_here()
    monkeypatch.setattr(session, "find_spec", lambda _: None)
    assert session.missing_here().startswith("pyspark is not installed: run `make setup`")


def test_counts_of_pieces_add_up() -> None:
    column = pd.Series([1.0, 2.0, np.nan, 2.0, -3.0, 7.5])
    group = np.array([1, 2, 1, 0, 3, 1])

    parts = [counted(column[rows], group[rows], np.inf, None) for rows in (slice(0, 2), slice(2, 4), slice(4, 6))]
    total = added(parts)

    assert total.values == [1.0, 2.0, -3.0, 7.5]
    assert total.counts.tolist() == [[0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0]]
    assert (total.low, total.high, total.first) == (-3.0, 7.5, 1.0)
    usable = sum(total.moments[2:], total.moments[1])
    assert usable.mean == pytest.approx(np.mean([1, 2, -3, 7.5]))
    assert usable.deviation == pytest.approx(np.std([1, 2, -3, 7.5], ddof=1))


def test_too_many_values_are_not_counted_one_by_one() -> None:
    column = pd.Series(np.arange(MOST + 1))

    found = counted(column, np.ones(len(column), dtype=int), np.inf, None)

    assert found.values is None
    assert (found + found).values is None
    assert (found.low, found.high) == (0, MOST)


def test_moments_of_nothing() -> None:
    assert Moments() + Moments.of(np.array([2.0, 4.0])) == Moments(2, 3.0, 2.0)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """A part of three files as Spark leaves it, with files that are not tables."""
    folder = tmp_path / "train"
    folder.mkdir()
    for number, start in enumerate((0, 40, 70)):
        end = (40, 70, 100)[number]
        pd.DataFrame({"x": range(start, end), "y": np.arange(start, end) / 2}).to_parquet(
            folder / f"part-0000{number}.parquet"
        )
    for name in ("_SUCCESS", ".part-00000.parquet.crc", "._SUCCESS.crc"):
        (folder / name).write_bytes(b"crc")
    return folder


@pytest.mark.parametrize(("limit", "rows"), [(0, 100), (100, 100), (1000, 100), (10, 10), (33, 33), (1, 1)])
def test_training_takes_at_most_so_many_rows(limit: int, rows: int, part: Path) -> None:
    table = read_sample(part, SCHEMA, limit)

    assert len(table) == rows
    assert table.x.is_monotonic_increasing
    if rows > 1:
        assert table.x.diff().max() <= -(-100 // rows)


def test_it_says_how_many_of_how_many(
    part: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, "25")

    assert len(read_sample(part, SCHEMA)) == 25
    assert capsys.readouterr().out == "train: 25 of 100 rows, evenly spaced, because [training].max_rows is 25\n"
    monkeypatch.setenv(VARIABLE, "many")
    with pytest.raises(StepError, match="TRAINING_MAX_ROWS is 'many'"):
        read_sample(part, SCHEMA)


def test_a_part_beyond_the_memory_of_the_machine_is_announced(
    part: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.sysconf", lambda _: 30)  # 900 bytes

    read_sample(part, SCHEMA, 0)

    said = capsys.readouterr().out
    assert "train has 100 rows" in said
    assert "write max_rows = 37 in project.toml [training]" in said


@pytest.mark.parametrize("few", [1, 50, 100_000])
def test_exact_ranks_from_bins(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    values = np.concatenate([random.normal(size=3000), np.zeros(500), [1e9, -1e9], random.integers(0, 5, 500)])
    group = random.integers(1, 4, len(values))
    batches = [
        pa.RecordBatch.from_arrays([pa.array(values[at::3]), pa.array(group[at::3], pa.int8())], ["x", "g"])
        for at in range(3)
    ]

    def ask(frame: object, column: str, questions: list[order.Question]) -> list[order.Answer]:
        found = [pickle.loads(each.column(0)[0].as_py()) for each in order._answers(tuple(questions))(iter(batches))]
        [answers] = found
        return list(answers)

    monkeypatch.setattr(order, "ask", ask)
    monkeypatch.setattr(order, "FEW", few)
    every = {(1, 2, 3): values, (2,): values[group == 2]}
    ranks = [(groups, rank) for groups, own in every.items() for rank in (0, 7, len(own) // 2, len(own) - 1)]

    found, histograms = order.at_ranks(None, "x", ranks, -1e9, 1e9, also=20)

    assert found == [float(np.sort(every[groups])[rank]) for groups, rank in ranks]
    for groups, own in every.items():
        assert histograms[groups].rows.tolist() == np.histogram(own, 20)[0].tolist()


@pytest.mark.parametrize("number", [1, 2, 7, 100])
def test_quantiles_are_those_of_numpy(number: int) -> None:
    values, shares = np.sort(np.random.default_rng(1).normal(size=number)), [0.0, 0.25, 0.5, 0.75, 1.0]

    found = [order.between(values[low], values[high], part) for low, high, part in order.places(shares, number)]

    assert found == pytest.approx(np.quantile(values, shares).tolist(), rel=1e-14)
