#!/usr/bin/env bash
# For scikit-learn's encoders, the None of a JSON request is an unknown category when the training table had NaN.
#
# Versions: scikit-learn 1.9.0, pandas 2.2.3.
# Guess:    None and NaN are both "missing", so a missing text of a JSON request is encoded like one of the training
#           table.
# Seen:     read_csv gives NaN, and JSON's null becomes None in a column of texts. TargetEncoder encodes NaN as the
#           mean of its rows (1.0) and None as the mean of all rows (0.75). OneHotEncoder sets the column of NaN,
#           and for None (handle_unknown="ignore") no column at all. Neither warns. Replacing None by NaN before
#           predicting makes them equal.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile scikit-learn==1.9.0 pandas==2.2.3

venv/bin/python -W error - <<'PY'
import io, json, sys
import numpy as np, pandas as pd
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

table = pd.read_csv(io.StringIO("carrier,late\n" + "AA,0\nBB,1\n,1\n,1\n" * 10))
request = pd.DataFrame(json.loads('[{"carrier": null}]'), columns=["carrier"], dtype=object)
target = TargetEncoder(random_state=0).fit(table[["carrier"]], table["late"])
onehot = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(table[["carrier"]])

def encoded(rows):
    return target.transform(rows).tolist()[0] + onehot.transform(rows).tolist()[0]

for what, rows, expected in (
    ("the training table's own gap", table[["carrier"]].iloc[2:3], [1.0, 0, 0, 1]),
    ("a JSON null", request, [0.75, 0, 0, 0]),
    ("a JSON null that was replaced by NaN", request.where(request.notna(), np.nan), [1.0, 0, 0, 1]),
):
    if not np.allclose(encoded(rows), expected):
        sys.exit(f"Changed: {what} is now encoded as {encoded(rows)}, no longer as {expected}.")
PY
echo "Still so: None is encoded as an unknown category, and NaN as the missing one."
