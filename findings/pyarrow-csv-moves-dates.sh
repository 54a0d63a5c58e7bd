#!/usr/bin/env bash
# Arrow reads a date that does not exist as one of the next month, where pandas and Python report it.
#
# Versions: pyarrow 25.0.0, pandas 2.2.3.
# Guess:    With timestamp_parsers=["%d/%m/%Y"], 31/02/2024 is an error in read_csv, as in pandas.to_datetime.
# Seen:     It is 2 March 2024 without a word, and 31/04/2024 is 1 May; compute.strptime does the same. 32/01/2024 is
#           refused, so the format seems to be checked. Typing errors in a column of dates become other dates.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile pyarrow==25.0.0 pandas==2.2.3

venv/bin/python -W ignore - <<'PY'
import io
import sys

import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

FORMAT = "%d/%m/%Y"
options = pa.csv.ConvertOptions(timestamp_parsers=[FORMAT], column_types={"day": pa.timestamp("s")})

def read(*days):
    column = pa.csv.read_csv(io.BytesIO("\n".join(["day", *days]).encode()), convert_options=options)["day"]
    return [str(day.date()) for day in column.to_pylist()]

found = read("31/02/2024", "31/04/2024")
if found != ["2024-03-02", "2024-05-01"]:
    sys.exit(f"Changed: 31 February and 31 April 2024 are {found}.")
if pa.compute.strptime(pa.array(["31/02/2024"]), FORMAT, "s")[0].as_py().month != 3:
    sys.exit("Changed: strptime reads 31 February differently.")
try:
    sys.exit(f"Changed: 32 January is {read('32/01/2024')}.")
except pa.ArrowInvalid:
    pass
if pd.to_datetime(pd.Series(["31/02/2024"]), format=FORMAT, errors="coerce").notna().any():
    sys.exit("Changed: pandas reads 31 February, too.")
PY
echo "Still so: Arrow moves dates that do not exist into the next month."
