"""The environment variables of this machine that other programs get, without credentials that they do not need.

Standard library only: the machine's own Python uses it before anything is installed.
"""

from __future__ import annotations

import os
import re

_MACHINE = (
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|(DY)?LD_LIBRARY_PATH|JAVA_HOME"
    r"|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|(?i:(http|https|no)_proxy)"
)
_STEP = re.compile(_MACHINE)
# Where packages come from and how they are built, with the passwords of the indexes.
_BUILD = re.compile(
    rf"{_MACHINE}|(?i:all_proxy)|CURL_CA_BUNDLE|XDG_\w+|NETRC"
    r"|PIP_(INDEX_URL|EXTRA_INDEX_URL|NO_INDEX|FIND_LINKS|CONFIG_FILE|CONSTRAINT|CACHE_DIR|NO_CACHE_DIR|PROXY|CERT"
    r"|CLIENT_CERT|TRUSTED_HOST|(DEFAULT_)?TIMEOUT|RETRIES|KEYRING_PROVIDER|PREFER_BINARY|ONLY_BINARY|NO_BINARY|PRE"
    r"|NO_INPUT|NO_BUILD_ISOLATION|PROGRESS_BAR|REQUIRE_HASHES|USE_FEATURE|USE_DEPRECATED|DISABLE_PIP_VERSION_CHECK"
    r"|ROOT_USER_ACTION)"
    r"|UV_INDEX_\w+_(USERNAME|PASSWORD)"
    r"|UV_(DEFAULT_INDEX|INDEX|INDEX_URL|EXTRA_INDEX_URL|NO_INDEX|FIND_LINKS|INDEX_STRATEGY|CONFIG_FILE|NO_CONFIG"
    r"|CONSTRAINT|CACHE_DIR|NO_CACHE|NATIVE_TLS|SYSTEM_CERTS|INSECURE_HOST|HTTP_TIMEOUT|HTTP_RETRIES|OFFLINE"
    r"|KEYRING_PROVIDER|LINK_MODE|EXCLUDE_NEWER|PRERELEASE|RESOLUTION|NO_BUILD|NO_BUILD_ISOLATION|NO_BINARY|NO_PROGRESS"
    r"|CONCURRENT_\w+|COMPILE_BYTECODE|FORK_STRATEGY|TORCH_BACKEND|NO_SOURCES|(NO_)?MANAGED_PYTHON"
    r"|PYTHON_INSTALL_MIRROR|PYTHON_INSTALL_DIR|PYTHON_PREFERENCE|PYTHON_DOWNLOADS|(REQUIRE|NO_VERIFY)_HASHES)"
    r"|CC|CXX|AR|LD|FC|(C|CXX|CPP|F|LD|ARCH)FLAGS|CPATH|LIBRARY_PATH|PKG_CONFIG_PATH|SDKROOT|MACOSX_DEPLOYMENT_TARGET"
    r"|SOURCE_DATE_EPOCH"
)
_CREDENTIAL = re.compile(
    r"AWS_.*|.*(TOKEN|(PASS(WD|WORD|PHRASE)|SECRET|CREDENTIAL)S?|(PRIVATE|API|ACCESS|SIGNING|ENCRYPTION|DEPLOY)_?KEYS?"
    r"|JWT|NETRC)(_.*)?|(.*_)?(AUTH|PASS)(_.*)?|.+_PWD",
    re.IGNORECASE,
)
_CREDENTIAL_IN_URL = re.compile(r"://[^/\s@]+@")


def of_steps() -> dict[str, str]:
    """For the programs of steps: little of this machine's."""
    return {name: value for name, value in os.environ.items() if _STEP.fullmatch(name)}


def of_builds() -> dict[str, str]:
    """For pip and uv, which run the code of the packages that they build."""
    return {name: value for name, value in os.environ.items() if is_for_builds(name)}


def is_for_builds(name: str) -> bool:
    """Not one that makes pip or uv install elsewhere, such as PIP_TARGET or UV_SYSTEM_PYTHON."""
    return _BUILD.fullmatch(name) is not None


def without_credentials() -> dict[str, str]:
    """For a project's own code, which may read any variable: all but those that look like credentials."""
    return {
        name: value
        for name, value in os.environ.items()
        if not (_CREDENTIAL.fullmatch(name) or _CREDENTIAL_IN_URL.search(value))
    }
