#!/usr/bin/env bash
# moto keeps no versions of a SageMaker pipeline, and gives a definition from S3 back as Python, not as JSON.
#
# Versions: moto 5.2.5.
# Guess:    DescribePipeline with PipelineVersionId=1 gives the definition from before the update, and a version that
#           does not exist is an error. A definition that was created from PipelineDefinitionS3Location comes back
#           like one that was sent in the request.
# Seen:     Every version, 99 too, is the newest definition. The one from S3 comes back as str() of a Python dict, with
#           single quotes, True and None, which json.loads refuses, also in
#           DescribePipelineDefinitionForExecution. So code that reads it fails in the tests, and not on AWS.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile 'moto[sagemaker,s3]==5.2.5'

AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none venv/bin/python - <<'PY'
import json
import sys
import boto3
from moto import mock_aws

with mock_aws():
    client, s3 = boto3.client("sagemaker"), boto3.client("s3")
    common = {"ClientRequestToken": "t" * 32, "RoleArn": "arn:aws:iam::123456789012:role/own"}
    client.create_pipeline(PipelineName="sent", PipelineDefinition='{"Metadata": 1}', **common)
    client.update_pipeline(PipelineName="sent", PipelineDefinition='{"Metadata": 2}')
    versions = {
        version: client.describe_pipeline(PipelineName="sent", PipelineVersionId=version)["PipelineDefinition"]
        for version in (1, 2, 99)
    }
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="pipeline.json", Body='{"Steps": [], "Metadata": {"a": true, "b": null}}')
    place = {"Bucket": "bucket", "ObjectKey": "pipeline.json"}
    client.create_pipeline(PipelineName="stored", PipelineDefinitionS3Location=place, **common)
    arn = client.start_pipeline_execution(PipelineName="stored")["PipelineExecutionArn"]
    definitions = {
        client.describe_pipeline(PipelineName="stored")["PipelineDefinition"],
        client.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)["PipelineDefinition"],
    }
if set(versions.values()) != {'{"Metadata": 2}'}:
    sys.exit(f"Changed: the versions are now {versions}.")
if definitions != {"{'Steps': [], 'Metadata': {'a': True, 'b': None}}"}:
    sys.exit(f"Changed: the definition from S3 is now {definitions}.")
try:
    json.loads(definitions.pop())
    sys.exit("Changed: the definition from S3 is JSON.")
except json.JSONDecodeError:
    pass
PY
echo "Still so: moto ignores PipelineVersionId, and a definition from S3 is not JSON any more."
