"""`ops serve` as a process, and requests to it."""

from __future__ import annotations

import http.client
import signal
import subprocess
from dataclasses import dataclass
from typing import Any

from projects import Project, clean_environment


@dataclass(frozen=True)
class Answer:
    status: int
    body: str
    content_type: str


@dataclass(frozen=True)
class Served:
    """A running `ops serve`."""

    process: subprocess.Popen[str]
    said: str
    port: int

    def ask(self, body: str | bytes, content_type: str | None, accept: str | None = None, **more: str) -> Answer:
        headers = {"Content-Type": content_type, "Accept": accept, **more}
        given = {name: value for name, value in headers.items() if value is not None}
        return self.request("POST", "/invocations", body.encode() if isinstance(body, str) else body, given)

    def request(self, method: str, path: str, body: bytes | None = None, headers: Any = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.read().decode(), response.headers.get("content-type", ""))
        finally:
            connection.close()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """The exit code, and what it wrote to standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


def start(project: Project, *arguments: str) -> Served:
    """Start it on a free port; AssertionError with its output if it ends."""
    process = subprocess.Popen(
        [project.path / ".venv/bin/python", "-m", "sagemaker_ops", "serve", "--port=0", *arguments],
        cwd=project.path,
        env=clean_environment() | {"PYTHONPATH": str(project.path / "vendor")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    assert said, process.communicate()
    return Served(process, said, int(said.rstrip().rpartition(":")[2]))
