#!/usr/bin/env bash
# definition() refuses a dependency on a step that does not exist, but not parameters and property files that do not
# exist.
#
# Versions: sagemaker 3.27.0.
# Guess:    definition() checks all names in a pipeline, because it does so for steps.
# Seen:     depends_on=["Nope"] raises ValueError. These three compile without a message: {"Get": "Parameters.Rate"}
#           of a parameter that is not in the pipeline's list; the same parameter twice in that list; a JsonGet of a
#           property file that no step declares. A default that is not one of the parameter's enum_values compiles
#           too.
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
from sagemaker.core.processing import Processor
from sagemaker.core.workflow.conditions import ConditionGreaterThan
from sagemaker.core.workflow.functions import JsonGet
from sagemaker.core.workflow.parameters import ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import ProcessingStep

session = PipelineSession()
rate = ParameterString("Rate", default_value="high", enum_values=["low", "medium"])

def definition(arguments=(), parameters=(), **of_step):
    processor = Processor(
        image_uri="111122223333.dkr.ecr.eu-west-1.amazonaws.com/own:1", role="arn:aws:iam::111122223333:role/own",
        instance_type="ml.m5.large", instance_count=1, entrypoint=["python3", "/x.py"], sagemaker_session=session)
    step = ProcessingStep(name="Evaluation", step_args=processor.run(arguments=list(arguments) or None), **of_step)
    auc = JsonGet(step_name="Evaluation", property_file="Report", json_path="auc")
    conditions = [ConditionGreaterThan(left=auc, right=0.7)]
    gate = ConditionStep(name="Gate", conditions=conditions, if_steps=[], else_steps=[])
    pipeline = Pipeline(name="p", parameters=list(parameters), steps=[step, gate], sagemaker_session=session)
    return pipeline.definition()

try:
    definition(depends_on=["Nope"])
except ValueError:
    pass
else:
    sys.exit("Changed: a dependency on an unknown step now compiles.")
if '"Get": "Parameters.Rate"' not in definition(arguments=["--rate", rate]):
    sys.exit("Changed: an undeclared parameter is not compiled to a reference.")
if definition(parameters=[rate, rate]).count('"Name": "Rate"') != 2:
    sys.exit("Changed: a parameter that is declared twice is not compiled twice.")
if "Steps.Evaluation.PropertyFiles.Report" not in definition():
    sys.exit("Changed: an undeclared property file is not compiled to a reference.")
PY
echo "Still so: names of parameters and property files are not checked by definition()."
