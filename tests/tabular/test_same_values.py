"""A value means the same in training and in a request, however the file or the request spells it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.requests import CSV, JSON, JSON_LINES, read_request
from sagemaker_ops.tabular.schema import Feature, Schema
from sagemaker_ops.tabular.summary import KINDS, type_of
from sagemaker_ops.tabular.tables import read_part, read_table, tidy, write_parts

pytestmark = pytest.mark.slow


def learned(file: Path, words: tuple[str, ...] = ()) -> tuple[Schema, pd.Series]:
    """The schema of the column x in `file`, and what training sees of it after processing has written it."""
    table = tidy(read_table(file))
    schema = Schema("y", "classification", (Feature("x", KINDS[type_of(table["x"])]),), words=words)
    write_parts(table, np.zeros(len(table), np.int8), [file.parent / "train"])
    return schema, schema.frame(read_part(file.parent / "train", schema))["x"]


def requested(schema: Schema, values: list[Any], kind: str) -> pd.Series:
    """What a model sees of these values of x in a request."""
    if kind == CSV:
        body = "\n".join(["x,other", *(f"{value},1" for value in values)])
    elif kind == JSON:
        body = json.dumps([{"x": value} for value in values])
    else:
        body = "\n".join(json.dumps({"x": value}) for value in values)
    table = read_request(body, f"{kind}; header=present" if kind == CSV else kind).table
    return schema.frame(table)["x"]


def same(one: pd.Series, other: pd.Series) -> None:
    seen = [[None if pd.isna(value) else value for value in column] for column in (one, other)]
    assert seen[0] == seen[1]
    # None and NaN are two categories for scikit-learn's encoders.
    assert not any(value is None for value in [*one, *other])


# The cells of a CSV file, which a request repeats.
SPELLINGS = {
    "times": ["09:00", "10:30", "23:59"],
    "times with seconds": ["09:00:00", "10:30:15", "23:59:59.5"],
    "times and text": ["09:00", "noon", "10:30"],
    "whole numbers": ["1", "-5", "9007199254740991"],
    "hexadecimal": ["0x1F", "0x10", "7"],
    "fractions": ["0.1", "2.675", "1e-7", "-3.3333333333333335"],
    "numbers with spaces": ["1.5 ", " 2", "3"],
    "booleans": ["true", "false", "true"],
    "0 and 1 among booleans": ["0", "true", "1"],
    "days": ["2025-12-31", "2026-01-01", "2026-02-28"],
    "moments": ["2025-12-31 10:00", "2026-01-01T00:00:00Z", "2026-02-28 23:59:59"],
    "text": ["NL", "be", "München"],
    "numbers and text": ["1", "2.0", "n2"],
    "leading zeros and text": ["007", "x", "7"],
    "identifiers beyond 2^53": [str(2**53 + number) for number in range(40)],
    "identifiers around 2^53": ["5", str(2**53), str(2**53 + 1)],
    "identifiers beyond 2^63": [str(2**63 + number) for number in range(40)],
    "identifiers beyond 2^64": [str(2**64 + number) for number in range(40)],
    "negative identifiers": [str(-(2**63) - number) for number in range(40)],
    "long identifiers": [str(10**30 + number) for number in range(40)],
    "identifiers with gaps": [str(2**53 + 1), "", str(2**53 + 2)],
}


@pytest.mark.parametrize("kind", [CSV, JSON, JSON_LINES])
@pytest.mark.parametrize("cells", SPELLINGS.values(), ids=SPELLINGS)
def test_the_text_of_a_csv_file_means_the_same_in_a_request(tmp_path: Path, cells: list[str], kind: str) -> None:
    (tmp_path / "t.csv").write_text("\n".join(["x,other", *(f"{cell},1" for cell in cells), ""]), encoding="utf-8")

    schema, seen = learned(tmp_path / "t.csv")

    same(requested(schema, cells, kind), seen)


@pytest.mark.parametrize("blocks", ["quoted", "plain"])
def test_a_time_stays_the_text_that_it_is_in_the_file(tmp_path: Path, blocks: str) -> None:
    note = '"a\nb"' if blocks == "quoted" else "a"
    (tmp_path / "t.csv").write_text("x,other\n" + f"09:00,{note}\n10:30,{note}\n" * 3, encoding="utf-8")

    assert read_table(tmp_path / "t.csv")["x"].tolist() == ["09:00", "10:30"] * 3


# Arrow's type → (values in Parquet, the same in JSON).
STORED: dict[str, tuple[pa.Array, list[Any]]] = {
    **{
        f"{kind}": (pa.array([1, 5, 100], kind), [1, 5, 100])
        for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
    },
    "half": (pa.array(np.array([0.5, 1.5, 2.0], "float16")), [0.5, 1.5, 2.0]),
    "float": (pa.array([0.5, 0.25, 3.0], pa.float32()), [0.5, 0.25, 3.0]),
    "double": (pa.array([0.1, 2.675, -1 / 3]), [0.1, 2.675, -1 / 3]),
    "decimal": (pa.array([Decimal("0.10"), Decimal("2.67"), Decimal("-3.00")]), [0.1, 2.67, -3]),
    "bool": (pa.array([True, False, True]), [True, False, True]),
    "string": (pa.array(["NL", "BE", "DE"]), ["NL", "BE", "DE"]),
    "large_string": (pa.array(["NL", "BE", "DE"], pa.large_string()), ["NL", "BE", "DE"]),
    "binary": (pa.array([b"NL", b"BE", "München".encode()]), ["NL", "BE", "München"]),
    "large_binary": (pa.array([b"NL", b"BE", b"DE"], pa.large_binary()), ["NL", "BE", "DE"]),
    "fixed_size_binary": (pa.array([b"NL", b"BE", b"DE"], pa.binary(2)), ["NL", "BE", "DE"]),
    "dictionary": (pa.array(["NL", "BE", "NL"]).dictionary_encode(), ["NL", "BE", "NL"]),
    "date32": (pa.array([date(2025, 12, 31)] * 3), ["2025-12-31"] * 3),
    "date64": (pa.array([date(2025, 12, 31)] * 3, pa.date64()), ["2025-12-31"] * 3),
    "timestamp": (pa.array([datetime(2025, 12, 31, 23, 59)] * 3), ["2025-12-31 23:59"] * 3),
    "timestamp with a zone": (
        pa.array([datetime(2025, 12, 31, 23, 59, tzinfo=UTC)] * 3, pa.timestamp("us", "Europe/Berlin")),
        ["2026-01-01T00:59:00+01:00"] * 3,
    ),
    "time32": (pa.array([time(9), time(10, 30)], pa.time32("s")), ["09:00:00", "10:30:00"]),
    "decimal of Spark": (
        pa.array([Decimal(number) / 100 for number in range(100)], pa.decimal128(38, 18)),
        [number / 100 for number in range(100)],
    ),
    "small decimal": (pa.array([Decimal("0.000000000000000001"), Decimal("-0.3")]), [1e-18, -0.3]),
    "large int64": (pa.array([2**53, 2**53 + 1, None, 5]), [2**53, 2**53 + 1, None, 5]),
    "large negative int64": (pa.array([-(2**63), -(2**63) + 1]), [-(2**63), -(2**63) + 1]),
    "large uint64": (
        pa.array([2**63 + number for number in range(40)], pa.uint64()),
        [2**63 + number for number in range(40)],
    ),
    "large decimal": (
        pa.array([Decimal(2**63 + number) for number in range(40)], pa.decimal128(38, 0)),
        [2**63 + number for number in range(40)],
    ),
    "large whole decimal of Spark": (
        pa.array([Decimal(2**63 + number) for number in range(40)], pa.decimal128(38, 18)),
        [2**63 + number for number in range(40)],
    ),
    "large decimal of 256 bits": (
        pa.array([Decimal(10**50 + number) for number in range(40)], pa.decimal256(60, 2)),
        [10**50 + number for number in range(40)],
    ),
    "large decimal with fractions": (
        pa.array([Decimal("9007199254740993.5"), Decimal("0.5")]),
        [9007199254740993.5, 0.5],
    ),
    **{
        f"duration in {unit}": (pa.array([value, None], pa.duration(unit)), [90.0, None])
        for unit, value in {"s": 90, "ms": 90_000, "us": 90_000_000, "ns": 90_000_000_000}.items()
    },
    "uuid": (pa.array([UUID(int=7).bytes], pa.uuid()), [str(UUID(int=7))]),
    "time64": (pa.array([time(9), time(10, 30)], pa.time64("us")), ["09:00:00", "10:30:00"]),
}


@pytest.mark.parametrize("kind", [CSV, JSON, JSON_LINES])
@pytest.mark.parametrize(("column", "values"), STORED.values(), ids=STORED)
def test_a_value_in_parquet_means_the_same_in_a_request(
    tmp_path: Path, column: pa.Array, values: list[Any], kind: str
) -> None:
    pq.write_table(pa.table({"x": column}), tmp_path / "t.parquet")

    schema, seen = learned(tmp_path / "t.parquet")

    same(requested(schema, values, kind), seen)


@pytest.mark.parametrize("kind", [CSV, JSON, JSON_LINES])
@pytest.mark.parametrize("first", [2**53, 2**63, 2**64 - 20])
@pytest.mark.parametrize("stored", ["csv", "parquet", "pandas", "objects"])
def test_large_identifiers_stay_different(tmp_path: Path, first: int, stored: str, kind: str) -> None:
    numbers = [first + number for number in range(19)]
    file = tmp_path / ("t.csv" if stored == "csv" else "t.parquet")
    if stored == "csv":
        file.write_text("\n".join(["x,y", *(f"{number},1" for number in numbers)]))
    elif stored == "parquet":
        pq.write_table(pa.table({"x": pa.array(numbers, pa.uint64())}), file)
    else:  # a team's own reading
        dtype = {"pandas": "uint64", "objects": object}[stored]
        tidy(pd.DataFrame({"x": pd.Series(numbers, dtype=dtype)})).to_parquet(file)

    schema, seen = learned(file)

    assert seen.tolist() == [str(number) for number in numbers]
    assert requested(schema, numbers, kind).tolist() == seen.tolist()


@pytest.mark.parametrize("value", [2**63, 2**64, 10**30, -(2**70)])
def test_a_large_whole_number_in_a_request_is_a_number(value: int) -> None:
    schema = Schema("y", "regression", (Feature("x", "numeric"),))

    assert requested(schema, [value, 1], JSON).tolist() == [float(value), 1.0]
    assert requested(schema, [10**400, 1], JSON).isna().tolist() == [True, False]  # infinity


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"photo": pa.array([b"\xff\xd8", b"\xff\xd9"])}), tmp_path / "t.parquet")

    with pytest.raises(StepError, match=r"t\.parquet cannot be read: column 'photo': "):
        read_table(tmp_path / "t.parquet")


NUMBERS = [float(number) for number in np.random.default_rng(0).normal(size=5000)]


def test_every_float_of_a_csv_request_is_exact() -> None:
    schema = Schema("y", "regression", (Feature("x", "numeric"),))

    assert requested(schema, [repr(number) for number in NUMBERS], CSV).tolist() == NUMBERS


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+5", 5.0),
        ("+1e3", 1000.0),
        (" 7 ", 7.0),
        ("1e3", 1000.0),
        *((text, None) for text in ("1_000", "1,5", "0x1G", "ten", "+1.2.3", "+.", "+", "\ud800")),
    ],
)
def test_the_text_of_a_number_in_a_request(text: str, number: float | None) -> None:
    schema = Schema("y", "regression", (Feature("x", "numeric"),))

    if number is None:
        with pytest.raises(StepError, match="column 'x' must contain numbers"):
            requested(schema, [text], JSON)
    else:
        assert requested(schema, [text], JSON).tolist() == [number]


@pytest.mark.parametrize("text", ["now", "today", "Now", "TODAY"])
def test_no_text_is_the_current_moment(text: str) -> None:
    schema = Schema("y", "regression", (Feature("x", "date"),))

    with pytest.raises(StepError, match="column 'x' must contain dates"):
        requested(schema, ["2025-12-31", text], JSON)


@pytest.mark.parametrize("kind", ["categorical", "numeric", "boolean", "date"])
@pytest.mark.parametrize(
    ("cells", "content_type"),
    [
        pytest.param([None], JSON, id="null"),
        pytest.param([float("nan")], JSON, id="JSON's NaN"),
        pytest.param([""], JSON, id="empty text"),
        pytest.param(["NA"], JSON, id="NA in JSON"),
        pytest.param(["NA"], CSV, id="NA in CSV"),
        pytest.param([""], CSV, id="empty cell"),
        pytest.param(["null"], JSON_LINES, id="the text null"),
    ],
)
def test_missing_values_have_one_meaning(kind: Any, cells: list[Any], content_type: str) -> None:
    schema = Schema("y", "classification", (Feature("x", kind),))

    [value] = requested(schema, cells, content_type)

    assert pd.isna(value)
    assert value is not None


def test_a_word_for_missing_that_is_a_category_stays_one(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": ["NA", "DE", None, "NL"]}), tmp_path / "t.parquet")

    schema, seen = learned(tmp_path / "t.parquet", words=("NA",))

    assert seen.iloc[[0, 1, 3]].tolist() == ["NA", "DE", "NL"]
    same(requested(schema, ["NA", "DE", None, "NL"], JSON), seen)
    same(requested(schema, ["NA", "DE", "None", "NL"], CSV), seen)
