"""Figures of a table for notebooks and documents, with matplotlib and seaborn.

Each function returns a closed figure: a notebook shows it once, as the last expression of a cell. Names of columns and
values are shown as they are: a $ is a dollar, not a formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sagemaker_ops.notebooks.exploration import LoadedTable, target_by_column, target_over_time, time_columns
from sagemaker_ops.notebooks.figure_parts import (
    BAR,
    GREY,
    POINT,
    WIDTH,
    drawn,
    name_rows,
    new_figure,
    panels,
    percent,
    sentence,
    short,
    some,
)
from sagemaker_ops.tabular.summary import distinct, type_of

MOST_CLASSES = 6  # in one chart
MOST_MARKS = 2000


@drawn
def draw_missing(table: LoadedTable, most: int = 30) -> Figure:
    """The share of missing values of the columns that have any, `most` of them."""
    shares = table.rows.isna().mean()
    shares = shares[shares > 0].sort_values(ascending=False, kind="stable")
    if shares.empty:
        return sentence("No value is missing.")
    shown = shares.head(most)
    figure = new_figure(WIDTH * 0.7, 1.2 + 0.25 * len(shown))
    axes = figure.add_subplot()
    axes.barh(range(len(shown)), shown.to_numpy(), color=BAR)
    name_rows(axes, [short(name, 30) for name in shown.index])
    for place, share in enumerate(shown):
        axes.text(share, place, f" {percent(share)}", va="center", fontsize=8)
    axes.set(xlim=(0, 1.12), xticks=np.linspace(0, 1, 6), xlabel="share of rows")
    axes.set_title(f"Missing values: {some(len(shown), len(shares), 'columns that have any')}")
    return figure


@drawn
def draw_distributions(table: LoadedTable, columns: Sequence[str] | None = None, most: int = 12) -> Figure:
    """The values of `columns`, by default of those that say most about the target.

    The tails of numbers, 1 % on each side, are outside the chart if they would hide the rest.
    """
    names = list(columns or table.explained.index)
    shown = names[:most]
    figure, places = panels(len(shown), 2.1)
    for axes, name in zip(places, shown, strict=True):
        _draw_distribution(axes, table.checked.rows[name])
        axes.set_title(short(name, 34))
    figure.suptitle(f"Distributions: {some(len(shown), len(names), 'columns', 'those that say most about the target')}")
    return figure


def _draw_distribution(axes: Axes, column: pd.Series) -> None:
    known = column.dropna()
    if known.empty:
        axes.text(0.5, 0.5, "every value is missing", ha="center", transform=axes.transAxes)
    elif type_of(column) in ("integer", "number") and distinct(known) > 12:
        _draw_numbers(axes, known.astype(float))
    elif type_of(column) == "date":
        axes.hist(known.to_numpy(), bins=30, color=BAR)
        axes.tick_params(axis="x", rotation=30)
    else:
        counts = known.value_counts()
        counts = counts[counts > 0]
        shown = counts.sort_index() if type_of(column) != "text" and len(counts) <= 12 else counts.head(8)
        axes.barh(range(len(shown)), shown.to_numpy(), color=BAR)
        name_rows(axes, [short(value, 18) for value in shown.index])
        if len(counts) > len(shown):
            axes.set_xlabel(f"rows; {len(shown)} of {len(counts):,} values")


def _draw_numbers(axes: Axes, known: pd.Series) -> None:
    low, high = known.quantile([0.01, 0.99])
    wide = known.max() - known.min() > 3 * (high - low) > 0
    inside = known[known.between(low, high)] if wide else known
    bins = min(30, distinct(inside)) if (inside % 1 == 0).all() else 30
    axes.hist(inside.to_numpy(), bins=bins, color=BAR)
    if wide:
        axes.set_xlabel(f"1 % to 99 %; all: {known.min():.4g} to {known.max():.4g}")


@drawn
def draw_target(table: LoadedTable) -> Figure:
    """The rows of each class, or the distribution of the numbers to predict."""
    target = table.checked.rows[table.target]
    if table.schema.problem == "regression":
        figure = new_figure(WIDTH * 0.7, 3.6)
        whole, rug = figure.subplots(2, height_ratios=[4, 1])
        _draw_numbers(whole, target)
        for value, name, line in ((target.mean(), "mean", "-"), (target.median(), "median", "--")):
            whole.axvline(value, color=POINT, linestyle=line, label=f"{name} {value:.4g}")
        whole.legend()
        whole.set_ylabel("rows")
        marks = np.sort(target.to_numpy())[:: -(-len(target) // MOST_MARKS)]
        rug.plot([*marks, target.max()], np.zeros(len(marks) + 1), "|", color=BAR, alpha=0.4)
        rug.set(xlabel="all values", yticks=[])
        figure.suptitle(f"Target: {short(table.target)}, {len(target):,} rows")
        return figure
    counts = target.value_counts()
    shown = counts.sort_index() if len(counts) <= 20 else counts.head(20)
    figure = new_figure(WIDTH * 0.7, 1.2 + 0.3 * len(shown))
    axes = figure.add_subplot()
    axes.barh(range(len(shown)), shown.to_numpy(), color=BAR)
    name_rows(axes, [short(value, 30) for value in shown.index])
    for place, rows in enumerate(shown):
        axes.text(rows, place, f" {rows:,} ({percent(rows / len(target))})", va="center", fontsize=8)
    axes.set(xlim=(0, 1.2 * shown.max()), xlabel="rows")
    axes.set_title(f"Target: {short(table.target)}, {some(len(shown), len(counts), 'classes')}")
    return figure


@drawn
def draw_target_by_column(table: LoadedTable, columns: Sequence[str] | None = None, most: int = 9) -> Figure:
    """The target in each group of rows by `columns`, with row counts and 95 % intervals; see `target_by_column`.

    By default the columns that say most about the target. Of many classes, the most frequent ones.
    """
    names = list(columns or table.explained.index)
    shown = names[:most]
    classes = table.answers.mean().sort_values(ascending=False).index[:MOST_CLASSES].tolist()
    figure, places = panels(len(shown), 3.1)
    for axes, name in zip(places, shown, strict=True):
        found = target_by_column(table, name)
        lines = found[found["class"] == classes[0]]
        for number, (label, color) in enumerate(zip(classes, _colors(classes), strict=True)):
            shift = 0.6 * ((number + 0.5) / len(classes) - 0.5)
            _draw_intervals(axes, found[found["class"] == label], color, np.arange(len(lines)) + shift, label)
        name_rows(axes, [f"{short(row.group, 26)}  n={row.rows:,}" for row in lines.itertuples()])
        if len(classes) == 1:
            axes.axvline(table.answers.iloc[:, 0].mean(), color=GREY, linewidth=1, linestyle=":")
        axes.set_title(f"{short(name, 28)}\n{percent(float(table.explained[name]))} explained")
    _explain(figure, places[0], table, classes)
    which = some(len(shown), len(names), "columns", "those that say most about it")
    figure.suptitle(f"{_answer(table)} by column, with 95 % intervals: {which}")
    return figure


@drawn
def draw_target_over_time(table: LoadedTable, column: str | None = None) -> Figure:
    """The target in each range of a column with a time, with 95 % intervals; by default the first of `time_columns`."""
    column = column or next(iter(time_columns(table)), None)
    if column is None:
        return sentence("No column of this table looks like a time.")
    found = target_over_time(table, column)
    classes = table.answers.mean().sort_values(ascending=False).index[:MOST_CLASSES].tolist()
    figure = new_figure(WIDTH, 3.6)
    axes = figure.add_subplot()
    for label, color in zip(classes, _colors(classes), strict=True):
        one = found[found["class"] == label]
        axes.plot(range(len(one)), one["value"], color=color, marker="o", markersize=4, label=label)
        axes.fill_between(range(len(one)), one["low"], one["high"], color=color, alpha=0.2, linewidth=0)
    ends = [f"{row.group}\nn={row.rows:,}".replace(" to ", " to\n") for row in one.itertuples()]
    axes.set_xticks(range(len(one)), ends, fontsize=7)
    axes.set(xlabel=short(column), ylabel=_answer(table))
    _explain(figure, axes, table, classes)
    axes.set_title(f"{_answer(table)} over '{short(column)}', with 95 % intervals")
    return figure


@drawn
def draw_correlations(table: LoadedTable, most: int = 20) -> Figure:
    """Spearman's rank correlation of the numbers and dates among the features, and of the target (one class of two)."""
    numbers = [name for name in table.explained.index if table.features[name].dtype.kind in "fM"]
    shown = numbers[:most]
    values = {name: table.features[name].rank() for name in shown}
    if table.answers.shape[1] == 1:
        values = {f"target: {table.target}": table.answers.iloc[:, 0].rank(), **values}
    if len(values) < 2:
        return sentence("There are no two columns of numbers to correlate.")
    # Of ranks over all known values, which is Spearman's up to missing ones, and quick for many columns.
    matrix = pd.DataFrame(values).corr()
    labels = [short(name, 30) for name in matrix]
    size = 2.2 + 0.38 * len(matrix)
    figure = new_figure(size + 1.2, size)
    axes = figure.add_subplot()
    hidden = np.triu(np.ones(matrix.shape, bool))
    part = matrix.to_numpy()[1:, :-1].round(2) + 0.0
    part[np.abs(part) < 0.05] = 0.0  # shown as 0.0, not -0.0
    sns.heatmap(
        part, mask=hidden[1:, :-1], vmin=-1, vmax=1, cmap="vlag", annot=len(matrix) <= 21, fmt=".1f", square=True,
        linewidths=0.5, ax=axes, annot_kws={"fontsize": 7}, cbar_kws={"shrink": 0.6, "label": "rank correlation"},
        xticklabels=labels[:-1], yticklabels=labels[1:],
    )  # fmt: skip
    axes.grid(visible=False)
    axes.tick_params(axis="x", rotation=90)
    axes.tick_params(axis="y", rotation=0)
    axes.set_title(f"Correlation: {some(len(shown), len(numbers), 'columns with numbers')}")
    return figure


