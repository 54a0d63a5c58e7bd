#!/usr/bin/env bash
# The failure reason that SageMaker's training toolkit writes for a script that raises does not contain the exception.
#
# Versions: sagemaker-training 5.1.4.
# Guess:    output/failure, which becomes the FailureReason of the training job, ends with "ValueError: no column".
# Seen:     it names the exit code and the command, and its ErrorMessage is empty. The exception is in the log only, so
#           the reason in the console and in DescribeTrainingJob is the same for every mistake.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile sagemaker-training==5.1.4

mkdir -p ml/input/config ml/input/data ml/code ml/model ml/output
echo 'raise ValueError("no column")' > ml/code/train.py
echo '{"sagemaker_program": "train.py", "sagemaker_submit_directory": "'"$work/ml/code"'"}' > ml/input/config/hyperparameters.json
echo '{}' > ml/input/config/inputdataconfig.json
echo '{"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0"}' > ml/input/config/resourceconfig.json
code=0
PATH="$work/venv/bin:$PATH" SAGEMAKER_BASE_DIR="$work/ml" SM_STUDIO_LOCAL_MODE=true train > log.txt 2>&1 || code=$?
cat ml/output/failure > said.txt 2> /dev/null || { echo "Changed: there is no output/failure. $(tail -n 1 log.txt)"; exit 1; }
[ "$code" != 0 ] || { echo "Changed: the toolkit ends with 0."; exit 1; }
grep -q "ValueError: no column" log.txt || { echo "Changed: the log has no exception: $(tail -n 1 log.txt)"; exit 1; }
if grep -q "no column" said.txt || ! grep -q 'ErrorMessage ""' said.txt; then
    echo "Changed: output/failure says: $(tr '\n' ' ' < said.txt)"
    exit 1
fi
echo "Still so: output/failure has an empty ErrorMessage, and the exception is only in the log."
