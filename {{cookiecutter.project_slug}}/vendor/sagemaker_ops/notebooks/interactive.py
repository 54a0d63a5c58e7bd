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
    free = [name for name in [*measures, *best] if name not in (x, y)] or best
    x = x if x is not None else free.pop(0)
    y = y if y is not None else next((name for name in free if name != x), x)
    classes = None if table.schema.problem == "regression" else [str(label) for label in table.schema.classes]
    rows = table.train.sample(min(len(table.train), MOST_POINTS), random_state=0).sort_index()
    target = rows[table.target] if classes is None else rows[table.target].map(str)
    shown = table.features.loc[rows.index, list(dict.fromkeys([x, y, *best[:MOST_SHOWN]]))]
    frame = pd.DataFrame({f"c{number}": shown[name].to_numpy() for number, name in enumerate(shown)})
    names = {column: _plain(name) for column, name in zip(frame, shown, strict=True)}
    of = {name: column for column, name in zip(frame, shown, strict=True)}
    return px.scatter(
        frame.assign(target=[_plain(label) for label in target] if classes else target.to_numpy()),
        x=of[x],
        y=of[y],
        color="target",
        opacity=0.6,
        hover_data=list(frame),
        labels={**names, "target": _plain(table.target)},
        category_orders={"target": [_plain(label) for label in classes]} if classes else None,
        title=f"{len(frame):,} rows of the train part",
    )


def _plain(name: str) -> str:
    """`name` as it is: plotly reads tags, and formulas between two dollars."""
    return escape(name, quote=False).replace("$", "&#36;")
