#!/usr/bin/env bash
# pandas reads a time without an offset as if it had the offset of the text before it.
#
# Versions: pandas 2.2.3.
# Guess:    With to_datetime(format="ISO8601", utc=True), a text without offset is UTC, as the documentation says of
#           naive inputs, wherever it stands.
# Seen:     After 12:00+02:00, a plain 12:00 is 10:00 UTC, not 12:00; in front of it, it is 12:00. So the same rows in
#           another order get other times. format="mixed" reads each text by itself.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile pandas==2.2.3

venv/bin/python -W ignore - <<'PY'
import sys

import pandas as pd

PLAIN, SUMMER = "2024-07-01T12:00:00", "2024-07-01T12:00:00+02:00"

def hours(*texts, format):
    return [each.hour for each in pd.to_datetime(pd.Series(texts), format=format, utc=True)]

found = hours(PLAIN, SUMMER, PLAIN, format="ISO8601")
if found != [12, 10, 10]:
    sys.exit(f"Changed: the hours are {found}.")
if (mixed := hours(PLAIN, SUMMER, PLAIN, format="mixed")) != [12, 10, 12]:
    sys.exit(f"Changed: with format='mixed' the hours are {mixed}.")
PY
echo "Still so: a time without offset takes that of the text before it."
