"""`python -m sagemaker_ops.project.kernel`: the Jupyter kernel that `make setup` registers under the project's name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sagemaker_ops.project import kernel

TOML = '[project]\nname = "Flight delays"\nslug = "flight-delays"\n'
REGISTERED = "In Jupyter, choose the kernel 'Flight delays'. It is registered as flight-delays."


def jupyter(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
    """Replaces subprocess.run: acts as jupyter_core and ipykernel, with the same options and files."""
    python, isolated, _m, module, *options = command
    assert isolated == "-I", "neither the variables of Python nor the project's folder change what is imported"
    missing = Path(python).read_text(encoding="utf-8").split()
    if module in missing:
        return subprocess.CompletedProcess(command, 1, "", f"{python}: No module named {module}\n")
    data = Path(os.environ.get("JUPYTER_DATA_DIR") or Path(os.environ["HOME"], ".local/share/jupyter"))
    if options == ["--data-dir"]:
        return subprocess.CompletedProcess(command, 0, f"{data}\n", "")
    assert options[:2] == ["install", "--user"]
    values = dict(zip(options[2:6:2], options[3:6:2], strict=True))
    env = dict(zip(options[7::3], options[8::3], strict=True))
    spec = {"argv": [python, "-m", "ipykernel_launcher"], "display_name": values["--display-name"], "env": env}
    folder = data / "kernels" / values["--name"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return subprocess.CompletedProcess(command, 1, "", f"Traceback\n  …\n{type(error).__name__}: {error}\n")
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    return subprocess.CompletedProcess(command, 0, "", "")


def project(folder: Path, toml: str = TOML, missing: tuple[str, ...] = ()) -> Path:
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(" ".join(missing), encoding="utf-8")
    (folder / "project.toml").write_text(toml, encoding="utf-8")
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("JUPYTER_DATA_DIR", raising=False)
    monkeypatch.setattr(subprocess, "run", jupyter)
    return tmp_path / "home"


def kernels(home: Path) -> dict[str, Any]:
    """{name: its kernel.json}."""
    files = (home / ".local" / "share" / "jupyter" / "kernels").glob("*/kernel.json")
    return {file.parent.name: json.loads(file.read_bytes()) for file in files}


def test_the_first_time_it_says_which_kernel_to_choose(home: Path, tmp_path: Path) -> None:
    root = project(tmp_path / "a")

    assert kernel.register(root) == REGISTERED
    made = kernels(home)
    assert list(made) == ["flight-delays"]
    assert made["flight-delays"]["argv"][0] == str(root / ".venv/bin/python")
    assert made["flight-delays"]["display_name"] == "Flight delays"


def test_the_second_time_it_does_and_says_nothing(home: Path, tmp_path: Path) -> None:
    root = project(tmp_path / "a")
    kernel.register(root)
    file = home / ".local/share/jupyter/kernels/flight-delays/kernel.json"
    os.utime(file, (1, 1))

    assert kernel.register(root) == ""
    assert file.stat().st_mtime == 1


def test_what_a_notebook_starts_runs_in_the_environment_of_the_project(home: Path, tmp_path: Path) -> None:
    """`!pip install` must not change the conda environment that JupyterLab runs in."""
    root = project(tmp_path / "a")
    kernel.register(root)

    env = kernels(home)["flight-delays"]["env"]

    assert env == {"PATH": f"{root}/.venv/bin:${{PATH}}", "VIRTUAL_ENV": f"{root}/.venv"}


def test_another_clone_says_whose_the_kernel_was(home: Path, tmp_path: Path) -> None:
    first, second = project(tmp_path / "a"), project(tmp_path / "b")
    kernel.register(first)

    said = kernel.register(second)

    assert said == (
        f"The Jupyter kernel 'flight-delays' now belongs to {second}. "
        f"It belonged to {first}: to give it back, run `make setup` there."
    )
    assert kernels(home)["flight-delays"]["argv"][0] == str(second / ".venv/bin/python")
    assert kernel.register(second) == ""
    assert str(second) in kernel.register(first)


def test_a_project_that_was_moved_takes_its_kernel_along(home: Path, tmp_path: Path) -> None:
    old = project(tmp_path / "a")
    kernel.register(old)
    new = old.rename(tmp_path / "b")

    said = kernel.register(new)

    assert said == (
        f"The Jupyter kernel 'flight-delays' now belongs to {new}. It belonged to {old}, which is no longer there."
    )
    assert kernels(home)["flight-delays"]["argv"][0] == str(new / ".venv/bin/python")


def test_a_new_title_is_shown_and_two_projects_have_two_kernels(home: Path, tmp_path: Path) -> None:
    root = project(tmp_path / "a")
    kernel.register(root)
    (root / "project.toml").write_text(TOML.replace("Flight delays", "Late flights"), encoding="utf-8")

    assert "'Late flights'" in kernel.register(root)
    kernel.register(project(tmp_path / "b", TOML.replace("flight-delays", "churn")))

    assert {name: spec["display_name"] for name, spec in kernels(home).items()} == {
        "flight-delays": "Late flights",
        "churn": "Flight delays",
    }


def test_the_folder_is_the_one_that_jupyter_names(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))

    assert kernel.register(project(tmp_path / "a")) == REGISTERED
    assert (tmp_path / "data/kernels/flight-delays/kernel.json").is_file()
    assert not home.exists()


@pytest.mark.parametrize("damaged", ["", "not JSON", "[]", "{}", '{"argv": []}', '{"argv": "python"}'])
def test_a_damaged_kernel_is_written_again(home: Path, tmp_path: Path, damaged: str) -> None:
    root = project(tmp_path / "a")
    kernel.register(root)
    (home / ".local/share/jupyter/kernels/flight-delays/kernel.json").write_text(damaged, encoding="utf-8")

    assert kernel.register(root) == REGISTERED
    assert kernel.register(root) == ""


MISSING = (
    "No Jupyter kernel was registered: ipykernel is not installed. "
    "Add it to [dependency-groups].explore of pyproject.toml."
)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param({"missing": ("jupyter_core", "ipykernel")}, MISSING, id="no Jupyter at all"),
        pytest.param({"missing": ("ipykernel",)}, "ipykernel is not installed", id="no ipykernel"),
        pytest.param({"toml": "["}, "project.toml cannot be read", id="invalid project.toml"),
        pytest.param({"toml": "[project]\n"}, "project.toml cannot be read", id="no name"),
        *[
            pytest.param(
                {"toml": TOML.replace("flight-delays", name)}, f"'{name}' is the name of Jupyter's own kernel", id=name
            )
            for name in ("python", "python2", "python3")
        ],
    ],
)
def test_what_prevents_it_is_one_sentence_and_no_error(
    home: Path,
    tmp_path: Path,
    given: Mapping[str, Any],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = project(tmp_path / "a", **given)
    monkeypatch.setattr(sys, "argv", ["kernel", "--project", str(root)])

    assert kernel.main() == 0
    out = capsys.readouterr().out
    assert out.startswith("No Jupyter kernel was registered")
    assert said in out
    assert len(out.splitlines()) == 1
    assert kernels(home) == {}


def test_a_home_that_cannot_be_written_is_one_sentence(home: Path, tmp_path: Path) -> None:
    home.touch()  # a file, because a test may run as root, who can write into every folder

    said = kernel.register(project(tmp_path / "a"))

    assert said.startswith(f"No Jupyter kernel was registered in {home}/.local/share/jupyter/kernels/flight-delays: ")
    assert len(said.splitlines()) == 1


def test_without_an_environment_it_is_one_sentence(home: Path, tmp_path: Path) -> None:
    root = project(tmp_path / "a")
    (root / ".venv/bin/python").unlink()

    said = kernel.register(root)

    assert said.startswith("No Jupyter kernel was registered: ")
    assert len(said.splitlines()) == 1
