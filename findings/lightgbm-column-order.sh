#!/usr/bin/env bash
# LightGBM's classifier predicts from columns in another order without a word, although it knows their names.
#
# Versions: lightgbm 4.7.0, xgboost-cpu 3.2.0, scikit-learn 1.9.0, pandas 2.2.3.
# Guess:    A table with its columns in another order is refused, as scikit-learn and XGBoost do, or matched by
#           name.
# Seen:     scikit-learn and XGBoost raise ValueError. LightGBM has the names in feature_names_in_, but reads the
#           columns by position: the probabilities of the same rows change by more than 0.5. A service that builds
#           its table from JSON objects meets this. predict_proba(rows, validate_features=True) does check the names.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile lightgbm==4.7.0 xgboost-cpu==3.2.0 scikit-learn==1.9.0 pandas==2.2.3

venv/bin/python -W ignore - <<'PY'
import sys
import numpy as np, pandas as pd
from lightgbm import LGBMClassifier
from lightgbm.basic import LightGBMError
from sklearn.linear_model import LogisticRegression
from xgboost import XGBClassifier

random = np.random.default_rng(0)
table = pd.DataFrame({"age": random.normal(40, 10, 500), "delay": random.normal(0, 1, 500)})
late = (table.delay > 0).astype(int)
for estimator in (LogisticRegression(), XGBClassifier(n_estimators=10)):
    try:
        estimator.fit(table, late).predict(table[["delay", "age"]])
    except ValueError:
        continue
    sys.exit(f"Changed: {type(estimator).__name__} now accepts columns in another order.")
model = LGBMClassifier(n_estimators=50, verbose=-1).fit(table, late)
if list(model.feature_names_in_) != ["age", "delay"]:
    sys.exit("Changed: LightGBM no longer keeps the names of the columns.")
try:
    difference = np.abs(model.predict_proba(table[["delay", "age"]]) - model.predict_proba(table)).max()
except ValueError:
    sys.exit("Changed: LightGBM now refuses columns in another order.")
try:
    model.predict_proba(table[["delay", "age"]], validate_features=True)
except LightGBMError:
    pass
else:
    sys.exit("Changed: validate_features no longer refuses another order.")
if difference < 0.5:
    sys.exit(f"Changed: the order of the columns now changes a probability by {difference:.2f} at most.")
PY
echo "Still so: LightGBM reads the columns of a table by position, while XGBoost and scikit-learn check their names."
