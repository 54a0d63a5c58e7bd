"""Who and what started an execution: user, commit, merge request and GitLab pipeline, as text that AWS accepts.

It travels as the pipeline parameter `StartedBy`, which becomes metadata of the registered model (so the definition is
the same for every commit), as the description of the execution, and as tags of the pipeline.
"""

from __future__ import annotations

import getpass
import os
import re
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sagemaker_ops.errors import UserError
from sagemaker_ops.template.repository import Repository

PARAMETER = "StartedBy"
"""The pipeline parameter, and the key of the model package's metadata."""
DEFAULT = "unknown"
TERMINAL = "terminal"
SCHEDULE = "aws-schedule"
"""The source of an execution that [schedule] of project.toml started; GitLab calls its own ones `schedule`."""
METADATA = "CustomerMetadataProperties"
# Other keys of that metadata: the ARN of the execution that registered the model, the URI of the data, the hash of
# data/schema.toml, and the version of this library.
EXECUTION, DATA, SCHEMA, LIBRARY = "PipelineExecutionArn", "DataUri", "SchemaHash", "LibraryVersion"
DIRTY = "-dirty"  # as in `git describe --dirty`
# {word in the text: (field, maximum characters)}. With the words, at most 251 characters: AWS accepts 256, both in
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html and as the value of a tag.
_WORDS = {
    "user": ("user", 40),
    "commit": ("commit", 18),
    "merge-request": ("merge_request", 18),
    "pipeline": ("pipeline", 18),
    "source": ("source", 30),
    "project": ("project", 72),
}
_COMMIT = 12  # characters
_NOT_ACCEPTED = re.compile(r"[^\w./:+-]+")
_REFERENCE = re.compile(r"^See merge request (\S*)!([0-9]+)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Trace:
    """What is known about a start; empty: unknown. note: a StartedBy that was written by hand.

    commit: its first 12 digits, with `-dirty` if there were uncommitted changes. source: `terminal`, `aws-schedule`, or
    the CI_PIPELINE_SOURCE of GitLab. url: of the GitLab pipeline.
    """

    user: str = ""
    commit: str = ""
    merge_request: str = ""
    pipeline: str = ""
    source: str = ""
    project: str = ""
    url: str = ""
    note: str = ""

    @property
    def text(self) -> str:
        """For StartedBy: `user=anna commit=3f2a1b4c5d6e merge-request=12 pipeline=345 source=push project=group/x`."""
        pairs = ((word, getattr(self, name)) for word, (name, _) in _WORDS.items())
        return " ".join(f"{word}={value}" for word, value in pairs if value) or self.note or DEFAULT

    @property
    def description(self) -> str:
        """The same for people, in one line, with the address of the GitLab pipeline."""
        if self.source == TERMINAL:
            start = f"Personal run from a terminal{f' by {self.user}' if self.user else ''}"
        elif self.source == SCHEDULE:
            start = "Schedule of AWS"
        else:
            start = f"GitLab pipeline{f' {self.pipeline}' if self.pipeline else ''}"
            start += f" ({self.source})" if self.source else ""
            start += f" of {self.project}" if self.project else ""
            start += f", started by {self.user}" if self.user else ""
        commit = self.commit.removesuffix(DIRTY)
        parts = [
            start,
            f"commit {commit}{' with uncommitted changes' if commit != self.commit else ''}" if commit else "",
            f"merge request !{self.merge_request}" if self.merge_request else "",
            self.url,
        ]
        return ", ".join(filter(None, parts))

    @property
    def who(self) -> str:
        """The user, the start of the text that was written by hand, or `schedule`: for a column of a table."""
        return self.user or self.note[: _WORDS["user"][1]] or ("schedule" if self.source == SCHEDULE else "")

    @property
    def tags(self) -> dict[str, str]:
        """For a pipeline that is deployed."""
        return {"commit": self.commit or DEFAULT, "deployed-by": self.text}

    @property
    def document(self) -> dict[str, str]:
        """What is known, with keys like those of AWS: User, Commit, MergeRequest and others, or only Text."""
        names = {name: "".join(part.capitalize() for part in name.split("_")) for name, _ in _WORDS.values()}
        return {key: value for name, key in names.items() if (value := getattr(self, name))} or (
            {"Text": self.note} if self.note else {}
        )


def of(folder: Path, user: str | Callable[[], str], environ: Mapping[str, str] = os.environ) -> Trace:
    """The trace of what is started now: in GitLab from its variables, elsewhere the user and the commit of `folder`.

    user: of a run from a terminal, or what finds it.
    """
    if not _is_gitlab(environ):
        name = user if isinstance(user, str) else user()
        return Trace(user=_accepted("user", name), commit=_checked_out(folder), source=TERMINAL)
    values = {
        "user": environ.get("GITLAB_USER_LOGIN", ""),
        "merge-request": _digits(environ.get("CI_MERGE_REQUEST_IID", "")) or _merged(environ),
        "pipeline": _digits(environ.get("CI_PIPELINE_ID", "")),
        "source": environ.get("CI_PIPELINE_SOURCE", ""),
        "project": environ.get("CI_PROJECT_PATH", ""),
    }
    fields = {_WORDS[word][0]: _accepted(word, value) for word, value in values.items()}
    commit = re.fullmatch(r"[0-9a-f]{7,64}", environ.get("CI_COMMIT_SHA", ""))
    return Trace(
        **fields, commit=commit[0][:_COMMIT] if commit else "", url=_address(environ.get("CI_PIPELINE_URL", ""))
    )


def parse(text: object) -> Trace:
    """The trace in a StartedBy; an empty one for the default."""
    if not isinstance(text, str) or text in ("", DEFAULT):
        return Trace()
    pairs = dict(word.partition("=")[::2] for word in text.split(" "))
    if len(pairs) == len(text.split(" ")) and pairs.keys() <= _WORDS.keys() and all(pairs.values()):
        return Trace(**{_WORDS[word][0]: value for word, value in pairs.items()})
    return Trace(note=text)


def parameters(definition: Mapping[str, Any], given: Mapping[str, str], started_by: Trace) -> dict[str, str]:
    """The parameters of a start, with StartedBy if the definition has it as text and the user did not set it."""
    listed = definition.get("Parameters")
    declared = any(
        isinstance(each, dict) and (each.get("Name"), each.get("Type")) == (PARAMETER, "String")
        for each in (listed if isinstance(listed, list) else ())
        if not (isinstance(each, dict) and each.get("EnumValues"))
    )
    return {**({PARAMETER: started_by.text} if declared else {}), **given}


def without(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a model package without its execution and who started that: the model is the same without."""
    metadata = arguments.get(METADATA)
    if not isinstance(metadata, dict) or not {PARAMETER, EXECUTION} & metadata.keys():
        return arguments
    rest = {key: value for key, value in metadata.items() if key not in (PARAMETER, EXECUTION)}
    others = {key: value for key, value in arguments.items() if key != METADATA}
    return {**others, **({METADATA: rest} if rest else {})}


def login() -> str:
    """The name of the user of this machine; empty if it has none."""
    with suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return ""


def _is_gitlab(environ: Mapping[str, str]) -> bool:
    return environ.get("GITLAB_CI") == "true" or bool(environ.get("CI_PIPELINE_ID"))


def _merged(environ: Mapping[str, str]) -> str:
    """The merge request of a merge commit, whose message ends with `See merge request group/project!12`."""
    here = environ.get("CI_PROJECT_PATH", "").casefold()
    found = _REFERENCE.findall(environ.get("CI_COMMIT_MESSAGE", ""))
    own = [number for project, number in found if not (project and here) or project.casefold() == here]
    return _digits(own[-1]) if own else ""


def _checked_out(folder: Path) -> str:
    """The commit of the project in `folder`; empty without git, or if the folder is not in a repository."""
    repository = Repository(folder, {"GIT_OPTIONAL_LOCKS": "0"})
    with suppress(UserError, OSError):
        # Otherwise the folder is ignored by, or new in, the repository of something else.
        if repository.answer("ls-files", "--error-unmatch", "--", ".") is None:
            return ""
        commit = repository.answer("rev-parse", "--verify", "HEAD^{commit}") or ""
        changed = repository.answer("status", "--porcelain", "--", ".")
        return f"{commit[:_COMMIT]}{DIRTY}" if commit and changed else commit[:_COMMIT]
    return ""


def _accepted(word: str, value: str) -> str:
    """The value without characters that AWS refuses or that separate words, and without the domain of an address.

    Of a project, the end is kept; of anything else, the start.
    """
    name = unicodedata.normalize("NFKC", value).strip().lstrip("@").partition("@")[0]
    clean, most = _NOT_ACCEPTED.sub("-", name).strip("-"), _WORDS[word][1]
    return (clean[-most:] if word == "project" else clean[:most]).strip("-")


def _digits(text: str) -> str:
    return text if re.fullmatch(r"[0-9]{1,18}", text) else ""


def _address(url: str) -> str:
    """The URL without what it may contain besides: a password, a query. Empty if it is not one."""
    try:
        parts = urlsplit(url) if re.fullmatch(r"https?://[!-~]{1,1000}", url) else None
        if parts is None or not parts.hostname:
            return ""
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
    except ValueError:
        return ""
