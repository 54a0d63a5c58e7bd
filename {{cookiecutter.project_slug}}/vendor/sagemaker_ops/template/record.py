"""`.cruft.json`: the template's address, the commit a project is made from, and its answers, in cruft's format."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagemaker_ops.errors import Problem, UserError

FILE = ".cruft.json"
NOT_KEPT = ("_checkout", "_output_dir", "_repo_dir")
"""What Cookiecutter adds to the answers, and cruft leaves out."""


@dataclass(frozen=True)
class Record:
    template: str
    """The address of the template's repository, for git."""
    commit: str
    context: Mapping[str, Any]
    """The answers, and the rest of Cookiecutter's context, whose names start with an underscore."""
    checkout: str | None = None
    """The branch or tag to follow; None is the default branch."""
    directory: str | None = None
    """The folder in the repository that contains cookiecutter.json, if it is not the top folder."""
    others: Mapping[str, Any] = field(default_factory=dict)
    """Other keys of cruft, such as `skip`."""

    @property
    def answers(self) -> dict[str, Any]:
        return {name: value for name, value in self.context.items() if not name.startswith("_")}

    @property
    def skip(self) -> list[str]:
        """Paths, or patterns of paths, that an update does not touch."""
        return list(self.others.get("skip") or [])

    def to_json(self) -> str:
        """The file's text, as cruft 2.16 writes it."""
        context = {name: value for name, value in self.context.items() if name not in NOT_KEPT}
        table = {
            "template": self.template,
            "commit": self.commit,
            "checkout": self.checkout,
            "context": {"cookiecutter": {**context, "_template": self.template, "_commit": self.commit}},
            "directory": self.directory,
            **self.others,
        }
        return json.dumps(table, ensure_ascii=False, indent=2) + "\n"


def read(root: Path) -> Record:
    """The record of the project in `root`; UserError if it does not exist or cannot be used."""
    try:
        table = json.loads((root / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            Problem(
                f"{root} does not have this file, so the project's version of the template is unknown: "
                "write it with `cruft link ADDRESS`.",
                FILE,
            )
        ) from None
    except OSError as error:
        raise UserError(Problem(f"cannot be read ({error.strerror}): restore the file with git.", FILE)) from None
    except (ValueError, RecursionError) as error:
        raise UserError(Problem(f"not valid JSON ({error}): restore the file with git.", FILE)) from None
    match table:
        case {"template": str(template), "commit": str(commit), "context": {"cookiecutter": dict(context)}}:
            others = {key: table[key] for key in table.keys() - {"template", "commit", "context"}}
            if not re.fullmatch("[0-9a-f]{7,64}", commit):
                raise UserError(Problem(f"'{commit}' is not a commit: write the full hash.", FILE))
            checkout, directory = others.pop("checkout", None), others.pop("directory", None)
            skip = others.get("skip") or []
            if not (isinstance(checkout, str | None) and isinstance(directory, str | None) and isinstance(skip, list)):
                raise UserError(Problem("checkout, directory or skip is not valid: restore the file with git.", FILE))
            return Record(template, commit, context, checkout, directory, others)
    raise UserError(Problem("template, commit or context.cookiecutter is missing: restore the file with git.", FILE))


def without_credentials(text: str) -> str:
    """The text without the user and token in each http(s) URL: the record is committed, and logs are stored."""
    return re.sub(r"(https?://)[^/@\s]*@", r"\1", text)
