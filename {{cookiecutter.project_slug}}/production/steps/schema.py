"""What the model expects: target, features with their kinds, classes. Written once, read by every later step."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from errors import StepError, did_you_mean, listed, raise_any

Problem = Literal["classification", "regression"]
Kind = Literal["numeric", "boolean", "categorical", "date"]
Label = bool | int | str

BOOLEANS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}


@dataclass(frozen=True)
class Feature:
    """A column the model uses."""

    name: str
    kind: Kind


@dataclass(frozen=True)
class LeftOut:
    """A column the model does not use, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Schema:
    """The columns of one model.

    `classes` are a classification's labels in order, the second of two being the positive one; a regression has none.
    `naive` is what a model that looks at no feature would say: the share of each class in train, or the mean target.
    `weight` and `id` are columns that every part keeps beside the features: how much a row counts, and which one it is.
    """

    target: str
    problem: Problem
    features: tuple[Feature, ...]
    classes: tuple[Label, ...] = ()
    naive: tuple[float, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    weight: str | None = None
    id: str | None = None

    @property
    def names(self) -> list[str]:
        return [feature.name for feature in self.features]

    def of_kind(self, *kinds: Kind) -> list[str]:
        return [feature.name for feature in self.features if feature.kind in kinds]

    def frame(self, table: pd.DataFrame) -> pd.DataFrame:
        """The features of `table`, in order: float64 for numbers and booleans, text for categories, NaN if missing;
        datetime64[ns] in UTC, without a time zone, for dates.

        They go by name; other columns are passed over. Raises StepError for each column that is missing or holds
        something else.
        """
        others = [name for name in table.columns if name not in self.names]
        findings = [
            f"column '{name}' is missing.{did_you_mean(name, others)}" for name in self.names if name not in table
        ]
        columns = {}
        for feature in self.features:
            if feature.name in table:
                values, finding = _CONVERT[feature.kind](table[feature.name])
                columns[feature.name] = values
                findings += [f"column '{feature.name}' {finding}"] if finding else []
        raise_any(findings)
        return pd.DataFrame(columns, index=table.index)

    def truth(self, table: pd.DataFrame) -> npt.NDArray[Any]:
        """The target of `table`: class numbers (positions in `classes`) as int64, or float64."""
        if self.problem == "regression":
            return np.asarray(table[self.target], dtype=np.float64)
        numbers = table[self.target].map({label: number for number, label in enumerate(self.classes)})
        unknown = table.loc[numbers.isna(), self.target].unique().tolist()
        if unknown:
            raise StepError(f"target '{self.target}' holds {listed(unknown)}, not among {listed(self.classes)}")
        return np.asarray(numbers, dtype=np.int64)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False)
        (folder / "schema.json").write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Schema:
        path = folder / "schema.json"
        if not path.is_file():
            raise StepError(
                f"{path} does not exist; processing.py writes it to its --summary-dir, training.py beside the model"
            )
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            target=content["target"],
            problem=content["problem"],
            features=tuple(Feature(**feature) for feature in content["features"]),
            classes=tuple(content["classes"]),
            naive=tuple(content["naive"]),
            left_out=tuple(LeftOut(**column) for column in content["left_out"]),
            weight=content.get("weight"),
            id=content.get("id"),
        )


Converted = tuple[pd.Series, str]  # the values, and what is wrong with the column ("" if nothing)


def _numeric(column: pd.Series) -> Converted:
    values = pd.to_numeric(column, errors="coerce").astype(float).replace([np.inf, -np.inf], np.nan)
    return values, _first_wrong(column, values, "numbers")


def _boolean(column: pd.Series) -> Converted:
    known = column.astype(object).where(column.notna(), None)  # pandas' NA is no float, None becomes NaN
    values = known.map(lambda value: BOOLEANS.get(str(value).lower()), na_action="ignore").astype(float)
    return values, _first_wrong(column, values, "true or false")


def _categorical(column: pd.Series) -> Converted:
    values = column.map(str, na_action="ignore").astype(object)
    return values.where(column.notna() & (values != ""), np.nan), ""


def _date(column: pd.Series) -> Converted:
    text = column if pd.api.types.is_datetime64_any_dtype(column) else column.map(str, na_action="ignore")
    moments = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)
    values = moments.dt.tz_convert(None).astype("datetime64[ns]")
    return values, _first_wrong(column, values, "dates such as 2025-12-31")


_CONVERT = {"numeric": _numeric, "boolean": _boolean, "categorical": _categorical, "date": _date}


def _first_wrong(column: pd.Series, values: pd.Series, expected: str) -> str:
    wrong = (column.notna() & values.isna() & (column.map(str) != "")).to_numpy()
    if not wrong.any():
        return ""
    row = int(wrong.argmax())
    return f"must hold {expected}, but row {row + 1} holds '{column.iloc[row]}'"
