"""How fast a model answers: through its handlers, behind HTTP, for many clients, and for a whole table."""

from __future__ import annotations

import json
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.generation import COOKIECUTTER, TEMPLATE

CLIENTS = 200
MINUTES = 10
ROWS = 1_000_000
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
for rows, runs in ((1, 200), (1000, 20)):
    body = table[model.schema.names].head(rows).to_json(orient="records")
    asked = (body, "application/json", "application/json")
    answers = {side: inference.transform_fn(each, *asked) for side, each in sides.items()}
    assert answers["apart"] == answers["pipeline"]
    taken = {side: [] for side in sides}
    for _ in range(runs):
        for side, each in sides.items():
            start = time.perf_counter()
            inference.transform_fn(each, *asked)
            taken[side].append(time.perf_counter() - start)
    found[rows] = taken
many = pd.concat([table] * (int(sys.argv[3]) // len(table) + 1), ignore_index=True).head(int(sys.argv[3]))
taken = {side: [] for side in sides}
for _ in range(3):
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


def measure(folder: Path) -> str:
    """`folder` must be empty. A project and its environment are created in it."""
    generate = [COOKIECUTTER, "--no-input", "--output-dir", str(folder), str(TEMPLATE)]
    subprocess.run(generate, check=True, capture_output=True)
    [project] = folder.iterdir()
    subprocess.run(["make", "setup", f"PYTHON={sys.executable}"], cwd=project, check=True, capture_output=True)
    subprocess.run([project / ".venv/bin/ops", "run", "train"], cwd=project, check=True, capture_output=True)
    return f"{_handlers(project)}\n{_http(project)}\n{_clients(project)}"


def _handlers(project: Path) -> str:
    [archive] = (project / ".local/s3").rglob("model.tar.gz")
    unpacked = project / "unpacked"
    unpacked.mkdir()
    subprocess.run(["tar", "-xzf", archive, "-C", unpacked], check=True)
    sample = project / "data/sample/flights_classification.csv"
    given = map(str, (unpacked, sample, ROWS))
    command = [str(project / ".venv/bin/python"), "-W", "ignore", "-c", HANDLERS, *given]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    names = {"1": "one row", "1000": "1,000 rows", "table": f"{ROWS:,} rows of a table, in blocks"}
    lines = ["### A request through the handlers", ""]
    lines += ["| rows | taken apart, p50 | pipeline, p50 | ratio |", "|---|---:|---:|---:|"]
    for key, name in names.items():
        apart, pipeline = (statistics.median(found[key][side]) for side in ("apart", "pipeline"))
        ratio = statistics.median(a / b for a, b in zip(found[key]["apart"], found[key]["pipeline"], strict=True))
        lines.append(f"| {name} | {_time(apart)} | {_time(pipeline)} | {ratio:.3f} (1/{1 / ratio:.1f}) |")
    return "\n".join(lines) + "\n"


def _http(project: Path, rounds: int = 12, requests: int = 500) -> str:
    body = _one_row(project)
    taken: dict[str, list[float]] = {"bare": [], "served": []}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    bare = [str(project / ".venv/bin/python"), "-c", BARE, str(port)]
    served = [str(project / ".venv/bin/ops"), "serve", "--port=0", "--workers=1"]
    with _running(bare, project) as (one, _), _running(served, project) as (other, _):
        for number in range(rounds + 1):
            for side, at in (("bare", one), ("served", other)):
                median = statistics.median(_ask(at, body, requests))
                taken[side] += [median] * bool(number)
    ratio = statistics.median(b / a for a, b in zip(taken["bare"], taken["served"], strict=True))
    lines = ["### One row over HTTP, one client", "", "| server | p50 | ratio |", "|---|---:|---:|"]
    lines.append(f"| uvicorn and Starlette with a constant answer | {_time(statistics.median(taken['bare']))} | 1.00 |")
    lines.append(f"| `ops serve --workers 1` | {_time(statistics.median(taken['served']))} | {ratio:.2f} |")
    return "\n".join(lines) + "\n"


def _clients(project: Path) -> str:
    """CLIENTS at once for MINUTES; the memory of all processes of the server, each minute."""
    body, until = _one_row(project), time.monotonic() + MINUTES * 60
    counts, errors = [0] * CLIENTS, []

    def ask(client: int, port: int) -> None:
        try:
            while time.monotonic() < until:
                counts[client] += len(_ask(port, body, 50))
        except Exception as error:
            errors.append(error)

    memory = []
    with _running([str(project / ".venv/bin/ops"), "serve", "--port=0"], project) as (port, process):
        threads = [threading.Thread(target=ask, args=(client, port)) for client in range(CLIENTS)]
        for each in threads:
            each.start()
        time.sleep(20)
        while time.monotonic() < until:
            memory.append(sum(_memory(each) for each in _descendants(process)))
            time.sleep(min(60, max(0, until - time.monotonic())))
        for each in threads:
            each.join()
    shown = ", ".join(f"{each:.0f}" for each in memory)
    return (
        f"### {CLIENTS} clients at once for {MINUTES} minutes\n\n{sum(counts):,} requests "
        f"({sum(counts) / MINUTES / 60:,.0f}/s), {len(errors)} errors. Memory (PSS) each minute, MB: {shown}\n"
    )


def _one_row(project: Path) -> bytes:
    """A request with a row of the sample, as JSON."""
    header, row = (project / "data/sample/flights_classification.csv").read_text(encoding="utf-8").splitlines()[:2]
    values = dict(zip(header.split(","), row.split(","), strict=True))
    numbers = {name: float(value) for name, value in values.items() if re.fullmatch(r"-?[\d.]+", value)}
    content = json.dumps([values | numbers]).encode()
    head = "POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


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
def _running(command: list[str], folder: Path) -> Iterator[tuple[int, int]]:
    """The port and the process of a server that has said its address."""
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
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


def _descendants(process: int) -> list[int]:
    found = [process]
    for each in found:
        for task in Path(f"/proc/{each}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found[1:]  # without `ops` itself


def _memory(process: int) -> float:
    """Its share of the memory, in MB."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    return int(re.findall(r"^Pss: +(\d+)", text, re.MULTILINE)[0]) / 1024


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"
