"""Why a call did not reach AWS or was not answered: the configuration, the credentials, the network, TLS, a proxy."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from botocore import exceptions
from botocore.credentials import Credentials

LOG_IN = "log in again (`aws sso login`, or a new Studio session)"
NETWORK = "check the network, the proxy and the VPC endpoints"
EXPIRED = f"your AWS credentials have expired, or there are none: {LOG_IN}"
# Keys of the arguments of botocore's errors (LOST: of an answer's metadata, too) that aws/calls.py sets: whether one of
# the attempts may have reached AWS, and how many seconds they took together.
LOST, WAITED = "AnswerLost", "waited"
_KEYS = {
    "access_key": "AWS_ACCESS_KEY_ID",
    "secret_key": "AWS_SECRET_ACCESS_KEY",  # pragma: allowlist secret
    "token": "AWS_SESSION_TOKEN",
}
_CHARACTERS = {"\n": "a line break", "\r": "a line break", " ": "a space"}
_LONGEST = 300  # characters of somebody else's message


def is_foreign(error: BaseException | None) -> bool:
    """Whether the exception was raised by one of the packages that call AWS."""
    return type(error).__module__.partition(".")[0] in ("boto3", "botocore", "urllib3")


def is_transient(error: BaseException | None) -> bool:
    """Whether the same call may succeed a minute later, as after a lost connection."""
    if isinstance(error, exceptions.SSLError):
        return _is_cut(error)
    unsent = type(error) is exceptions.HTTPClientError  # it could not even be sent, and never can
    kinds = (exceptions.ConnectionError, exceptions.HTTPClientError, exceptions.IncompleteReadError)
    return isinstance(error, kinds) and not unsent


def may_have_arrived(error: BaseException | None) -> bool:
    """Whether AWS may have received the request that ended like this."""
    kinds = (exceptions.ReadTimeoutError, exceptions.ConnectionClosedError, exceptions.IncompleteReadError)
    return isinstance(error, kinds) or (isinstance(error, exceptions.SSLError) and _is_cut(error))


def reason(error: BaseException) -> str:
    """What went wrong and what to do, without the full stop."""
    if not is_foreign(error):
        return _credentials(error) if concerns_credentials(error) else _other(error)
    for kinds, say in _SAYS:
        if isinstance(error, kinds):
            return say if isinstance(say, str) else say(error)
    if type(error).__name__.startswith(("SSO", "Login")) or "Token" in type(error).__name__:
        return EXPIRED
    return _one_line(error)


def concerns_credentials(error: BaseException) -> bool:
    """Whether the exception was raised while botocore looked for credentials."""
    return "botocore.credentials" in modules(error)


def modules(error: BaseException) -> set[str]:
    """The modules that the exception came through."""
    return {str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)}


def _other(error: BaseException) -> str:
    """For other exceptions before a request is sent: they are about the settings."""
    return f"{_one_line(error) or type(error).__name__}: check ~/.aws/config{endpoint()}"


def _one_line(error: object) -> str:
    text = " ".join(str(error).split())
    return (text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…").rstrip(".")


def _inner(error: BaseException) -> object:
    """The exception that botocore's is about."""
    return getattr(error, "kwargs", {}).get("error") or ""


def _host(error: BaseException) -> str:
    return urlsplit(str(getattr(error, "kwargs", {}).get("endpoint_url") or "")).netloc.rpartition("@")[2] or "AWS"


def endpoint() -> str:
    """A hint for users who have directed AWS's addresses elsewhere."""
    names = sorted(name for name in os.environ if name.startswith("AWS_ENDPOINT_URL"))
    return f", and {', '.join(names)}" if names else ""


# Credentials


def wrong_key(credentials: Any) -> str:
    """What is wrong with the form of botocore's credentials; empty if nothing is, or if they are yet to be fetched.

    Such a key cannot be sent, or AWS says only that the signature is wrong.
    """
    if type(credentials) is not Credentials:
        return ""
    for attribute, variable in _KEYS.items():
        value = getattr(credentials, attribute)
        where = variable if credentials.method == "env" else f"the {variable[4:].lower()} of these AWS credentials"
        if not isinstance(value, str) and not (value is None and attribute == "token"):
            return f"{where} is not a text: set it again, or {LOG_IN}"
        if found := re.search(r"[^!-~]", value or ""):
            what = _CHARACTERS.get(found[0], f"the character {found[0]!a}")
            return f"{where} contains {what}, which no key does: set it again without, or {LOG_IN}"
    return ""


def _credentials(error: BaseException) -> str:
    """For what botocore does not expect of files and programs that the configuration names."""
    if isinstance(error, OSError):
        named = "credential_process or web_identity_token_file in ~/.aws/config"
        if error.filename and error.filename == os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
            named = "AWS_WEB_IDENTITY_TOKEN_FILE"
        problem = (error.strerror or str(error)).lower()
        return f"the AWS credentials cannot be read, because of '{error.filename}' ({problem}): check {named}"
    functions = {frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)}
    if "_retrieve_credentials_using" in functions:
        return (
            "the credential_process in ~/.aws/config must print JSON with Version, AccessKeyId and SecretAccessKey, "
            f"and nothing else: run it by hand to see what it prints{_detail(error)}"
        )
    return f"the AWS credentials cannot be read{_detail(error)}: check ~/.aws/config, or {LOG_IN}"


