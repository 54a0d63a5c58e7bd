#!/usr/bin/env bash
# A refusal that a handler raises with the toolkit's own error is sent to the client with Python's traceback.
#
# Versions: sagemaker-inference 1.10.1, Python 3.11.
# Guess:    GenericInferenceToolkitError(400, "month is missing") is there for messages to the client: the answer has status
#           400 and this message. Tracebacks belong to the log.
# Seen:     the body is the message, and below it the traceback with file names, line numbers and lines of the handler. So
#           a client that shows the body shows code, and only its first line is for people.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile sagemaker-inference==1.10.1

mkdir model
cat > inference.py <<'PY'
from sagemaker_inference.errors import GenericInferenceToolkitError


def model_fn(model_dir):
    return None


def transform_fn(model, body, content_type, accept):
    raise GenericInferenceToolkitError(400, "month is missing")
PY
SAGEMAKER_PROGRAM=inference.py PYTHONPATH="$work" venv/bin/python -W ignore - <<'PY'
import sys
from types import SimpleNamespace
from sagemaker_inference.transformer import Transformer

status = []
properties = {"Content-Type": "text/csv", "Accept": "text/csv"}
context = SimpleNamespace(
    system_properties={"model_dir": "model"},
    request_processor=[SimpleNamespace(get_request_properties=lambda: properties)],
    set_response_status=lambda code, phrase: status.append(code),
    set_response_content_type=lambda number, kind: None,
)
[body] = Transformer().transform([{"body": b"1,2"}], context)
if status != [400] or not body.startswith("month is missing\n"):
    sys.exit(f"Changed: status {status}, body {body!r}")
if "Traceback (most recent call last)" not in body or 'raise GenericInferenceToolkitError(400, "month is missing")' not in body:
    sys.exit(f"Changed: the body is {body!r}")
PY
echo "Still so: the answer to a refused request contains the traceback."
