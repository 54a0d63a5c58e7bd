"""The common style and the parts of the figures of figures.py."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from typing import ParamSpec

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

Given = ParamSpec("Given")
WIDTH = 11.0  # inches
PANELS = 3  # in a row
BAR, POINT, GREY = "#4c72b0", "#c44e52", "0.45"
STYLE = {
    **sns.axes_style("whitegrid"),
    "text.parse_math": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "figure.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def drawn(draw: Callable[Given, Figure]) -> Callable[Given, Figure]:
    """Draw in the style of this module, and close the figure: otherwise a notebook would show it twice."""

    @wraps(draw)
    def styled(*args: Given.args, **kwargs: Given.kwargs) -> Figure:
        # The font of matplotlib lacks most of the world's characters; it shows a box for each.
        warnings.filterwarnings("ignore", "Glyph .* missing from (current )?font", UserWarning)
        with plt.rc_context(STYLE):
            figure = draw(*args, **kwargs)
            for text in figure.findobj(Text):
                text.set_parse_math(False)
            figure.draw_without_rendering()
        figure.set_layout_engine("none")  # the layout is done, and would take its time again whenever it is shown
        plt.close(figure)
        return figure

    return styled


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches."""
    figure: Figure = plt.figure(figsize=(width, height), layout="constrained")
    return figure


def panels(number: int, height: float) -> tuple[Figure, list[Axes]]:
    """A figure with axes in rows of PANELS."""
    rows, columns = max(1, -(-number // PANELS)), PANELS
    figure = new_figure(WIDTH, 0.5 + height * rows)
    return figure, [figure.add_subplot(rows, columns, place + 1) for place in range(number)]


def sentence(text: str) -> Figure:
    figure = new_figure(WIDTH * 0.7, 0.6)
    axes = figure.add_subplot()  # IPython shows no figure without axes
    axes.set_axis_off()
    axes.text(0, 0.5, text, va="center", fontsize=10)
    return figure


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """The labels of horizontal bars or points, the first one on top."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")


def short(name: object, most: int = 40) -> str:
    """`name` on one line, shortened in the middle: the ends of names often tell them apart."""
    text = str(name).removesuffix(" 00:00:00")
    text = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= most else f"{text[: most - most // 3 - 1]}…{text[-(most // 3) :]}"


def percent(share: float) -> str:
    return f"{100 * share:.1f} %" if 0 < share < 0.995 else f"{100 * share:.0f} %"


def some(shown: int, total: int, what: str, which: str = "") -> str:
    if shown == total:
        return f"{total:,} {what}"
    return f"{shown} of {total:,} {what}{f' ({which})' if which else ''}"