def _detail(error: BaseException) -> str:
    """What these say is for users; other exceptions are about the insides of a program."""
    return f" ({_one_line(error)})" if isinstance(error, RuntimeError | ValueError) else ""


def _retrieval(error: BaseException) -> str:
    provider, message = (getattr(error, "kwargs", {}).get(key, "") for key in ("provider", "error_msg"))
    if provider == "custom-process":
        return f"the credential_process in ~/.aws/config failed: {_one_line(message) or 'it printed no reason'}"
    return f"the AWS credentials cannot be read ({_one_line(error)}): {LOG_IN}"


def _partial(error: BaseException) -> str:
    missing = getattr(error, "kwargs", {}).get("cred_var", "one of the keys")
    return f"the AWS credentials of this machine are incomplete, {missing} is missing: set it, or {LOG_IN}"


def _configuration(error: BaseException) -> str:
    path = getattr(error, "kwargs", {}).get("path", "~/.aws/config")
    return f"{path} is not a valid configuration file: correct it ({_one_line(_inner(error) or error)})"


# Network


def _unreachable(error: BaseException) -> str:
    text, host = str(_inner(error)).lower(), _host(error)
    if any(words in text for words in ("resolve", "getaddrinfo", "name or service")):
        host = f"there is no host {host.partition(':')[0]}"
    elif "refused" in text:
        host = f"{host} refuses connections"
    return f"AWS cannot be reached from here ({host}): {NETWORK}{endpoint()}"


def _timeout(error: BaseException) -> str:
    waited = getattr(error, "kwargs", {}).get(WAITED)
    seconds = f"within {waited:.0f} seconds" if waited else "in time"
    return f"{_host(error)} did not answer {seconds}: try again, and {NETWORK}{endpoint()}"


def _cut(error: BaseException) -> str:
    host = _host(error)
    return f"the connection to {host} was closed before the whole answer arrived: try again, and {NETWORK}{endpoint()}"


def _proxy(error: BaseException) -> str:
    proxy = getattr(error, "kwargs", {}).get("proxy_url")
    cause = getattr(_inner(error), "original_error", _inner(error))
    why = _one_line(cause).rpartition("): ")[2]  # without the name of a class of urllib3
    return f"the proxy {proxy} cannot be used ({why}): check HTTPS_PROXY, HTTP_PROXY and NO_PROXY"


def _is_cut(error: BaseException) -> bool:
    """Whether the other side closed a TLS connection."""
    return "EOF" in str(_inner(error))


def _tls(error: BaseException) -> str:
    text, host = _one_line(_inner(error)), _host(error)
    if any(words in text for words in ("No such file", "Permission denied", "X509", "PEM", "Is a directory")):
        return _bundle(text)
    if _is_cut(error):
        return _cut(error)
    if "CERTIFICATE_VERIFY_FAILED" in text or "doesn't match" in text:
        return (
            f"the certificate of {host} is not trusted on this machine: if a proxy inspects the traffic, set "
            f"AWS_CA_BUNDLE to the file with its certificate ({text})"
        )
    return f"{host} does not speak TLS as it should: check the proxy{endpoint()} ({text})"


def _bundle(text: str) -> str:
    path = os.environ.get("AWS_CA_BUNDLE")
    named = f"AWS_CA_BUNDLE ('{path}')" if path else "ca_bundle in ~/.aws/config"
    return f"the file with trusted certificates cannot be read: correct {named} ({text})"


def _unsent(error: BaseException) -> str:
    """For the errors of the HTTP client that have no type of their own."""
    inner = _inner(error)
    if isinstance(inner, UnicodeError) or "Invalid header value" in str(inner):
        return (
            "a key or token in the AWS credentials contains a line break or another character that cannot be part of "
            f"it: set it again without, or {LOG_IN}"
        )
    if isinstance(inner, OSError):
        return _bundle(_one_line(inner))
    return f"the request cannot be sent ({_one_line(inner or error)}): check HTTPS_PROXY{endpoint()}"


_SAYS: list[tuple[type[Exception] | tuple[type[Exception], ...], str | Callable[[BaseException], str]]] = [
    (exceptions.NoCredentialsError, f"this machine has no AWS credentials: {LOG_IN}"),
    (exceptions.PartialCredentialsError, _partial),
    (exceptions.CredentialRetrievalError, _retrieval),
    (exceptions.ProfileNotFound, lambda error: f"{error}: see ~/.aws/config, or unset AWS_PROFILE"),
    (exceptions.ConfigParseError, _configuration),
    (exceptions.ReadTimeoutError, _timeout),
    ((exceptions.ConnectionClosedError, exceptions.ResponseStreamingError, exceptions.IncompleteReadError), _cut),
    (exceptions.SSLError, _tls),
    (exceptions.ProxyConnectionError, _proxy),
    (exceptions.ConnectionError, _unreachable),
    (exceptions.HTTPClientError, _unsent),
]
