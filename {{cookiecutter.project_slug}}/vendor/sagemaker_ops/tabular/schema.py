"""What the model expects: target, features with their kinds, classes. Written once, read by every later step."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from sagemaker_ops.tabular.dates import date_text, is_far_off, to_dates
from sagemaker_ops.tabular.errors import StepError, did_you_mean, listed, raise_any, short
from sagemaker_ops.tabular.notation import STANDARD, Notation

Problem = Literal["classification", "regression"]
PROBLEMS: tuple[Problem, ...] = get_args(Problem)
Kind = Literal["numeric", "boolean", "categorical", "date"]
Label = bool | int | float | str
Convert = Callable[[pd.Series], pd.Series]
Read = Callable[[pd.Series, Notation], pd.Series]

EXPECTED = {"numeric": "numbers", "boolean": "true or false", "date": "dates such as 2025-12-31"}

# What means no value in a CSV file, as in pandas.
MISSING = ["", "NA", "#NA", "<NA>", "N/A", "#N/A", "#N/A N/A", "n/a"]
MISSING += ["NaN", "nan", "-NaN", "-nan", "NULL", "null", "None"]
BOOLEANS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}


@dataclass(frozen=True)
class Feature:
    """A column that the model uses."""

    name: str
    kind: Kind


@dataclass(frozen=True)
class LeftOut:
    """A column that the model does not use, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Schema:
    """The columns of one model.

    `classes` are a classification's labels in order, the second of two being the positive one; a regression has none.
    `naive` is the answer of a model without features: the share of each class in train, or the mean target. `weight`
    and `id` are columns that every part keeps in addition to the features: how much a row counts, and its identifier.
    `words` are those of MISSING that are categories in this table, such as the country NA in a Parquet file.
    `notation` is how the texts of a request are read: as in the table. `groups` are the columns, features or not, whose
    values get their own metrics.
    """

    target: str
    problem: Problem
    features: tuple[Feature, ...]
    classes: tuple[Label, ...] = ()
    naive: tuple[float, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    weight: str | None = None
    id: str | None = None
    words: tuple[str, ...] = ()
    notation: Notation = STANDARD
    groups: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        return [feature.name for feature in self.features]

    @property
    def texts(self) -> list[str]:
        """The columns whose text stays unchanged when a part is read, even if it looks like dates."""
        classes = [self.target] * any(isinstance(label, str) for label in self.classes)
        groups = [name for name in self.groups if name not in self.names]
        return [*self.of_kind("categorical"), *classes, *groups]

    def of_kind(self, *kinds: Kind) -> list[str]:
        return [feature.name for feature in self.features if feature.kind in kinds]

    def frame(self, table: pd.DataFrame) -> pd.DataFrame:
        """The features of `table`, in order: float64 for numbers and booleans, text for categories, NaN if missing;
        datetime64[ns] in UTC, without a time zone, for dates.

        A missing value, an empty text and a text such as NA are the same, in a file and in a request.
        Columns are matched by name; others are ignored. Raises StepError with each column that is missing or has other
        content.
        """
        others = [name for name in table.columns if name not in self.names]
        findings = [
            f"column '{name}' is missing.{did_you_mean(name, others)}" for name in self.names if name not in table
        ]
        columns, gaps = {}, [text for text in MISSING if text not in self.words]
        for feature in self.features:
            if feature.name in table:
                columns[feature.name], wrong = read_as(feature.kind, table[feature.name], gaps, self.notation)
                if wrong.any():
                    row = int(wrong.to_numpy().argmax())
                    findings.append(
                        f"column '{feature.name}' must contain {EXPECTED[feature.kind]}, "
                        f"but row {row + 1} has '{short(table[feature.name].iloc[row])}'"
                    )
        raise_any(findings)
        return pd.DataFrame(columns, index=table.index)

    def truth(self, table: pd.DataFrame) -> npt.NDArray[Any]:
        """The target of `table`: class numbers (positions in `classes`) as int64, or float64."""
        if self.problem == "regression":
            return np.asarray(table[self.target], dtype=np.float64)
        target = plain_text(table[self.target]) if self.target in self.texts else table[self.target]
        numbers = target.map({label: number for number, label in enumerate(self.classes)})
        unknown = table.loc[numbers.isna(), self.target].unique().tolist()
        if unknown:
            raise StepError(f"target '{self.target}' contains {listed(unknown)}, not one of {listed(self.classes)}")
        return np.asarray(numbers, dtype=np.int64)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        content = asdict(self) | {"notation": self.notation.settings}
        text = json.dumps(content, indent=2, ensure_ascii=False)
        (folder / "schema.json").write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Schema:
        path = folder / "schema.json"
        if not path.is_file():
            raise StepError(
                f"{path} does not exist; processing.py writes it to its --summary-dir, training.py next to the model"
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
            words=tuple(content.get("words", ())),
            notation=Notation.of(content.get("notation", {})),
            groups=tuple(content.get("groups", ())),
        )


def plain_text(column: pd.Series) -> pd.Series:
    """`column` as text: a whole number without the .0 caused by gaps elsewhere, a day without 00:00:00."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return date_text(column)
    return column.map(_plain, na_action="ignore").astype(object)


def _plain(value: object) -> str:
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)


def read_as(
    kind: Kind, column: pd.Series, gaps: Sequence[str] = MISSING, notation: Notation = STANDARD
) -> tuple[pd.Series, pd.Series]:
    """`column` as a feature of `kind`, NaN or NaT if missing, and which of its values are not valid.

    gaps: the texts that mean no value in a column of text; in other columns, all of MISSING do. Those of the notation
    do in all columns.
    """
    gaps = [*(gaps if kind == "categorical" else MISSING), *notation.missing]
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.remove_categories(column.cat.categories.intersection(gaps))
    elif column.dtype == object:
        column = column.mask(column.isna() | column.isin(gaps), np.nan)
    values = _READ[kind](column, notation)
    missing = values.isin({"numeric": notation.numbers, "categorical": notation.missing}.get(kind, ()))
    return values.mask(_NOTHING[kind](values) | missing), column.notna() & values.isna()


def _numbers(column: pd.Series, notation: Notation) -> pd.Series:
    """Numbers as they are, and texts as Arrow reads them in a CSV file, so that a request has the values of training.

    NaN for anything else. pandas would change the last bit of many numbers.
    """
    if pd.api.types.is_any_real_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return pd.to_numeric(column, errors="coerce").astype(float)
    column = column.astype(object).map(_large_as_text, na_action="ignore")
    texts = column.map(lambda value: isinstance(value, str)).to_numpy(bool)
    numbers = pd.to_numeric(column.mask(texts, np.nan), errors="coerce").to_numpy(float, copy=True)
    numbers[texts] = to_numbers(column[texts], notation)
    return pd.Series(numbers, column.index, name=column.name)


def to_numbers(texts: Iterable[str], notation: Notation) -> npt.NDArray[np.float64]:
    """The numbers that texts stand for; NaN for other texts."""
    return _parsed(notation.standard(text.strip() for text in texts))


def _large_as_text(value: object) -> object:
    """pandas takes a whole number beyond 64 bits for no number."""
    return str(value) if isinstance(value, int) and value.bit_length() > 63 else value


def _parsed(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    for kind in (pa.int64(), pa.float64()):
        with suppress(ValueError):  # Arrow's own error, or a text that is not Unicode
            return np.asarray(pa.array(texts, pa.string()).cast(kind).to_numpy().astype(float))
    if len(texts) > 1:
        return np.concatenate([_parsed([text]) for text in texts])
    with suppress(ValueError):
        return np.array([np.nan if "_" in texts[0] else float(texts[0])])  # such as +5
    return np.array([np.nan])


def _flags(column: pd.Series, _: Notation) -> pd.Series:
    known = column.astype(object).where(column.notna(), None)  # pandas' NA is not a float; None becomes NaN
    return known.map(lambda value: BOOLEANS.get(str(value).lower()), na_action="ignore").astype(float)


_READ: dict[Kind, Read] = {
    "numeric": _numbers,
    "boolean": _flags,
    "categorical": lambda column, _: plain_text(column),
    "date": lambda column, notation: to_dates(column, notation.formats(column.name)),
}
_NOTHING: dict[Kind, Convert] = {
    "numeric": np.isinf,
    "boolean": np.isnan,
    "categorical": lambda text: text == "",
    "date": is_far_off,
}
