#!/usr/bin/env bash
# LightGBM warns that it ignores categorical_feature, and then uses it.
#
# Versions: lightgbm 4.7.0, scikit-learn 1.9.0, numpy 2.4.6.
# Guess:    LGBMClassifier(categorical_feature=[0]) either treats column 0 as categories, or warns and treats it as a
#           number, as the warning says: "categorical_feature keyword has been found in `params` and will be ignored".
# Seen:     It warns, and the trees split the column by `==`, exactly as with fit(categorical_feature=[0]), which does
#           not warn. Whoever believes the warning and numbers the column by its order trains another model than
#           expected; a list of hyperparameters, which reaches only the constructor, is not lost. A column of pandas's
#           type category needs neither argument.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile lightgbm==4.7.0 scikit-learn==1.9.0 numpy==2.4.6

venv/bin/python - <<'PY'
import sys
import warnings
import numpy as np
from lightgbm import LGBMClassifier

random = np.random.default_rng(0)
carrier, delay = random.integers(0, 30, 3000), random.normal(size=3000)
late = (random.normal(size=30)[carrier] + 0.3 * random.normal(size=3000) > 0).astype(int)
rows = np.column_stack([carrier, delay]).astype(float)


def fitted(constructor, fit):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model = LGBMClassifier(n_estimators=5, num_leaves=4, random_state=0, verbose=-1, n_jobs=1, **constructor)
        model.fit(rows, late, **fit)
    tree = model.booster_.dump_model()["tree_info"][0]["tree_structure"]
    ignored = any("will be ignored" in str(each.message) for each in seen)
    return ignored, tree["decision_type"], model.predict_proba(rows)[:, 1]


columns = {"categorical_feature": [0]}
plain, warned, quiet = fitted({}, {}), fitted(columns, {}), fitted({}, columns)
if (plain[:2], quiet[:2]) != ((False, "<="), (False, "==")):
    sys.exit(f"Changed: without the argument {plain[:2]}, with that of fit {quiet[:2]}.")
if not warned[0]:
    sys.exit("Changed: LightGBM no longer warns.")
if warned[1] != "==" or not np.array_equal(warned[2], quiet[2]):
    sys.exit("Changed: LightGBM now ignores what it says it ignores.")
PY
echo "Still so: LightGBM says that it ignores categorical_feature of the constructor, and uses it."
