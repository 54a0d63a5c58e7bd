"""Figures of any table: which columns they show, and that no name breaks them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from notebooks.notebook_tables import ROWS, plain, problem_of, random, table

from sagemaker_ops.notebooks import figures
from sagemaker_ops.notebooks.interactive import plot_rows

pytestmark = pytest.mark.slow

DRAW = {name: getattr(figures, name) for name in dir(figures) if name.startswith("draw_")}


def texts(figure: Figure) -> str:
    figure.savefig(BytesIO(), dpi=30)  # a formula would be refused here
    return "\n".join(text.get_text() for text in figure.findobj(plt.Text))


@pytest.fixture(autouse=True)
def without_a_screen() -> None:
    plt.switch_backend("agg")


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("name", DRAW)
def test_odd_tables(kind: str, name: str) -> None:
    rows = plain(kind).assign(**{
        "price $a_{ and $b": random().normal(size=ROWS), "日本 <b>": "$x$", "two\nlines": random().integers(0, 9, ROWS),
        "empty": np.nan, "when": pd.date_range("2024-01-01", periods=ROWS, freq="h"),
        "flag": random().random(ROWS) < 0.5, "rare": ["one", *["many"] * (ROWS - 1)],
    })  # fmt: skip
    rows.loc[::5, ["size", "color", "price $a_{ and $b"]] = np.nan
    seen = table(rows, problem=problem_of(kind))

    figure = DRAW[name](seen)

    assert texts(figure)
    assert plt.get_fignums() == [], "closed, or a notebook shows it twice"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("draw_missing", "No value is missing."),
        ("draw_target_over_time", "No column of this table looks like a time."),
        ("draw_correlations", "There are no two columns of numbers to correlate."),
    ],
)
def test_nothing_to_draw_is_a_sentence(name: str, sentence: str) -> None:
    rows = plain("multiclass").drop(columns=["size", "noise"])

    figure = DRAW[name](table(rows))

    assert sentence in texts(figure)
    assert figure.axes, "IPython shows no figure without axes"


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("draw_missing", "30 of 299 columns"),
        ("draw_distributions", "12 of 303 columns"),
        ("draw_target_by_column", "9 of 303 columns"),
        ("draw_correlations", "20 of 302 columns"),
    ],
)
def test_of_many_columns_some_are_shown(name: str, title: str) -> None:
    many = pd.DataFrame(random().normal(size=(ROWS, 300))).add_prefix("c")
    many.iloc[0, 1:] = np.nan

    assert title in texts(DRAW[name](table(plain().join(many))))


def test_the_rows_of_each_group_are_in_the_chart() -> None:
    seen = table(plain())

    rows = (seen.train["color"] == "red").sum()

    assert f"red  n={rows:,}" in texts(figures.draw_target_by_column(seen, ["color"]))


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize(
    ("given", "labels"),
    [
        ({}, {"&#36;a&#36; &lt;b&gt;", "size"}),
        ({"x": "noise"}, {"noise", "size"}),
        ({"y": "color"}, {"color", "size"}),
        ({"x": "color", "y": "noise"}, {"color", "noise"}),
    ],
)
def test_the_chart_to_explore(kind: str, given: dict[str, Any], labels: set[str]) -> None:
    rows = plain(kind)
    rows["$a$ <b>"] = rows["size"] * 0.5 + random().random(ROWS)

    figure = plot_rows(table(rows, problem=problem_of(kind)), **given)

    shown = {figure.layout.xaxis.title.text, figure.layout.yaxis.title.text}
    assert (shown == labels) if len(given) != 1 else (set(given.values()) < shown)
    assert len(figure.data) == {"binary": 2, "multiclass": 3, "regression": 1}[kind]
