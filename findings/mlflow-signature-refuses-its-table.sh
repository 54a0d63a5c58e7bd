#!/usr/bin/env bash
# A model signature that MLflow infers from a table with a categorical column refuses that very table.
#
# Versions: mlflow 3.17.2, scikit-learn 1.9.0, pandas 2.2.3.
# Guess:    infer_signature(table) describes the table, so the loaded model accepts it; and a column of decimal
#           numbers accepts whole numbers.
# Seen:     A categorical column becomes "string" in the signature. The model that is loaded with mlflow.pyfunc
#           raises MlflowException for the table: category cannot be converted to string safely. It accepts the
#           column as text. A "double" refuses int64 too, though it accepts int32.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile mlflow==3.17.2 scikit-learn==1.9.0 pandas==2.2.3

export MLFLOW_TRACKING_URI="sqlite:///$work/mlflow.db"
venv/bin/python -W ignore - 2> log.txt <<'PY' || { tail -n 3 log.txt; exit 1; }
import sys
import mlflow, pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier

table = pd.DataFrame({"carrier": pd.Categorical(["AA", "BB"] * 50), "delay": [float(n) for n in range(100)]})
model = HistGradientBoostingClassifier(max_iter=5).fit(table, [0, 1] * 50)
signature = mlflow.models.infer_signature(table)
mlflow.sklearn.save_model(model, "model", signature=signature, pip_requirements=[], serialization_format="cloudpickle")
loaded = mlflow.pyfunc.load_model("model")

def accepts(rows):
    try:
        loaded.predict(rows)
    except mlflow.MlflowException:
        return False
    return True

text = table.astype({"carrier": str})
model.predict(table)
seen = {
    "its own table": accepts(table),
    "the category as text": accepts(text),
    "int64 for double": accepts(text.astype({"delay": "int64"})),
    "int32 for double": accepts(text.astype({"delay": "int32"})),
}
if list(seen.values()) != [False, True, False, True]:
    sys.exit(f"Changed: what the loaded model accepts is now {seen}.")
PY
echo "Still so: the signature of a table with categories refuses that table, and a double refuses int64."
