"""Which environment variables the programs that the library starts can see."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sagemaker_ops import variables

NEEDED = {
    "PATH": "/usr/bin",
    "HOME": "/home/ana",
    "LANG": "C.UTF-8",
    "TMPDIR": "/scratch",
    "https_proxy": "http://proxy.example.com:3128",
    "NO_PROXY": "localhost",
    "SSL_CERT_FILE": "/etc/ca.pem",
    "REQUESTS_CA_BUNDLE": "/etc/ca.pem",
}
OF_PACKAGES = {
    "PIP_INDEX_URL": "https://ana:word@pypi.example.com/simple",
    "PIP_EXTRA_INDEX_URL": "https://other.example.com",
    "PIP_CONFIG_FILE": "/etc/pip.conf",
    "PIP_CACHE_DIR": "/cache",
    "PIP_CERT": "/etc/ca.pem",
    "PIP_TRUSTED_HOST": "pypi.example.com",
    "UV_DEFAULT_INDEX": "https://pypi.example.com/simple",
    "UV_INDEX": "https://pypi.example.com/simple",
    "UV_NATIVE_TLS": "true",
    "ALL_PROXY": "socks5://proxy.example.com",
    "XDG_CONFIG_HOME": "/home/ana/.config",
    "CC": "clang",
    "CFLAGS": "-O2",
}
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_SESSION_TOKEN": "x",
    "AWS_PROFILE": "prod",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/x",
    "CI_JOB_TOKEN": "x",
    "CI_REGISTRY_PASSWORD": "x",
    "CI_REPOSITORY_URL": "https://gitlab-ci-token:x@gitlab.example.com/a.git",
    "CI_JOB_JWT_V2": "x",
    "GITLAB_TOKEN": "x",
    "github_token": "x",
    "PGPASSWORD": "x",
    "DB_PASS": "x",
    "DB_PWD": "x",
    "DATABASE_URL": "postgres://ana:x@db.example.com/x",
    "MLFLOW_TRACKING_PASSWORD": "x",
    "HF_TOKEN": "x",
    "OPENAI_API_KEY": "x",
    "SSH_PRIVATE_KEY": "x",
    "SSH_AUTH_SOCK": "/run/agent",
    "CLIENT_SECRET": "x",
    "GOOGLE_APPLICATION_CREDENTIALS": "/x.json",
    "TWINE_PASSWORD": "x",
    "UV_PUBLISH_TOKEN": "x",
}
OTHERS = {"MAX_TOKENS": "9", "AUTHOR": "ana", "COMPASS": "north", "SORT_KEY": "id", "PWD": "/home/ana", "MAX_ITER": "5"}


@pytest.mark.parametrize(
    ("of", "seen"),
    [
        pytest.param(variables.of_steps, NEEDED, id="a step"),
        pytest.param(variables.of_builds, NEEDED | OF_PACKAGES, id="an installation"),
        pytest.param(
            variables.without_credentials,
            {name: value for name, value in (NEEDED | OF_PACKAGES | OTHERS).items() if name != "PIP_INDEX_URL"},
            id="a compilation",
        ),
    ],
)
def test_a_program_sees_what_it_needs_and_no_credentials(
    of: Callable[[], dict[str, str]], seen: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", NEEDED | OF_PACKAGES | CREDENTIALS | OTHERS)

    assert of() == seen


def test_only_an_installation_sees_the_password_of_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    password = {"UV_INDEX_INTERNAL_USERNAME": "ana", "UV_INDEX_INTERNAL_PASSWORD": "x"}
    monkeypatch.setattr("os.environ", password)

    assert variables.of_builds() == password
    assert not variables.of_steps()
    assert "UV_INDEX_INTERNAL_PASSWORD" not in variables.without_credentials()
