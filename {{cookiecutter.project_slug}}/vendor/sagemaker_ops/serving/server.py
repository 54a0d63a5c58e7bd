"""Starts the program that serves a model, and waits until it is stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sagemaker_ops import kept
from sagemaker_ops.container import archives, transform_program
from sagemaker_ops.errors import UserError
from sagemaker_ops.project import data
from sagemaker_ops.project.settings import Settings
from sagemaker_ops.serving import page
from sagemaker_ops.serving.archives import Served

PROGRAM = Path(__file__).with_name("program.py")
NEEDED = ("starlette", "uvicorn")


def serve(served: Served, settings: Settings, root: Path, *, host: str, port: int, workers: int) -> int:
    """Serve until Ctrl-C or SIGTERM; returns the exit code. UserError if it cannot start."""
    if missing := [name for name in NEEDED if not find_spec(name)]:
        raise UserError(f"{' and '.join(missing)} must be installed to serve a model: `make setup` installs them.")
    with tempfile.TemporaryDirectory(prefix="ops-serve-") as folder:
        model = Path(folder, "model")
        archives.unpack(served.archive, model)
        shape = page.shape_of(kept.read(model / "schema.json") or {}, kept.read(model / "training.json") or {})
        written = Path(folder, "served.json")
        request = {
            "code": str(model / "code"),
            "program": "inference.py",
            "model": str(model),
            "handlers": transform_program.__file__,
            "page": page.page(served, shape, example(settings, root, [name for name, _ in shape.fields])),
            "host": host,
            "port": port,
            "workers": workers,
            "ready": f"Serving {served.name} (Ctrl-C stops it):",
        }
        written.write_text(json.dumps(request), encoding="utf-8")
        return _run([sys.executable, str(PROGRAM), str(written)], _environment())


def example(settings: Settings, root: Path, names: Sequence[str]) -> Mapping[str, str]:
    """The first value of each column in the project's table, as text; empty if it is not on this machine."""
    found: dict[str, str] = {}
    with suppress(UserError, OSError, ValueError, IndexError):
        file = data.files(settings.data.source, root)[0]
        for name in names:
            values, _ = data.values(file, name, 1, settings.data)
            found[name] = values[0] if values else ""
    return found


def _environment() -> dict[str, Any]:
    """Boosting's threads would wait for each other after every tree, and the library in vendor/ must not be found."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {"OMP_NUM_THREADS": "1", **environment, "PYTHONUNBUFFERED": "1"}


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run it in the foreground; signals for this process are for that one, which starts with them blocked."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    with subprocess.Popen(command, env=environment, start_new_session=True) as process:
        for number in numbers:
            signal.signal(number, lambda *_: process.terminate())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
        return process.wait()
