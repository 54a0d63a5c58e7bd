"""How fast a model answers: through its handlers, behind HTTP, for many clients, and for a whole table."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import meter
from benchmarks.results import Result, Row, Table, median
from benchmarks.workplace import Project, Workplace

CLIENTS = 200
MINUTES = 5.0
ROWS = 1_000_000
APART, PIPELINE = "taken apart", "the fitted pipeline"
ONE, THOUSAND = "One row through the handlers", "1,000 rows through the handlers"
BARE_SERVER, SERVED = "uvicorn and Starlette with a constant answer", "`ops serve --workers 1`"
HTTP = "One row over HTTP, one client"
# In the project's environment, with the code of the model's archive; prints JSON.
HANDLERS = """
import json, statistics, sys, time
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[1] + "/code")
import inference
import numpy as np
import pandas as pd
from sagemaker_ops import predict

model = inference.model_fn(sys.argv[1])
assert model.fast is not None
sides = {"apart": model, "pipeline": replace(model, fast=None)}
table = pd.read_csv(sys.argv[2])
found = {}
rounds = int(sys.argv[4])  # each is the median of as many requests
for rows, requests in ((1, 20), (1000, 4)):
    body = table[model.schema.names].head(rows).to_json(orient="records")
    asked = (body, "application/json", "application/json")
    answers = {side: inference.transform_fn(each, *asked) for side, each in sides.items()}
    assert answers["apart"] == answers["pipeline"]
    taken = {side: [] for side in sides}
    for _ in range(rounds):
        for side, each in sides.items():
            seconds = []
            for _ in range(requests):
                start = time.perf_counter()
                inference.transform_fn(each, *asked)
                seconds.append(time.perf_counter() - start)
            taken[side].append(statistics.median(seconds))
    found[rows] = taken
