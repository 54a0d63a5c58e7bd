"""`ops serve` with the model of a real run: answers, refusals, the toolkit of AWS's images, and how it ends."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from projects import Bake, Project, clean_environment
from runners import wait_for

from serving.running import Served, start

pytestmark = pytest.mark.slow
CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"
TOOLKIT = """
import json, sys
from types import SimpleNamespace
from sagemaker_inference.transformer import Transformer

class Context:
    system_properties = {"model_dir": sys.argv[1]}
    def set_response_status(self, code, phrase):
        self.status = code
    def set_response_content_type(self, number, kind):
        self.kind = kind

transformer = Transformer()
for body, content_type, accept in json.load(sys.stdin):
    context = Context()
    properties = {"Content-Type": content_type, "Accept": accept}
    context.request_processor = [SimpleNamespace(get_request_properties=lambda: properties)]
    context.status, context.kind = 200, "text/plain"
    [answer] = transformer.transform([{"body": body.encode()}], context)
    print(json.dumps([context.status, answer, context.kind]))
"""


@pytest.fixture(scope="module")
def served(project: Project) -> Iterator[Served]:
    running = start(project, "--workers=2")
    yield running
    assert running.stop() == (0, "")


@pytest.fixture(scope="module")
def rows(project: Project) -> list[dict[str, str]]:
    with (project.path / "data/sample/flights_classification.csv").open(encoding="utf-8", newline="") as file:
        return [row for row, _ in zip(csv.DictReader(file), range(50), strict=False)]


def as_csv(rows: list[dict[str, str]]) -> str:
    return "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)]) + "\n"


def test_it_answers_like_an_endpoint(served: Served, rows: list[dict[str, str]]) -> None:
    assert served.said.startswith("Serving customer-flight-delays-train-local (Ctrl-C stops it): http://127.0.0.1:")
    assert served.request("GET", "/ping").status == 200

    answers = [
        served.ask(as_csv(rows), CSV),
        served.ask(json.dumps(rows), JSON, "*/*"),
        served.ask("\n".join(map(json.dumps, rows)), LINES, JSON),
    ]

    assert {(each.status, each.content_type) for each in answers} == {(200, JSON)}
    assert len({each.body for each in answers}) == 1
    predictions = json.loads(answers[0].body)["predictions"]
    assert len(predictions) == 50
    assert set(predictions[0]) == {"label", "probabilities"}
    in_csv = served.ask(as_csv(rows), CSV, CSV)
    assert (in_csv.content_type, in_csv.body.partition("\n")[0]) == (CSV, "label,probability_0,probability_1")
    assert len(served.ask(json.dumps(rows), JSON, LINES).body.splitlines()) == 50


@pytest.mark.parametrize(
    ("body", "kind", "status", "sentence"),
    [
        pytest.param("month\nx\n", CSV, 400, "column 'month' must contain numbers, but row 1 has 'x'", id="a type"),
        pytest.param("a", "text/plain", 400, "content type 'text/plain' is not supported; send text/csv", id="text"),
        pytest.param("a", None, 400, "content type '' is not supported; send text/csv", id="no content type"),
        pytest.param("[1", JSON, 400, "the JSON cannot be read", id="broken"),
        pytest.param("", CSV, 400, "the request is empty", id="empty"),
        pytest.param(b"\xff", CSV, 400, "not UTF-8", id="encoding"),
        pytest.param(
            "x" * 7_000_000, CSV, 413, "The request is longer than 6 MB, which an endpoint refuses.", id="long"
        ),
    ],
)
def test_what_it_cannot_answer_gets_one_sentence(
    served: Served, body: str | bytes, kind: str | None, status: int, sentence: str
) -> None:
    answer = served.ask(body, kind)

    assert (answer.status, answer.content_type) == (status, "text/plain; charset=utf-8")
    assert sentence in answer.body
    assert "Traceback" not in answer.body


def test_other_paths_and_methods(served: Served) -> None:
    assert served.request("GET", "/invocations").status == 405
    assert served.request("POST", "/ping").status == 405
    missing = served.request("GET", "/nothing")
    assert (missing.status, missing.body) == (404, "Send rows to /invocations, or open / to try the model.\n")


def test_a_long_request_is_answered_while_others_wait_for_nothing(served: Served, rows: list[dict[str, str]]) -> None:
    many = as_csv(rows * 800)
    answers: list[Any] = []
    long = [threading.Thread(target=lambda: answers.append(served.ask(many, CSV, CSV))) for _ in range(2)]
    for each in long:
        each.start()

    short = [served.ask(as_csv(rows[:1]), CSV).status for _ in range(20)]

    for each in long:
        each.join()
    assert set(short) == {200}
    assert [len(each.body.splitlines()) for each in answers] == [40_001, 40_001]


def test_the_same_requests_get_the_answers_of_the_toolkit_in_awss_images(
    served: Served, project: Project, rows: list[dict[str, str]], tmp_path: Path
) -> None:
    """PyPI's sagemaker-inference with the same archive; it adds a traceback to a refusal, which we never do."""
    requests: list[tuple[str, str | None, str | None]] = [
        (as_csv(rows), CSV, CSV),
        (as_csv(rows[:1]), CSV, None),
        (as_csv(rows), f"{CSV}; header=present", JSON),
        (json.dumps(rows), JSON, "*/*"),
        ("\n".join(map(json.dumps, rows)), LINES, LINES),
        (json.dumps({"month": "May"}), JSON, JSON),
        ("", CSV, JSON),
        ("a", "text/plain", JSON),
        (as_csv(rows), CSV, "image/png"),
    ]
    archive = max((project.path / ".local/s3").rglob("model.tar.gz"), key=lambda file: file.stat().st_mtime)
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TOOLKIT, str(tmp_path)],
        cwd=tmp_path / "code",
        env=clean_environment() | {"PYTHONPATH": str(tmp_path / "code"), "SAGEMAKER_PROGRAM": "inference.py"},
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    for request, line in zip(requests, done.stdout.splitlines(), strict=True):
        status, body, kind = json.loads(line)
        answer = served.ask(*request)
        assert answer.status == status, request
        if status == 200:
            assert (answer.body, answer.content_type) == (body, kind)
        else:
            assert body.startswith(answer.body.rstrip("\n"))


