"""Features made from the columns. The same code runs when the model is trained, evaluated and served."""

from __future__ import annotations

import pandas as pd


def add_features(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with the columns that you add: numbers, computed from one row at a time.

    `frame` has the features of schema.json: numbers and booleans as float64, categories as text, dates as
    datetime64[ns], NaN or NaT where missing. For the flights, this adds the hour of departure:

        return frame.assign(hour=frame["sched_dep_time"] // 100)
    """
    return frame
