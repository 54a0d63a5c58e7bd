"""A fitted pipeline taken apart, which predicts the same to the last bit without the checks of scikit-learn.

The encoders become dictionaries, by asking the fitted ones for each known category; fast_trees.py has the trees. Some
of the parts are private (`_predictors`, `_bin_mapper`, `_preprocess_X`), so a model is only taken apart under the
version of scikit-learn that it was compared under.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, TargetEncoder

from sagemaker_ops.tabular import fast_values
from sagemaker_ops.tabular.dates import date_numbers
from sagemaker_ops.tabular.estimator import predict
from sagemaker_ops.tabular.fast_trees import Floats, Trees
from sagemaker_ops.tabular.fast_values import Codes, Convert, UnsureError
from sagemaker_ops.tabular.schema import Schema

COMPARED, COMPARED_ALONE = 1000, 20  # rows of a comparison, and how many of them also one by one
UNKNOWN = "\0 a category that no table has"


@dataclass(frozen=True)
class Column:
    """Where a feature's numbers are among those that the trees see. codes: see fast_values.categories."""

    slots: tuple[int, ...]
    codes: tuple[tuple[Codes, float], ...] = ()


class FastModel:
    """Predicts like the pipeline that it was made from."""

    def __init__(self, pipeline: Pipeline, schema: Schema) -> None:
        """Raises UnsureError for a pipeline with steps that are not known here."""
        preparation, boosting = _known_steps(pipeline)
        self._schema, self._boosting = schema, boosting
        self._columns = _columns(preparation, boosting, schema)
        self._width: int = boosting.n_features_in_
        self._converts = [
            (self._columns[each.name].slots, _convert(self._columns[each.name], each, schema))
            for each in schema.features
        ]
        self._trees = Trees(boosting)

    def predict_values(self, columns: Sequence[Sequence[Any]]) -> Floats:
        """As `estimator.predict`, for the values of each feature of the schema, in this order.

        Raises UnsureError if one of them is written in an unusual way.
        """
        return self._answers(self._trees.raw(self._prepared(columns)))

    def predict_frame(self, frame: pd.DataFrame) -> Floats:
        """As `estimator.predict`, for what `Schema.frame` returns."""
        prepared = np.empty((len(frame), self._width))
        for feature in self._schema.features:
            values, column = frame[feature.name], self._columns[feature.name]
            if column.codes:
                numbers, categories = pd.factorize(values)
                for slot, (table, other) in zip(column.slots, column.codes, strict=True):
                    known = [table.get(each, other) for each in categories] + [table[""]]  # factorize has -1 for gaps
                    prepared[:, slot] = np.array(known)[numbers]
            elif feature.kind == "date":
                prepared[:, column.slots] = date_numbers(frame[[feature.name]]).to_numpy(float)
            else:
                prepared[:, column.slots[0]] = values.to_numpy(float)
        return self._answers(self._trees.raw(prepared))

    def _prepared(self, columns: Sequence[Sequence[Any]]) -> Floats:
        """What the trees see of these values, (rows, their columns)."""
        numbers: list[list[float]] = [[]] * self._width
        for (slots, convert), values in zip(self._converts, columns, strict=True):
            for slot, found in zip(slots, convert(values), strict=True):
                numbers[slot] = found
        return np.ascontiguousarray(np.array(numbers).T)

    def _answers(self, raw: Floats) -> Floats:
        loss = self._boosting._loss
        if self._schema.problem == "regression":
            return np.asarray(loss.link.inverse(raw.ravel()), dtype=np.float64)
        return np.asarray(loss.predict_proba(raw), dtype=np.float64)


def take_apart(pipeline: Pipeline, schema: Schema) -> FastModel | None:
    """The model taken apart; None if a step of the pipeline is not known here."""
    with suppress(UnsureError, AttributeError, LookupError, TypeError, ValueError):  # also of the private parts
        return FastModel(pipeline, schema)
    return None


def is_the_same(pipeline: Pipeline, schema: Schema, rows: pd.DataFrame) -> bool:
    """Whether the model can be taken apart and then predicts the same for these rows, together and one by one."""
    fast = take_apart(pipeline, schema)
    if fast is None or rows.empty:
        return False
    frame = schema.frame(rows.head(COMPARED))
    try:
        expected = predict(pipeline, frame)
        if not np.array_equal(fast.predict_frame(frame), expected):
            return False
        # The steps that can be taken apart treat each row by itself.
        for number, row in zip(range(COMPARED_ALONE), _as_values(frame), strict=False):
            with suppress(UnsureError):
                if not np.array_equal(fast.predict_values([[value] for value in row]), expected[number : number + 1]):
                    return False
    except (AttributeError, LookupError, TypeError, ValueError):  # private parts that have changed
        return False
    return True


def _as_values(frame: pd.DataFrame) -> Iterator[list[Any]]:
    """The rows as a request has them."""
    for row in frame.itertuples(index=False):
        values = [None if pd.isna(value) else value for value in row]
        yield [str(value) if isinstance(value, pd.Timestamp) else value for value in values]


