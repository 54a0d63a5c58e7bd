"""Why AWS cannot be called: each cause on this machine or in its network is one sentence that names it."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import botocore.loaders
import pytest

from aws.conftest import ACCOUNT, BUCKET, REGION, ROLE
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.account_check import of_account
from sagemaker_ops.aws.errors import LOG_IN, AwsError, may_pass
from sagemaker_ops.project.settings import Environment, parse

pytestmark = pytest.mark.slow
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}  # pragma: allowlist secret
ASSUMED = "[default]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n"
BASE = "[profile base]\naws_access_key_id = testing\naws_secret_access_key = testing\n"  # pragma: allowlist secret
SSO = "[default]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n[sso-session s]\n"
TOKEN = '{"Version": 1, "AccessKeyId": "%s", "SecretAccessKey": "b", "SessionToken": "c", "Expiration": "%s"}'
LOADER = botocore.loaders.create_loader()  # reads the large models of AWS only once


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without settings for AWS, in an environment without them."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name, value in {
        "HOME": str(tmp_path),
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(botocore.loaders, "create_loader", lambda *_: LOADER)
    return tmp_path


def account() -> Account:
    table = {
        "project": {"name": "x", "slug": "flight-delays", "vertical": "customer", "region": REGION},
        "data": {"source": "data", "target": "late", "problem": "classification"},
        "gate": {"metric": "auc", "minimum": 0.5},
    }
    settings = replace(parse(table), environments={"dev": Environment(ACCOUNT, ROLE, BUCKET)})
    return Account(settings, "dev", attempts=1)


def failure() -> AwsError:
    """The error of the first call."""
    with pytest.raises(AwsError) as raised:
        _ = account().caller
    assert raised.value.exit_code == 4
    assert str(raised.value).endswith(".")
    assert "\n" not in str(raised.value)
    return raised.value


# Credentials


@pytest.mark.parametrize(
    ("config", "variables", "words"),
    [
        pytest.param("", {}, f"this machine has no AWS credentials: {LOG_IN}", id="none"),
        pytest.param(
            "",
            {"AWS_WEB_IDENTITY_TOKEN_FILE": "/gone/token", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/r"},
            "because of '/gone/token' (no such file or directory): check AWS_WEB_IDENTITY_TOKEN_FILE",
            id="a token file that is gone",
        ),
        pytest.param(
            "[default]\nrole_arn = arn:aws:iam::123456789012:role/r\nweb_identity_token_file = /gone/token\n",
            {},
            "because of '/gone/token' (no such file or directory): check credential_process or web_identity_token_file",
            id="a token file of a profile that is gone",
        ),
        pytest.param("", {"AWS_PROFILE": "nobody"}, "(nobody) could not be found: see ~/.aws/config", id="no profile"),
        pytest.param(ASSUMED, {}, 'The source_profile "base" referenced in the profile "default"', id="no source"),
        pytest.param(
            f"{ASSUMED}[profile base]\nrole_arn = arn:aws:iam::123456789012:role/q\nsource_profile = default\n",
            {},
            "Infinite loop in credential configuration",
            id="a loop of roles",
        ),
        pytest.param(
            f"{ASSUMED}mfa_serial = arn:aws:iam::123456789012:mfa/ana\n{BASE}",
            {},
            "asks for the code of an MFA device, and this is not a terminal",
            id="a code without a terminal",
        ),
        pytest.param(
            f"{SSO}sso_start_url = https://x.example.com/start\nsso_region = eu-west-1\n",
            {},
            "your AWS credentials have expired, or there are none: log in again (`aws sso login`",
            id="no log-in",
        ),
        pytest.param(f"{SSO}sso_region = eu-west-1\n", {}, "sso_start_url", id="a log-in without an address"),
        pytest.param("[default\n", {}, "config is not a valid configuration file: correct it", id="no INI file"),
        pytest.param("x\n", {}, "config is not a valid configuration file: correct it", id="a line without a section"),
        pytest.param("", {"AWS_ACCESS_KEY_ID": "a"}, "AWS_SECRET_ACCESS_KEY is missing: set it", id="half a key"),
        pytest.param(
            "[default]\naws_access_key_id = a\n", {}, "aws_secret_access_key is missing", id="half a key of a profile"
        ),
    ],
)
def test_credentials_that_cannot_be_used(
    home: Path, monkeypatch: pytest.MonkeyPatch, config: str, variables: dict[str, str], words: str
) -> None:
    (home / "config").write_text(config, encoding="utf-8")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert words in str(failure())


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
@pytest.mark.parametrize(
    ("more", "what"),
    [("\n", "a line break"), ("\r\n", "a line break"), (" ", "a space"), ("\u201d", "the character '\\u201d'")],
    ids=["line break", "Windows line break", "space", "quotation mark"],
)
def test_a_key_with_a_character_too_many(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, more: str, what: str
) -> None:
    for key, value in {**KEYS, name: f"testing{more}"}.items():
        monkeypatch.setenv(key, value)

    assert f"{name} contains {what}, which no key does: set it again without" in str(failure())


PRINTS = "must print JSON with Version, AccessKeyId and SecretAccessKey, and nothing else"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo not logged in >&2; exit 3", "the credential_process in ~/.aws/config failed: not logged in."),
        ("exit 3", "failed: it printed no reason."),
        ("echo Welcome; echo '{\"Version\": 1}'", PRINTS),
        ("true", PRINTS),
        ("echo '[]'", PRINTS),
        ("printf '\\377'", PRINTS),
        ("echo '{}'", "failed: Unsupported version"),
        ('echo \'{"Version": 1, "AccessKeyId": "a"}\'', "failed: Missing required key in response: 'SecretAccessKey'"),
        (
            'echo \'{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": null}\'',
            "the secret_access_key of these AWS credentials is not a text",
        ),
        (
            'echo \'{"Version": 1, "AccessKeyId": 5, "SecretAccessKey": "b"}\'',
            "the access_key_id of these AWS credentials is not a text",
        ),
        (f"echo '{TOKEN % ('a', 'soon')}'", "the AWS credentials cannot be read (Unknown string format: soon)"),
        (f"printf '%s' '{TOKEN % ('a', '2000-01-01T00:00:00Z')}'", "refreshed credentials are still expired"),
        (
            "printf '%s' '" + TOKEN % ("a\\n", "2099-01-01T00:00:00Z") + "'",
            "a key or token in the AWS credentials contains a line break",
        ),
    ],
)
def test_a_program_for_credentials_that_fails(home: Path, script: str, words: str) -> None:
    program = home / "program"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    (home / "config").write_text(f"[default]\ncredential_process = {program}\n", encoding="utf-8")

    assert words in str(failure())


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("/gone/program --now", "because of '/gone/program' (no such file or directory): check credential_process"),
        ("sh -c 'echo", PRINTS),
    ],
)
def test_a_program_for_credentials_that_cannot_be_started(home: Path, command: str, words: str) -> None:
    (home / "config").write_text(f"[default]\ncredential_process = {command}\n", encoding="utf-8")

    assert words in str(failure())


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("[default\n", "is not a valid configuration file"),
        ("[default]\ncredential_process = /gone/program\n", "'/gone/program' (no such file or directory)"),
        (f"{ASSUMED}mfa_serial = arn:aws:iam::123456789012:mfa/ana\n{BASE}", "the code of an MFA device"),
    ],
)
def test_doctor_says_why_it_cannot_log_in(home: Path, config: str, words: str) -> None:
    (home / "config").write_text(config, encoding="utf-8")

    [finding] = of_account(account())

    assert (finding.what, finding.level, finding.exit_code) == ("credentials", "problem", 4)
    assert words in finding.message


def test_a_code_is_not_asked_for_where_nobody_can_type(home: Path) -> None:
    """Not even from a pipe that stays open, on which botocore itself waits for ever."""
    (home / "config").write_text(f"{ASSUMED}mfa_serial = arn:aws:iam::123456789012:mfa/ana\n{BASE}", encoding="utf-8")
    code = "from aws.test_unreachable import account; account().caller"
    path = os.pathsep.join(entry for entry in sys.path if entry)

    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    ) as process:
        code_of = process.wait(timeout=60)
        assert process.stderr is not None
        error = process.stderr.read()

    assert code_of == 1
    assert "asks for the code of an MFA device" in error.splitlines()[-1]
    assert "MFA code for" not in error


# Network


class _Refusing(BaseHTTPRequestHandler):
    def _refuse(self) -> None:
        self.send_response(403)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"no")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """{a name in the table below: the server}: one with a certificate that nobody trusts, and one without."""
    for method in ("GET", "POST", "CONNECT"):
        setattr(_Refusing, f"do_{method}", _Refusing._refuse)
    folder = tmp_path_factory.mktemp("certificate")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [*REQUEST.split(), "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    secured, plain = (ThreadingHTTPServer(("127.0.0.1", 0), _Refusing) for _ in range(2))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    secured.socket = context.wrap_socket(secured.socket, server_side=True)
    for server in (secured, plain):
        server.handle_error = lambda *_: None  # type: ignore[method-assign] # the failures are the point
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield {"{tls}": f"127.0.0.1:{secured.server_port}", "{plain}": f"127.0.0.1:{plain.server_port}"}
    for server in (secured, plain):
        server.shutdown()
        server.server_close()


REQUEST = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
BUNDLE = "the file with trusted certificates cannot be read: correct AWS_CA_BUNDLE"
AWS = {"AWS_ENDPOINT_URL": ""}  # the real address, which only a proxy can reach


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        pytest.param({"AWS_ENDPOINT_URL": "localhost:5000"}, "Invalid endpoint: localhost:5000", id="no scheme"),
        pytest.param({"AWS_ENDPOINT_URL": "http://a b/"}, "Invalid endpoint: http://a b/", id="a space"),
        pytest.param({"AWS_ENDPOINT_URL": "http://h:abc"}, "Port could not be cast to integer", id="no number"),
        pytest.param({"AWS_ENDPOINT_URL": "http://h:99999"}, "Port out of range 0-65535", id="too large a number"),
        pytest.param({"AWS_ENDPOINT_URL": "ftp://h"}, "Not supported URL scheme ftp", id="another scheme"),
        pytest.param({"AWS_ENDPOINT_URL": "http://[::1"}, "Invalid IPv6 URL", id="half an address"),
        pytest.param({"AWS_ENDPOINT_URL_STS": "http://"}, "and AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_STS", id="no host"),
        pytest.param(
            {"AWS_ENDPOINT_URL": "http://no-such-host.invalid"},
            "AWS cannot be reached from here (there is no host no-such-host.invalid)",
            id="unknown host",
        ),
        pytest.param(
            {}, "AWS cannot be reached from here (127.0.0.1:9 refuses connections): check the network", id="refused"
        ),
        pytest.param(
            {"AWS_ENDPOINT_URL": "https://{tls}", "AWS_CA_BUNDLE": "/gone/ca.pem"},
            f"{BUNDLE} ('/gone/ca.pem')",
            id="no CA bundle",
        ),
        pytest.param(
            {"AWS_ENDPOINT_URL": "https://{tls}", "AWS_CA_BUNDLE": "/tmp"},
            f"{BUNDLE} ('/tmp')",
            id="a folder as bundle",
        ),
        pytest.param(
            {"AWS_ENDPOINT_URL": "https://{tls}", "AWS_CA_BUNDLE": __file__}, BUNDLE, id="a bundle without certificates"
        ),
        pytest.param(
            {"AWS_ENDPOINT_URL": "https://{tls}"},
            "is not trusted on this machine: if a proxy inspects the traffic, set AWS_CA_BUNDLE",
            id="untrusted",
        ),
        pytest.param({"AWS_ENDPOINT_URL": "https://{plain}"}, "does not speak TLS as it should", id="no TLS"),
        pytest.param(
            {**AWS, "HTTPS_PROXY": "http://ana:secret@127.0.0.1:9"},
            "the proxy http://***:***@127.0.0.1:9 cannot be used",
            id="no proxy",
        ),
        pytest.param(
            {**AWS, "HTTPS_PROXY": "http://{plain}"},
            "cannot be used (Tunnel connection failed: 403 Forbidden): check HTTPS_PROXY",
            id="a proxy that refuses",
        ),
        pytest.param({**AWS, "HTTPS_PROXY": "127.0.0.1:abc"}, "check HTTPS_PROXY", id="not the address of a proxy"),
        pytest.param({"AWS_DEFAULTS_MODE": "x"}, "invalid defaults mode: x", id="an invalid setting"),
    ],
)
def test_a_network_that_does_not_lead_to_aws(
    home: Path, places: dict[str, str], monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str
) -> None:
    for name, value in {**KEYS, **variables}.items():
        for placeholder, address in places.items():
            value = value.replace(placeholder, address)
        if value:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name)

    error = str(failure())

    assert words in error
    assert "secret" not in error


def test_what_cannot_get_better_is_tried_once(
    home: Path, places: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    url = f"https://{places['{tls}']}"
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": url, "AWS_CA_BUNDLE": "/gone/ca.pem"}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(AwsError, match="AWS_CA_BUNDLE") as raised:
        _ = replace(account(), attempts=5).caller

    assert waits == []
    assert not may_pass(raised.value)
