#!/usr/bin/env bash
# Airflow's operator for SageMaker Pipelines reports an execution that was stopped as a success.
#
# Versions: apache-airflow 3.3.2, apache-airflow-providers-amazon 9.39.0.
# Guess:    SageMakerStartPipelineOperator with wait_for_completion=True succeeds only if the execution ends as
#           Succeeded, so that the tasks after it do not use a model that was never made.
# Seen:     Only Failed fails the task. Stopped, and CompletedWithFailures, end it like Succeeded: whatever comes next
#           in the DAG runs.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile apache-airflow==3.3.2 apache-airflow-providers-amazon==9.39.0

export AIRFLOW_HOME=$work AWS_DEFAULT_REGION=eu-west-1 AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x
cat > ends.py <<'PY'
import sys
from pathlib import Path
from unittest import mock

from airflow.providers.amazon.aws.operators.sagemaker import SageMakerStartPipelineOperator

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/train/execution/abcdefghijkl"


def ends(status):
    client = mock.Mock()
    client.start_pipeline_execution.return_value = {"PipelineExecutionArn": ARN}
    client.describe_pipeline_execution.return_value = {"PipelineExecutionStatus": status, "FailureReason": "no quota"}
    operator = SageMakerStartPipelineOperator(
        task_id="start", pipeline_name="train", wait_for_completion=True, check_interval=0, verbose=False
    )
    with mock.patch("airflow.providers.amazon.aws.hooks.sagemaker.SageMakerHook.conn", new=client):
        try:
            operator.execute({})
        except Exception as error:
            return f"fails: {error}"
    return "succeeds"


found = {status: ends(status) for status in ("Succeeded", "Failed", "Stopped", "CompletedWithFailures")}
Path("found").write_text("\n".join(f"{status} {end}" for status, end in found.items()))
PY
venv/bin/python -W ignore ends.py > log 2>&1 || { cat log; exit 1; }
cat > expected <<'END'
Succeeded succeeds
Failed fails: SageMaker resource failed because no quota
Stopped succeeds
CompletedWithFailures succeeds
END
diff expected <(cat found; echo) || { echo "Changed: how the operator ends, see above."; exit 1; }
echo "Still so: a stopped execution is a success for Airflow."
