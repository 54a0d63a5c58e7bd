#!/usr/bin/env bash
# Evidently's drift preset reports no drift when a column is suddenly 90 % empty, and is silent when it is gone.
#
# Versions: evidently 0.7.23, pandas 2.2.3.
# Guess:    A column without gaps in the reference and with 90 % gaps now has drifted. A column that is gone is an
#           error, or counts as drifted.
# Seen:     Gaps are dropped before the test: the p-value of the 90 % column is far above 0.05, and 0 columns have
#           drifted. A column that only the reference has is left out of the result without a word. One that only
#           the new data has raises ValueError.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile evidently==0.7.23 pandas==2.2.3

venv/bin/python -W ignore - 2> log.txt <<'PY' || { tail -n 3 log.txt; exit 1; }
import sys
import numpy as np, pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset

delay = np.random.default_rng(0).normal(size=500)
both = pd.DataFrame({"age": delay[::-1], "delay": delay})
empty = both.assign(delay=both.delay.where(both.index % 10 == 0))
age = both[["age"]]

def drifted(current, reference):
    """(how many columns have drifted, how many were looked at)."""
    first, *columns = Report([DataDriftPreset()]).run(current, reference).dict()["metrics"]
    return first["value"]["count"], len(columns)

if (seen := drifted(empty, both)) != (0, 2):
    sys.exit(f"Changed: with 90 % gaps in a column, {seen[0]} of {seen[1]} columns have drifted.")
if (seen := drifted(age, both)) != (0, 1):
    sys.exit(f"Changed: without a column, {seen[0]} of {seen[1]} columns have drifted.")
try:
    drifted(both, age)
except ValueError:
    pass
else:
    sys.exit("Changed: a column that only the new data has is now accepted.")
PY
echo "Still so: neither gaps nor a column that is gone count as drift."