def _known_steps(pipeline: Pipeline) -> tuple[ColumnTransformer, Any]:
    """The preparation and the boosting of a pipeline that model.py made; UnsureError for another one."""
    features, preparation, boosting = pipeline
    if type(features) is not FunctionTransformer or features.kw_args or not _does_nothing(features.func):
        raise UnsureError
    if type(preparation) is not ColumnTransformer or preparation.sparse_output_ or preparation.transformer_weights:
        raise UnsureError
    if type(boosting) not in (HistGradientBoostingClassifier, HistGradientBoostingRegressor):
        raise UnsureError
    return preparation, boosting


def _does_nothing(function: Any) -> bool:
    """Whether it returns its argument, whatever its name and docstring."""
    code = getattr(function, "__code__", None)
    return code is not None and code.co_argcount == 1 and code.co_code == (lambda frame: frame).__code__.co_code


def _columns(preparation: ColumnTransformer, boosting: Any, schema: Schema) -> dict[str, Column]:
    """{feature: where its numbers are}, by the fitted transformers."""
    kinds = {feature.name: feature.kind for feature in schema.features}
    slots: dict[str, list[int]] = {name: [] for name in kinds}
    asked: dict[str, list[tuple[int, list[str], Floats]]] = {name: [] for name in kinds}
    width = 0
    for _, transformer, names in preparation.transformers_:
        names = [preparation.feature_names_in_[each] if isinstance(each, int) else each for each in names]
        if not names or transformer == "drop":
            continue
        if type(transformer) in (OrdinalEncoder, TargetEncoder):
            for name, categories, codes in _asked(transformer, names):
                for code in codes.T:
                    asked[name].append((width, categories, code))
                    width += 1
            continue
        of_dates = type(transformer) is FunctionTransformer and transformer.func is date_numbers
        if not of_dates and transformer != "passthrough" and getattr(transformer, "func", transformer) is not None:
            raise UnsureError
        for name in names:
            if (kinds[name] == "date") != of_dates or kinds[name] == "categorical":
                raise UnsureError
            count = 4 if of_dates else 1
            slots[name] += range(width, width + count)
            width += count
    if width != boosting.n_features_in_ or not all(asked[name] or slots[name] for name in kinds):
        raise UnsureError
    return _in_the_order_of_the_trees(slots, asked, boosting)


def _asked(encoder: Any, names: Sequence[str]) -> Iterator[tuple[str, list[str], Floats]]:
    """(column, its categories, a gap and an unknown one; (categories, outputs): their codes), by asking the encoder."""
    known = [[each for each in values if isinstance(each, str)] for values in encoder.categories_]
    lists = [[*categories, nan, UNKNOWN] for categories in known]
    longest = max(map(len, lists))
    filled = {name: [*values, *[nan] * (longest - len(values))] for name, values in zip(names, lists, strict=True)}
    table = pd.DataFrame(filled)
    codes = np.asarray(encoder.transform(table.astype(object)), dtype=np.float64).reshape(longest, len(names), -1)
    for number, (name, values) in enumerate(zip(names, lists, strict=True)):
        yield name, ["" if each is nan else str(each) for each in values], codes[: len(values), number]


def _in_the_order_of_the_trees(
    slots: dict[str, list[int]], asked: dict[str, list[tuple[int, list[str], Floats]]], boosting: Any
) -> dict[str, Column]:
    """The boosting has an encoder of its own, which puts the categorical columns first and numbers them again."""
    width = boosting.n_features_in_
    order, is_coded = list(range(width)), np.zeros(width, dtype=bool)
    if boosting._preprocessor is not None:
        is_coded = np.asarray(boosting.is_categorical_)
        order[:] = np.argsort([*np.flatnonzero(is_coded), *np.flatnonzero(~is_coded)]).tolist()
    found = {}
    for name in slots:
        codes = []
        for slot, categories, values in asked[name]:
            if is_coded[slot]:
                rows = np.zeros((len(values), width))
                rows[:, slot] = values
                values = boosting._preprocess_X(rows, reset=False)[:, order[slot]]
            table = dict(zip(categories, values.tolist(), strict=True))
            codes.append((table, table.pop(UNKNOWN)))
        if any(is_coded[slot] for slot in slots[name]):
            raise UnsureError
        own = [*slots[name], *(slot for slot, *_ in asked[name])]
        found[name] = Column(tuple(order[slot] for slot in own), tuple(codes))
    return found


def _convert(column: Column, feature: Any, schema: Schema) -> Convert:
    gaps = fast_values.gaps_of(feature, schema)
    if feature.kind == "categorical":
        codes = [({**table, **dict.fromkeys(gaps, table[""])}, other) for table, other in column.codes]
        return fast_values.categories(codes)
    if feature.kind == "date":
        return fast_values.dates(gaps, schema.notation.formats(feature.name))
    return fast_values.flags(gaps) if feature.kind == "boolean" else fast_values.numbers(gaps, schema.notation)
