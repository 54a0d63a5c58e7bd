"""Studio: `make setup` in a new home folder laid out like that of a space, and what infra/ has for Studio."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from projects import TEMPLATE, Bake, Project

STACK = TEMPLATE / "infra" / "studio.yaml"
SCRIPT = TEMPLATE / "infra" / "studio-start.sh"
PAGE = TEMPLATE / "docs" / "studio.md"
BIN = Path(sys.executable).parent


def contents(folder: Path) -> dict[str, int]:
    """{file: its size}, without compiled modules, which a Python that runs may write next to its own."""
    files = (file for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc")
    return {str(file.relative_to(folder)): file.stat().st_size for file in files}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A new home folder, and a conda base environment next to it that comes first on the PATH."""
    conda, home, tools = tmp_path / "opt" / "conda", tmp_path / "home" / "sagemaker-user", tmp_path / "bin"
    subprocess.run([BIN / "uv", "venv", "--quiet", "--seed", "--python", sys.executable, conda], check=True)
    (conda / "conda-meta").mkdir()
    home.mkdir(parents=True)
    (home / ".condarc").write_text(f"envs_dirs: [{home}/.conda/envs]\n", encoding="utf-8")
    tools.mkdir()
    (tools / "uv").symlink_to(BIN / "uv")
    return home


