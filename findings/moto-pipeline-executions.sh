#!/usr/bin/env bash
# moto lists pipeline executions oldest first, whatever order is asked for, and starts the same request twice.
#
# Versions: moto 5.2.5.
# Guess:    SortOrder=Descending with MaxResults=1 gives the newest execution. A second start with the same
#           ClientRequestToken gives the first execution again. A tag that is set twice has its second value.
# Seen:     The list has all executions, oldest first, so code that takes the first as the latest is tested with the
#           oldest. The same token gives two executions. list_tags returns the key twice, with both values. (moto's
#           list_pipelines and list_model_packages do obey SortOrder and MaxResults.)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile 'moto[sagemaker]==5.2.5'

AWS_DEFAULT_REGION=eu-west-1 AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none venv/bin/python - <<'PY'
import sys
import boto3
from moto import mock_aws

with mock_aws():
    client = boto3.client("sagemaker")
    role, token = "arn:aws:iam::123456789012:role/own", "t" * 32
    tags = [{"Key": "owner", "Value": "first"}]
    arn = client.create_pipeline(
        PipelineName="p", ClientRequestToken=token, RoleArn=role, PipelineDefinition="{}", Tags=tags)["PipelineArn"]
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "owner", "Value": "second"}])
    owners = [tag["Value"] for tag in client.list_tags(ResourceArn=arn)["Tags"]]
    started = [
        client.start_pipeline_execution(PipelineName="p", ClientRequestToken=token)["PipelineExecutionArn"]
        for _ in range(2)
    ]
    listed = [
        each["PipelineExecutionArn"]
        for each in client.list_pipeline_executions(
            PipelineName="p", SortBy="CreationTime", SortOrder="Descending", MaxResults=1)["PipelineExecutionSummaries"]
    ]
if owners != ["first", "second"]:
    sys.exit(f"Changed: the values of a tag that was set twice are now {owners}.")
if started[0] == started[1]:
    sys.exit("Changed: the same client token no longer starts a second execution.")
if listed != started:
    sys.exit(f"Changed: one newest execution of two was asked for, and {len(listed)} were listed.")
PY
echo "Still so: moto ignores order, page size and client token of executions, and keeps both values of a tag."
