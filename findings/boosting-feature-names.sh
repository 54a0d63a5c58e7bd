#!/usr/bin/env bash
# XGBoost and LightGBM refuse different column names, and LightGBM renames some of those that it accepts.
#
# Versions: xgboost-cpu 3.2.0, lightgbm 4.7.0, scikit-learn 1.9.0, pandas 2.2.3.
# Guess:    Any text can name a column, as in scikit-learn, so the same table trains both.
# Seen:     XGBoost refuses [, ] and <, LightGBM refuses " , : [ ] { }. So "(0, 10]", which pandas.cut and
#           get_dummies make, trains neither; "city:Rome" trains XGBoost only, and "age<18" LightGBM only. LightGBM
#           calls "home city" "home_city", even in scikit-learn's feature_names_in_, so looking up an importance by
#           the column's name fails.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile lightgbm==4.7.0 xgboost-cpu==3.2.0 scikit-learn==1.9.0 pandas==2.2.3

venv/bin/python -W ignore - 2> log.txt <<'PY' || { tail -n 3 log.txt; exit 1; }
import sys
import lightgbm, pandas as pd, xgboost

def trains(estimator, name):
    try:
        estimator.fit(pd.DataFrame({name: [0.0, 1.0] * 50}), [0, 1] * 50)
    except (ValueError, lightgbm.basic.LightGBMError):
        return False
    return True

bins = pd.get_dummies(pd.cut(pd.Series([5, 15]), [0, 10, 20])).columns.astype(str)
expected = {bins[0]: (False, False), "city:Rome": (True, False), "age<18": (False, True), "home city": (True, True)}
for name, answers in expected.items():
    model = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1)
    seen = (trains(xgboost.XGBClassifier(n_estimators=2), name), trains(model, name))
    if seen != answers:
        sys.exit(f"Changed: '{name}' trains XGBoost: {seen[0]}, LightGBM: {seen[1]}.")
if (model.booster_.feature_name(), list(model.feature_names_in_)) != (["home_city"], ["home_city"]):
    sys.exit(f"Changed: LightGBM's names of 'home city' are {model.booster_.feature_name()}.")
PY
echo "Still so: a column's name can train one of XGBoost and LightGBM, both, or neither."
