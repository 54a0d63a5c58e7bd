"""A launcher that imports what the jobs will need while the command is still doing everything else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from sagemaker_ops.container.process import FRESH, Launcher
from sagemaker_ops.container.process import launcher as new_launcher
from sagemaker_ops.project.layout import LIBRARY, LOCAL_FOLDER
from sagemaker_ops.project.settings import FILE

# What these import sooner or later. One after the other: between two imports the launcher starts and ends jobs.
PARTS = {
    "pandas": ("pyarrow.pandas_compat", "numpy.rec"),
    "sklearn": (
        *("scipy.sparse", "scipy.special", "scipy.optimize", "scipy.interpolate", "scipy.integrate", "scipy.ndimage"),
        *("scipy.stats", "joblib", "narwhals.stable.v2._namespace", "narwhals._pandas_like.dataframe"),
    ),
}


@contextmanager
def launcher(root: Path, cache: bool = True, fresh: bool = FRESH, home: Path | None = None) -> Iterator[Launcher]:
    """A launcher for the pipelines of the project in folder `root`; start it early, as the imports take a second.

    cache, fresh: as in the options of the run.
    """
    with new_launcher(not fresh) as started:
        if not fresh and (not cache or _has_changed(root, home or root / LOCAL_FOLDER)):
            started.load([])  # it starts while the scripts and their modules are read
            Thread(target=_try_isolation, args=[started], daemon=True).start()  # before the imports
            started.load(_libraries(root))
        yield started


def _try_isolation(started: Launcher) -> None:
    from sagemaker_ops.container.isolation import namespaces_allowed

    with suppress(Exception):  # such as a full disk: the run tries again, and reports it
        namespaces_allowed(started)


def _has_changed(root: Path, home: Path) -> bool:
    """Whether anything in the project is newer than every cached result, so that a step will have to run."""
    from sagemaker_ops.project import source_copy

    kept = max((file.stat().st_mtime for file in (home / "cache").glob("*.json")), default=0.0)
    sources = [root / FILE, *(root / "production").rglob("*.py"), *(root / "data").rglob("*")]
    sources += (home / source_copy.FOLDER).glob("*/manifest.json")
    return any(file.stat().st_mtime > kept for file in sources if file.is_file())


def _libraries(root: Path) -> list[str]:
    """The large libraries that the steps import, in the order in which they depend on each other."""
    from sagemaker_ops.container.packages import HEAVY, heavy_modules
    from sagemaker_ops.project.layout import STEPS
    from sagemaker_ops.tabular import step_code

    found = {name for script in step_code.files_below(root / STEPS).values() for name in heavy_modules(script, LIBRARY)}
    ordered = sorted(found, key=lambda name: (HEAVY.index(name.split(".")[0]), name))
    return [each for name in ordered for each in (*PARTS.get(name.split(".")[0], ()), name)]
