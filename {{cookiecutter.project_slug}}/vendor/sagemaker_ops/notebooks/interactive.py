"""A figure to explore in a notebook, with plotly: zoom, select, and see the row under the pointer.

plotly's figures are not in the HTML that nbconvert writes. For a document, use figures.py.
"""

from __future__ import annotations

from html import escape

import pandas as pd
import plotly.express as px
import plotly.graph_objects as go

from sagemaker_ops.notebooks.exploration import LoadedTable

MOST_POINTS = 3000
MOST_SHOWN = 10  # columns under the pointer


def plot_rows(table: LoadedTable, x: str | None = None, y: str | None = None) -> go.Figure:
    """The rows of the train part, at most MOST_POINTS of them, by two columns and in the colour of their target.

    x, y: by default the two columns of numbers or dates that say most about the target.
    """
    best = list(table.explained.index)
    measures = [name for name in best if table.features[name].dtype.kind in "fM"]
    first, second = [*dict.fromkeys([*([x] if x else []), *([y] if y else []), *measures, *best]), *best][:2]
    x, y = x or (first if first != y else second), y or (second if first == x or not x else second)
    rows = table.train
    rows = rows.sample(min(len(rows), MOST_POINTS), random_state=0).sort_index()
    shown = table.features.loc[rows.index]
    target = rows[table.target] if table.schema.problem == "regression" else rows[table.target].map(str)
    hover = pd.DataFrame({_plain(name): shown[name] for name in dict.fromkeys([x, y, *best[:MOST_SHOWN]])})
    figure = px.scatter(
        x=shown[x], y=shown[y], color=target.to_numpy(), opacity=0.6, labels={"x": _plain(x), "y": _plain(y),
        "color": _plain(table.target)}, title=f"{len(rows):,} rows of the train part",
        category_orders=None if table.schema.problem == "regression" else {"color": list(map(str, table.schema.classes))},
    )  # fmt: skip
    return figure if hover.empty else figure


def _plain(name: str) -> str:
    """`name` as it is: plotly reads tags, and formulas between two dollars."""
    return escape(name, quote=False).replace("$", "&#36;")
