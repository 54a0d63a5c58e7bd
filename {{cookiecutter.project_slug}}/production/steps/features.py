"""Features made from the columns, by the same code when the model is trained, evaluated and served."""

from __future__ import annotations

import pandas as pd

from dates import days


def add_features(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with the columns you add to it: numbers, made from one row at a time.

    `frame` holds the features of schema.json: numbers and booleans as float64, categories as text, dates as
    datetime64[ns], NaN or NaT where missing. For the flights, the hour of departure would be

        return frame.assign(hour=frame["sched_dep_time"] // 100)
    """
    return frame


def date_numbers(dates: pd.DataFrame) -> pd.DataFrame:
    """Each date as numbers that a model can use: days since 1970, month, weekday (Monday is 0) and hour."""
    numbers = [[days(date), date.dt.month, date.dt.weekday, date.dt.hour] for _, date in dates.items()]
    return pd.concat([number for each in numbers for number in each], axis="columns", ignore_index=True)
