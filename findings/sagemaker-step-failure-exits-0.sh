#!/usr/bin/env bash
# The SDK's driver of @step and @remote functions ends with exit code 0 if it can neither run the function nor report it.
#
# Versions: sagemaker-core 2.27.0 (part of the SageMaker Python SDK 3.27.0).
# Guess:    a job that cannot read its function from S3 ends with an exit code other than 0.
# Seen:     the traceback is in the log, and the exit code is 0: the exception is written to /opt/ml/output/failure and
#           to S3 before the code is set, and if one of the two fails, `finally` exits with the code of a success.
#           Whatever runs the driver must look for the result of the function, not at the exit code.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile sagemaker-core==2.27.0

# Nothing listens at the endpoint, so neither the function nor the report of its failure gets anywhere.
code=0
env AWS_ENDPOINT_URL=http://127.0.0.1:9 AWS_MAX_ATTEMPTS=1 AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x \
    AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true \
    venv/bin/python -m sagemaker.core.remote_function.invoke_function \
    --s3_base_uri s3://bucket/function --region us-east-1 > log.txt 2>&1 || code=$?
grep -q "Error encountered while invoking the remote function" log.txt || {
    echo "Changed: the log says: $(tail -n 1 log.txt)"
    exit 1
}
[ "$code" = 0 ] || { echo "Changed: the exit code is $code."; exit 1; }
echo "Still so: the driver of a function that could not be read ends with 0."