def _draw_intervals(axes: Axes, found: pd.DataFrame, color: str, places: npt.NDArray[Any], label: str) -> None:
    value, low, high = (found[name].to_numpy(float) for name in ("value", "low", "high"))
    wrong = np.isnan(low)  # a mean of one row
    axes.errorbar(
        value, places, xerr=np.where(wrong, 0, [value - low, high - value]), fmt="o", markersize=4, color=color,
        ecolor=color, elinewidth=1.2, capsize=2, label=label,
    )  # fmt: skip


def _explain(figure: Figure, axes: Axes, table: LoadedTable, classes: Sequence[str]) -> None:
    """A legend of several classes."""
    if len(classes) > 1:
        handles, labels = axes.get_legend_handles_labels()
        more = len(table.answers.columns) - len(classes)
        title = f"class (and {more} more)" if more else "class"
        figure.legend(
            handles, [short(label, 20) for label in labels], loc="outside lower center", ncols=len(labels), title=title
        )


def _answer(table: LoadedTable) -> str:
    if table.schema.problem == "regression":
        return f"Mean of '{short(table.target)}'"
    if table.answers.shape[1] == 1:
        return f"Share of '{short(table.answers.columns[0], 20)}' in '{short(table.target)}'"
    return f"Share of each class of '{short(table.target)}'"


def _colors(classes: Sequence[str]) -> list[str]:
    return [BAR] if len(classes) == 1 else sns.color_palette("colorblind", len(classes)).as_hex()
