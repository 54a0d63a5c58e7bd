"""The template's own GitLab line: which jobs run when, and what `publish` and `pages` do, run with gitlab-ci-local.

The job `check` runs these tests, so it is not run here.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from filelock import FileLock
from projects import TEMPLATE, Result, clean_environment
from repositories import Repository, new_repository

from sagemaker_ops import __version__

pytestmark = pytest.mark.slow

NODE = TEMPLATE / "build" / "node"
PACKAGE = "gitlab-ci-local@4.73.0"  # the last one for Node 20
PROBE = "workflow-rules"  # gitlab-ci-local does not apply the rules of a workflow, so a job gets them
TAG = f"v{__version__}"


@pytest.fixture(scope="session")
def gitlab_ci_local() -> Path:
    """The program, installed once per clone."""
    program = NODE / "node_modules" / ".bin" / "gitlab-ci-local"
    NODE.mkdir(parents=True, exist_ok=True)
    with FileLock(NODE / "lock"):
        if not program.exists():
            command = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(NODE), PACKAGE]
            subprocess.run(command, check=True, timeout=300)
    return program


@dataclass(frozen=True)
class Line:
    program: Path
    repository: Repository

    def run(self, *arguments: str, variables: Mapping[str, str | None]) -> Result:
        """Run gitlab-ci-local; a variable that is None does not exist."""
        options = [
            text
            for name, value in variables.items()
            for text in (["--unset-variable", name] if value is None else ["--variable", f"{name}={value}"])
        ]
        done = subprocess.run(
            [
                *(self.program, "--force-shell-executor", "--shell-isolation"),
                *("--ignore-predefined-vars", ",".join(variables)),  # no warning that they are set here
                *options,
                *arguments,
            ],
            cwd=self.repository.folder,
            env=clean_environment() | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
        )
        return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def line(gitlab_ci_local: Path, tmp_path: Path) -> Line:
    """A clone of the template, in which the rules of its workflow are those of a job."""
    repository = new_repository(tmp_path / "template")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TEMPLATE, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        target = repository.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TEMPLATE / name, target)
    file = repository.folder / ".gitlab-ci.yml"
    table = yaml.safe_load(file.read_text(encoding="utf-8"))
    table[PROBE] = {"stage": "check", "script": ["true"], "rules": table.pop("workflow")["rules"]}
    file.write_text(yaml.safe_dump(table, sort_keys=False), encoding="utf-8")
    repository.commit()
    repository.git("remote", "add", "origin", "https://gitlab.example.com/ml/template.git")
    return Line(gitlab_ci_local, repository)


@pytest.mark.parametrize(
    ("variables", "jobs"),
    [
        pytest.param(
            {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_COMMIT_BRANCH": None}, ["check"], id="merge request"
        ),
        pytest.param({"CI_COMMIT_BRANCH": "main"}, ["check", "pages"], id="main"),
        pytest.param({"CI_COMMIT_BRANCH": "feature"}, [], id="another branch"),
        pytest.param({"CI_COMMIT_BRANCH": None, "CI_COMMIT_TAG": "v9.9.9"}, ["check", "publish"], id="tag"),
    ],
)
def test_jobs_that_run(line: Line, variables: Mapping[str, str | None], jobs: list[str]) -> None:
    listed = line.run("--list-json", variables={"CI_DEFAULT_BRANCH": "main", "CI_PIPELINE_SOURCE": "push", **variables})
    assert listed.code == 0, listed

    running = {each["name"] for each in json.loads(listed.out) if each["when"] != "never"}
    assert (running if PROBE in running else {PROBE}) == {PROBE, *jobs}


@dataclass
class Registry:
    """Stands in for GitLab's package registry, and records what it is sent."""

    url: str = ""
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    """Of each upload: the path, the header Authorization, and the body."""


@pytest.fixture
def registry() -> Iterator[Registry]:
    found = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.requests.append((self.path, self.headers.get("Authorization", ""), body))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}/api/v4"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


def on_a_tag(tag: str, registry: Registry) -> dict[str, str | None]:
    return {
        "CI_COMMIT_BRANCH": None,
        "CI_COMMIT_TAG": tag,
        "CI_API_V4_URL": registry.url,
        "CI_PROJECT_ID": "42",
        "CI_JOB_TOKEN": "job-token",
        "UV_CACHE_DIR": str(Path.home() / ".cache" / "uv"),  # do not download everything again
    }


def test_a_tag_publishes_the_library_in_the_package_registry(line: Line, registry: Registry) -> None:
    done = line.run("publish", variables=on_a_tag(TAG, registry))
    assert done.code == 0, done

    assert {path for path, _, _ in registry.requests} == {"/api/v4/projects/42/packages/pypi"}
    password = base64.b64encode(b"gitlab-ci-token:job-token").decode()
    assert {header for _, header, _ in registry.requests} == {f"Basic {password}"}
    sent = {
        name
        for name in (f"sagemaker_ops-{__version__}-py3-none-any.whl", f"sagemaker_ops-{__version__}.tar.gz")
        for _, _, body in registry.requests
        if f'filename="{name}"'.encode() in body
    }
    assert len(sent) == len(registry.requests) == 2


@pytest.mark.parametrize("tag", ["v9.9.9", __version__, f"v{__version__}-rc1", f"{TAG} "])
def test_another_tag_is_refused_in_one_sentence(tag: str) -> None:
    script = TEMPLATE / "scripts" / "check_tag.py"
    done = subprocess.run([sys.executable, script, tag], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"error: The tag is '{tag}', but the library's version is {__version__}: tag the commit '{TAG}', or change "
        "__version__ in vendor/sagemaker_ops/__init__.py first."
    ]


def test_nothing_is_published_for_another_tag(line: Line, registry: Registry) -> None:
    done = line.run("publish", variables=on_a_tag("v9.9.9", registry))

    assert done.code != 0
    assert "error: The tag is 'v9.9.9'" in done.out + done.err
    assert registry.requests == []


def test_main_publishes_the_guide(line: Line, registry: Registry) -> None:
    done = line.run("pages", variables={**on_a_tag("", registry), "CI_COMMIT_BRANCH": "main", "CI_COMMIT_TAG": None})
    assert done.code == 0, done

    [artifacts] = (line.repository.folder / ".gitlab-ci-local" / "artifacts").iterdir()
    assert "<title>" in (artifacts / "public" / "index.html").read_text(encoding="utf-8")


def test_the_file_is_valid() -> None:
    command = ["-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", str(TEMPLATE / ".gitlab-ci.yml")]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
