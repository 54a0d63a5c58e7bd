#!/usr/bin/env bash
# What a script receives from SageMaker's training toolkit is not the text of its hyperparameters.
#
# Versions: sagemaker-training 5.1.4.
# Guess:    {"C": "0.5", "max-iter": "50", "data_version": "1.10", "debug": "false"} arrives as --C 0.5 --max-iter
#           50 --data_version 1.10 --debug false, and max-iter also as the variable SM_HP_MAX_ITER.
# Seen:     -C 0.5: a name of one letter gets one hyphen, so argparse's "--C" refuses it. --data_version 1.1 and
#           --debug False: values are decoded as JSON and written by Python. The variable is called SM_HP_MAX-ITER,
#           which a shell cannot read.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile sagemaker-training==5.1.4

mkdir -p ml/input/config
echo '{"C": "0.5", "max-iter": "50", "data_version": "1.10", "debug": "false"}' > ml/input/config/hyperparameters.json
SAGEMAKER_BASE_DIR="$work/ml" venv/bin/python - 2> log.txt <<'PY' || { tail -n 3 log.txt; exit 1; }
import sys
from sagemaker_training import environment, mapping

hyperparameters = environment.read_hyperparameters()
arguments = mapping.to_cmd_args(hyperparameters)
if arguments != ["-C", "0.5", "--data_version", "1.1", "--debug", "False", "--max-iter", "50"]:
    sys.exit(f"Changed: the arguments are now {arguments}.")
variables = mapping.to_env_vars({f"hp_{name}": value for name, value in hyperparameters.items()})
if "SM_HP_MAX-ITER" not in variables or "SM_HP_MAX_ITER" in variables:
    sys.exit(f"Changed: the variables are now {sorted(variables)}.")
PY
echo "Still so: one-letter names get one hyphen, values pass through JSON, and hyphens stay in variable names."
