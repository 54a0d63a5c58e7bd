"""Projects generated from the template, and the one environment that they share."""

from __future__ import annotations

import gc
import os
import re
import shutil
import signal
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from projects import TEMPLATE, Bake, Project, bake_into

# Threads of NumPy and SciPy that wait by spinning would take the processor from other tests.
os.environ["OPENBLAS_THREAD_TIMEOUT"] = "4"
# A shell ignores SIGINT in background processes, and then so would every command that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
ALL_SLOW = re.compile(r"^pytestmark = \[?\s*pytest\.mark\.slow", re.MULTILINE)
SHARED = TEMPLATE / "build" / "tests"
# Not next to the modules, because the library is generated too; kept, because pytest rewrites every test module.
sys.pycache_prefix = str(TEMPLATE / "build" / "bytecode")
sys.dont_write_bytecode = False
os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix  # for the processes that the library starts in a test


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The fast tests do not wait for the imports of modules whose tests are all slow, such as pandas or moto."""
    if config.getoption("markexpr") != "not slow":
        return None
    if collection_path.is_dir():
        return True if collection_path.name == "tabular" else None  # its conftest.py imports them, too
    return (
        True
        if collection_path.suffix == ".py" and ALL_SLOW.search(collection_path.read_text(encoding="utf-8"))
        else None
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests come first, so that no process waits for one of them at the end."""
    items.sort(key=lambda item: item.get_closest_marker("longest") is None)


def pytest_collection_finish() -> None:
    """What the tests import stays until the end: it need not be searched for garbage after every module."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _garbage_is_not_kept() -> Iterator[None]:
    """Steps, some of which run in the test's process, keep all objects that there are until they end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "freeze", lambda: None)
        yield


@pytest.fixture(scope="module", autouse=True)
def _memory_is_given_back() -> Iterator[None]:
    """Commands, some of which run in the test's process, stop the collection of garbage until they end."""
    yield
    if not gc.isenabled():
        gc.enable()
        gc.collect()


@pytest.fixture(scope="session")
def _generated() -> dict[frozenset[tuple[str, str]], Project]:
    """The projects that `bake` copies, by their answers."""
    return {}


@pytest.fixture
def bake(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capfd: pytest.CaptureFixture[str],
    _generated: dict[frozenset[tuple[str, str]], Project],
) -> Bake:
    """`bake(vertical="revenue")` makes a project in the test's own folder; the same answers are generated once."""

    def _bake(**answers: str) -> Project:
        key = frozenset(answers.items())
        if key not in _generated:
            _generated[key] = bake_into(tmp_path_factory.mktemp("generated"), **answers)
            capfd.readouterr()  # the messages of the hooks have their own tests
        made = _generated[key].path
        return Project(shutil.copytree(made, tmp_path / made.name, symlinks=True))

    return _bake


@pytest.fixture(scope="session")
def environment(testrun_uid: str) -> Path:
    """The .venv of a generated project, made by its own `make setup` and kept between test runs."""
    kept = SHARED / "flight-delays" / ".venv"
    aside = SHARED / "environment"
    made_for = SHARED / "made-for"
    SHARED.mkdir(parents=True, exist_ok=True)
    with FileLock(SHARED / "lock"):  # the tests run in several processes, and one of them makes it
        if made_for.is_file() and made_for.read_text(encoding="utf-8") == testrun_uid:
            return kept
        if kept.is_dir():
            kept.rename(aside)  # the project is generated again, and its environment is updated
        shutil.rmtree(SHARED / "flight-delays", ignore_errors=True)
        project = bake_into(SHARED)
        if aside.is_dir():
            aside.rename(kept)
        # All groups, so that no test installs into it while others use it; with uv, which is faster than pip.
        groups = tomllib.loads((project.path / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
        with_uv = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        installed = project.run(sys.executable, "-B", "-m", "sagemaker_ops.project.environment", *groups, PATH=with_uv)
        done = project.make("setup", PATH=with_uv)
        assert (installed.code, done.code) == (0, 0), f"{installed}\n{done}"
        _compile(project)
        made_for.write_text(testrun_uid, encoding="utf-8")
    return kept


@pytest.fixture
def ready(bake: Bake, environment: Path) -> Bake:
    """Like `bake`, but with the environment in place, and with what the default answers compile to."""

    def _ready(**answers: str) -> Project:
        return _with(environment, bake(**answers))

    return _ready


@pytest.fixture(scope="session")
def unchanged(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The default project, shared by tests that change nothing in it except .local."""
    return _with(environment, bake_into(tmp_path_factory.mktemp("unchanged")))


def _with(environment: Path, project: Project) -> Project:
    (project.path / ".venv").symlink_to(environment)
    # Each is used only as long as nothing that it was made from changes.
    shutil.copytree(SHARED / "compiled", project.path / ".local" / "compiled")
    return project


def _compile(project: Project) -> None:
    """Keep the definitions of a new project, and of one whose first run has written data/schema.toml."""
    shutil.rmtree(SHARED / "compiled", ignore_errors=True)
    for command, code in ((["compile", "train"], 0), (["run", "train", "--param", "Unknown=1"], 2)):
        done = project.ops(*command)
        assert done.code == code, done
        shutil.copytree(project.path / ".local" / "compiled", SHARED / "compiled", dirs_exist_ok=True)
