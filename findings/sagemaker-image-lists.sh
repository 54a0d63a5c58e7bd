#!/usr/bin/env bash
# The SDK knows a scikit-learn image for training that it does not know for inference, and none at all for five regions.
#
# Versions: sagemaker-core 2.27.0 (of sagemaker 3.27.0), boto3 1.44.5.
# Guess:    A version that trains can also serve, and a region in which SageMaker runs has the framework images.
# Seen:     The version 1.4-2 exists for training only; inference has 1.4-2-py312. In ap-east-2, ap-southeast-5,
#           ap-southeast-6, ap-southeast-7 and mx-central-1, which botocore lists for SageMaker, image_uris.retrieve
#           raises ValueError for every version of scikit-learn, so a pipeline for them does not compile.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile sagemaker-core==2.27.0 boto3==1.44.5

venv/bin/python -W ignore - 2> log.txt <<'PY' || { tail -n 3 log.txt; exit 1; }
import sys

import boto3
from sagemaker.core import image_uris

def has(version, scope, region="eu-west-1"):
    try:
        return bool(image_uris.retrieve("sklearn", region, version=version, image_scope=scope, py_version="py3"))
    except ValueError:
        return False

scopes = [has("1.4-2", "training"), has("1.4-2", "inference"), has("1.9-0", "training"), has("1.9-0", "inference")]
if scopes != [True, False, True, True]:
    sys.exit(f"Changed: 1.4-2 and 1.9-0, for training and inference: {scopes}.")
regions = boto3.session.Session().get_available_regions("sagemaker")
without = sorted(region for region in regions if not has("1.9-0", "training", region))
if without != ["ap-east-2", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "mx-central-1"]:
    sys.exit(f"Changed: the regions without an image are {without}.")
PY
echo "Still so: an image for training is no promise of one for inference, or of one in every region."
