#!/usr/bin/env bash
# A metric of infinity comes back from MLflow's SQLite store as the largest finite number.
#
# Versions: mlflow 3.17.2.
# Guess:    An infinite loss is read back as infinity, because NaN is read back as NaN.
# Seen:     log_metric("loss", inf) is read back as 1.7976931348623157e+308, and -inf as its negative, by get_run,
#           by get_metric_history and by search_runs. So isinf() does not find the run that diverged.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile mlflow==3.17.2

export MLFLOW_TRACKING_URI="sqlite:///$work/mlflow.db"
venv/bin/python -W ignore - 2> log.txt <<'PY' || { tail -n 3 log.txt; exit 1; }
import math, sys
import mlflow

with mlflow.start_run() as run:
    mlflow.log_metrics({"loss": math.inf, "gain": -math.inf, "unknown": math.nan})
seen = mlflow.get_run(run.info.run_id).data.metrics
history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")[0].value
table = mlflow.search_runs()["metrics.loss"][0]
if not math.isnan(seen["unknown"]):
    sys.exit(f"Changed: NaN is now read back as {seen['unknown']}.")
if not seen["loss"] == history == table == sys.float_info.max or seen["gain"] != -sys.float_info.max:
    sys.exit(f"Changed: infinity is now read back as {seen['loss']}, {history} and {table}, -inf as {seen['gain']}.")
PY
echo "Still so: infinity is read back as the largest finite number."
