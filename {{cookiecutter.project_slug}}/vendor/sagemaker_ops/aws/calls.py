"""The clients of AWS: a call ends with an answer that can be relied on, or with an error that has a sentence."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any
from xml.etree import ElementTree

from botocore.exceptions import BotoCoreError, ClientError, IncompleteReadError

from sagemaker_ops.aws.call_failures import (
    LOST,
    WAITED,
    endpoint,
    is_foreign,
    is_transient,
    may_have_arrived,
    modules,
    reason,
)
from sagemaker_ops.aws.errors import CallError
from sagemaker_ops.errors import UserError

# Seconds to wait for an answer: of a call that only reads, and of one that changes something.
READ, CHANGE = 15.0, 60.0
# A call is not repeated again when it has taken this many seconds, so that a list gives up after 30.
PATIENCE = 25.0
READING = ("Assume", "Batch", "Describe", "Filter", "Get", "Head", "List", "Simulate")
# An exception of these modules of botocore is not about an answer.
_BEFORE = {"botocore.auth", "botocore.awsrequest", "botocore.credentials", "botocore.signers"}
_JSON = ("json", "rest-json")
_XML = ("query", "rest-xml")
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "timestamp": datetime,
    **dict.fromkeys(("integer", "long", "float", "double"), (int, float)),
}


class Client:
    """A base class for every client, because botocore has no other place to handle all the ends of a call."""

    meta: Any

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.meta.events.register("before-call", _begin)
        self.meta.events.register("before-parse", partial(_check_body, self.meta.endpoint_url))
        self.meta.events.register_first("needs-retry", _check_patience)

    def _make_api_call(self, operation_name: str, api_params: Mapping[str, Any]) -> Any:
        try:
            answer = super()._make_api_call(operation_name, api_params)  # type: ignore[misc]
        except (BotoCoreError, ClientError, UserError):
            raise
        except Exception as error:
            if is_foreign(error) or modules(error) & _BEFORE:
                raise CallError(f"{reason(error)}.", lost=False) from error
            raise _unreadable(operation_name, "does not have the form that it should have") from error
        model = self.meta.service_model.operation_model(operation_name)
        return _checked(model, model.output_shape, answer, "a whole") if model.output_shape else answer


def use(session: Any) -> None:
    """Make every client of a botocore session such a client, also those that fetch credentials."""
    session.register("creating-client-class", lambda base_classes, **_: base_classes.insert(0, Client))


# Answers


class Answer(dict[str, Any]):
    """A structure in an answer. A key of AWS's model that is missing is an error of the answer, not of the program."""

    def __init__(self, values: Mapping[str, Any], operation: str, known: Mapping[str, Any]) -> None:
        super().__init__(values)
        self._operation, self._known = operation, known

    def __missing__(self, key: str) -> Any:
        if key not in self._known:
            raise KeyError(key)
        raise _unreadable(self._operation, f"has no '{key}'")


def _checked(model: Any, shape: Any, value: Any, where: str) -> Any:
    """The value with its structures as Answer; CallError if it is not what AWS's model of the operation says."""
    kind = shape.type_name
    is_json = (
        model.service_model.resolved_protocol in _JSON
    )  # in XML, the parser makes the types, and botocore policies
    wanted = {"structure": dict, "list": list, "map": dict}.get(kind) or (_TYPES.get(kind) if is_json else None)
    if wanted and not isinstance(value, wanted):
        raise _unreadable(
            model.name, f"has {json.dumps(value, default=str)[:40]} as {where or 'a whole'}, not a {kind}"
        )
    if kind == "structure":
        items = {
            key: _checked(model, shape.members[key], each, f"'{key}'") if key in shape.members else each
            for key, each in value.items()
        }
        return Answer(items, model.name, shape.members)
    if kind == "list":
        return [_checked(model, shape.member, each, f"an item of {where}") for each in value]
    if kind == "map":
        return {key: _checked(model, shape.value, each, f"{where} {key}") for key, each in value.items()}
    return value


def _unreadable(operation: str, problem: str) -> CallError:
    return CallError(
        f"the answer to {operation} {problem}, so it is not as AWS sends it: try again, and check the proxy"
        f"{endpoint()}."
    )


