"""Pin the versions to install, in constraints.txt of the generated project and of the template itself.

On Python 3.12 the steps get exactly the packages of AWS's scikit-learn image 1.9-0, on other Python versions the
nearest available. Needs uv: `make constraints` pins the newest versions, `make constraints KEEP=1` keeps the pinned
ones and adds what is missing. The files do not record where packages were downloaded from.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

TEMPLATE = Path(__file__).parents[1]
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
OPTIONS = (
    "--quiet",
    "--universal",
    "--python-version=3.11",
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
    "--no-emit-find-links",
)
# sagemaker-scikit-learn:1.9-0-cpu-py3
IMAGE = {
    "numpy": "2.5.1",
    "pandas": "2.2.3",
    "pyarrow": "25.0.0",
    "scikit-learn": "1.9.0",
    "scipy": "1.18.0",
}


def requirements(pyproject: Path) -> list[str]:
    """Dependencies, extras, every group, and the build backend of a pyproject.toml, without our own library."""
    table = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    groups = [*table.get("dependency-groups", {}).values(), *table["project"].get("optional-dependencies", {}).values()]
    backend = table.get("build-system", {}).get("requires", [])
    found = [*table["project"]["dependencies"], *(line for group in groups for line in group), *backend]
    # A group that another one includes is listed itself.
    return [line for line in found if isinstance(line, str) and not line.startswith("sagemaker-ops")]


def compile_constraints(lines: list[str], target: Path, *constraints: Path, keep: bool = False) -> None:
    header = "# The exact versions that are installed; made by scripts/make_constraints.py of the template.\n"
    with tempfile.TemporaryDirectory() as folder:
        wanted, pinned = Path(folder, "wanted.in"), Path(folder, "pinned.txt")
        wanted.write_text("\n".join(lines), encoding="utf-8")
        if keep:
            shutil.copy(target, pinned)  # uv prefers the versions in the file that it writes
        given = [text for path in constraints for text in ("--constraint", str(path))]
        done = subprocess.run(
            ["uv", "pip", "compile", str(wanted), "--output-file", str(pinned), *given, *OPTIONS],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            sys.exit(done.stderr)
        target.write_text(header + pinned.read_text(encoding="utf-8"), encoding="utf-8")


def main(keep: bool) -> None:
    image = [f"{name}=={version} ; python_version == '3.12'" for name, version in IMAGE.items()]
    library = requirements(PROJECT / "vendor" / "pyproject.toml")
    lines = [*requirements(PROJECT / "pyproject.toml"), *library, *image]
    compile_constraints(lines, PROJECT / "constraints.txt", keep=keep)
    # The template has its own environment. Packages that are in both have the same version.
    compile_constraints(
        requirements(TEMPLATE / "pyproject.toml"), TEMPLATE / "constraints.txt", PROJECT / "constraints.txt", keep=keep
    )


if __name__ == "__main__":
    main(keep="--keep" in sys.argv)
