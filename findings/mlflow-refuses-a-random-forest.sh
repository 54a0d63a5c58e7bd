#!/usr/bin/env bash
# MLflow's log_model, as its examples call it, refuses scikit-learn's own random forest.
#
# Versions: mlflow 3.17.2, skops 0.16.0, scikit-learn 1.9.0.
# Guess:    mlflow.sklearn.log_model(model, name="model") saves every estimator of scikit-learn.
# Seen:     It saves a logistic regression, and raises MlflowException for RandomForestClassifier and
#           HistGradientBoostingClassifier: the default format is now that of skops, whose list of trusted types has
#           no trees of scikit-learn. With skops_trusted_types=["sklearn.tree._tree.Tree"] the forest is saved.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile mlflow==3.17.2 skops==0.16.0 scikit-learn==1.9.0

export MLFLOW_TRACKING_URI="sqlite:///$work/mlflow.db"
venv/bin/python -W ignore - 2> log.txt <<'PY' || { tail -n 3 log.txt; exit 1; }
import sys
import mlflow
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

def saved(estimator, **options):
    model = estimator.fit([[float(n)] for n in range(100)], [0] * 50 + [1] * 50)
    try:
        mlflow.sklearn.log_model(model, name="model", pip_requirements=[], **options)
    except mlflow.MlflowException as error:
        return "untrusted types" not in str(error)
    return True

tree = ["sklearn.tree._tree.Tree"]
seen = {
    "a logistic regression": saved(LogisticRegression()),
    "a random forest": saved(RandomForestClassifier(n_estimators=2)),
    "gradient boosting": saved(HistGradientBoostingClassifier(max_iter=2)),
    "a forest with its type": saved(RandomForestClassifier(n_estimators=2), skops_trusted_types=tree),
}
if list(seen.values()) != [True, False, False, True]:
    sys.exit(f"Changed: what log_model saves is now {seen}.")
PY
echo "Still so: log_model saves a logistic regression by default, but no forest and no gradient boosting."
