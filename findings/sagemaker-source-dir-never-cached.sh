#!/usr/bin/env bash
# Step caching never finds a training step whose SourceCode is a local folder: each compilation uploads it to a new
# address.
#
# Versions: sagemaker 3.27.0, moto 5.2.5 (in place of S3).
# Guess:    Unchanged code gives the same definition, as with version 2 of the SDK, which put a hash of the code
#           into the address.
# Seen:     Two compilations of unchanged code, a second apart, differ in the S3Uri of the channels "code" and
#           "sm_drivers", which contains the time (…/model-20261128154328/input/code). SageMaker looks at addresses
#           to decide whether a step can be reused, so CacheConfig has no effect when the definition was compiled
#           again.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile sagemaker==3.27.0 'moto[s3,sts]==5.2.5'
printf 'SchemaVersion: "1.0"\nSageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}\n' > config.yaml
export SAGEMAKER_USER_CONFIG_OVERRIDE="$work/config.yaml" SAGEMAKER_VALIDATE_ROLE=false
export AWS_DEFAULT_REGION=eu-west-1 AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none
mkdir code
echo 'print("training")' > code/train.py

venv/bin/python -W ignore - 2> log.txt <<'PY' || { tail -n 3 log.txt; exit 1; }
import json, sys, time
import boto3
from moto import mock_aws
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import CacheConfig, TrainingStep
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, OutputDataConfig, SourceCode

def addresses(session):
    trainer = ModelTrainer(
        training_image="111122223333.dkr.ecr.eu-west-1.amazonaws.com/own:1", role="arn:aws:iam::111122223333:role/own",
        sagemaker_session=session, output_data_config=OutputDataConfig(s3_output_path="s3://bucket/models"),
        compute=Compute(instance_type="ml.m5.large", instance_count=1), base_job_name="model",
        source_code=SourceCode(source_dir="code", entry_script="train.py"),
    )
    cache = CacheConfig(enable_caching=True, expire_after="P30D")
    step = TrainingStep(name="Training", step_args=trainer.train(), cache_config=cache)
    pipeline = Pipeline(name="p", steps=[step], sagemaker_session=session)
    channels = json.loads(pipeline.definition())["Steps"][0]["Arguments"]["InputDataConfig"]
    return {each["ChannelName"]: each["DataSource"]["S3DataSource"]["S3Uri"] for each in channels}

with mock_aws():
    boto3.client("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    session = PipelineSession(default_bucket="bucket")
    first = addresses(session)
    time.sleep(1.5)
    second = addresses(session)
same = [name for name in first if first[name] == second.get(name)]
if same or not {"code", "sm_drivers"} <= first.keys():
    sys.exit(f"Changed: two compilations gave {first} and {second}.")
PY
echo "Still so: unchanged code is at a new address after each compilation, so its step is never cached."
