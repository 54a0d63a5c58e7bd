"""Requests to an endpoint: what may be sent, the answer, and errors of the model as a sentence."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import aws_call, code_of
from sagemaker_ops.errors import UserError

CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"
TYPES = {".csv": CSV, ".json": JSON, ".jsonl": JSON_LINES, ".ndjson": JSON_LINES}
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html, and for serverless ones
# https://docs.aws.amazon.com/sagemaker/latest/dg/deploy-model-options.html
LARGEST, LARGEST_SERVERLESS = 6 * 1024 * 1024, 4 * 1024 * 1024  # bytes


class ModelFailedError(UserError):
    """The model failed to answer a request."""

    exit_code = 1


@dataclass(frozen=True)
class Answer:
    """What the endpoint answered. content_type: as it says."""

    body: bytes
    content_type: str


def content_type(name: str, body: bytes) -> str:
    """The content type of a request: that of the file's name, otherwise what the text looks like."""
    if known := TYPES.get(PurePath(name).suffix.lower()):
        return known
    text = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text.startswith((b"{", b"[")):
        return CSV
    try:
        json.loads(text)
    except ValueError:
        return JSON_LINES
    return JSON


def check_size(body: bytes, *, is_serverless: bool) -> None:
    """UserError if the request is larger than AWS accepts, or empty."""
    if not body.strip():
        raise UserError("the request is empty: give a file with rows as CSV, JSON or JSON Lines.")
    most = LARGEST_SERVERLESS if is_serverless else LARGEST
    if len(body) > most:
        whose = "a serverless endpoint" if is_serverless else "an endpoint"
        raise UserError(
            f"the request has {len(body) / 1024**2:.1f} MB, but {whose} accepts {most // 1024**2} MB: send fewer rows "
            "at a time, or use a pipeline with a transform step for a whole table."
        )


def invoke(account: Account, name: str, body: bytes, content_type: str, accept: str) -> Answer:
    """Send a request. UserError if the model refuses it, ModelFailedError if the model fails."""
    with aws_call(f"invoke endpoint '{name}'"):
        try:
            answer = account.client("sagemaker-runtime").invoke_endpoint(
                EndpointName=name, Body=body, ContentType=content_type, Accept=accept
            )
            return Answer(answer["Body"].read(), str(answer.get("ContentType", "")))
        except ClientError as error:
            if code_of(error) != "ModelError":
                raise
            raise _model_error(name, error.response) from None


def _model_error(name: str, response: dict[str, Any]) -> UserError:
    """What the model itself answered; with 400, what is wrong with the request."""
    status = response.get("OriginalStatusCode")
    said = " ".join(str(response.get("OriginalMessage") or response["Error"].get("Message") or "").split())
    if status is not None and 400 <= int(status) < 500:
        return UserError(f"the model refused the request: {said.rstrip('.')}.")
    return ModelFailedError(
        f"the model failed with status {status}: {said.rstrip('.')[:300]}; its log is /aws/sagemaker/Endpoints/{name} "
        "in CloudWatch."
    )
