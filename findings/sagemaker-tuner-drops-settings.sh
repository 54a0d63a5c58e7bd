#!/usr/bin/env bash
# A tuning job made from a ModelTrainer loses the trainer's network isolation, traffic encryption, volume key and
# warm pool.
#
# Versions: sagemaker 3.27.0.
# Guess:    HyperparameterTuner takes over every setting of its ModelTrainer that a tuning job can have.
# Seen:     The training step of the trainer has EnableNetworkIsolation, EnableInterContainerTrafficEncryption,
#           VolumeKmsKeyId and KeepAlivePeriodInSeconds. The tuning step of the same trainer has none of the four,
#           and there is no warning. (Subnets, security groups and the output's key are there.)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile sagemaker==3.27.0
printf 'SchemaVersion: "1.0"\nSageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}\n' > config.yaml
export SAGEMAKER_USER_CONFIG_OVERRIDE="$work/config.yaml" SAGEMAKER_VALIDATE_ROLE=false
export AWS_DEFAULT_REGION=eu-west-1 AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none

venv/bin/python -W ignore - 2> log.txt <<'PY' || { tail -n 3 log.txt; exit 1; }
import sys
from sagemaker.core.parameter import ContinuousParameter
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import TrainingStep, TuningStep
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, Networking, OutputDataConfig
from sagemaker.train.tuner import HyperparameterTuner

NETWORK = {"EnableNetworkIsolation", "EnableInterContainerTrafficEncryption"}
SETTINGS = NETWORK | {"VolumeKmsKeyId", "KeepAlivePeriodInSeconds"}
session = PipelineSession()
trainer = ModelTrainer(
    training_image="111122223333.dkr.ecr.eu-west-1.amazonaws.com/own:1", role="arn:aws:iam::111122223333:role/own",
    sagemaker_session=session, output_data_config=OutputDataConfig(s3_output_path="s3://bucket/models"),
    compute=Compute(
        instance_type="ml.m5.large", instance_count=1, volume_kms_key_id="key", keep_alive_period_in_seconds=600),
    networking=Networking(
        subnets=["subnet-1"], security_group_ids=["sg-1"],
        enable_network_isolation=True, enable_inter_container_traffic_encryption=True),
)

metrics, ranges = [{"Name": "auc", "Regex": "auc=(.*)"}], {"rate": ContinuousParameter(0.1, 1)}
tuner = HyperparameterTuner(trainer, "auc", ranges, metrics, max_jobs=2)
channels = [InputData(channel_name="train", data_source="s3://bucket/train")]

def settings(step):
    definition = Pipeline(name="p", steps=[step], sagemaker_session=session).definition()
    return {name for name in SETTINGS if f'"{name}"' in definition}

if settings(TrainingStep(name="Training", step_args=trainer.train())) != SETTINGS:
    sys.exit("Changed: the training step no longer has the four settings, so this comparison says nothing.")
if kept := settings(TuningStep(name="Tuning", step_args=tuner.tune(inputs=channels, wait=False))):
    sys.exit(f"Changed: the tuning step now has {', '.join(sorted(kept))}.")
PY
echo "Still so: the tuning step lacks four settings of its trainer."
