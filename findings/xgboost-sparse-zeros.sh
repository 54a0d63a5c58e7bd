#!/usr/bin/env bash
# XGBoost takes the zeros of a sparse matrix for missing values, so the same numbers predict differently as a dense
# array.
#
# Versions: xgboost-cpu 3.2.0, lightgbm 4.7.0, scikit-learn 1.9.0, scipy 1.17.1.
# Guess:    A sparse matrix and the dense array of the same numbers get the same predictions, as in scikit-learn and
#           LightGBM.
# Seen:     A classifier that was trained on a dense array gives other classes for the same rows as csr_matrix;
#           probabilities change by more than 0.5. LightGBM's do not change. OneHotEncoder returns sparse matrices
#           by default, so it is enough that training and serving differ in one "sparse_output" or "toarray()".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile xgboost-cpu==3.2.0 lightgbm==4.7.0 scikit-learn==1.9.0 scipy==1.17.1

venv/bin/python -W ignore - <<'PY'
import sys
import numpy as np
from lightgbm import LGBMClassifier
from scipy.sparse import csr_matrix
from xgboost import XGBClassifier

random = np.random.default_rng(0)
rows = np.column_stack([random.integers(0, 3, 400), random.integers(0, 2, 400)]).astype(float)
classes = ((rows[:, 0] == 0) ^ (rows[:, 1] == 1)).astype(int)

def difference(estimator):
    model = estimator.fit(rows, classes)
    return np.abs(model.predict_proba(csr_matrix(rows)) - model.predict_proba(rows)).max()

if (seen := difference(LGBMClassifier(n_estimators=20, verbose=-1))) > 1e-6:
    sys.exit(f"Changed: LightGBM's probabilities now differ by {seen:.2f} between sparse and dense rows.")
if (seen := difference(XGBClassifier(n_estimators=20))) < 0.5:
    sys.exit(f"Changed: XGBoost's probabilities now differ by {seen:.2f} at most between sparse and dense rows.")
PY
echo "Still so: for XGBoost, a zero that a sparse matrix leaves out is a missing value."
