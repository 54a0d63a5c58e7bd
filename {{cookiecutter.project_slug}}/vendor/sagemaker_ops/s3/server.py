"""S3 for the steps of an execution: moto's S3, whose objects are the files of a local store.

It runs by itself (`python -m … STORE SOCKET`) and ends when its standard input closes, however the runner ended.
"""

from __future__ import annotations

import hashlib
import json
import logging
import mmap
import os
import re
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

from moto.moto_server.werkzeug_app import create_backend_app
from moto.s3.models import FakeKey, s3_backends
from moto.utilities.utils import get_partition
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from sagemaker_ops.errors import UserError
from sagemaker_ops.store import Store

ACCOUNT = "123456789012"
OTHERS = re.compile("/-(/.*)?")  # the paths of requests to all other services; `-` is not a bucket name
_LARGE = 1 << 23  # bytes: parts of larger objects are read without the rest
_XML_SERVICES = {"s3", "cloudfront", "route53"}
_ERROR = (
    "<ErrorResponse><Error><Code>{}</Code><Message>{}</Message></Error><RequestId>local</RequestId></ErrorResponse>"
)
_CALLER = (
    f"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>{ACCOUNT}</Account><UserId>local:step</UserId>"
    f"<Arn>arn:aws:sts::{ACCOUNT}:assumed-role/local/step</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>"
)


class _Object(FakeKey):  # type: ignore[misc]
    """An object of moto's whose content is a file of the store."""

    __module__ = FakeKey.__module__  # moto registers its classes by the names of their modules
    in_parts: ClassVar[bool] = False  # whether the request reads only a part
    file: Path
    state: tuple[int, int]

    @property
    def value(self) -> bytes | mmap.mmap:
        if not self.in_parts or self.contentsize < _LARGE:
            return self.file.read_bytes()
        with self.file.open("rb") as opened:
            return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)

    @value.setter
    def value(self, _: bytes) -> None:
        """The file has it."""

    def at(self, file: Path) -> _Object:
        self.file, self.state, self.contentsize = file, _state(file), file.stat().st_size
        return self


