"""What a notebook says about each column of a table, and about the target in its groups."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from notebooks.notebook_tables import ROWS, plain, problem_of, random, table
from projects import Bake

from sagemaker_ops.errors import UserError
from sagemaker_ops.notebooks.exploration import load_table, overview, target_by_column, target_over_time, time_columns
from sagemaker_ops.notebooks.groups import MISSING
from sagemaker_ops.project import source_copy
from sagemaker_ops.tabular.errors import StepError

pytestmark = pytest.mark.slow


def test_the_overview_has_a_line_for_every_column() -> None:
    rows = plain().assign(unused=1.5, empty=np.nan, secret=range(ROWS))
    rows.loc[: ROWS // 4 - 1, "size"] = np.nan

    found = overview(table(rows, exclude=["secret"]))

    assert found["role"].to_dict() == {
        "size": "feature", "color": "feature", "noise": "feature", "y": "target", "unused": "left out",
        "empty": "left out", "secret": "excluded",
    }  # fmt: skip
    assert found.loc["size", "missing"] == 0.25
    assert found.loc["color", "distinct"] == 3
    assert found.loc["secret", "content"] == "0 to 599, 299.5 on average"
    assert found.loc["empty", "content"] == ""


@pytest.mark.parametrize(
    ("problem", "answers"),
    [("binary", ["yes"]), ("multiclass", ["high", "low", "middle"]), ("regression", ["y"])],
)
def test_the_target_by_column(problem: str, answers: list[str]) -> None:
    seen = table(plain(problem), problem=problem_of(problem))

    found = target_by_column(seen, "color")

    train = seen.train
    red = found[found["group"] == "red"].set_index("class")
    own = train[train["color"] == "red"]["y"]
    values = [own.mean()] if problem == "regression" else [(own == label).mean() for label in answers]
    assert red["value"].tolist() == pytest.approx(values)
    assert red.index.tolist() == answers
    assert (red["rows"] == len(own)).all()
    assert ((found["low"] < found["value"]) & (found["value"] < found["high"])).all()
    assert seen.explained.index[0] == "size"


def test_missing_values_are_a_group() -> None:
    rows = plain()
    rows.loc[::3, ["size", "color"]] = np.nan
    seen = table(rows)

    assert MISSING in target_by_column(seen, "size")["group"].tolist()
    assert MISSING in target_by_column(seen, "color")["group"].tolist()


def test_a_group_of_one_row() -> None:
    rows = plain("regression").assign(rare=["one", *["many"] * (ROWS - 1)])
    found = next(
        target_by_column(seen, "rare").set_index("group")
        for number in range(20)  # until the row is in the train part
        for seen in [table(rows.assign(noise=rows["noise"] + number), problem="regression")]
        if "rare" in seen.features
    )

    assert found.loc["one", "rows"] == 1
    assert np.isnan(found.loc["one", "low"])


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"when": pd.date_range("2024-01-01", periods=ROWS)}, ["when"]),
        ({"year": [2020 + row // 100 for row in range(ROWS)], "month": [row % 12 for row in range(ROWS)]}, ["year"]),
        ({"month": [row % 12 for row in range(ROWS)]}, ["month"]),
        ({"time": range(0, 2 * ROWS, 2)}, ["time"]),
        ({"dep_time": [row % 24 for row in range(ROWS)]}, []),
        ({"yearly_income": [row % 24 for row in range(ROWS)]}, []),
    ],
)
def test_columns_with_a_time(columns: dict[str, list[object]], expected: list[str]) -> None:
    assert time_columns(table(plain().assign(**columns))) == expected


def test_a_split_column_of_text_is_a_time() -> None:
    rows = plain().assign(day=pd.date_range("2024-01-01", periods=ROWS).strftime("%Y-%m-%d"))
    seen = table(rows, split="time", split_column="day")

    assert time_columns(seen) == ["day"]
    assert target_over_time(seen, "day")["rows"].sum() == ROWS, "all parts"


def test_a_wrong_type_of_problem_does_not_stop_the_notebook() -> None:
    seen = table(plain(), problem="regression")

    assert seen.schema.problem == "classification"
    assert "[data].problem is wrong: target 'y' contains" in str(seen)


def test_a_wrong_setting_is_one_sentence() -> None:
    with pytest.raises(StepError, match="target 'z' is not a column"):
        table(plain(), target="z")


def _project(bake: Bake, source: str) -> Path:
    project = bake()
    project.edit("data", source=f'"{source}"')
    return project.path


@pytest.mark.slow
def test_a_large_table_is_sampled_and_says_so(bake: Bake) -> None:
    root = bake().path

    whole, some, again = load_table(root), load_table(root, 1000), load_table(root, 1000)

    assert (len(whole.rows), whole.total, whole.notes) == (19_500, 19_500, ())
    assert (len(some.rows), some.total) == (1000, 19_500)
    assert "1,000 of these rows, drawn at random" in str(some)
    pd.testing.assert_frame_equal(some.rows, again.rows)


@pytest.mark.slow
def test_a_source_on_s3_is_read_from_its_copy(bake: Bake) -> None:
    source = "s3://a-bucket/flights/"
    root = _project(bake, source)
    with pytest.raises(UserError, match="run `ops fetch-data` first"):
        load_table(root)
    copy = source_copy.Copy(source, "dev", datetime.now(UTC), 10_000, {"flights/a.csv": "etag"})
    folder = source_copy.folder_of(source, root / ".local") / "objects"
    folder.mkdir(parents=True)
    sample = root / "data/sample/flights_classification.csv"
    (folder / copy.file("flights/a.csv")).write_bytes(sample.read_bytes())
    source_copy.write(copy, root / ".local")

    found = load_table(root)

    assert len(found.rows) == 19_500
    assert "the first 10,000 rows of each file" in str(found)


def test_many_columns_take_little_time() -> None:
    rows = plain().join(pd.DataFrame(random().normal(size=(ROWS, 100))).add_prefix("c"))

    assert len(table(rows).explained) == 103
