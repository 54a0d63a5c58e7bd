"""What `ops doctor --ci` checks: whether a GitLab job has what it needs, and where in GitLab to set what it lacks.

Standard library only: it is the first job, before anything is installed. No secret is ever part of a message.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sagemaker_ops.errors import UserError
from sagemaker_ops.guardrails import identifiers, machine_check, project_check
from sagemaker_ops.guardrails.machine_check import Finding, ok, problem, warning
from sagemaker_ops.project.settings import FILE, Environment

Variables = Mapping[str, str]

SETTINGS = "Settings → CI/CD → Variables"
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
INDEXES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL")
FILES = (
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "AWS_CA_BUNDLE", "GIT_SSL_CAINFO",
    "PRIVATE_CA",
    "PIP_CONFIG_FILE", "UV_CONFIG_FILE",
)  # fmt: skip
TOKEN, TOKEN_FILE, ROLE = "GITLAB_OIDC_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"


def of_job(root: Path, env: str, variables: Variables) -> list[Finding]:
    """The findings about the job with these variables; env: an environment of project.toml to deploy to, or empty.

    What only a deployment needs is a warning in a merge request, and outside of GitLab.
    """
    found = [_job(variables), _python(), *map(_program, ("git", "make"))]
    found += [*_mirrors(variables), *_keys(variables)]
    if env and env != "local":
        needed = _environment(root, env, variables)
        found += needed if _deploys(variables) else map(_weaker, needed)
    return found


def _deploys(variables: Variables) -> bool:
    return _is_job(variables) and not _is_merge_request(variables)


def _is_job(variables: Variables) -> bool:
    return variables.get("GITLAB_CI") == "true"


def _is_merge_request(variables: Variables) -> bool:
    return variables.get("CI_PIPELINE_SOURCE") == "merge_request_event"


def _weaker(finding: Finding) -> Finding:
    return warning(finding.what, finding.message) if finding.level == "problem" else finding


def _job(variables: Variables) -> Finding:
    if not _is_job(variables):
        return warning("gitlab", "this is not a GitLab job, so what GitLab sets is missing below.")
    what = "a merge request" if _is_merge_request(variables) else f"'{variables.get('CI_COMMIT_REF_NAME', '?')}'"
    return ok("gitlab", f"{variables.get('CI_PROJECT_PATH', 'a project')}, for {what}")


def _python(version: tuple[int, int] = sys.version_info[:2]) -> Finding:
    here, (oldest, newest) = ".".join(map(str, version)), machine_check.SUPPORTED
    if oldest <= version <= newest:
        return ok("python", here)
    image = ".".join(map(str, machine_check.IMAGE_PYTHON))
    return problem("python", f"{here} is not supported: write `image: python:{image}` in .gitlab-ci.yml.")


def _program(name: str) -> Finding:
    try:
        done = subprocess.run([name, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        message = f"not installed: use another `image` in .gitlab-ci.yml, or install {name} in `before_script`."
        return problem(name, message)
    return ok(name, done.stdout.partition("\n")[0])


def _keys(variables: Variables) -> Iterator[Finding]:
    if given := [name for name in KEYS if variables.get(name)]:
        message = f"remove {', '.join(given)} from {SETTINGS}: they are used instead of the role, and never expire."
        yield warning("static keys", message)


def _mirrors(variables: Variables) -> list[Finding]:
    """The findings about the variables that name a package index, a certificate or a configuration file."""
    found = []
    checks: tuple[tuple[tuple[str, ...], Callable[[str], str]], ...] = ((INDEXES, _index), (FILES, _file))
    for names, check in checks:
        for name in names:
            if value := variables.get(name, ""):
                wrong = check(value)
                found.append(problem(name, f"{wrong} ({SETTINGS}).") if wrong else ok(name, "can be used"))
    return found


def _index(value: str) -> str:
    for each in value.split():
        try:
            parts = urlsplit(each.partition("=")[2] if each.partition("=")[0].isidentifier() else each)  # uv: NAME=URL
        except ValueError:
            return "is not an address: write one that starts with https://"
        if parts.scheme == "file" or not parts.scheme:
            if not Path(parts.path).exists():
                return "names neither an https:// address nor a folder that exists: change it"
        elif parts.scheme not in ("https", "http") or not parts.hostname:
            return "is not an address: write one that starts with https://"
    return ""


def _file(value: str) -> str:
    if "-----BEGIN" in value:
        return "contains a certificate, but must be the path of a file: change the type of the variable to File"
    try:
        exists = Path(value).exists()
    except (OSError, ValueError):
        exists = False
    return "" if exists else f"there is no file '{value[:200]}' in this job: change the type of the variable to File"


def _environment(root: Path, env: str, variables: Variables) -> list[Finding]:
    """The findings about the deployment to an environment."""
    settings, problems, code = project_check.examine(root)
    if settings is None:
        return [problem("environment", f"{problems[0] if problems else FILE}", code or UserError.exit_code)]
    try:
        environment = settings.environments.get(env) or settings.environment(env)
    except UserError as error:
        return [problem("environment", str(error), error.exit_code)]
    return [
        _filled(env, environment),
        _branch(variables),
        *_role(env, environment, settings.project.vertical, variables),
        *_token(variables),
    ]


def _filled(env: str, environment: Environment) -> Finding:
    empty = [name for name in ("account", "role", "bucket") if not getattr(environment, name)]
    if not empty:
        return ok("environment", f"{env} is account {environment.account}")
    message = f"{FILE} [environments.{env}] lacks {', '.join(empty)}: ask your platform team for the values."
    return problem("environment", message)


def _branch(variables: Variables) -> Finding:
    branch = variables.get("CI_COMMIT_REF_NAME", "?")
    if variables.get("CI_COMMIT_REF_PROTECTED") == "true":
        return ok("branch", f"'{branch}' is protected")
    message = (
        f"'{branch}' is not protected, so it gets no protected variables: Settings → Repository → Protected branches."
    )
    return problem("branch", message)


def _role(env: str, environment: Environment, vertical: str, variables: Variables) -> Iterator[Finding]:
    arn = variables.get(ROLE, "")
    found = identifiers.ROLE.fullmatch(arn)
    if not arn:
        yield problem(
            ROLE,
            f"is not set: add it in {SETTINGS} with the environment scope '{env}'; the value is the ARN of the role "
            f"{vertical}-gitlab-{env}. A protected variable needs a protected branch.",
        )
    elif found is None:
        yield problem(ROLE, f"is not the ARN of a role: correct it in {SETTINGS}, environment scope '{env}'.")
    elif environment.account and found[2] != environment.account:
        yield problem(
            ROLE,
            f"is of account {found[2]}, but {FILE} [environments.{env}].account is {environment.account}: correct one "
            f"of them. In {SETTINGS}, each environment scope has its own value.",
        )
    elif arn == environment.role:
        yield problem(ROLE, f"is the role of the jobs, {FILE} [environments.{env}].role: set that of the deployment.")
    else:
        yield ok(ROLE, f"role {found[3]} in account {found[2]}")


def _token(variables: Variables) -> Iterator[Finding]:
    """The findings about the token that GitLab gives to the job, and AWS exchanges for the role."""
    file, token = variables.get(TOKEN_FILE, ""), variables.get(TOKEN, "")
    if file:
        try:
            token = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            yield problem(
                TOKEN_FILE, "names a file that is not there: write $GITLAB_OIDC_TOKEN to it in `before_script`."
            )
        else:
            if Path(file).resolve().is_relative_to(Path(variables.get("CI_PROJECT_DIR") or Path.cwd()).resolve()):
                yield warning(
                    TOKEN_FILE, "is in the project's folder, from where artifacts are taken: move it to /tmp."
                )
    elif token:
        yield problem(TOKEN_FILE, f"is not set: set it to a file outside the project, with ${TOKEN} as its content.")
    if not token:
        yield problem("token", f"the job has none: add `id_tokens: {{{TOKEN}: {{aud: $CI_SERVER_URL}}}}` to it.")
        return
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        wrong = list(_claims(claims, variables))
    except (IndexError, ValueError, AttributeError, RecursionError):
        yield problem("token", f"is not a token of GitLab: write ${TOKEN}, and nothing else, to ${TOKEN_FILE}.")
        return
    yield from (problem("token", each) for each in wrong)
    if not wrong:
        yield ok("token", "has the audience and the subject that the role trusts")


def _claims(claims: Mapping[str, Any], variables: Variables) -> Iterator[str]:
    """A sentence for everything in which the token differs from the trust policy of infra/vertical.yaml."""
    server, project = variables.get("CI_SERVER_URL", ""), variables.get("CI_PROJECT_PATH", "")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if server and server not in audiences:
        yield f"its audience is {audience!r}, but the role trusts {server!r}: write `aud: $CI_SERVER_URL`."
    subject, branch = str(claims.get("sub", "")), variables.get("CI_DEFAULT_BRANCH", "main")
    wanted = f"project_path:{project}:ref_type:branch:ref:{branch}"
    # A project may add claims, such as environment_protected, to the subject.
    if project and subject != wanted and not subject.startswith(f"{wanted}:"):
        yield (
            f"its subject is '{subject}', but the role trusts '{wanted}': run the job for the branch {branch}, or set "
            "GitLabProject and GitLabBranch of infra/vertical.yaml."
        )
    expires = claims.get("exp")
    if isinstance(expires, int | float) and expires < time.time():
        yield "it has expired: it is valid as long as the job's `timeout`, or for 5 minutes, so set `timeout`."