class Endpoint:
    """The WSGI application. Requests are answered one after the other."""

    def __init__(self, store: Store, region: str) -> None:
        self._store, self._region, self._lock = store, region, threading.Lock()
        self._moto, self._backend = create_backend_app("s3"), s3_backends[ACCOUNT][get_partition(region)]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        with self._lock:
            try:
                response = self._other(request) if OTHERS.fullmatch(request.path) else self._s3(request)
            except UserError as error:
                response = _failure(request, "InvalidRequest", str(error))
            except OSError as error:
                said = f"'{request.path[1:]}' cannot be read or written on this machine: {error.strerror}."
                response = _failure(request, "InvalidRequest", said)
        return response(environ, start_response)

    def _s3(self, request: Request) -> Response:
        bucket, _, key = request.path[1:].partition("/")
        reads, whole_bucket = request.method in ("GET", "HEAD"), not key and request.method not in ("HEAD", "PUT")
        if not bucket:
            for folder in self._store.root.glob("[!.]*/"):
                self._make_bucket(folder.name, False)
        else:
            self._make_bucket(bucket, bool(key) or whole_bucket)
            self._look_up(bucket, key or request.args.get("prefix", ""), bool(key))
        if source := unquote(request.headers.get("x-amz-copy-source", "")).lstrip("/").partition("?")[0]:
            other, _, its_key = source.partition("/")
            self._look_up(other, its_key, exact=True)
        before = self._keys(bucket)
        _Object.in_parts = "Range" in request.headers
        response = Response.from_app(self._moto, request.environ)
        if not reads:
            self._keep(bucket, before)
        return response

    def _keys(self, bucket: str) -> dict[str, Any]:
        """moto's objects of a bucket, not all of which are necessarily known to it yet."""
        return dict(self._backend.buckets[bucket].keys.items()) if bucket in self._backend.buckets else {}

    def _make_bucket(self, bucket: str, needed: bool) -> None:
        """Every bucket exists as soon as it is used, as for the outputs of steps."""
        if bucket not in self._backend.buckets and (self._store.locate(f"s3://{bucket}").is_dir() or needed):
            self._backend.create_bucket(bucket, self._region)

    def _look_up(self, bucket: str, key: str, exact: bool) -> None:
        """Let moto know the objects with this key, or with all keys that start with it, as they are now."""
        uri, root = f"s3://{bucket}/{key}", self._store.locate(f"s3://{bucket}")
        if exact:
            found = {key: self._store.get_file(uri)} if key[-1:] != "/" and self._store.locate(uri).is_file() else {}
        else:
            found = {file.relative_to(root).as_posix(): file for file in self._store.find(uri).values()}
        if found:
            self._make_bucket(bucket, True)
        for name, known in self._keys(bucket).items():
            if isinstance(known, _Object) and (name == key if exact else name.startswith(key)):
                if name in found and _state(found[name]) == known.state:
                    del found[name]
                else:
                    self._backend.buckets[bucket].keys.pop(name)
        for name, file in found.items():
            tag = hashlib.md5(f"{file} {_state(file)}".encode(), usedforsecurity=False).hexdigest()
            new = _Object(name, b"", ACCOUNT, self._region, etag=f"{tag}-1", bucket_name=bucket).at(file)
            new.last_modified = datetime.fromtimestamp(new.state[1] / 1e9, UTC).replace(tzinfo=None)
            self._backend.buckets[bucket].keys[name] = new

    def _keep(self, bucket: str, before: dict[str, Any]) -> None:
        """Do in the store what a request has done in moto. Keys that end with `/` are folders here."""
        after = self._keys(bucket)
        for name in {**before, **after}:
            known, uri = after.get(name), f"s3://{bucket}/{name}"
            if name.endswith("/") or isinstance(known, _Object):
                continue
            if not isinstance(known, FakeKey):
                self._store.remove(uri)
                continue
            try:
                self._store.put(uri, known.value)
            except (UserError, OSError):
                self._backend.buckets[bucket].keys.pop(name)
                raise
            _ = known.etag  # computed from the content that is no longer needed in memory
            known._value_buffer.close()
            known.__class__ = _Object
            known.at(self._store.locate(uri))

    def _other(self, request: Request) -> Response:
        if request.form.get("Action") == "GetCallerIdentity":
            return Response(_CALLER, content_type="text/xml")
        said = f"a step can use only S3 on this machine: there is no AWS service '{_service(request)}' here."
        return _failure(request, "NotOnThisMachine", said)


def _service(request: Request) -> str:
    scope = re.search(r"Credential=[^,]*/([^/]+)/aws4_request", request.headers.get("Authorization", ""))
    return scope[1] if scope else "without a signature"


def _failure(request: Request, code: str, message: str) -> Response:
    """An error that botocore does not retry, in the format of the service."""
    if "cbor" in request.headers.get("smithy-protocol", ""):
        words = [
            b"\x79" + len(each.encode()).to_bytes(2) + each.encode() for each in ("__type", code, "message", message)
        ]
        return Response(
            b"\xa2" + b"".join(words), 400, {"smithy-protocol": "rpc-v2-cbor"}, content_type="application/cbor"
        )
    if request.form or _service(request) in _XML_SERVICES or not OTHERS.fullmatch(request.path):
        text = message.replace("&", "&amp;").replace("<", "&lt;")
        return Response(_ERROR.format(code, text), 400, content_type="text/xml")
    return Response(json.dumps({"__type": code, "message": message}), 400, {"x-amzn-errortype": code})


def _state(file: Path) -> tuple[int, int]:
    stat = file.stat()
    return stat.st_size, stat.st_mtime_ns


def _end_with_the_runner() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_runner, daemon=True).start()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = Endpoint(Store(Path(sys.argv[1])), os.environ["AWS_REGION"])
    make_server("127.0.0.1", 0, application, threaded=True, fd=int(sys.argv[2])).serve_forever()
