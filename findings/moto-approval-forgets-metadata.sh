#!/usr/bin/env bash
# On moto, approving a registered model deletes its metadata.
#
# Versions: moto 5.2.5, boto3 1.44.8.
# Guess:    UpdateModelPackage with a new ModelApprovalStatus changes the status and keeps everything else, as on AWS: the
#           CustomerMetadataProperties (commit, user, data) stay as they were registered.
# Seen:     The status and the description are right, but the metadata is gone after the update. So code that reads who
#           trained an approved version finds nothing in a test, though it works on AWS.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile moto[server]==5.2.5 boto3==1.44.8

AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=eu-west-1 venv/bin/python -W ignore - > found <<'PY'
import boto3
from moto import mock_aws

with mock_aws():
    client = boto3.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName="models")
    container = {"Image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/image:1"}
    package = client.create_model_package(
        ModelPackageGroupName="models",
        ModelPackageDescription="first",
        ModelApprovalStatus="PendingManualApproval",
        CustomerMetadataProperties={"commit": "abc"},
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )
    name = package["ModelPackageArn"]
    for update in ({}, {"ModelApprovalStatus": "Approved"}):
        if update:
            client.update_model_package(ModelPackageArn=name, **update)
        now = client.describe_model_package(ModelPackageName=name)
        keys = ("ModelApprovalStatus", "ModelPackageDescription", "CustomerMetadataProperties")
        print(*(now.get(key) for key in keys))
PY
cat > expected <<'END'
PendingManualApproval first {'commit': 'abc'}
Approved first None
END
diff expected found || { echo "Changed: what is left of a version after its approval, see above."; exit 1; }
echo "Still so: an approval removes the metadata of a version on moto."
