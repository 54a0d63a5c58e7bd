"""Errors from AWS, and reasons why it cannot be called, as one sentence that says what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_ops.aws.call_failures import LOG_IN, LOST, is_foreign, is_transient, reason
from sagemaker_ops.errors import UserError

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
        ("SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"),
        "the secret access key does not belong to the access key, or was changed: copy both again, without spaces or "
        f"line breaks, or {LOG_IN}",
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


class CallError(AwsError):
    """A call that failed in a way that botocore has no error for. lost: AWS may have carried it out."""

    def __init__(self, message: str, lost: bool = True) -> None:
        super().__init__(message)
        self.lost = lost


@contextmanager
def aws_call(doing: str) -> Iterator[None]:
    """Turn exceptions of boto3 into AwsError; `doing`: what was tried, as in `cannot <doing>: …`."""
    try:
        yield
    except CallError as error:
        raise AwsError(f"cannot {doing}: {error}") from error
    except Exception as error:
        if not is_foreign(error):
            raise
        raise AwsError(f"cannot {doing}: {sentence(error)}.") from error


@contextmanager
def aws_change(doing: str) -> Iterator[None]:
    """Like `aws_call`, for a change that is safe to repeat; says so if AWS may have made it in spite of the error."""
    try:
        with aws_call(doing):
            yield
    except AwsError as error:
        if not is_lost(error):
            raise
        again = "It is not known whether AWS did it: run the command again, which is safe."
        raise AwsError(f"{error} {again}") from error.__cause__


def sentence(error: Exception) -> str:
    """What went wrong and what to do, without the full stop."""
    if not isinstance(error, ClientError):
        return reason(error)
    code, message = code_of(error), _message(error).strip().rstrip(".")
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
    if _is_gateway(error):
        return SENTENCES["InternalFailure"].replace(":", f", or a proxy in front of it ({code} {message}):", 1)
    if _status(error) >= 500:
        return SENTENCES["InternalFailure"]
    return f"AWS says '{message or code}' ({code})"


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
        return sentence(cause) == SENTENCES["Throttling"] or _status(cause) >= 500
    return is_transient(cause)


def is_lost(error: AwsError) -> bool:
    """Whether AWS may have carried out the call that failed: no answer arrived, or not a readable one."""
    cause = error.__cause__
    if isinstance(cause, CallError):
        return cause.lost
    if isinstance(cause, ClientError):
        return _is_gateway(cause) or bool(cause.response.get("ResponseMetadata", {}).get(LOST))
    return isinstance(cause, BotoCoreError) and bool(cause.kwargs.get(LOST))


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _is_gateway(error: ClientError) -> bool:
    """Whether the answer was an HTTP error without one of AWS's codes, as a proxy or load balancer sends it."""
    return _status(error) >= 500 and code_of(error).isdigit()


def is_denied(error: ClientError) -> bool:
    """Whether the call is not allowed."""
    return code_of(error) in DENIED


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def is_not_found(error: ClientError) -> bool:
    """Whether the resource does not exist: SageMaker answers with ResourceNotFound or a ValidationException."""
    return code_of(error) in NOT_FOUND or (
        code_of(error) == "ValidationException" and bool(_MISSING.search(_message(error)))
    )


def _message(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message") or "")