def test_a_failure_in_the_teams_code_is_shown_in_the_terminal_alone(ready: Bake) -> None:
    project = ready()
    inference = project.path / "production/steps/inference.py"
    text = inference.read_text(encoding="utf-8")
    changed = text.replace(
        "        return write_answer(", '        print("rows", len(rows.values))\n        return write_anser('
    )
    inference.write_text(changed, encoding="utf-8")
    done = project.ops("run", "train")
    assert done.code == 0, done

    running = start(project, "--workers=1")
    answer = running.ask("x", CSV)
    failed = running.ask(json.dumps({"month": 1}), JSON)
    rows = (project.path / "data/sample/flights_classification.csv").read_text(encoding="utf-8").splitlines()
    broken = running.ask("\n".join(rows[:2]), CSV)
    code, errors = running.stop(signal.SIGINT)

    assert (answer.status, failed.status) == (400, 400)
    assert (broken.status, broken.content_type) == (500, "text/plain; charset=utf-8")
    assert broken.body == "The model's code failed: the terminal where it is served shows the reason.\n"
    assert code == 0
    assert "NameError: name 'write_anser' is not defined" in errors


def test_a_worker_that_dies_is_replaced(project: Project, rows: list[dict[str, str]]) -> None:
    running = start(project, "--workers=2")
    [program] = _children(running.process.pid)
    workers = _children(program)
    os.kill(workers[0], signal.SIGKILL)
    wait_for(lambda: len(now := _children(program)) == 2 and now != workers, "it was not replaced")

    answers = {running.ask(as_csv(rows), CSV).status for _ in range(30)}

    assert len(workers) == 2
    assert answers == {200}
    assert running.stop() == (0, "")


def _children(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task").iterdir()
    return sorted(int(each) for task in tasks for each in (task / "children").read_text().split())


def test_a_port_in_use_is_one_sentence(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = project.ops("serve", f"--port={port}")

    assert (done.code, done.out) == (2, "")
    assert done.err == f"error: port {port} cannot be used: Address already in use; give another one with --port.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--port=70000"], "70000 is not a port: write a number from 0 to 65535."),
        (["--workers=0"], "0 processes cannot answer: write 1 or more."),
        (["--approved", "--latest"], "choose one of an execution, --approved and --latest."),
        (["nothere"], "there is no execution 'nothere' on this machine."),
        (["--approved"], "no model is approved on this machine: `ops approve-model latest --env local` approves one."),
    ],
)
def test_wrong_usage(project: Project, arguments: list[str], sentence: str) -> None:
    done = project.ops("serve", *arguments)

    assert done.code == 2
    assert sentence in done.err
    assert done.err.count("\n") == 1


def test_without_a_model_it_says_what_makes_one(bake: Bake, environment: Path) -> None:
    project = bake()
    (project.path / ".venv").symlink_to(environment)

    done = project.ops("serve")

    assert (done.code, done.err) == (2, "error: there is no model on this machine yet: `ops run train` makes one.\n")


def test_a_model_of_another_training_has_a_page_without_a_form_and_a_damaged_one_is_a_sentence(ready: Bake) -> None:
    project = ready()
    assert project.ops("run", "train").code == 0
    [archive] = (project.path / ".local/s3").rglob("model.tar.gz")
    folder = project.path / "own"
    (folder / "code").mkdir(parents=True)
    own = "model_fn = lambda folder: 7\ntransform_fn = lambda model, body, kind, accept: (str(model), kind)\n"
    (folder / "code/inference.py").write_text(own, encoding="utf-8")
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder / "code", "code")

    running = start(project, "--workers=1")
    page, answer = running.request("GET", "/").body, running.ask("x", "text/x")
    ended = running.stop()
    archive.write_bytes(archive.read_bytes()[:200])
    damaged = project.ops("serve", "--port=0")

    assert (answer.status, answer.body, answer.content_type, ended) == (200, "7", "text/x", (0, ""))
    assert "<form" not in page
    assert "Send what <code>inference.py</code> expects." in page
    assert damaged.code == 2
    assert damaged.err.startswith("error: model.tar.gz cannot be unpacked: ")
    assert damaged.err.count("\n") == 1


def test_the_approved_model(ready: Bake) -> None:
    project = ready()
    assert project.ops("run", "train").code == 0
    assert project.ops("approve-model", "latest", "--env", "local", "--yes").code == 0

    running = start(project, "--approved", "--workers=1")

    assert running.said.startswith("Serving customer-flight-delays-local, version 1 (Ctrl-C stops it)")
    assert running.stop() == (0, "")
