"""Where things are in a project: its root, its pipelines and steps, and the output of local runs."""

from __future__ import annotations

from pathlib import Path

from sagemaker_ops.errors import UserError
from sagemaker_ops.project.settings import FILE

PIPELINES = Path("production/pipelines")
STEPS = Path("production/steps")
LOCAL_FOLDER = ".local"
"""The folder for everything that local runs produce; code that receives its path calls it `home`."""
LIBRARY = Path(__file__).resolve().parents[2]
"""The folder that this library is imported from: a project's `vendor/`, or site-packages."""


def find_root() -> Path:
    """The folder of the project that contains the working directory.

    UserError if there is none, or if this library is in the `vendor/` of another project.
    """
    here = Path.cwd().resolve()
    found = next((folder for folder in (here, *here.parents) if (folder / FILE).is_file()), None)
    if found is None:
        raise UserError(f"There is no {FILE} in {here} or above it: change to the project's folder.")
    own = vendored_in()
    if own is not None and found != own:
        first = "" if (found / ".venv/bin/ops").exists() else "run `make setup`, then "
        raise UserError(
            f"This `ops` belongs to {own}, but you are in {found}: {first}run `. .venv/bin/activate` there."
        )
    return found


def shown(path: Path, root: Path) -> Path:
    """Relative to the project if it is in there, as in messages."""
    return path.relative_to(root) if path.is_relative_to(root) else path


def vendored_in() -> Path | None:
    """The project whose `vendor/` contains this library; None if it was installed from a package index."""
    return LIBRARY.parent if LIBRARY.name == "vendor" and (LIBRARY.parent / FILE).is_file() else None


def pipelines(root: Path) -> list[str]:
    """The names of the project's pipelines: its files in production/pipelines that do not start with `_`."""
    return sorted(path.stem for path in (root / PIPELINES).glob("*.py") if not path.name.startswith("_"))
