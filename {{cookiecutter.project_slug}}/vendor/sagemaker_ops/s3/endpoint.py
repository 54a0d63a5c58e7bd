"""The S3 that scripts reach with boto3 and others: a process on 127.0.0.1, over the files of a store.

`python -m sagemaker_ops.s3.endpoint FOLDER COMMAND …` runs a command that uses it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from sagemaker_ops.container import process
from sagemaker_ops.container.packages import is_installed
from sagemaker_ops.errors import UserError

MISSING = "it uses S3 itself, for which the local runner needs moto, which is not installed here: run `make setup`."


def is_available() -> bool:
    return is_installed("moto") and is_installed("flask_cors")


class S3Endpoint:
    """Started when it is first needed; it ends with `close`, or when this process ends, however that happens."""

    def __init__(self, root: Path, region: str) -> None:
        self._root, self._region, self._lock = root, region, threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._port, self._log = 0, -1  # its output is a file without a name

    def environment(self) -> dict[str, str]:
        """The variables with which a job finds it, and no other S3; UserError if it is not available or has ended."""
        if not is_available():
            raise UserError(MISSING)
        with self._lock:
            if self._server is None:
                self._start()
        self.check()
        url = f"http://127.0.0.1:{self._port}"
        bypass = ",".join(filter(None, [os.environ.get("no_proxy", os.environ.get("NO_PROXY")), "127.0.0.1"]))
        return {
            "AWS_ENDPOINT_URL_S3": url,
            "AWS_ENDPOINT_URL": f"{url}/-",  # all other services
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",  # pragma: allowlist secret
            "no_proxy": bypass,
            "NO_PROXY": bypass,
        }

    def check(self) -> None:
        """UserError with the last line of its output if it has ended by itself."""
        if self._server is not None and self._server.poll() is not None:
            said = os.pread(self._log, 1 << 20, 0).decode(errors="replace").strip().rpartition("\n")[2]
            raise UserError(f"the S3 of this machine has ended: {said}")

    def close(self) -> None:
        if self._server is not None:
            self._server.kill()  # everything is in the store already
            self._server.communicate()
            os.close(self._log)

    def _start(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening, tempfile.TemporaryFile() as log:
            self._log = os.dup(log.fileno())
            self._port = listening.getsockname()[1]
            place = {"PYTHONPATH": str(Path(__file__).parents[2])}  # of this package, which need not be installed
            number = listening.fileno()
            self._server = subprocess.Popen(
                [sys.executable, "-P", "-B", "-m", "sagemaker_ops.s3.server", str(self._root), str(number)],
                env=process.environment(place, self._region), stdin=subprocess.PIPE, stdout=self._log,
                stderr=subprocess.STDOUT, pass_fds=[number], start_new_session=True,
            )  # fmt: skip


if __name__ == "__main__":
    region = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")
    endpoint = S3Endpoint(Path(sys.argv[1]), region)
    try:
        environment = {**os.environ, "AWS_DEFAULT_REGION": region, **endpoint.environment()}
        sys.exit(subprocess.run(sys.argv[2:], env=environment, check=False).returncode)
    finally:
        endpoint.close()
