"""Columns in folder names (region=eu/part-0.parquet), and the columns of an index without a name."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from sagemaker_ops.project import data
from sagemaker_ops.project.settings import Data
from sagemaker_ops.tabular.column_types import save_types
from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.notation import Notation
from sagemaker_ops.tabular.requests import JSON, predict_rows, read_request
from sagemaker_ops.tabular.tables import read_table

if TYPE_CHECKING:
    from tabular.conftest import Chain

pytestmark = pytest.mark.slow

ROWS = pd.DataFrame({"x": [1, 2], "y": ["a", "b"]})


def write(folder: Path, files: Mapping[str, pd.DataFrame | str]) -> None:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            file.write_text(content, encoding="utf-8")
        elif file.suffix == ".parquet":
            content.to_parquet(file)
        else:
            content.to_csv(file, index=False)


def values(column: pd.Series) -> list[Any]:
    """The value in every second row, since each file has two rows."""
    return [None if pd.isna(value) else value for value in column.astype(object).iloc[::2]]


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet"])
@pytest.mark.parametrize(
    ("folders", "columns"),
    [
        pytest.param(["region=eu", "region=us"], {"region": ["eu", "us"]}, id="text"),
        pytest.param(["year=2024", "year=2025"], {"year": [2024, 2025]}, id="whole numbers"),
        pytest.param(["share=-0.5", "share=1e3"], {"share": [-0.5, 1000.0]}, id="fractions"),
        pytest.param(["month=01", "month=12"], {"month": [1, 12]}, id="months"),
        pytest.param(["paid=false", "paid=true"], {"paid": [False, True]}, id="booleans"),
        pytest.param(
            ["day=2025-01-01", "day=2025-12-31"],
            {"day": [pd.Timestamp("2025-01-01"), pd.Timestamp("2025-12-31")]},
            id="days",
        ),
        pytest.param(["day=2025-01-01", "day=never"], {"day": ["2025-01-01", "never"]}, id="days and text"),
        pytest.param(["code=007", "code=x"], {"code": ["007", "x"]}, id="numbers and text"),
        pytest.param(["hour=09%3A00", "hour=10%3A30"], {"hour": ["09:00", "10:30"]}, id="times"),
        pytest.param(["country=DE", "country=NA"], {"country": ["DE", "NA"]}, id="Namibia"),
        pytest.param(
            ["id=9223372036854775808", "id=9223372036854775809"],
            {"id": ["9223372036854775808", "9223372036854775809"]},
            id="long identifiers",
        ),
        pytest.param(
            ["year=2024/month=1/day=2", "year=2024/month=2/day=1"],
            {"year": [2024, 2024], "month": [1, 2], "day": [2, 1]},
            id="several levels",
        ),
        pytest.param(["v1/region=eu/raw", "v2/region=us/raw"], {"region": ["eu", "us"]}, id="other folders between"),
        pytest.param(["region=a%20b%2Fc", "region=d"], {"region": ["a b/c", "d"]}, id="encoded"),
        pytest.param(["region=K%C3%B6ln", "region=München"], {"region": ["Köln", "München"]}, id="umlauts"),
        pytest.param(["region=100%", "region=a%FFb"], {"region": ["100%", "a%FFb"]}, id="not encoded"),
        pytest.param(["a%20b=1", "a%20b=2"], {"a b": [1, 2]}, id="encoded name"),
        pytest.param(["formula=a=b", "formula=c"], {"formula": ["a=b", "c"]}, id="two equals signs"),
        pytest.param(["_day=1", "_day=2"], {"_day": [1, 2]}, id="underscore"),
        pytest.param(
            ["region=__HIVE_DEFAULT_PARTITION__", "region=eu"], {"region": [None, "eu"]}, id="missing among text"
        ),
        pytest.param(["n=5", "n=__HIVE_DEFAULT_PARTITION__"], {"n": [5.0, None]}, id="missing among numbers"),
        pytest.param(["region=", "region=eu"], {"region": [None, "eu"]}, id="empty"),
        pytest.param(["=eu", "=us"], {}, id="no name"),
    ],
)
def test_a_folder_is_a_column(tmp_path: Path, folders: list[str], columns: dict[str, list[Any]], suffix: str) -> None:
    write(tmp_path, {f"{folder}/part-0.{suffix}": ROWS for folder in folders})

    read = read_table(tmp_path)

    assert list(read) == ["x", "y", *columns]
    assert {name: values(read[name]) for name in columns} == columns
    assert read["x"].tolist() == [1, 2, 1, 2]
    wanted = Data(".", "y", "classification", exclude=["x", *columns])  # what `ops check` sees
    assert data.check(wanted, tmp_path) == []


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("settings", "texts", "expected"),
    [
        pytest.param({"decimal": ","}, ["1,5", "2"], [1.5, 2.0], id="decimal"),
        pytest.param({"decimal": ","}, ["1.5", "2"], [1.5, 2.0], id="a point, as Spark writes"),
        pytest.param({"decimal": ",", "thousands": "."}, ["1.234"], [1234], id="thousands"),
        pytest.param({"decimal": ",", "thousands": "."}, ["1.234", "1.234,5"], [1234.0, 1234.5], id="both"),
        pytest.param({"thousands": ","}, ["1,234", "12"], [1234, 12], id="a comma for thousands"),
        pytest.param({"missing": ["-99"]}, ["-99", "3"], [None, 3.0], id="a number that is missing"),
        pytest.param({"missing": ["unknown"]}, ["eu", "unknown"], ["eu", None], id="a word that is missing"),
        pytest.param({"missing": ["NA"]}, ["DE", "NA"], ["DE", None], id="NA is missing if that is written"),
        pytest.param({"dates": "%d-%m-%Y"}, ["01-02-2025"], [pd.Timestamp("2025-02-01")], id="the dates of a setting"),
    ],
)
def test_the_settings_of_data_apply_to_folders(
    tmp_path: Path, settings: dict[str, Any], texts: list[str], expected: list[Any], suffix: str
) -> None:
    write(tmp_path, {f"k={text}/part-0.{suffix}": ROWS for text in texts})

    table = read_table(tmp_path, notation=Notation.of(settings))

    assert values(table["k"]) == expected


def test_a_folder_is_text_if_schema_toml_says_so(tmp_path: Path) -> None:
    write(tmp_path, {f"code={code}/a.csv": ROWS for code in ("007", "7")})

    assert values(read_table(tmp_path, text=["code"])["code"]) == ["007", "7"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_column_of_a_folder_can_be_the_only_one_that_is_read(tmp_path: Path, suffix: str) -> None:
    for region in ("eu", "us"):
        folder = tmp_path / f"region={region}"
        folder.mkdir()
        indexed(None).to_csv(folder / "a.csv") if suffix == "csv" else indexed(None).to_parquet(folder / "a.parquet")

    assert values(read_table(tmp_path, skip=["x", "y"])["region"]) == ["eu", "us"]


def test_what_spark_writes_besides_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, {f"region={region}/part-0.snappy.parquet": ROWS for region in ("eu", "us")})
    others = ["_SUCCESS", "region=eu/.part-0.snappy.parquet.crc", "_temporary/0/region=eu/a.csv", "_metadata"]
    write(tmp_path, dict.fromkeys([*others, "region=eu/.a.csv", "region=eu/_a.csv"], "passed over"))

    assert values(read_table(tmp_path)["region"]) == ["eu", "us"]
    assert [file.name for file in data.files(".", tmp_path)] == ["part-0.snappy.parquet"] * 2


@pytest.mark.parametrize("source", ["region=eu", "region=eu/part-0.csv"])
def test_only_folders_below_the_source_are_columns(tmp_path: Path, source: str) -> None:
    write(tmp_path, {"region=eu/part-0.csv": ROWS})

    assert list(read_table(tmp_path / source)) == ["x", "y"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("folders", "inside"),
    [
        pytest.param(["region=eu", "region=us"], ["eu", "us"], id="text"),
        pytest.param(["year=2024", "year=2025"], [2024, 2025], id="numbers"),
        pytest.param(["month=01", "month=02"], [1, 2], id="numbers of a fixed width"),
        pytest.param(["share=0.5", "share=1"], [0.5, 1.0], id="fractions"),
        pytest.param(["paid=false", "paid=true"], [False, True], id="booleans"),
        pytest.param(["day=2025-01-01", "day=2025-01-02"], list(pd.date_range("2025-01-01", periods=2)), id="dates"),
    ],
)
def test_a_column_that_the_file_has_too_must_agree(
    tmp_path: Path, folders: list[str], inside: list[Any], suffix: str
) -> None:
    name = folders[0].partition("=")[0]
    right = {f"{folder}/a.{suffix}": ROWS.assign(**{name: v}) for folder, v in zip(folders, inside, strict=True)}
    write(tmp_path, right)
    assert values(read_table(tmp_path)[name]) == inside

    write(tmp_path, {f"{folders[0]}/a.{suffix}": ROWS.assign(**{name: inside})})
    with pytest.raises(StepError) as refused:
        read_table(tmp_path)
    assert refused.value.findings == (
        f"{folders[0]}/a.{suffix}: column '{name}' has other values than the folder '{folders[0]}'; correct one of "
        "them, or remove the column from the file",
    )


@pytest.mark.parametrize(
    ("names", "finding"),
    [
        pytest.param(
            ["region=eu/a.csv", "b.csv"], "region=eu/a.csv adds 'region', compared with b.csv", id="without the folder"
        ),
        pytest.param(
            ["region=eu/a.csv", "regoin=us/a.csv"],
            "regoin=us/a.csv lacks 'region' and adds 'regoin', compared with region=eu/a.csv",
            id="misspelt",
        ),
        pytest.param(["region=eu/region=us/a.csv"], "names 'region' more than once", id="twice"),
    ],
)
def test_refuses_folders(tmp_path: Path, names: list[str], finding: str) -> None:
    write(tmp_path, dict.fromkeys(names, ROWS))

    with pytest.raises(StepError) as refused:
        read_table(tmp_path)
    assert len(refused.value.findings) == 1
    assert finding in refused.value.findings[0]


@pytest.mark.parametrize("role", ["feature", "target", "group", "excluded"])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_folder_is_a_column_like_any_other(chain: Chain, suffix: str, role: str) -> None:
    random = np.random.default_rng(5)
    table = pd.DataFrame({"noise": random.normal(size=2000).round(3), "region": random.choice([*"abcdef"], 2000)})
    table["bought"] = np.where((table["region"] < "d") ^ (random.random(2000) < 0.1), "yes", "no")
    for region, rows in table.groupby("region"):
        write(chain.root / "lake", {f"region={region}/part-0.{suffix}": rows.drop(columns="region")})
    options = {"group": ["--split=group", "--split-column=region"], "excluded": ["--exclude=region"]}.get(role, [])
    target = "region" if role == "target" else "bought"

    assert chain.process(chain.root / "lake", target, "classification", *options) == 0
    assert chain.train() == 0
    assert chain.evaluate() == 0

    evaluation = chain.json("evaluation/evaluation.json")
    if role == "target":
        assert evaluation["multiclass_classification_metrics"]["accuracy"]["value"] > 0.2  # three of six, by `bought`
        return
    auc = evaluation["binary_classification_metrics"]["auc"]["value"]
    assert auc > 0.85 if role == "feature" else auc < 0.6
    if role == "feature":
        assert evaluation["importance"][0]["feature"] == "region"
        served = predict_rows(
            read_request('[{"noise": 0, "region": "a"}, {"noise": 0, "region": "f"}]', JSON), chain.model()
        )
        assert served.answers == ["yes", "no"]


# An index without a name


def indexed(*names: str | None) -> pd.DataFrame:
    levels = [pd.Index([7, 5], name=name) for name in names]
    return ROWS.set_index(levels if len(levels) > 1 else levels[0])


def again(table: pd.DataFrame, times: int) -> pd.DataFrame:
    """The table after pandas has written and read it without being told about its index."""
    for _ in range(times):
        table = pd.read_csv(io.StringIO(table.to_csv()))
    return table


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        pytest.param(ROWS, ["x", "y"], id="counter"),
        pytest.param(ROWS.iloc[1:], ["x", "y"], id="filtered"),
        pytest.param(indexed(None), ["x", "y"], id="one level"),
        pytest.param(indexed(None, None), ["x", "y"], id="two levels"),
        pytest.param(indexed("key"), ["key", "x", "y"], id="a name"),
        pytest.param(indexed("key", "other"), ["key", "other", "x", "y"], id="two names"),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_index_is_a_column_if_it_has_a_name(
    tmp_path: Path, table: pd.DataFrame, columns: list[str], suffix: str
) -> None:
    file = tmp_path / f"a.{suffix}"
    table.to_csv(file) if suffix == "csv" else table.to_parquet(file)

    assert sorted(read_table(file)) == sorted(columns)
    wanted = Data(file.name, "y", "classification")
    assert data.check(wanted, tmp_path) == []
    unknown = data.check(replace(wanted, target="z"), tmp_path)[0].message
    assert sorted(name for name in ("key", "other", "x", "y", "''", "__index") if f"{name}" in unknown) == columns


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        pytest.param(",x,y", ["x", "y"], id="written by pandas or R"),
        pytest.param('"",x,y', ["x", "y"], id="quoted"),
        pytest.param("Unnamed: 0,x,y", ["x", "y"], id="read and written by pandas"),
        pytest.param("Unnamed: 0.1,Unnamed: 0,y", ["y"], id="twice"),
        pytest.param(",,y", ["y"], id="two levels"),
        pytest.param("x,,y", ["x", "", "y"], id="no name further right"),
        pytest.param("x,Unnamed: 1,y", ["x", "Unnamed: 1", "y"], id="no name further right, by pandas"),
    ],
)
@pytest.mark.parametrize("cell", ["3", '"3"'], ids=["plain", "quotes"])
def test_the_first_columns_without_a_name_are_not_read(
    tmp_path: Path, header: str, columns: list[str], cell: str
) -> None:
    (tmp_path / "a.csv").write_text(f"{header}\n1,2,{cell}\n4,5,6\n", encoding="utf-8")

    read = read_table(tmp_path)

    assert list(read) == columns
    assert read["y"].tolist() == [3, 6]
    assert data.check(Data("a.csv", "y", "regression", exclude=["Unnamed: 0"]), tmp_path) == []


def test_an_index_that_was_excluded_or_described_before_is_accepted(chain: Chain, customers: pd.DataFrame) -> None:
    table = again(customers, 2)
    types = {"Unnamed: 0": "integer", "age": "number", "member": "boolean", "town": "text", "bought": "text"}
    save_types(types, chain.root)
    given = (f"--schema={chain.root / 'schema.toml'}", "--exclude=Unnamed: 0", "--exclude=spent")

    assert chain.process(table, "bought", "classification", *given) == 0
    assert chain.json("summary/schema.json")["left_out"] == [{"name": "spent", "reason": "excluded"}]


def test_copies_of_a_row_stay_together_whatever_their_index(chain: Chain, customers: pd.DataFrame) -> None:
    pd.concat([customers, customers]).reset_index(drop=True).to_csv(chain.root / "table.csv")

    assert chain.process(chain.root / "table.csv", "bought", "classification", "--exclude=spent") == 0
    assert any(
        "300 rows (50 %) are duplicates" in warning for warning in chain.json("summary/summary.json")["warnings"]
    )
