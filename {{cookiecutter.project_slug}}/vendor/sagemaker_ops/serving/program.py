"""The program that serves a model: `python program.py SERVED.json`; it loads the model once, and forks the workers.

It imports nothing else of the library, because the model's archive brings the version that trained it. Paths, statuses
and the limit are those of an endpoint, see "Use Your Own Inference Code with Hosting Services" in AWS's guide:
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

LIMIT = 6 * 1024**2  # bytes of a request
QUICK = 32 * 1024  # bytes; a longer request is answered in a thread, so that others need not wait for it
JSON, TEXT = "application/json", "text/plain; charset=utf-8"
Answer = tuple[int, bytes, str]
"""Status, body and content type."""


class GenericInferenceToolkitError(Exception):
    """How a handler refuses a request: https://github.com/aws/sagemaker-inference-toolkit, errors.py."""

    def __init__(self, status_code: int, message: str, phrase: str | None = None) -> None:
        super().__init__(status_code, message)
        self.status_code, self.message, self.phrase = status_code, message, phrase or message


class Model:
    """The handlers of inference.py with their model."""

    def __init__(self, invoke: Callable[[bytes, str, str], Any]) -> None:
        self._invoke = invoke

    def answer(self, body: bytes, content_type: str, accept: str) -> Answer:
        """The response to a request; never a traceback, which only the terminal shows."""
        try:
            answer = self._invoke(body, content_type, accept)
            content, kind = answer if isinstance(answer, tuple) else (answer, accept)
            return 200, content.encode() if isinstance(content, str) else bytes(content), kind
        except GenericInferenceToolkitError as error:
            return error.status_code, f"{error.message}\n".encode(), TEXT
        except Exception:
            traceback.print_exc()
            return 500, b"The model's code failed: the terminal where it is served shows the reason.\n", TEXT


class Invocations:
    """POST /invocations, as an ASGI application: https://asgi.readthedocs.io/en/latest/specs/www.html."""

    def __init__(self, model: Model) -> None:
        self._model = model

    async def __call__(self, scope: Mapping[str, Any], receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        headers = dict(scope["headers"])
        if scope["method"] != "POST":
            status, content, kind = 405, b"Send the rows with POST.\n", TEXT
        else:
            body = await _body(receive, int(headers.get(b"content-length", b"0")))
            content_type = headers.get(b"content-type", b"").decode("latin-1")
            accept = headers.get(b"accept", b"").decode("latin-1")
            accept = JSON if accept in ("", "*/*") else accept
            if body is None:
                status, content, kind = 413, b"The request is longer than 6 MB, which an endpoint refuses.\n", TEXT
            elif len(body) <= QUICK:
                status, content, kind = self._model.answer(body, content_type, accept)
            else:
                status, content, kind = await asyncio.to_thread(self._model.answer, body, content_type, accept)
        given = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": status, "headers": given})
        await send({"type": "http.response.body", "body": content})


async def _body(receive: Callable[[], Any], length: int) -> bytes | None:
    """The body of a request; None if it is too long. It is read to its end, so that the client gets the answer."""
    parts, size = [], 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if size <= LIMIT:
            parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts) if max(size, length) <= LIMIT else None


def application(model: Model, page: str) -> Starlette:
    """GET /ping, POST /invocations, and the page that tries it."""

    async def ping(_: Request) -> Response:
        return Response()

    async def index(_: Request) -> Response:
        return Response(page, media_type="text/html")

    async def missing(_: Request, __: Exception) -> Response:
        return PlainTextResponse("Send rows to /invocations, or open / to try the model.\n", 404)

    return Starlette(
        routes=[
            Route("/ping", ping, methods=["GET"]),
            Route("/invocations", Invocations(model)),
            Route("/", index, methods=["GET"]),
        ],
        exception_handlers={404: missing},
    )


def load(served: Mapping[str, Any]) -> Model:
    """The model, loaded by its own handlers."""
    toolkit = ModuleType("sagemaker_inference.errors")
    toolkit.GenericInferenceToolkitError = GenericInferenceToolkitError  # type: ignore[attr-defined]
    sys.modules["sagemaker_inference.errors"] = toolkit
    # As a transform job calls them, which has the same handlers.
    path = Path(served["handlers"])
    spec = importlib.util.spec_from_file_location("_handlers_of_a_job", path)
    assert spec is not None
    assert spec.loader is not None
    handlers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(handlers)
    return Model(handlers.invocation(served["code"], served["program"], served["model"]))


def serve(served: Mapping[str, Any]) -> int:
    """Serve until a signal comes. Returns the exit code: 1 if the model cannot be loaded, 2 if the port is taken."""
    try:
        listening = socket.create_server((served["host"], served["port"]), backlog=2048)
    except OSError as error:
        print(f"port {served['port']} cannot be used: {error.strerror}; give another one with --port.", file=sys.stderr)
        return 2
    try:
        model = load(served)
    except Exception as error:
        print(f"the model cannot be loaded: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    host, port = listening.getsockname()[:2]
    print(f"{served['ready']} http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)
    app = application(model, served["page"])
    if served["workers"] == 1:
        return _work(app, listening)
    workers = {_fork(app, listening) for _ in range(served["workers"])}
    stopping = False

    def stop(number: int, _: object) -> None:
        nonlocal stopping
        stopping = True
        for worker in workers:
            os.kill(worker, number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while workers:
        ended, _ = os.wait()
        workers.discard(ended)
        if not stopping:  # a worker that crashed is replaced
            workers.add(_fork(app, listening))
    return 0


def _fork(app: Starlette, listening: socket.socket) -> int:
    worker = os.fork()
    if worker:
        return worker
    os._exit(_work(app, listening))


def _work(app: Starlette, listening: socket.socket) -> int:
    """Answer requests until SIGTERM or SIGINT; those that have begun are answered."""
    config = uvicorn.Config(
        app, lifespan="off", access_log=False, log_level="warning", server_header=False, timeout_graceful_shutdown=30
    )
    server = uvicorn.Server(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # uvicorn raises the signal again when it has ended
    server.run(sockets=[listening])
    return 0


if __name__ == "__main__":
    # Files next to this one must not be importable by the handlers.
    sys.path[:] = [path for path in sys.path if path != os.path.dirname(os.path.realpath(__file__))]
    sys.exit(serve(json.loads(Path(sys.argv[1]).read_bytes())))
