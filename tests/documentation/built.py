"""Sites as MkDocs and Zensical build them, and the text of their pages."""

from __future__ import annotations

import functools
import http.server
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

from projects import TEMPLATE, Result, clean_environment

BIN = Path(sys.executable).parent
MKDOCS = ("mkdocs", "build", "--quiet")
ZENSICAL = ("zensical", "build")


def build(folder: Path, config: str, command: tuple[str, ...] = MKDOCS) -> Result:
    """Build the site of a folder with the template's own tools; broken links are errors."""
    program, *arguments = command
    done = subprocess.run(
        [BIN / program, *arguments, "--strict", "--config-file", config],
        cwd=folder,
        env=clean_environment() | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def guide(folder: Path) -> None:
    """Put what the guide is built from into an empty folder."""
    for path in TEMPLATE.iterdir():  # what pages include; Zensical writes into the folder of the settings
        if path.name not in ("docs", "mkdocs.yml", "site", "build", ".git", ".venv"):
            (folder / path.name).symlink_to(path)
    shutil.copytree(TEMPLATE / "docs", folder / "docs")
    shutil.copy(TEMPLATE / "mkdocs.yml", folder)


class _Article(HTMLParser):
    """The text of a page, without what is around it."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.parts = False, list[str]()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.inside = self.inside or tag == "article"

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "article"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.parts.append(data)


def texts(site: Path) -> dict[str, str]:
    """{page: its text}, with single spaces."""
    found = {}
    for file in sorted(site.rglob("*.html")):
        article = _Article()
        article.feed(file.read_text(encoding="utf-8"))
        found[file.relative_to(site).as_posix()] = " ".join("".join(article.parts).split())
    return found


@contextmanager
def served(site: Path) -> Iterator[str]:
    """The address of a site, which a browser does not open as files with all its scripts."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