def _check_body(url: str, operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """Accept only what AWS can have sent, before botocore takes what it does not understand for an empty answer."""
    status, headers, body = response_dict["status_code"], response_dict["headers"], response_dict["body"]
    is_page = "html" in str(headers.get("content-type", "")).lower()
    is_known = any(name in headers for name in ("x-amzn-requestid", "x-amz-request-id"))
    is_whole = isinstance(body, bytes) and operation_model.http.get("method") != "HEAD"
    if not is_whole:  # a stream, or only headers
        if is_page and not is_known and status < 500:
            if hasattr(body, "close"):
                body.close()
            raise _intercepted(operation_model.name, url, status, headers, b"")
        return
    length = str(headers.get("content-length", ""))
    if length.isdecimal() and len(body) < int(length):
        raise IncompleteReadError(actual_bytes=len(body), expected_bytes=int(length), endpoint_url=url, **{LOST: True})
    if _is_answer(operation_model, status, headers, body) or (status >= 300 and not body and is_known):
        return
    if status >= 500:
        response_dict["body"] = b""  # botocore handles an error without a body, and tries again
    elif status >= 300 or is_page or re.match(rb"\s*<(!doctype html|html)", body, re.IGNORECASE):
        raise _intercepted(operation_model.name, url, status, headers, body)
    else:
        form = "JSON" if operation_model.service_model.resolved_protocol in _JSON else "XML"
        raise _unreadable(operation_model.name, f"is not complete {form}" if body else "is empty")


def _is_answer(model: Any, status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the body is of the operation's protocol, with an error code if it is an error."""
    protocol, output = model.service_model.resolved_protocol, model.output_shape
    if protocol not in (*_JSON, *_XML):
        return True
    if status < 300 and not body:
        payload = output.serialization.get("payload") if output else None
        members = [output.members[payload]] if payload else list(output.members.values()) if output else []
        return protocol != "query" and all(each.serialization.get("location") for each in members)
    try:
        if protocol in _JSON:
            found = json.loads(body)
            codes = isinstance(found, dict) and ({"__type", "code", "Code"} & found.keys())
            return isinstance(found, dict) and (status < 300 or bool(codes) or "x-amzn-errortype" in headers)
        root = ElementTree.fromstring(body)
    except (ValueError, RecursionError, ElementTree.ParseError):
        return False
    names = [each.tag.rpartition("}")[2].lower() for each in root.iter()]
    if status >= 300:
        return "html" not in names and "code" in names
    # S3 gives its lists names such as ListBucketResult; without this, any XML would be an empty list.
    is_list = protocol == "rest-xml" and model.name.startswith("List")
    return "html" not in names and (not is_list or names[0].endswith("result"))


def _intercepted(operation: str, url: str, status: int, headers: Mapping[str, str], body: bytes) -> CallError:
    """The error for an answer that is not AWS's, but that of something on the way."""
    title = re.search(rb"<title[^>]*>(.*?)</title>", body, re.IGNORECASE | re.DOTALL)
    shown = f"'{' '.join(title[1].decode(errors='replace').split())[:80]}'" if title else ""
    if 300 <= status < 400 and headers.get("location"):
        shown = f"a redirect to {headers['location'][:200]}"
    what = ", ".join(filter(None, (f"HTTP {status}", shown)))
    return CallError(
        f"something on the way, such as a proxy or a firewall, answered {operation} instead of AWS ({what}): ask your "
        f"network team to let {url} through, and check HTTPS_PROXY{endpoint()}.",
        lost=status < 300,
    )


# Time


def _begin(model: Any, context: dict[str, Any], **_: Any) -> None:
    context["began"] = time.monotonic()
    # botocore reads this for each request; otherwise the client's own timeout counts.
    context["read_timeout"] = READ if model.name.startswith(READING) else CHANGE


def _check_patience(
    attempts: int, response: Any, caught_exception: Any, request_dict: dict[str, Any], **_: Any
) -> None:
    """Note whether an attempt may have reached AWS; raise its error if another attempt is useless or too late."""
    context = request_dict["context"]
    waited = time.monotonic() - context.get("began", time.monotonic())
    lost = context[LOST] = context.get(LOST, False) or may_have_arrived(caught_exception)
    if caught_exception is None:
        response[1].setdefault("ResponseMetadata", {})[LOST] = lost
    elif isinstance(caught_exception, BotoCoreError):
        caught_exception.kwargs |= {LOST: lost, WAITED: waited}
        if not is_transient(caught_exception) or (attempts > 1 and waited > PATIENCE):
            raise caught_exception
