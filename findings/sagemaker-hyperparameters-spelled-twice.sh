#!/usr/bin/env bash
# The same hyperparameters of the same ModelTrainer are JSON in a training job, and Python's repr in a tuning job.
#
# Versions: sagemaker 3.27.0, sagemaker-training 5.1.4 (the toolkit that reads them in AWS's images).
# Guess:    Both jobs get the same texts, so the script sees the same values.
# Seen:     {"none": None, "layers": {"a": 1}} is JSON in the training step, and "None" and "{'a': 1}" in the tuning step.
#           The toolkit decodes JSON and leaves everything else as text. So the script of a training job gets
#           --none '' --layers a=1, and the one of a tuning job --none None --layers "{'a': 1}".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv sdk
python3 -m venv toolkit
sdk/bin/pip install -q --no-compile sagemaker==3.27.0
toolkit/bin/pip install -q --no-compile sagemaker-training==5.1.4
printf 'SchemaVersion: "1.0"\nSageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}\n' > config.yaml
export SAGEMAKER_USER_CONFIG_OVERRIDE="$work/config.yaml" SAGEMAKER_VALIDATE_ROLE=false
export AWS_DEFAULT_REGION=eu-west-1 AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none

sdk/bin/python -W ignore - 2> log.txt <<'PY' || { tail -n 3 log.txt; exit 1; }
import json, pathlib
from sagemaker.core.parameter import ContinuousParameter
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import TrainingStep, TuningStep
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, OutputDataConfig
from sagemaker.train.tuner import HyperparameterTuner

session = PipelineSession()
trainer = ModelTrainer(
    training_image="111122223333.dkr.ecr.eu-west-1.amazonaws.com/own:1", role="arn:aws:iam::111122223333:role/own",
    sagemaker_session=session, output_data_config=OutputDataConfig(s3_output_path="s3://bucket/models"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"none": None, "layers": {"a": 1}})
metrics, ranges = [{"Name": "auc", "Regex": "auc=(.*)"}], {"rate": ContinuousParameter(0.1, 1)}
tuner = HyperparameterTuner(trainer, "auc", ranges, metrics, max_jobs=2)
channels = [InputData(channel_name="train", data_source="s3://bucket/train")]
steps = [
    TrainingStep(name="Training", step_args=trainer.train()),
    TuningStep(name="Tuning", step_args=tuner.tune(inputs=channels, wait=False)),
]
training, tuning = json.loads(Pipeline(name="p", steps=steps, sagemaker_session=session).definition())["Steps"]
static = tuning["Arguments"]["TrainingJobDefinition"]["StaticHyperParameters"]
for job, values in {"training": training["Arguments"]["HyperParameters"], "tuning": static}.items():
    pathlib.Path(job, "input/config").mkdir(parents=True)
    pathlib.Path(job, "input/config/hyperparameters.json").write_text(json.dumps(values))
PY
cat > arguments.py <<'PY'
from sagemaker_training import environment, mapping
print(*mapping.to_cmd_args(environment.read_hyperparameters()), sep="|")
PY
expect() { # what the script of a job gets; the folder is /opt/ml in a container
    seen=$(SAGEMAKER_BASE_DIR="$work/$1" toolkit/bin/python arguments.py 2> log.txt)
    [ "$seen" = "$2" ] || { echo "Changed: the script of a $1 job now gets $seen."; exit 1; }
}
expect training '--layers|a=1|--none|'
expect tuning "--layers|{'a': 1}|--none|None"
echo "Still so: a script's arguments differ between a training job and a tuning job of the same trainer."
