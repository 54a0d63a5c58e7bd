"""requirements.txt, and programs that call pip: this environment stays unchanged."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from sagemaker_ops.local import Options

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("local", ["namespace", "rewrite"], indirect=True)]

IMPORT = "import greeting; print(greeting.__file__, greeting.WORD)"


@pytest.fixture
def offline(tmp_path: Path) -> str:
    """Lines of requirements.txt that install the package `greeting` from a folder, without a network."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "greeting-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("greeting.py", "WORD = 'hello'\n")
        wheel.writestr("greeting-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
        wheel.writestr("greeting-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("greeting-1.0.dist-info/RECORD", "")
    return f"--no-index\n--find-links {wheels}\ngreeting\n"


def processing(local: Any, name: str, script: str, requirements: str) -> dict[str, Any]:
    step: dict[str, Any] = local.processing(name, script)
    local.store.put(f"s3://bucket/code/{name}/requirements.txt", requirements.encode())
    return step


def training(local: Any, name: str, script: str, requirements: str) -> dict[str, Any]:
    step: dict[str, Any] = local.training(name)
    source = step["Arguments"]["HyperParameters"]["sagemaker_submit_directory"]
    local.put_archive(source, {"train.py": script, "requirements.txt": requirements})
    return step


BOTH = pytest.mark.parametrize("kind", [processing, training])


@BOTH
def test_without_the_option_it_is_mentioned_in_the_log_and_not_installed(local: Any, kind: Any) -> None:
    step = kind(local, "A", "print('runs')", "no-such-package-at-all")
    assert local.log(local.run(step), "A").splitlines() == [
        "requirements.txt is not installed here: the program uses the packages of this environment.",
        "runs",
    ]
    assert not (local.home / "packages").exists()


@BOTH
@pytest.mark.parametrize("fresh", [False, True], ids=["fork", "fresh"])
def test_with_the_option_it_is_installed_once_into_its_own_folder(
    local: Any, offline: str, kind: Any, fresh: bool
) -> None:
    step = kind(local, "A", IMPORT, offline)
    for _ in range(2):
        execution = local.run(step, options={"install": True, "fresh": fresh})
        assert execution.status == "Succeeded", execution.failure_reason
        line = local.log(execution, "A").splitlines()[-1]
        assert line.endswith("greeting.py hello")
        assert line.startswith(str(local.home / "packages"))
        [folder] = (local.home / "packages").iterdir()
        (folder / "greeting.py").write_text("WORD = 'hello'\n")
    assert local.run(step).status == "Failed"  # without the option it is not even found


@BOTH
def test_a_failing_installation_fails_the_step_with_one_sentence(local: Any, kind: Any) -> None:
    step = kind(local, "A", "print('runs')", "--no-index\nno-such-package-at-all")
    reason = local.run(step, options={"install": True}).steps["A"].failure_reason
    assert reason.startswith("requirements.txt cannot be installed: ERROR: No matching distribution found for no-such")
    assert list((local.home / "packages").iterdir()) == []


def test_uv_installs_if_there_is_no_pip(local: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uv = tmp_path / "bin/uv"
    uv.parent.mkdir()
    uv.write_text("""#!/bin/sh
        echo "$1 $2 $3 $4"
        while [ "$1" != --target ]; do shift; done
        echo "WORD = 'by uv'" > "$2/greeting.py"
    """)
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", f"{uv.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("sagemaker_ops.local.machine.is_installed", lambda name: name != "pip")
    execution = local.run(training(local, "A", IMPORT, "greeting"), options={"install": True})
    first, second = local.log(execution, "A").splitlines()
    assert (first, second.split()[-2:]) == (f"pip install --python {sys.executable}", ["by", "uv"])


def test_what_is_built_sees_no_credentials(local: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "greeting"
    package.mkdir()
    (package / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
        "[project]\nname = 'greeting'\nversion = '1.0'\n"
    )
    (package / "backend.py").write_text(f"""
import os, zipfile
def build_wheel(folder, *_, **__):
    open({str(tmp_path / "seen")!r}, "w").write("\\n".join(os.environ))
    name = "greeting-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("greeting.py", "WORD = 'built'")
        wheel.writestr("greeting-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: greeting\\nVersion: 1.0\\n")
        text = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr("greeting-1.0.dist-info/WHEEL", text)
        wheel.writestr("greeting-1.0.dist-info/RECORD", "")
    return name
""")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "x")
    monkeypatch.setenv("CI_JOB_TOKEN", "x")
    monkeypatch.setenv("PIP_RETRIES", "1")

    execution = local.run(processing(local, "A", IMPORT, f"--no-index\n{package}"), options={"install": True})

    assert execution.status == "Succeeded", execution.failure_reason
    seen = set((tmp_path / "seen").read_text().split())
    assert {"PATH", "HOME"} <= seen
    assert not {"AWS_SESSION_TOKEN", "CI_JOB_TOKEN"} & seen


def test_a_script_that_calls_pip_starts_in_a_python_without_loaded_libraries(local: Any) -> None:
    shown = {}
    for name, note in (("A", ""), ("B", "# calls pip")):
        step = training(local, name, f"import sys; print(sys.flags.safe_path) {note}", "")
        shown[name] = local.log(local.run(step), name).split()[-1]
    assert shown == {"A": str(not Options().fresh), "B": "False"}  # a fork has the launcher's flags


def test_steps_with_the_same_requirements_share_them(local: Any, offline: str) -> None:
    steps = [training(local, name, IMPORT, offline) for name in "ABC"]
    execution = local.run(*steps, options={"install": True, "jobs": 3})
    assert execution.status == "Succeeded", execution.failure_reason
    assert len({local.log(execution, name).splitlines()[-1] for name in "ABC"}) == 1


def test_a_change_in_a_file_that_requirements_refer_to_is_detected(local: Any, offline: str) -> None:
    step = local.training("A")
    source = step["Arguments"]["HyperParameters"]["sagemaker_submit_directory"]
    for more, status in (("", "Failed"), (offline, "Succeeded")):
        local.put_archive(source, {"train.py": IMPORT, "requirements.txt": "-r more.txt", "more.txt": more})
        assert local.run(step, options={"install": True}).status == status


def test_a_shell_script_installs_for_itself_as_in_its_image(local: Any, offline: str) -> None:
    step = local.training("A", sagemaker_program="train.sh")
    source = step["Arguments"]["HyperParameters"]["sagemaker_submit_directory"]
    local.put_archive(source, {"train.sh": "echo runs", "requirements.txt": offline})
    assert local.log(local.run(step, options={"install": True}), "A") == "runs\n"


@BOTH
@pytest.mark.parametrize(
    "call",
    [
        pytest.param("import os; os.system('pip install -q -r requirements.txt')", id="os.system"),
        pytest.param(
            "import subprocess, sys\n"
            "subprocess.check_call([sys.executable, '-m', 'pip', 'install', '-q', '-r', 'requirements.txt'])",
            id="subprocess",
        ),
    ],
)
def test_a_program_can_import_what_it_installs_until_it_ends(local: Any, offline: str, kind: Any, call: str) -> None:
    script = f"import os\nos.chdir(os.path.dirname(os.path.abspath(__file__)))\n{call}\n{IMPORT}"
    before = sorted(Path(sys.prefix).glob("lib/python*/site-packages/*"))
    execution = local.run(kind(local, "A", script, offline))
    assert execution.status == "Succeeded", execution.failure_reason
    assert f"{execution.folder}/A/job/packages/greeting.py hello" in local.log(execution, "A")
    assert sorted(Path(sys.prefix).glob("lib/python*/site-packages/*")) == before
    assert not (execution.folder / "A/job").exists()
