"""`.cruft.json`: the template's address, the commit a project is made from, and its answers. The format is cruft's."""

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
"""What Cookiecutter adds to the answers and cruft leaves out."""


@dataclass(frozen=True)
class Record:
    template: str
    """The address of the template's repository, as git takes it."""
    commit: str
    context: Mapping[str, Any]
    """The answers, and what else Cookiecutter's context holds, whose names begin with an underscore."""
    checkout: str | None = None
    """The branch or tag to follow; None is the default branch."""
    directory: str | None = None
    """The folder in the repository that holds cookiecutter.json, if it is not the repository's own."""
    others: Mapping[str, Any] = field(default_factory=dict)
    """Further keys that cruft knows, such as `skip`."""

    @property
    def answers(self) -> dict[str, Any]:
        return {name: value for name, value in self.context.items() if not name.startswith("_")}

    @property
    def skip(self) -> list[str]:
        """Paths, or patterns of paths, that an update leaves alone."""
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
    """The record of the project in `root`; UserError if there is none that can be used."""
    try:
        table = json.loads((root / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            Problem(
                f"There is no such file in {root}, so nothing says which version of the template the project has: "
                "write it with `cruft link ADDRESS`.",
                FILE,
            )
        ) from None
    except ValueError as error:
        raise UserError(Problem(f"This is not JSON ({error}): take the file from an earlier commit.", FILE)) from None
    match table:
        case {"template": str(template), "commit": str(commit), "context": {"cookiecutter": dict(context)}}:
            others = {key: table[key] for key in table.keys() - {"template", "commit", "context"}}
            if not re.fullmatch("[0-9a-f]{7,64}", commit):
                raise UserError(Problem(f"'{commit}' is not a commit: write the hash in full.", FILE))
            checkout, directory = others.pop("checkout", None), others.pop("directory", None)
            return Record(template, commit, context, checkout, directory, others)
    raise UserError(Problem("The keys template, commit and context.cookiecutter must be there.", FILE))


def without_credentials(text: str) -> str:
    """The text without the user and token in each http(s) URL: the record is committed, and logs are kept."""
    return re.sub(r"(https?://)[^/@\s]*@", r"\1", text)
