"""`python -m sagemaker_ops.project.environment`: what it installs, with what, and when it does nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

from sagemaker_ops import variables
from sagemaker_ops.project import environment

PYPROJECT = """
[project]
name = "churn"
dependencies = ["pandas>=2.2", "boto3"]
[dependency-groups]
dev = ["pytest", "ruff"]
docs = ["mkdocs==1.6.1"]
"""
UV = "/opt/uv"


class Usage(NamedTuple):
    """Of shutil.disk_usage."""

    free: int


@dataclass
class Machine:
    """A project's folder on a machine whose commands do only what a test defines."""

    root: Path
    uv: str | None = UV
    has_uv_to_install: bool = False
    """Whether the index has a uv for this machine."""
    has_pip: bool = True
    """Whether the machine's own Python has pip."""
    pip_config: str = ""
    fails: str = ""
    """The command that exits with 1: "venv" or "install"."""
    commands: list[list[str]] = field(default_factory=list)
    installed_with: dict[str, str] = field(default_factory=dict)
    """The environment variables of the last installation."""
    brought_with: dict[str, str] = field(default_factory=dict)
    """Those of the installation of uv."""

    def run(
        self,
        command: list[str],
        *,
        env: dict[str, str] | None = None,
        check: bool = False,
        capture_output: bool = False,
        text: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Replaces subprocess.run."""
        if command[1:] == ["-m", "pip", "config", "list"]:
            return subprocess.CompletedProcess(command, 0, self.pip_config, "")
        self.commands.append(command)
        if command[-1] == "uv":
            self.brought_with = env or {}
            if self.has_uv_to_install and (self.has_pip or command[0] != sys.executable):
                (self.python.parent / "uv").touch()
            return subprocess.CompletedProcess(command, 0, "", "")
        code = int(bool(self.fails) and self.fails in command)
        if "install" in command:
            self.installed_with = env or {}
        elif not code:
            self.python.parent.mkdir(parents=True, exist_ok=True)
            self.python.touch()
        if code and check:
            raise subprocess.CalledProcessError(code, command)
        return subprocess.CompletedProcess(command, code, "", "")

    @property
    def python(self) -> Path:
        return self.root / ".venv" / "bin" / "python"

    def watched(self, command: list[str], environment: dict[str, str]) -> int:
        """Replaces the function that runs an installer."""
        return self.run(command, env=environment).returncode

    def need(self, *groups: str) -> int:
        """`python -m sagemaker_ops.project.environment …`; `commands` is cleared first and then has what it ran."""
        self.commands.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["environment", *groups, "--project", str(self.root)])
            return environment.main()

    @property
    def installed(self) -> set[str]:
        """The packages of the last installation, without pip itself."""
        command = self.commands[-1]
        return set(command[command.index("--constraint") + 2 :]) - {"pip"}

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text, encoding="utf-8")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "UV_INDEX_STRATEGY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    machine = Machine(tmp_path)
    machine.write("pyproject.toml", PYPROJECT)
    machine.write("constraints.txt", "pandas==2.2.3\n")
    monkeypatch.setattr(subprocess, "run", machine.run)
    monkeypatch.setattr(environment, "watched", machine.watched)
    monkeypatch.setattr("shutil.which", lambda name: machine.uv if name == "uv" else None)
    return machine


def test_uv_creates_the_environment_and_installs_into_it(machine: Machine) -> None:
    assert machine.need("dev") == 0

    [make, install] = machine.commands
    assert make[:2] == [UV, "venv"]
    assert make[make.index("--python") + 1] == sys.executable
    assert make[-1] == str(machine.root / ".venv")
    assert install[:3] == [UV, "pip", "install"]
    assert install[install.index("--python") + 1] == str(machine.python)
    assert install[install.index("--constraint") + 1] == str(machine.root / "constraints.txt")
    assert install[-1] == "pip", "scripts written for an image may call it"
    assert machine.installed == {"pandas>=2.2", "boto3", "pytest", "ruff"}


def test_without_uv_the_pip_of_the_machine_installs_it(machine: Machine) -> None:
    machine.uv, machine.has_uv_to_install = None, True

    assert machine.need("dev") == 0

    [make, bring, install] = machine.commands
    assert make[:4] == [sys.executable, "-m", "venv", "--without-pip"]
    assert bring[:6] == [sys.executable, "-m", "pip", "--python", str(machine.python), "install"]
    assert bring[bring.index("--constraint") + 1] == str(machine.root / "constraints.txt")
    assert install[:3] == [str(machine.python.with_name("uv")), "pip", "install"]
    assert machine.installed == {"pandas>=2.2", "boto3", "pytest", "ruff"}

    machine.need("docs")
    assert [command[1] for command in machine.commands] == ["pip"], "uv is there now"


def test_without_pip_the_environment_gets_its_own(machine: Machine) -> None:
    machine.uv, machine.has_uv_to_install, machine.has_pip = None, True, False

    assert machine.need("dev") == 0

    [_, _, ensure, bring, install] = machine.commands
    assert ensure == [str(machine.python), "-m", "ensurepip"]
    assert bring[:4] == [str(machine.python), "-m", "pip", "install"]
    assert install[:3] == [str(machine.python.with_name("uv")), "pip", "install"]


def test_without_any_uv_venv_and_pip_do_it(machine: Machine) -> None:
    machine.uv = None

    assert machine.need("dev") == 0

    [make, _, ensure, _, install] = machine.commands
    assert make == [sys.executable, "-m", "venv", "--without-pip", str(machine.root / ".venv")]
    assert ensure == [str(machine.python), "-m", "ensurepip"]
    assert install[:4] == [str(machine.python), "-m", "pip", "install"]
    assert machine.installed == {"pandas>=2.2", "boto3", "pytest", "ruff"}


def test_pip_compiles_only_where_python_may_not_write_bytecode(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.uv = None
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    machine.need("dev")
    assert "--no-compile" in machine.commands[-1]

    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    machine.need("docs")
    assert "--no-compile" not in machine.commands[-1]


@pytest.mark.slow
def test_every_variable_of_uv_reaches_it_except_those_that_install_elsewhere() -> None:
    uv = Path(sys.executable).with_name("uv")
    shown = subprocess.run([uv, "pip", "install", "--help"], capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"\[env: (UV_\w+)", shown))
    elsewhere = {"UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_PROJECT", "UV_WORKING_DIR", "UV_NO_EDITABLE"}

    assert "UV_DEFAULT_INDEX" in known
    assert {name for name in known if not variables.is_for_builds(name)} == elsewhere & known


@pytest.mark.parametrize(
    ("given", "compiled"),
    [
        ({}, False),
        ({"PYTHONDONTWRITEBYTECODE": ""}, False),
        ({"PYTHONDONTWRITEBYTECODE": "1"}, True),
        ({"PYTHONDONTWRITEBYTECODE": "1", "UV_COMPILE_BYTECODE": "0"}, False),
        ({"UV_COMPILE_BYTECODE": "1"}, False),
    ],
)
def test_bytecode_is_compiled_where_python_may_not_write_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], compiled: bool
) -> None:
    for name in ("PYTHONDONTWRITEBYTECODE", "UV_COMPILE_BYTECODE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    machine.need("dev")

    assert ("--compile-bytecode" in machine.commands[-1]) is compiled
    assert machine.installed_with.get("UV_COMPILE_BYTECODE") == given.get("UV_COMPILE_BYTECODE"), "uv reads it"


LINTING = PYPROJECT.replace("[dependency-groups]", '[dependency-groups]\nlint = ["mypy"]').replace(
    '["pytest", "ruff"]', '[{ include-group = "lint" }, "pytest", "ruff"]'
)


@pytest.mark.parametrize(
    ("groups", "installed"),
    [
        (["dev"], {"pandas>=2.2", "boto3", "mypy", "pytest", "ruff"}),
        (["lint"], {"pandas>=2.2", "boto3", "mypy"}),
        (["--bare", "lint"], {"mypy"}),
        (["--bare"], set()),
    ],
)
def test_a_group_may_include_another_and_a_bare_environment_lacks_the_project(
    machine: Machine, groups: list[str], installed: set[str]
) -> None:
    machine.write("pyproject.toml", LINTING)

    assert machine.need(*groups) == 0
    assert machine.installed == installed

    assert machine.need(*groups) == 0
    assert machine.commands == []


@pytest.mark.parametrize(
    ("settings", "groups", "has_spark"),
    [
        ('[data]\nengine = "spark"', ["pipelines"], True),
        ('[data]\nengine = "spark"', ["docs"], False),
        ('[data]\nengine = "pandas"', ["pipelines"], False),
        ("[data]", ["pipelines"], False),
        ("not TOML", ["pipelines"], False),
    ],
)
def test_pyspark_is_installed_where_pipelines_run_on_spark(
    machine: Machine, settings: str, groups: list[str], has_spark: bool
) -> None:
    machine.write("pyproject.toml", PYPROJECT + 'pipelines = ["sagemaker"]\nspark = ["pyspark"]\n')
    machine.write("project.toml", settings)

    assert machine.need(*groups) == 0

    assert ("pyspark" in machine.installed) is has_spark


def test_a_bare_environment_is_completed_and_a_complete_one_is_enough_for_it(machine: Machine) -> None:
    machine.need("--bare")

    machine.need("dev")
    assert machine.installed == {"pandas>=2.2", "boto3", "pytest", "ruff"}

    machine.need("--bare")
    assert machine.commands == []


def test_a_project_that_can_be_built_is_installed_in_editable_mode(machine: Machine) -> None:
    machine.write("pyproject.toml", PYPROJECT + '[build-system]\nrequires = ["hatchling"]\n')

    machine.need()

    assert machine.installed == {"pandas>=2.2", "boto3", "--editable", str(machine.root)}


@pytest.mark.parametrize("again", [("dev", "docs"), ("docs",), ()], ids=["all", "one", "none"])
def test_installed_groups_are_not_installed_again(
    machine: Machine, capsys: pytest.CaptureFixture[str], again: tuple[str, ...]
) -> None:
    machine.need("docs", "dev")
    capsys.readouterr()

    assert machine.need(*again) == 0

    assert machine.commands == []
    assert capsys.readouterr().out == ""


def test_another_group_is_added_to_the_installed_ones(machine: Machine) -> None:
    machine.need("dev")

    machine.need("docs")
    assert len(machine.commands) == 1, "the environment itself exists"
    assert machine.installed == {"pandas>=2.2", "boto3", "pytest", "ruff", "mkdocs==1.6.1"}

    machine.need("dev", "docs")
    assert machine.commands == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        pytest.param("constraints.txt", "pandas==2.3.0\n", id="a version"),
        pytest.param("pyproject.toml", PYPROJECT.replace("boto3", "boto3>=1.40"), id="a dependency"),
        pytest.param("pyproject.toml", PYPROJECT.replace('"ruff"', '"mypy"'), id="a group"),
    ],
)
def test_a_change_installs_again(machine: Machine, file: str, text: str) -> None:
    machine.need("dev")

    machine.write(file, text)
    machine.need("dev")
    assert [command[1:3] for command in machine.commands] == [["pip", "install"]]

    machine.need("dev")
    assert machine.commands == []


def test_an_irrelevant_change_in_pyproject_installs_nothing(machine: Machine) -> None:
    machine.need("dev")

    machine.write("pyproject.toml", PYPROJECT + "[tool.ruff]\nline-length = 100\n")
    machine.need("dev")

    assert machine.commands == []


def test_an_unknown_group_is_reported_in_one_sentence(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert machine.need("dev", "doc", "tests") == 2

    assert capsys.readouterr().err == "pyproject.toml has no dependency group doc, tests.\n"
    assert machine.commands == []


@pytest.mark.parametrize(("uv", "name"), [(UV, "uv"), (None, "pip")])
def test_a_failed_installation_is_reported_and_tried_again(
    machine: Machine, capsys: pytest.CaptureFixture[str], uv: str | None, name: str
) -> None:
    machine.uv = uv
    machine.need()
    machine.fails = "install"

    assert machine.need("dev") == 1
    assert capsys.readouterr().err == f"Installation failed: see the output of {name} above.\n"

    machine.fails = ""
    assert machine.need() == 0
    assert machine.installed == {"pandas>=2.2", "boto3"}, "even the first installation no longer counts"


def test_a_group_that_another_one_includes_is_there_with_it(machine: Machine) -> None:
    machine.write("pyproject.toml", PYPROJECT + 'lint = ["ruff"]\nall = [{ include-group = "lint" }, "mypy"]\n')
    machine.need("all")

    assert machine.need("lint") == 0

    assert machine.commands == []
    machine.need("dev")
    assert machine.installed == {"pandas>=2.2", "boto3", "pytest", "ruff", "mypy"}


@pytest.mark.parametrize("uv", [UV, None], ids=["uv", "venv"])
def test_an_environment_that_cannot_be_created_is_reported_and_tried_again(
    machine: Machine, capsys: pytest.CaptureFixture[str], uv: str | None
) -> None:
    machine.uv, machine.fails = uv, "venv"  # as on Debian without the package python3-venv

    assert machine.need() == 1
    assert len(capsys.readouterr().err.splitlines()) == 1

    machine.fails = ""
    assert machine.need() == 0
    assert len(machine.commands) == (2 if uv else 5)


def test_an_environment_without_its_python_is_created_again(machine: Machine) -> None:
    machine.need("dev")
    machine.python.unlink()  # a link to a Python that an update removed

    assert machine.need("dev") == 0

    assert machine.python.exists()
    assert machine.installed == {"pandas>=2.2", "boto3", "pytest", "ruff"}


def test_an_environment_that_was_moved_is_created_again(machine: Machine, tmp_path: Path) -> None:
    """Its programs name the old folder: after a rename, or in another job that shares a cache."""
    machine.need("dev")
    machine.root = tmp_path / "renamed"
    machine.root.mkdir()
    for name in ("pyproject.toml", "constraints.txt", ".venv"):
        (tmp_path / name).rename(machine.root / name)
    stale = machine.root / ".venv" / "stale"
    stale.touch()

    assert machine.need("docs") == 0

    assert not stale.exists()
    assert machine.installed == {"pandas>=2.2", "boto3", "mkdocs==1.6.1"}, "the groups that it had are gone, too"
    machine.need("docs")
    assert machine.commands == []


def test_an_environment_of_another_python_is_created_again(machine: Machine, tmp_path: Path) -> None:
    machine.need("dev")
    (tmp_path / "python3.12").touch()
    machine.python.unlink()
    machine.python.symlink_to(tmp_path / "python3.12")
    (machine.root / ".venv" / "lib" / "python3.11").mkdir(parents=True)

    assert machine.need("dev") == 0

    assert not machine.python.is_symlink()
    assert [command[1:3] for command in machine.commands] == [["venv", "--quiet"], ["pip", "install"]]


@pytest.mark.parametrize("state", ["", "not JSON", "{}"])
def test_an_invalid_state_file_is_ignored(machine: Machine, state: str) -> None:
    machine.need("dev")
    machine.write(f".venv/{environment.STATE}", state)

    assert machine.need("dev") == 0

    assert machine.installed == {"pandas>=2.2", "boto3", "pytest", "ruff"}


# Output lines of `pip config list`.
@pytest.mark.parametrize(
    ("listed", "given"),
    [
        pytest.param("", {}, id="nothing"),
        pytest.param(
            "global.index-url='https://user:p%40ss@pypi.example.com/simple?a=b'",
            {"UV_DEFAULT_INDEX": "https://user:p%40ss@pypi.example.com/simple?a=b"},
            id="index",
        ),
        pytest.param(
            ":env:.index-url='https://a.example.com'",
            {"UV_DEFAULT_INDEX": "https://a.example.com"},
            id="pip variable",
        ),
        pytest.param(
            "install.index-url='https://a.example.com'",
            {"UV_DEFAULT_INDEX": "https://a.example.com"},
            id="install section",
        ),
        pytest.param(
            "global.extra-index-url='https://b.example.com'",
            {"UV_INDEX": "https://b.example.com", "UV_INDEX_STRATEGY": "unsafe-best-match"},
            id="extra index",
        ),
        pytest.param(
            r"global.extra-index-url='\nhttps://b.example.com\nhttps://c.example.com'",
            {"UV_INDEX": "https://b.example.com https://c.example.com", "UV_INDEX_STRATEGY": "unsafe-best-match"},
            id="extra indexes on separate lines",
        ),
        pytest.param("global.cert='/etc/ssl/our-ca.pem'", {"SSL_CERT_FILE": "/etc/ssl/our-ca.pem"}, id="certificates"),
        pytest.param("install.find-links='/opt/wheels'", {"UV_FIND_LINKS": "/opt/wheels"}, id="folder of wheels"),
        pytest.param(
            r"global.find-links='\nbuild/dist\n/opt/wheels'",
            {"UV_FIND_LINKS": "build/dist,/opt/wheels"},
            id="two folders",
        ),
        pytest.param(
            "global.timeout='60'\nglobal.disable-pip-version-check='true'", {}, id="settings that uv does not use"
        ),
        pytest.param(
            ":env:.index-url='https://variable.example.com'\nglobal.index-url='https://file.example.com'",
            {"UV_DEFAULT_INDEX": "https://variable.example.com"},
            id="a variable overrides a file, as in pip",
        ),
        pytest.param(
            "download.index-url='https://other.example.com'", {}, id="the section of another command is ignored"
        ),
    ],
)
def test_uv_gets_the_configuration_of_pip(machine: Machine, listed: str, given: dict[str, str]) -> None:
    machine.pip_config = listed

    machine.need()

    names = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "UV_INDEX_STRATEGY", "SSL_CERT_FILE")
    assert {name: machine.installed_with[name] for name in names if name in machine.installed_with} == given


@pytest.mark.parametrize(
    "name", ["UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "UV_INDEX_STRATEGY", "SSL_CERT_FILE"]
)
def test_a_variable_that_is_set_overrides_the_configuration_of_pip(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    keys = ("index-url", "extra-index-url", "find-links", "cert")
    machine.pip_config = "\n".join(f"global.{key}='https://pip.example.com'" for key in keys)
    monkeypatch.setenv(name, "mine")

    machine.need()

    assert machine.installed_with[name] == "mine"


# Settings of pip, as variables and as lines of its files: where it installs, and where packages come from.
ELSEWHERE = ("target", "prefix", "root", "user", "python", "src", "break-system-packages", "require-virtualenv")
FROM = ("index-url", "extra-index-url", "find-links", "cert", "proxy", "trusted-host", "no-index", "timeout")


@pytest.mark.parametrize("source", ["file", "variable"])
@pytest.mark.parametrize("has_uv_to_install", [True, False], ids=["brings uv", "with pip"])
def test_pip_installs_nowhere_else(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, source: str, has_uv_to_install: bool
) -> None:
    machine.uv, machine.has_uv_to_install = None, has_uv_to_install
    section = "install" if source == "file" else ":env:"
    machine.pip_config = "\n".join(f"{section}.{key}='x-{key}'" for key in (*ELSEWHERE, *FROM, "config-file"))
    for key in (*ELSEWHERE, *FROM) if source == "variable" else ():
        monkeypatch.setenv(f"PIP_{key.upper().replace('-', '_')}", f"x-{key}")

    machine.need()

    for given in [machine.brought_with] if has_uv_to_install else [machine.brought_with, machine.installed_with]:
        settings = {name: value for name, value in given.items() if value.startswith("x-")}
        assert settings == {f"PIP_{key.upper().replace('-', '_')}": f"x-{key}" for key in FROM}
        assert given["PIP_CONFIG_FILE"] == os.devnull, "pip does not read its files again"


@pytest.mark.parametrize("uv", [UV, None], ids=["uv", "pip"])
@pytest.mark.parametrize(
    "name",
    [
        *["PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_PYTHON", "PIP_BREAK_SYSTEM_PACKAGES"],
        *["UV_SYSTEM_PYTHON", "UV_PYTHON", "UV_PROJECT_ENVIRONMENT", "UV_TARGET", "UV_PREFIX", "UV_WORKING_DIRECTORY"],
        *["UV_BREAK_SYSTEM_PACKAGES", "UV_VENV_SEED", "UV_VENV_CLEAR"],
        *["PYTHONHOME", "PYTHONPATH", "PYTHONUSERBASE", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV"],
    ],
)
def test_no_variable_makes_it_install_elsewhere(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, uv: str | None, name: str
) -> None:
    machine.uv = uv
    monkeypatch.setenv(name, "/opt/conda")

    machine.need()

    assert "HOME" in machine.installed_with
    assert name not in machine.installed_with


@pytest.mark.parametrize(
    ("free", "groups", "needed"),
    [
        pytest.param(1.9, ["dev"], "2.0", id="low"),
        pytest.param(2.1, ["dev"], None, id="enough"),
        pytest.param(0.4, ["--bare"], "0.5", id="low for the commands alone"),
        pytest.param(0.6, ["--bare"], None, id="enough for the commands alone"),
    ],
)
def test_a_disk_that_is_almost_full_is_reported_and_the_installation_tried(
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    free: float,
    groups: list[str],
    needed: str | None,
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage(int(free * 1e9)))

    assert machine.need(*groups) == 0

    said = f"warning: {machine.root}: only {free} GB are free on this disk, and the packages may need {needed} GB. "
    said += "If the installation fails, run `uv cache clean`, or give the Studio space more storage.\n"
    assert capsys.readouterr().err == (said if needed else "")
    machine.need(*groups)
    assert capsys.readouterr().err == "", "there is nothing to install"


def test_another_group_needs_less_space(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.need("dev")
    capsys.readouterr()
    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage(int(1e9)))

    machine.need("docs")

    assert capsys.readouterr().err == ""


def test_pip_gets_the_variables_unchanged(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.uv = None
    monkeypatch.setenv("PIP_INDEX_URL", "https://a.example.com")

    machine.need()

    assert machine.installed_with["PIP_INDEX_URL"] == "https://a.example.com"


SCRIPT = """
import sys
print("Resolved 3 packages in 1ms", file=sys.stderr)
print("Downloading pandas (11.8MiB)", file=sys.stderr)
print("Installed 3 packages in 2ms")
print(" + pandas==2.2.3")
sys.exit({code})
"""


def test_the_stages_of_an_installation_are_shown(capfd: pytest.CaptureFixture[str]) -> None:
    assert environment.watched([sys.executable, "-u", "-c", SCRIPT.format(code=0)], dict(os.environ)) == 0

    assert capfd.readouterr() == ("  Resolved 3 packages in 1ms\n  Installed 3 packages in 2ms\n", "")


def test_in_a_terminal_each_line_replaces_the_one_before(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    environment.watched([sys.executable, "-u", "-c", SCRIPT.format(code=0)], dict(os.environ))

    shown = capfd.readouterr().out.split("\r\x1b[K")
    assert shown[1:] == [
        "  Resolved 3 packages in 1ms",
        "  Downloading pandas (11.8MiB)",
        "  Installed 3 packages in 2ms",
        "  + pandas==2.2.3",
        "",
    ]


def test_a_failed_installation_shows_everything(capfd: pytest.CaptureFixture[str]) -> None:
    assert environment.watched([sys.executable, "-u", "-c", SCRIPT.format(code=3)], dict(os.environ)) == 3

    assert len(capfd.readouterr().err.splitlines()) == 4


@pytest.mark.parametrize("uv", [UV, None])
def test_what_is_built_sees_no_credentials(machine: Machine, monkeypatch: pytest.MonkeyPatch, uv: str | None) -> None:
    machine.uv = uv
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("CI_JOB_TOKEN", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com")

    machine.need()

    assert machine.installed_with["HTTPS_PROXY"] == "http://proxy.example.com"
    assert "secret" not in machine.installed_with.values()
