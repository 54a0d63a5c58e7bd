"""Opens pages in headless Chromium, as a reader would: narrow and wide, light and dark, with axe-core."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock
from gitlab import line as lines
from projects import TEMPLATE

# The last versions for Node 20. The third is a Chromium with its libraries, for machines that have none.
PACKAGES = ("puppeteer-core@24.43.1", "axe-core@4.14.1", "@sparticuz/chromium@147.0.0")
FOLDER = TEMPLATE / "build" / "browser"
SCRIPT = Path(__file__).with_name("look.mjs")
VIEWS = [(width, scheme) for width in (390, 1280) for scheme in ("light", "dark")]


@dataclass(frozen=True)
class Look:
    """What a browser found on a page. violations: of axe-core, serious or critical; answers: to `ask`."""

    errors: list[str]
    requests: list[str]
    violations: list[str]
    overflow: int
    answers: list[Any]

    @property
    def faults(self) -> dict[str, Any]:
        """Everything that a good page has none of."""
        found = {"errors": self.errors, "requests": self.requests, "violations": self.violations}
        return {key: value for key, value in {**found, "overflow": self.overflow}.items() if value}


def look(page: Path | str, *ask: str, pictures: Path | None = None) -> dict[str, Look]:
    """{"390 light": …} for both widths and schemes; ask: JavaScript to evaluate, in this order.

    page: a file, or the address of a model that is served, to which the page may send requests.
    """
    address = page if isinstance(page, str) else page.resolve().as_uri()
    return look_at([address], VIEWS, *ask, pictures=pictures, own="/invocations")[address]


def look_at(
    pages: Sequence[str],
    views: Sequence[tuple[int, str]],
    *ask: str,
    pictures: Path | None = None,
    own: str = "/",
) -> dict[str, dict[str, Look]]:
    """{address: {"390 light": …}} for several pages.

    own: the paths of its own server that begin so are no strange requests of a page.
    """
    _install()
    request = {
        "pages": pages,
        "views": views,
        "ask": ask,
        "own": own,
        "pictures": str(pictures) if pictures else None,
    }
    environment = {**lines.environment(), "TMPDIR": str(FOLDER), "AWS_LAMBDA_JS_RUNTIME": "nodejs20.x"}
    if system := shutil.which("chromium") or shutil.which("google-chrome"):
        environment["CHROMIUM"] = system
    done = subprocess.run(
        ["node", "look.mjs"],
        cwd=FOLDER,
        env=environment,
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return {page: {key: Look(**value) for key, value in seen.items()} for page, seen in found.items()}


def _install() -> None:
    lines.install()  # brings a newer Node if the machine's is too old
    FOLDER.mkdir(parents=True, exist_ok=True)
    with FileLock(FOLDER / "lock"):
        shutil.copyfile(SCRIPT, FOLDER / "look.mjs")
        kept = FOLDER / "installed"
        if not kept.is_file() or kept.read_text(encoding="utf-8").split() != list(PACKAGES):
            (FOLDER / "package.json").write_text('{"private": true}\n', encoding="utf-8")
            command = ["npm", "install", "--silent", "--no-fund", "--no-audit", *PACKAGES]
            subprocess.run(command, cwd=FOLDER, env=lines.environment(), check=True)
            kept.write_text(" ".join(PACKAGES), encoding="utf-8")