def pip_settings() -> list[str]:
    """Where this machine gets packages from, as the lines of a pip.conf."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^\w+\.(index-url|extra-index-url|find-links|cert)='(.*)'$", listed, re.MULTILINE)
    return [f"{key} = {value.replace(chr(92) + 'n', ' ').strip()}" for key, value in dict(found).items()]


@pytest.mark.slow
@pytest.mark.parametrize("has_uv", [True, False], ids=["with uv", "with conda's pip, which brings uv"])
def test_a_clone_in_a_new_home_is_set_up_and_conda_stays_as_it_is(
    bake: Bake, home: Path, tmp_path: Path, has_uv: bool
) -> None:
    made, conda = bake(), tmp_path / "opt" / "conda"
    if not has_uv:
        (tmp_path / "bin" / "uv").unlink()
    packages = next(conda.glob("lib/python3.*/site-packages"))
    (home / ".config" / "pip").mkdir(parents=True)
    pip_conf = ["[global]", *pip_settings(), f"target = {packages}", f"prefix = {conda}", "[install]", "user = true"]
    (home / ".config" / "pip" / "pip.conf").write_text("\n".join(pip_conf), encoding="utf-8")
    environment = {
        "HOME": str(home),
        "PATH": f"{conda}/bin:{tmp_path}/bin:/usr/bin:/bin",
        "CONDA_PREFIX": str(conda),
        "CONDA_DEFAULT_ENV": "base",
        "PIP_USER": "1",
        "PIP_TARGET": str(packages),
        "PYTHONUSERBASE": str(home / "userbase"),
        "UV_SYSTEM_PYTHON": "1",
        "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")),
        "UV_COMPILE_BYTECODE": "0",  # which takes longer than everything else
    }
    made.run("git", "add", ".")
    made.run("git", "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "First version")
    Project(home).run("git", "clone", "--quiet", f"file://{made.path}", "flight-delays", **environment)
    clone, before = Project(home / "flight-delays"), contents(conda)

    first = clone.run("make", "setup", **environment)
    second = clone.run("make", "setup", **environment)

    ready = "Ready. To use ops in this shell: . .venv/bin/activate\n"
    assert first.code == 0, first
    assert first.out.endswith(
        f"In Jupyter, choose the kernel 'Flight delays'. It is registered as flight-delays.\n{ready}"
    )
    assert (second.code, second.out, second.err) == (0, ready, "")
    listed = clone.run(".venv/bin/python", "-m", "jupyter_client.kernelspecapp", "list", "--json", **environment)
    spec = json.loads(listed.out)["kernelspecs"]["flight-delays"]["spec"]
    assert spec["argv"][0] == str(clone.path / ".venv/bin/python")
    found = clone.run(
        spec["argv"][0], "-I", "-c", "import pandas, sagemaker_ops; print(pandas.__file__)", **environment
    )
    assert found.out.startswith(str(clone.path / ".venv")), found
    assert contents(conda) == before
    assert not (home / "userbase").exists()
    assert clone.run("git", "status", "--short", **environment).out == ""


@pytest.mark.slow
def test_another_python_home_is_not_used(bake: Bake) -> None:
    """With it, the Python of .venv would import the packages of conda."""
    done = bake().make("check", PYTHONHOME="/opt/conda")

    assert done.code == 0, done


def start(home: Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the lifecycle script in that home, as AWS does: from a file of its own."""
    home.mkdir(exist_ok=True)
    file = home.parent / "start.sh"
    file.write_text(text or SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    return subprocess.run(["bash", file], env=environment, capture_output=True, text=True, check=False)


def with_settings(**settings: str) -> str:
    text = SCRIPT.read_text(encoding="utf-8")
    for name, value in settings.items():
        text, found = re.subn(rf'^{name}=""', f'{name}="{value}"', text, flags=re.MULTILINE)
        assert found, name
    return text


def in_a_shell(home: Path, *names: str) -> dict[str, str]:
    """The variables that a new terminal has."""
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    asked = "; ".join(f'echo "${name}"' for name in names)
    command = ["bash", "--rcfile", str(home / ".bashrc"), "-ic", asked]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return dict(zip(names, done.stdout.splitlines(), strict=True))


def git(home: Path, *arguments: str) -> str:
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["git", "config", "--global", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


@pytest.mark.slow
def test_the_script_is_short_enough_and_shellcheck_finds_nothing() -> None:
    done = subprocess.run([BIN / "shellcheck", SCRIPT], capture_output=True, text=True, check=False)
    encoded = base64.b64encode(SCRIPT.read_bytes())

    assert done.stdout == ""
    assert len(encoded) <= 4096 - 500, (
        "a parameter of CloudFormation has at most 4096 characters; leave some for settings"
    )


def test_a_start_prepares_the_home_and_the_next_one_changes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"

    assert start(home).returncode == 0
    before = {file: file.read_bytes() for file in home.rglob("*") if file.is_file()}
    assert start(home).returncode == 0

    assert {file: file.read_bytes() for file in home.rglob("*") if file.is_file()} == before
    assert git(home, "--get-all", "credential.helper") == "cache --timeout=28800"
    assert in_a_shell(home, "PATH", "https_proxy", "PIP_INDEX_URL", "SSL_CERT_FILE") == {
        "PATH": f"{home}/.local/bin:/usr/bin:/bin",
        "https_proxy": "",
        "PIP_INDEX_URL": "",
        "SSL_CERT_FILE": "",
    }


def test_the_settings_of_the_platform_team_are_in_each_shell(tmp_path: Path) -> None:
    home = tmp_path / "home"
    given = {
        "INDEX_URL": "https://pypi.example.com/simple?a=1&b=2",
        "PROXY": "http://proxy.example.com:3128",
        "NO_PROXY": "localhost,.amazonaws.com",
        "CA_FILE": "/etc/our ca.pem",
    }

    start(home)
    start(home, with_settings(**given))

    found = in_a_shell(home, "PIP_INDEX_URL", "https_proxy", "http_proxy", "no_proxy")
    assert [*found.values()] == [given["INDEX_URL"], given["PROXY"], given["PROXY"], given["NO_PROXY"]]
    certificates = ("SSL_CERT_FILE", "PIP_CERT", "GIT_SSL_CAINFO", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE")
    assert set(in_a_shell(home, *certificates).values()) == {given["CA_FILE"]}
    start(home)
    assert in_a_shell(home, "https_proxy") == {"https_proxy": ""}, "what is no longer set is gone at the next start"


def test_what_a_person_has_set_stays(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    git(home, "credential.helper", "store")
    git(home, "init.defaultBranch", "trunk")
    (home / ".bashrc").write_text("alias l=ls\n", encoding="utf-8")

    start(home)

    assert git(home, "--get-all", "credential.helper") == "store"
    assert git(home, "init.defaultBranch") == "trunk"
    assert (home / ".bashrc").read_text(encoding="utf-8").startswith("alias l=ls\n")


@pytest.mark.parametrize("broken", ["a file", "no git", "a damaged configuration"])
def test_a_space_starts_whatever_is_wrong(tmp_path: Path, broken: str) -> None:
    home = tmp_path / "home"
    text = SCRIPT.read_text(encoding="utf-8")
    if broken == "a file":
        home.touch()
        done = subprocess.run(["bash", SCRIPT], env={"HOME": str(home), "PATH": "/usr/bin:/bin"}, check=False)
        assert done.returncode == 0
        return
    if broken == "no git":
        text = text.replace("git config", "no-such-git config")
    else:
        home.mkdir()
        (home / ".gitconfig").write_text("[", encoding="utf-8")

    assert start(home, text).returncode == 0


def stack() -> dict[str, Any]:
    from cfnlint.decode import cfn_yaml  # costs every test process a second

    return dict(cfn_yaml.load(str(STACK)))


def resources() -> dict[str, dict[str, Any]]:
    """The resources, with the one that is repeated for each user."""
    found = dict(stack()["Resources"])
    _, _, profile = found.pop("Fn::ForEach::Profiles")
    return found | profile


@pytest.mark.slow
def test_cfn_lint_has_nothing_against_the_stack() -> None:
    from cfnlint.api import lint_file

    assert [str(each) for each in lint_file(STACK)] == []


@pytest.mark.slow
@pytest.mark.parametrize("app", ["JupyterLabAppSettings", "CodeEditorAppSettings"])
def test_idle_spaces_are_stopped(app: str) -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_IdleSettings.html"""
    made, parameters = resources(), stack()["Parameters"]
    idle = made["Domain"]["Properties"]["DefaultUserSettings"][app]["AppLifecycleManagement"]["IdleSettings"]

    assert idle["LifecycleManagement"] == "ENABLED"
    assert idle["IdleTimeoutInMinutes"] == {"Ref": "IdleMinutes"}
    assert (parameters["IdleMinutes"]["MinValue"], parameters["IdleMinutes"]["MaxValue"]) == (60, 525600)
    assert 60 <= parameters["IdleMinutes"]["Default"] <= parameters["MaxIdleMinutes"]["Default"]


@pytest.mark.slow
def test_a_domain_in_a_vpc_has_security_groups() -> None:
    """AWS requires them: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UserSettings.html"""
    parameters = stack()["Parameters"]

    assert "VpcOnly" in parameters["Network"]["AllowedValues"]
    assert resources()["Domain"]["Properties"]["DefaultUserSettings"]["SecurityGroups"] == {"Ref": "SecurityGroupIds"}
    assert "Default" not in parameters["SecurityGroupIds"]


@pytest.mark.slow
def test_everything_has_the_name_and_the_tags_of_the_vertical() -> None:
    """The guard of vertical.yaml and the commands recognize by them whose a profile and its spaces are."""
    for name, each in resources().items():
        properties = each["Properties"]
        [named] = [value for key, value in properties.items() if key.endswith("Name")]
        assert str(named["Fn::Sub"]).startswith("${Vertical}-"), name
        tags = {tag["Key"]: tag["Value"] for tag in properties["Tags"]}
        assert tags == {"vertical": {"Ref": "Vertical"}, "env": {"Ref": "Environment"}}, name


@pytest.mark.slow
def test_the_role_is_the_one_of_the_first_stack() -> None:
    from cfnlint.decode import cfn_yaml

    first = cfn_yaml.load(str(TEMPLATE / "infra" / "vertical.yaml"))
    role = first["Resources"]["StudioRole"]["Properties"]["RoleName"]["Fn::Sub"]
    made = resources()
    given = [made["Domain"]["Properties"]["DefaultUserSettings"], made["Profile${User}"]["Properties"]["UserSettings"]]

    assert {each["ExecutionRole"]["Fn::Sub"].rpartition("/")[2] for each in given} == {role}
    for name in ("Vertical", "Environment"):
        assert stack()["Parameters"][name]["AllowedPattern"] == first["Parameters"][name]["AllowedPattern"]


@pytest.mark.slow
def test_the_page_names_each_parameter() -> None:
    page = PAGE.read_text(encoding="utf-8").partition("## For the platform team")[2]
    written = re.findall(r"^\| `(\w+)` \| (.+?) \| ", page, re.MULTILINE)

    assert dict(written) == {
        name: f"`{each['Default']}`" if "Default" in each else "required"
        for name, each in stack()["Parameters"].items()
    }
    command = page.partition("```bash\n")[2].partition("```")[0]
    required = [name for name, each in stack()["Parameters"].items() if "Default" not in each]
    assert [name for name in required if f"{name}=" not in command] == []


@pytest.mark.slow
def test_the_page_quotes_what_make_setup_says() -> None:
    from sagemaker_ops.project import environment, kernel

    page = PAGE.read_text(encoding="utf-8")
    code = "".join(Path(str(module.__file__)).read_text(encoding="utf-8") for module in (environment, kernel))

    for words in re.findall(r"^\| `(?:warning: … )?(.+?) …` \| ", page, re.MULTILINE):
        for part in re.split(r" … |\d\.\d", words):
            assert part.strip() in code, words
