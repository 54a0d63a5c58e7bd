"""The program that serves a model: `python program.py SERVED.json`; it loads the model once, and forks the workers.

It imports nothing else of the library, because the model's archive brings the version that trained it. Paths, statuses
and the limit are those of an endpoint, see "Use Your Own Inference Code with Hosting Services" in AWS's guide:
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import json
import os
import signal
import socket
import sys
import time
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
SIGNALS = (signal.SIGTERM, signal.SIGINT)
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
    """Serve until a signal comes. Returns the exit code: 1 if the model cannot be loaded, 2 if the port is taken.

    Signals are blocked at first, so that one that comes early stops the server when it runs.
    """
    try:
        listening = socket.create_server((served["host"], served["port"]), backlog=2048)
    except OSError as error:
        reason = f"port {served['port']} cannot be used: {os.strerror(error.errno or 0)}; give another one with --port."
        print(f"error: {reason}", file=sys.stderr)
        return 2
    try:
        model = load(served)
    except Exception as error:
        print(f"error: the model cannot be loaded: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    gc.collect()
    gc.freeze()  # the model is never garbage: looking through it would delay answers
    host, port = listening.getsockname()[:2]
    app = application(model, served["page"])
    ready = f"{served['ready']} http://{f'[{host}]' if ':' in host else host}:{port}"
    if served["workers"] == 1:
        print(ready, flush=True)
        _work(app, listening)
        return 0
    workers = {_fork(app, listening) for _ in range(served["workers"])}
    print(ready, flush=True)
    _supervise(workers, lambda: _fork(app, listening))
    return 0


def _supervise(workers: set[int], fork: Callable[[], int]) -> None:
    """Wait until all have ended, which a signal tells them to do; one that crashed is replaced."""
    stopping = False

    def stop(number: int, _: object) -> None:
        nonlocal stopping
        stopping = True
        for worker in workers:
            os.kill(worker, number)

    for each in SIGNALS:
        signal.signal(each, stop)
    while workers:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        ended, _ = os.wait()
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        workers.discard(ended)
        if not stopping:
            time.sleep(0.1)  # if it crashes at once, again and again
            workers.add(fork())


def _fork(app: Starlette, listening: socket.socket) -> int:
    worker = os.fork()
    if not worker:
        _work(app, listening)
        os._exit(0)
    return worker


def _work(app: Starlette, listening: socket.socket) -> None:
    """Answer requests until a signal comes; those that have begun are answered."""
    config = uvicorn.Config(
        app, lifespan="off", access_log=False, log_level="warning", server_header=False, timeout_graceful_shutdown=30
    )
    server = uvicorn.Server(config)

    def stop(*_: object) -> None:
        server.should_exit = True

    for each in SIGNALS:
        signal.signal(each, stop)  # uvicorn has its own while it runs, and raises the signal again afterwards
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    server.run(sockets=[listening])


if __name__ == "__main__":
    # Files next to this one must not be importable by the handlers.
    sys.path[:] = [path for path in sys.path if path != os.path.dirname(os.path.realpath(__file__))]
    sys.exit(serve(json.loads(Path(sys.argv[1]).read_bytes())))
