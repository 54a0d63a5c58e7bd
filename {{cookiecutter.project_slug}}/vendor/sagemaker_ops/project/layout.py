"""Where things are in a project: its root, its pipelines and steps, and what runs leave on this machine."""

from __future__ import annotations

from pathlib import Path

from sagemaker_ops.errors import UserError
from sagemaker_ops.project.settings import FILE

PIPELINES = Path("production/pipelines")
STEPS = Path("production/steps")
LOCAL_FOLDER = ".local"
"""The folder of all that runs leave on this machine; code that gets its path calls it `home`."""
LIBRARY = Path(__file__).resolve().parents[2]
"""The folder that this library is imported from: a project's `vendor/`, or that of all packages."""


def find_root() -> Path:
    """The folder of the project around the working directory.

    UserError if there is none, or if the library that runs is the one in another project's `vendor/`.
    """
    here = Path.cwd().resolve()
    found = next((folder for folder in (here, *here.parents) if (folder / FILE).is_file()), None)
    if found is None:
        raise UserError(f"There is no {FILE} in {here} or above it: go to the project's folder.")
    own = vendored_in()
    if own is not None and found != own:
        raise UserError(f"This is the `ops` of {own}, and you are in {found}: use the one in its .venv.")
    return found


def vendored_in() -> Path | None:
    """The project whose `vendor/` holds this library; None if it was installed from a package index."""
    return LIBRARY.parent if LIBRARY.name == "vendor" and (LIBRARY.parent / FILE).is_file() else None


def pipelines(root: Path) -> list[str]:
    """The names of the project's pipelines: those of the files in production/pipelines that no `_` begins."""
    return sorted(path.stem for path in (root / PIPELINES).glob("*.py") if not path.name.startswith("_"))
