"""A server between a command and moto that answers chosen operations badly, as a proxy, a firewall or a fault does."""

from __future__ import annotations

import http.client
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Bad:
    """An answer. ending: `cut` closes the connection within the body, `drop` before any answer, `hang` never answers.

    passed_on: moto gets the request all the same, so that what it asks for is done. times: how often.
    """

    body: str = ""
    status: int = 200
    kind: str = "application/x-amz-json-1.1"
    headers: tuple[tuple[str, str], ...] = ()
    ending: Literal["", "cut", "drop", "hang"] = ""
    passed_on: bool = False
    times: int = 1000


@dataclass
class Front:
    """bad: {operation: the answer}, `*` for every operation; asked: the operations, in order."""

    behind: str
    url: str = ""
    bad: dict[str, Bad] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def answer(self, operation: str) -> Bad | None:
        found = self.bad.get(operation) or self.bad.get("*")
        return found if found and self.asked.count(operation) <= found.times else None


@contextmanager
def serving(behind: str) -> Iterator[Front]:
    front = Front(behind)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # with `100 Continue`, for uploads

        def answer(self) -> None:
            body = _body(self)
            if len(body) < int(self.headers.get("content-length") or 0):  # the client has given up
                self.close_connection = True
                return
            operation = _operation(self, body)
            front.asked.append(operation)
            bad = front.answer(operation)
            if bad is None or bad.passed_on:
                status, headers, answer = _ask(front.behind, self, body)
            if bad is None:
                self._send(status, headers, answer)
            elif bad.ending == "hang":
                front.over.wait(30)
                self.close_connection = True
            elif bad.ending == "drop":
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
            else:
                kind = [("Content-Type", bad.kind), *bad.headers]
                self._send(bad.status, kind, bad.body.encode(), more=100 if bad.ending == "cut" else 0)

        def _send(self, status: int, headers: list[tuple[str, str]], body: bytes, more: int = 0) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) + more))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    for method in ("GET", "POST", "PUT", "HEAD", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that has given up
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    front.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield front
    finally:
        front.over.set()
        server.shutdown()
        server.server_close()


def _body(request: BaseHTTPRequestHandler) -> bytes:
    if request.headers.get("transfer-encoding") != "chunked":
        return request.rfile.read(int(request.headers.get("content-length") or 0))
    body = b""
    while size := int(request.rfile.readline().split(b";")[0], 16):
        body += request.rfile.read(size)
        request.rfile.readline()
    request.rfile.readline()
    return body


def _operation(request: BaseHTTPRequestHandler, body: bytes) -> str:
    """The name of the operation; for S3, the method and the first parameter, such as `GET list-type`."""
    if target := request.headers.get("x-amz-target"):
        return target.rpartition(".")[2]
    if action := re.search(rb"Action=(\w+)", body):
        return action[1].decode()
    return f"{request.command} {urlsplit(request.path).query.partition('=')[0]}".strip()


def _ask(behind: str, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    address = urlsplit(behind)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
    left_out = ("content-length", "connection", "transfer-encoding", "expect")
    sent = {name: value for name, value in request.headers.items() if name.lower() not in left_out}
    connection.request(request.command, request.path, body, sent)
    answer = connection.getresponse()
    content = answer.read()
    headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in left_out]
    connection.close()
    return answer.status, headers, content


def refusing() -> str:
    """A URL where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"
