"""Refuse a tag that does not name the library's version, before a release is built: `scripts/check_tag.py v0.2.0`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "{{cookiecutter.project_slug}}" / "vendor" / "sagemaker_ops" / "__init__.py"


def library_version() -> str:
    """The version, as hatchling reads it."""
    [version] = re.findall(r'^__version__ = "(.+)"$', PACKAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return str(version)


def main(tag: str) -> int:
    version = library_version()
    if tag == f"v{version}":
        return 0
    print(
        f"error: The tag is '{tag}', but the library's version is {version}: tag the commit 'v{version}', or change "
        "__version__ in vendor/sagemaker_ops/__init__.py first.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
