#!/usr/bin/env bash
# moto accepts a model card with a model package, and the package has none afterwards.
#
# Versions: moto 5.2.5, boto3 1.44.8.
# Guess:    DescribeModelPackage returns the ModelCard that CreateModelPackage was given, as it returns the metadata and the
#           metrics. Or moto refuses what it does not keep.
# Seen:     CreateModelPackage succeeds, DescribeModelPackage has no ModelCard, and the other fields are there. So a test that
#           registers a model with a card passes, and a command that shows the card shows nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile moto[server]==5.2.5 boto3==1.44.8

AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=eu-west-1 venv/bin/python -W ignore - <<'PY'
import sys
import boto3
from moto import mock_aws

with mock_aws():
    client = boto3.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName="models")
    metrics = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://bucket/evaluation.json"}}}
    arn = client.create_model_package(
        ModelPackageGroupName="models",
        CustomerMetadataProperties={"commit": "abc"},
        ModelMetrics=metrics,
        ModelCard={"ModelCardContent": '{"intended_uses": {"risk_rating": "Low"}}', "ModelCardStatus": "Draft"},
    )["ModelPackageArn"]
    found = client.describe_model_package(ModelPackageName=arn)
if found.get("CustomerMetadataProperties") != {"commit": "abc"} or "ModelQuality" not in found.get("ModelMetrics", {}):
    sys.exit("Changed: moto no longer keeps the metadata and the metrics.")
if found.get("ModelCard"):
    sys.exit("Changed: moto keeps the model card.")
PY
echo "Still so: moto takes a model card and forgets it."
