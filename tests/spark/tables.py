"""Tables whose values Spark would read otherwise, or that are split, checked or described in different ways."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from projects import TEMPLATE_PROJECT

from sagemaker_ops.tabular.notation import Notation
from sagemaker_ops.tabular.splits import Options

ROWS = 400
SAMPLE = TEMPLATE_PROJECT / "data" / "sample"
Made = tuple[Path, Options]
Make = Callable[[Path], Made]


def table(**columns: Any) -> pd.DataFrame:
    """Rows with a target `y` that follows from `a`, and these columns."""
    random = np.random.default_rng(0)
    made = pd.DataFrame({"a": random.normal(size=ROWS).round(3), "b": random.integers(0, 50, ROWS)})
    made["c"] = random.choice(list("xyz"), ROWS)
    made["y"] = np.where(made.a + random.normal(size=ROWS) > 0, "yes", "no")
    return made.assign(**columns)


def some(*values: Any) -> list[Any]:
    return [values[row * 7 % len(values)] for row in range(ROWS)]


def csv(folder: Path, rows: pd.DataFrame, **how: Any) -> Path:
    rows.to_csv(folder / "table.csv", index=False, **how)
    return folder / "table.csv"


def classes(**options: Any) -> Options:
    return Options("y", "classification", **options)


def texts(folder: Path) -> Made:
    columns: dict[str, Any] = {
        "code": some("1D", "2F"),
        "at": some("12:30", "09:00"),
        "month": some("2024-05", "2024-06"),
    }
    columns |= {"n": some("NULL", *map(str, range(9))), "zeros": [f"{row % 20:03d}" for row in range(ROWS)]}
    columns |= {"e": some("1e5", "2e3", "300"), "version": some("1.1", "1.10", "2.5")}
    return csv(folder, table(**columns, place=some("NA", "EU", "us", "US"))), classes()


def dates(folder: Path) -> Made:
    days = [str(day) for day in pd.date_range("2024-01-01", periods=ROWS).date]
    other = some("2024-01-02T00:00:00", "2024-01-01T00:00:00+02:00")
    return csv(folder, table(day=days, far=some("9999-12-31", "2024-01-05"), other=other)), classes(
        split="time", split_column="day"
    )


def groups(folder: Path) -> Made:
    rows = table(w=some(0, 0.5, 1, 2), i=[f"k{row:04d}" for row in range(ROWS)])
    return csv(folder, rows), classes(split="group", split_column="b", weight="w", id="i")


def excluded(folder: Path) -> Made:
    rows = table(i=range(ROWS), x=np.random.default_rng(1).normal(size=ROWS))
    return csv(folder, rows), classes(id="i", exclude=("x", "b"), groups=("c", "b"))


def several_lines(folder: Path) -> Made:
    return csv(folder, table(q=some('one\ntwo "three", four', "plain", "other"))), classes()


def european(folder: Path) -> Made:
    rows = table(
        n=[f"{row}.{row % 900 + 100},5" for row in range(1, ROWS + 1)],
        d=[f"{r % 28 + 1:02d}/03/2024" for r in range(ROWS)],
    )
    rows = rows.assign(
        a=rows.a.map(lambda number: str(number).replace(".", ",")), c=some("é", "ü"), q=some("?", "1", "2")
    )
    notation = Notation(";", ",", ".", "latin-1", ("?",), ("%d/%m/%Y",))
    return csv(folder, rows, sep=";", encoding="latin-1"), classes(notation=notation)


def folders(folder: Path) -> Made:
    for number, region in enumerate(("eu", "a%20b", "__HIVE_DEFAULT_PARTITION__")):
        inside = folder / "table" / f"region={region}" / f"n={number}"
        inside.mkdir(parents=True)
        table().iloc[number::3].to_csv(inside / "part [0].csv", index=False)
    (folder / "table" / "_SUCCESS").touch()
    return folder / "table", classes()


def large_numbers(folder: Path) -> Made:
    rows = table(
        big=[2**53 + 1 + row for row in range(ROWS)], endless=some(np.inf, 1.5, 2.0), flag=some(None, True, False)
    )
    rows = rows.assign(empty=None, same=1)
    rows.to_csv(folder / "table.csv.gz", index=False, compression="gzip")
    return folder / "table.csv.gz", classes()


def parquet(folder: Path) -> Made:
    rows = table(
        moment=pd.date_range("2024-01-01", periods=ROWS, freq="1h"),
        there=pd.date_range("2024-01-01", periods=ROWS, freq="1h", tz="Europe/Berlin"),
        took=pd.to_timedelta(np.arange(ROWS) % 90, "s"),
        u=np.arange(ROWS, dtype="uint64") % 9,
        kind=pd.Categorical(some("p", "NA")),
        day=[dt.date(2024, 1, 1 + row % 28) for row in range(ROWS)],
        flag=some(None, True, False),
    )
    rows.to_parquet(folder / "table.parquet")
    return folder / "table.parquet", classes()


def rare_classes(folder: Path) -> Made:
    rows = table()
    rows["y"] = ["rare" if row % 40 == 0 else "few" if row % 57 == 1 else y for row, y in enumerate(rows.y)]
    return csv(folder, rows), classes()


def numbers(folder: Path) -> Made:
    rows = table(v=np.random.default_rng(2).normal(size=ROWS))
    rows.loc[3, "v"] = np.nan
    return csv(folder, pd.concat([rows, rows.iloc[:30]])), Options("v", "regression", weight="b")


def odd_names(folder: Path) -> Made:
    rows = table(leak=some("1", "0"))
    rows["leak"] = rows.y + "!"
    rows.loc[::13, "y"] = None
    return csv(folder, rows.assign(**{"o o`'\".": 1.5 * np.arange(ROWS), "naïve,x": range(ROWS)})), classes()


def kept_types(folder: Path) -> Made:
    schema = folder / "schema.toml"
    schema.write_text('[columns]\n"a" = "text"\n"b" = "number"\n"c" = "text"\n"y" = "text"\n"k" = "text"\n')
    return csv(folder, table(k=[f"{row % 9:03d}" for row in range(ROWS)], new=1.5)), classes(schema=schema)


def sample(folder: Path) -> Made:
    return SAMPLE / "flights_classification.csv", Options("late", "classification")


ALIKE: list[Make] = [
    sample, texts, dates, groups, excluded, several_lines, european, folders, large_numbers,
    parquet, rare_classes, numbers, odd_names, kept_types,
]  # fmt: skip


def no_target(folder: Path) -> Made:
    return csv(folder, table()), Options("yy", "classification", exclude=("zz",))


def negative_weights(folder: Path) -> Made:
    return csv(folder, table(w=some(-1.5, 2.0))), classes(weight="w", groups=("a", "zz"))


def other_types(folder: Path) -> Made:
    schema = folder / "schema.toml"
    schema.write_text(
        '[columns]\n"a" = "number"\n"b" = "number"\n"c" = "number"\n"y" = "text"\n"m" = "number"\n"z" = "text"\n'
    )
    return csv(folder, table(m=["?" if row == 5 else str(row) for row in range(ROWS)])), classes(schema=schema)


def short_row(folder: Path) -> Made:
    (folder / "table.csv").write_text("a,b,y\n1,2,x\n1,2\n")
    return folder / "table.csv", classes()


REFUSED: list[Make] = [no_target, negative_weights, other_types, short_row]
