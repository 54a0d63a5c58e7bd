"""The template's Python is valid without rendering: it contains no Jinja, and follows the project's own rules."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from projects import LIBRARY, TEMPLATE, TEMPLATE_PROJECT, VENDOR, Project

import sagemaker_ops
from sagemaker_ops.definition import job_types, step_types, tuning_type

BIN = Path(sys.executable).parent


def test_python_and_notebooks_contain_no_jinja() -> None:
    files = [*TEMPLATE_PROJECT.rglob("*.py"), *TEMPLATE_PROJECT.rglob("*.ipynb")]

    assert [file.name for file in files if re.search(r"{{ *cookiecutter|{%-? ", file.read_text(encoding="utf-8"))] == []


@pytest.mark.slow
@pytest.mark.parametrize("command", ["ruff check .", "ruff format --check .", "mypy"])
@pytest.mark.parametrize(
    ("folder", "name"), [(TEMPLATE_PROJECT, "project"), (VENDOR, "library")], ids=["project", "library"]
)
def test_it_is_clean(folder: Path, name: str, command: str) -> None:
    build = TEMPLATE / "build"
    caches = {"RUFF_CACHE_DIR": build / "ruff", "MYPY_CACHE_DIR": build / "mypy" / name}  # of `make lint`
    program, *arguments = command.split()

    done = Project(folder).run(BIN / program, *arguments, **{key: str(value) for key, value in caches.items()})

    assert done.code == 0, done


def test_no_file_records_where_packages_came_from() -> None:
    for file in (TEMPLATE / "constraints.txt", TEMPLATE_PROJECT / "constraints.txt"):
        assert not re.search(r"https?://|--.*(index|find-links)", file.read_text(encoding="utf-8"))


def test_no_module_of_the_library_is_long() -> None:
    files = {file.relative_to(LIBRARY).as_posix(): file for file in LIBRARY.rglob("*.py")}
    lengths = {name: len(file.read_text(encoding="utf-8").splitlines()) for name, file in files.items()}

    assert {name: length for name, length in lengths.items() if length > 300} == {}


# Each room of the library, and the rooms that it may import from. Modules outside the rooms count as rooms.
ROOMS = {
    "errors": set(),
    "variables": set(),
    "kept": {"errors"},
    "digests": {"store", "kept"},
    "store": {"errors"},
    "trace": {"errors", "template"},
    "project": {"errors", "store", "variables", "kept"},
    "definition": {"errors"},
    "guardrails": {"errors", "project", "definition"},
    "container": {"errors", "variables", "store"},
    "s3": {"errors", "store", "container"},
    "preflight": {"errors", "store", "definition", "container", "s3"},
    "local": {"errors", "store", "variables", "kept", "digests", "trace", "definition", "container", "preflight", "s3"},
    "pipelines": {
        "errors",
        "store",
        "variables",
        "kept",
        "trace",
        "project",
        "definition",
        "guardrails",
        "container",
        "local",
        "tabular",
    },
    "aws": {"errors", "store", "kept", "trace", "project", "definition", "guardrails", "local", "pipelines"},
    "tabular": set(),
    "spark": {"errors", "store", "definition", "local", "tabular"},
    "template": {"errors"},
    "notebooks": {"errors", "store", "project", "local", "tabular"},
    "terminal": {"errors", "store", "trace", "project", "definition", "guardrails", "local", "pipelines", "aws"},
    "report": {"errors", "store", "kept", "trace", "project", "definition", "local", "terminal"},
    "serving": {"errors", "store", "kept", "project", "container", "local", "terminal", "report"},
    "tracking": {"errors", "store", "trace", "project", "local", "tabular", "terminal", "report", "serving"},
    "monitoring": {"errors", "store", "variables", "kept", "project", "local", "terminal", "serving"},
    "documentation": {
        "errors",
        "store",
        "kept",
        "trace",
        "project",
        "definition",
        "guardrails",
        "pipelines",
        "aws",
        "terminal",
        "report",
    },
    "review": {
        "report",
        "errors",
        "store",
        "kept",
        "project",
        "definition",
        "guardrails",
        "local",
        "pipelines",
        "template",
        "terminal",
    },
}
ROOMS["commands"] = set(ROOMS)
# What each room imports besides the standard library; rooms that are not listed import nothing.
FOREIGN = {
    "container": {"numpy"},  # for the responses of a served model
    "s3": {"moto", "werkzeug"},
    "pipelines": {"sagemaker", "boto3"},
    "aws": {"boto3", "botocore", "s3transfer", "pyarrow"},
    "project": {"pyarrow", "tomlkit"},
    "template": {"cookiecutter"},
    "notebooks": {"matplotlib", "numpy", "pandas", "plotly", "pyspark", "seaborn", "sklearn", "tomlkit"},
    "serving": {"starlette", "uvicorn"},
    "terminal": {"rich"},
    "tracking": {"mlflow", "pandas"},
    "documentation": {"yaml"},
    "commands": {"typer"},
    "tabular": {"joblib", "numpy", "pandas", "pyarrow", "pyspark", "scipy", "sklearn", "threadpoolctl"},
}


def statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Like ast.walk, which takes several times as long, but without expressions."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        yield (node := waiting.pop())
        waiting += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr)]


def imports(file: Path) -> set[str]:
    """The full names of all modules that a file imports: `from a import b` is `a.b` if that is a module."""
    found: set[str] = set()
    for node in statements(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = {f"{module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else module for name in names}
    return found


def _name(file: Path) -> str:
    parts = file.relative_to(LIBRARY.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(file): file for file in LIBRARY.rglob("*.py")}


@cache
def graph() -> dict[str, set[str]]:
    """{module of the library: what it imports}."""
    return {name: imports(file) for name, file in MODULES.items()}


def room(module: str) -> str:
    return module.removeprefix("sagemaker_ops").strip(".").partition(".")[0]


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_of_the_library_builds_on_others_one_way(name: str) -> None:
    imported = set().union(*(graph()[module] for module in MODULES if room(module) == name))
    own = {room(module) for module in imported if module.startswith("sagemaker_ops.")}
    foreign = {module.partition(".")[0] for module in imported} - sys.stdlib_module_names - {"sagemaker_ops"}

    assert own - {name} <= ROOMS[name]
    assert foreign <= FOREIGN.get(name, set())


def test_no_two_modules_of_the_library_import_each_other_not_even_late() -> None:
    inside = MODULES.keys() - {"sagemaker_ops"}  # it loads all of them late, and some read its version
    inner = {module: graph()[module] & inside - {module} for module in inside}

    TopologicalSorter(inner).prepare()  # CycleError if they do


# Words spelled like a step type: a public name, the end of AWS's terms, the key of a Not, a heading.
NO_STEP_TYPES = {
    ("sagemaker_ops", "Model"),
    ("sagemaker_ops.aws.executions", "Job"),
    ("sagemaker_ops.aws.tuning_jobs", "Job"),
    ("sagemaker_ops.report.trials", "Tuning"),
    ("sagemaker_ops.definition.job_names", "Job"),
    ("sagemaker_ops.definition.conditions", "Condition"),
}


@pytest.mark.slow
def test_the_types_of_steps_are_named_in_the_registry_only() -> None:
    found = {
        (module, node.value)
        for module, file in MODULES.items()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in step_types.TYPES
    }

    registry = {step_types.__name__, job_types.__name__, tuning_type.__name__}
    assert {each for each in found if each[0] not in registry} == NO_STEP_TYPES


def test_the_runner_can_be_read_in_a_morning() -> None:
    rooms = ("definition", "preflight", "container", "local")
    files = [file for room in rooms for file in (LIBRARY / room).glob("*.py")]

    assert sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files) < 7000


def test_the_table_of_public_names_is_what_type_checkers_see() -> None:
    tree = ast.parse((LIBRARY / "__init__.py").read_text(encoding="utf-8"))
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    imported = [node for node in nodes if str(node.module).startswith("sagemaker_ops")]
    seen = {alias.asname or alias.name: (node.module, alias.name) for node in imported for alias in node.names}

    assert seen == {name: (f"sagemaker_ops.{module}", there) for name, (module, there) in sagemaker_ops._HOME.items()}
    assert {*seen, "EXPORTS", "__version__"} == set(sagemaker_ops.__all__)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*sagemaker_ops._HOME} - {"Jobs"}))  # it needs the SDK
def test_a_public_name_can_be_imported(name: str) -> None:
    assert getattr(sagemaker_ops, name) is not None


@pytest.mark.parametrize("folder", ["production", "eda", "develop", "tests"])
def test_a_project_imports_the_library_by_its_public_names_alone(folder: str) -> None:
    files = [*(TEMPLATE_PROJECT / folder).rglob("*.py"), *(TEMPLATE_PROJECT / folder).rglob("*.ipynb")]
    texts = {file.name: file.read_text(encoding="utf-8") for file in files}

    assert {name for name, text in texts.items() if re.search(r"sagemaker_ops\.\w", text)} == set()
