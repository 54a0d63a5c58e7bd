"""Errors from AWS, and reasons why it cannot be called, as one sentence that says what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_ops.errors import UserError

LOG_IN = "log in again (`aws sso login`, or a new Studio session)"
# {error code: what it means and what to do}. Services have different codes for the same error.
SENTENCES: dict[str, str] = {
    **dict.fromkeys(
        ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"),
        f"your AWS credentials have expired: {LOG_IN}",
    ),
    **dict.fromkeys(
        ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure"),
        f"AWS does not recognise these credentials: {LOG_IN}",
    ),
    **dict.fromkeys(
        ("Throttling", "ThrottlingException", "TooManyRequestsException", "SlowDown", "RequestLimitExceeded"),
        "AWS has received too many requests from this account: try again in a minute",
    ),
    **dict.fromkeys(
        (
            "InternalFailure",
            "InternalServerError",
            "InternalError",
            "ServiceUnavailable",
            "ServiceUnavailableException",
        ),
        "AWS itself failed: try again in a minute, and check https://health.aws.amazon.com if it keeps failing",
    ),
    "RequestTimeTooSkewed": "the clock of this machine is wrong, so AWS rejects its requests: set the clock",
    "NoSuchBucket": "there is no such bucket: check `bucket` of the environment in project.toml",
}
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}
NOT_FOUND = {"ResourceNotFound", "ResourceNotFoundException", "NoSuchKey", "NoSuchEntity", "404"}
_MISSING = re.compile(r"does not exist|not found|could not find|cannot find", re.IGNORECASE)
_CLOCK = re.compile(r"Signature (not yet current|expired)", re.IGNORECASE)
_QUOTA = re.compile(r"service limit '([^']+)' is ([\d.]+)", re.IGNORECASE)
_ACTION = re.compile(r"not authorized to perform: ([\w:-]+)(?: on resource: (\S+))?")


class AwsError(UserError):
    """AWS refused, or could not be called."""

    exit_code = 4


@contextmanager
def aws_call(doing: str) -> Iterator[None]:
    """Turn exceptions of boto3 into AwsError; `doing`: what was tried, as in `cannot <doing>: …`."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise AwsError(f"cannot {doing}: {sentence(error)}.") from error


def sentence(error: ClientError | BotoCoreError) -> str:
    """What went wrong and what to do, without the full stop."""
    if not isinstance(error, ClientError):
        return _unasked(error)
    code, message = code_of(error), str(error.response.get("Error", {}).get("Message", "")).strip().rstrip(".")
    if _CLOCK.search(message):
        return SENTENCES["RequestTimeTooSkewed"]
    if code in SENTENCES:
        return SENTENCES[code]
    if quota := _quota(message):
        return quota
    if code in DENIED:
        action = _ACTION.search(message)
        what = f"{action[1]}{f' on {action[2]}' if action[2] else ''}" if action else error.operation_name
        return f"your role does not allow {what}: ask your platform team for it ({message or code})"
    if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
        return SENTENCES["InternalFailure"]
    return f"AWS says '{message or code}' ({code})"


def _unasked(error: BotoCoreError) -> str:
    """Why AWS could not be called."""
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return f"this machine has no AWS credentials: {LOG_IN}"
    if isinstance(error, exceptions.ProfileNotFound):
        return f"{error}: see ~/.aws/config, or unset AWS_PROFILE"
    if isinstance(
        error,
        exceptions.EndpointConnectionError | exceptions.ConnectionError | exceptions.HTTPClientError,
    ):
        return "AWS cannot be reached from here: check the network, the proxy and the VPC endpoints"
    if "SSO" in type(error).__name__ or "Token" in type(error).__name__:
        return f"your AWS credentials have expired: {LOG_IN}"
    return " ".join(str(error).split()).rstrip(".")


def _quota(message: str) -> str:
    """The quota to increase, if the message says that one is exhausted."""
    found = _QUOTA.search(message)
    if found is None:
        return ""
    return (
        f"the quota '{found[1]}' is {found[2]} in this account: request an increase under Service Quotas, "
        f"Amazon SageMaker, '{found[1]}'"
    )


def with_quota(reason: str | None) -> str | None:
    """AWS's FailureReason of a step or an execution in one line; if a quota is the reason, that and what to do."""
    text = " ".join((reason or "").split())
    if text in ("", "None"):
        return None
    quota = _quota(text)
    return f"{quota[0].upper()}{quota[1:]}." if quota else text


def may_pass(error: AwsError) -> bool:
    """Whether the call may succeed a minute later: no network, too many requests, or a fault in AWS."""
    cause = error.__cause__
    if isinstance(cause, ClientError):
        return sentence(cause) in (SENTENCES["Throttling"], SENTENCES["InternalFailure"])
    return isinstance(cause, exceptions.ConnectionError | exceptions.HTTPClientError)


def is_denied(error: ClientError) -> bool:
    """Whether the call is not allowed."""
    return code_of(error) in DENIED


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def is_not_found(error: ClientError) -> bool:
    """Whether the resource does not exist: SageMaker answers with ResourceNotFound or a ValidationException."""
    message = str(error.response.get("Error", {}).get("Message", ""))
    return code_of(error) in NOT_FOUND or (code_of(error) == "ValidationException" and bool(_MISSING.search(message)))