many = pd.concat([table] * (int(sys.argv[3]) // len(table) + 1), ignore_index=True).head(int(sys.argv[3]))
taken = {side: [] for side in sides}
for _ in range(min(rounds, 3)):
    parts = {}
    for side, ask in (("apart", model.fast.predict_frame), ("pipeline", lambda frame: predict(model.pipeline, frame))):
        start = time.perf_counter()
        blocks = [ask(model.schema.frame(many[at : at + 50_000])) for at in range(0, len(many), 50_000)]
        taken[side].append(time.perf_counter() - start)
        parts[side] = np.concatenate(blocks)
    assert np.array_equal(parts["apart"], parts["pipeline"])
found["table"] = taken
print(json.dumps(found))
"""
BARE = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

async def invocations(request):
    await request.body()
    answer = b'{"predictions": [{"label": 0, "probabilities": {"0": 0.9, "1": 0.1}}]}'
    return Response(answer, media_type="application/json")

app = Starlette(routes=[Route("/invocations", invocations, methods=["POST"])])
print("Serving http://127.0.0.1:" + sys.argv[1], flush=True)
uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning", lifespan="off")
"""


def measure(place: Workplace) -> Result:
    project = place.project()
    place.use(project.versions("scikit-learn", "uvicorn", "starlette"))
    project.run(project.ops, "run", "train")
    tables = [*_handlers(project, place.runs(10), 20_000 if place.quick else ROWS)]
    tables.append(_http(project, place.runs(12), 20 if place.quick else 500))
    clients, minutes = (10, 0.05) if place.quick else (CLIENTS, MINUTES)
    return Result(
        "serving",
        "Serving a model",
        "A model is taken apart when it is loaded; the fitted pipeline is scikit-learn's own way. Both get the same "
        "requests in JSON and give the same answers. A round is the median of its requests.",
        tables,
        notes=[_clients(project, clients, minutes)],
    )


def _handlers(project: Project, rounds: int, rows: int) -> Iterator[Table]:
    [archive] = (project.path / ".local/s3").rglob("model.tar.gz")
    unpacked = project.path / "unpacked"
    unpacked.mkdir()
    subprocess.run(["tar", "-xzf", archive, "-C", unpacked], check=True)
    sample = project.path / "data/sample/flights_classification.csv"
    given = map(str, (unpacked, sample, rows, rounds))
    found = json.loads(project.run(project.python, "-W", "ignore", "-c", HANDLERS, *given))
    titles = {"1": ONE, "1000": THOUSAND, "table": f"{rows:,} rows of a table, in blocks"}
    for key, title in titles.items():
        sides = {APART: found[key]["apart"], PIPELINE: found[key]["pipeline"]}
        yield Table(title, [Row(name, seconds) for name, seconds in sides.items()], PIPELINE)


def _http(project: Project, rounds: int, requests: int) -> Table:
    body = _one_row(project)
    taken: dict[str, list[float]] = {BARE_SERVER: [], SERVED: []}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    bare = [project.python, "-c", BARE, str(port)]
    served = [project.ops, "serve", "--port=0", "--workers=1"]
    with _running(bare, project) as (one, _), _running(served, project) as (other, _):
        for number in range(rounds + 1):
            for side, at in ((BARE_SERVER, one), (SERVED, other)):
                seconds = median(_ask(at, body, requests))
                taken[side] += [seconds] * bool(number)
    return Table(HTTP, [Row(name, seconds) for name, seconds in taken.items()], BARE_SERVER)


def _clients(project: Project, clients: int, minutes: float) -> str:
    """Many at once; the memory of all processes of the server, each minute. RuntimeError if one gets no answer."""
    body = _one_row(project)
    counts, errors = [0] * clients, []

    def ask(client: int, port: int, until: float) -> None:
        try:
            while time.monotonic() < until:
                counts[client] += len(_ask(port, body, 50))
        except Exception as error:
            errors.append(error)

    memory = []
    with _running([project.ops, "serve", "--port=0"], project) as (port, process):
        until = time.monotonic() + minutes * 60
        threads = [threading.Thread(target=ask, args=(client, port, until)) for client in range(clients)]
        for each in threads:
            each.start()
        time.sleep(min(20, minutes * 30))
        while time.monotonic() < until:
            memory.append(sum(map(meter.memory, meter.descendants(process))) / 1e6)  # without `ops` itself
            time.sleep(min(60, max(0, until - time.monotonic())))
        for each in threads:
            each.join()
    if errors:
        raise RuntimeError(f"{len(errors)} of {clients} clients got no answer: {errors[0]!r}")
    return (
        f"{clients} clients at once for {minutes:g} minutes: {sum(counts):,} answers, "
        f"{sum(counts) / minutes / 60:,.0f} per second, without an error. The server's memory stayed below "
        f"{max(memory[2:] or memory):.0f} MB after two minutes."
    )


def _one_row(project: Project) -> bytes:
    """A request with a row of the sample, as JSON."""
    header, row = _sample(project)[:2]
    values = dict(zip(header.split(","), row.split(","), strict=True))
    numbers = {name: float(value) for name, value in values.items() if re.fullmatch(r"-?[\d.]+", value)}
    content = json.dumps([values | numbers]).encode()
    head = "POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def _sample(project: Project) -> list[str]:
    return (project.path / "data/sample/flights_classification.csv").read_text(encoding="utf-8").splitlines()


def _ask(port: int, request: bytes, times: int) -> list[float]:
    """The seconds of each answer, one after the other on one connection. OSError or ValueError for another answer."""
    taken = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(times):
            start = time.perf_counter()
            connection.sendall(request)
            answer = connection.recv(65536)
            while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < _length(answer):
                if not (more := connection.recv(65536)):
                    raise OSError("the server has closed the connection")
                answer += more
            taken.append(time.perf_counter() - start)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise ValueError(answer.decode())
    return taken


def _length(answer: bytes) -> int:
    found = re.search(rb"content-length: (\d+)", answer, re.IGNORECASE)
    return int(found[1]) if found else 0


@contextmanager
def _running(command: list[str], project: Project) -> Iterator[tuple[int, int]]:
    """The port and the process of a server that has said its address."""
    environment = os.environ | project.variables
    with subprocess.Popen(command, cwd=project.path, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().rstrip().rpartition(":")[2])
        for _ in range(100):  # the bare server says it before it listens
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
        try:
            yield port, process.pid
        finally:
            process.terminate()
