#!/usr/bin/env bash
# After early stopping, XGBoost's classifier predicts with its best trees, but the same model loaded as a Booster
# with all.
#
# Versions: xgboost-cpu 3.2.0, lightgbm 4.7.0, scikit-learn 1.9.0.
# Guess:    The saved model is the best one: whoever loads it gets the predictions that were evaluated.
# Seen:     XGBClassifier saves every tree, and notes best_iteration. XGBClassifier.load_model reproduces its
#           predictions, but Booster.load_model followed by predict() uses all trees, and probabilities differ by
#           more than 0.001. A server that loads a Booster needs iteration_range=(0, best_iteration + 1). LightGBM's
#           saved file has the best trees only.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile xgboost-cpu==3.2.0 lightgbm==4.7.0 scikit-learn==1.9.0

venv/bin/python -W ignore - <<'PY'
import sys
import lightgbm, numpy as np, xgboost

random = np.random.default_rng(0)
rows = random.normal(size=(400, 2))
classes = (rows[:, 0] + random.normal(size=400) > 0).astype(int)
fit, hold = slice(0, 300), slice(300, 400)

model = xgboost.XGBClassifier(n_estimators=200, learning_rate=0.5, early_stopping_rounds=5)
model.fit(rows[fit], classes[fit], eval_set=[(rows[hold], classes[hold])], verbose=False)
model.save_model("model.json")
evaluated = model.predict_proba(rows)[:, 1]
again = xgboost.XGBClassifier()
again.load_model("model.json")
booster = xgboost.Booster(model_file="model.json")
matrix = xgboost.DMatrix(rows)
best = booster.predict(matrix, iteration_range=(0, model.best_iteration + 1))
for what, prediction in (("the classifier", again.predict_proba(rows)[:, 1]), ("a Booster with iteration_range", best)):
    if not np.allclose(prediction, evaluated):
        sys.exit(f"Changed: {what} no longer reproduces the predictions.")
if np.abs(booster.predict(matrix) - evaluated).max() < 1e-3:
    sys.exit("Changed: a Booster now predicts with the best trees by itself.")

light = lightgbm.LGBMClassifier(n_estimators=200, learning_rate=0.5, verbose=-1)
stop = lightgbm.early_stopping(5, verbose=False)
light.fit(rows[fit], classes[fit], eval_set=[(rows[hold], classes[hold])], callbacks=[stop])
light.booster_.save_model("model.txt")
if not np.allclose(lightgbm.Booster(model_file="model.txt").predict(rows), light.predict_proba(rows)[:, 1]):
    sys.exit("Changed: LightGBM's saved model no longer reproduces the predictions.")
PY
echo "Still so: an XGBoost model that is loaded as a Booster uses the trees after the best one too."
