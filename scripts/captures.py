"""Says which pages and pictures of the guide are out of date; `make docs` runs it first. Exit code 1 if any is.

A page that is drawn from the code is drawn again and compared. Executing notebooks and taking pictures needs minutes,
so captures.json has a digest of the files that they show, from when they were made. What pages quote of a command's
output, the tests print again.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

TEMPLATE = Path(__file__).parents[1]
sys.path[:0] = [str(TEMPLATE), str(TEMPLATE / "tests")]

import make_guardrails_page  # noqa: E402
import make_local_runs_page  # noqa: E402
import make_tables  # noqa: E402
import projects  # noqa: E402

from benchmarks import page as benchmarks_page  # noqa: E402
from benchmarks import quotes, results  # noqa: E402
from benchmarks.__main__ import NAMES  # noqa: E402
from benchmarks.workplace import generate  # noqa: E402

PAGES_OF_FIGURES = "python -m benchmarks --pages"
KEPT = Path(__file__).with_suffix(".json")
_LIBRARY = "{{cookiecutter.project_slug}}/vendor/sagemaker_ops"
# {folder in docs/: (make's target, patterns of the files that are shown)}
SHOWN = {
    "notebooks": (
        "notebook-pages",
        ("{{cookiecutter.project_slug}}/*/*.ipynb", f"{_LIBRARY}/notebooks/*.py", "data/sample/*.csv"),
    ),
    "pictures": (
        "pictures",
        (f"{_LIBRARY}/report/*", f"{_LIBRARY}/terminal/progress.py", f"{_LIBRARY}/terminal/summary.py"),
    ),
}


def new_project(folder: Path, *targets: str) -> Path:
    """The folder of a new project, after these targets of make. SystemExit with the output of one that fails.

    No kernel is registered for the person who runs this.
    """
    made = projects.Project(generate(folder / "made"))
    for target in targets:
        done = made.make(target)
        if done.code:
            raise SystemExit(str(done))
    return made.path


def digest(name: str) -> str:
    """Of the names and contents of all files that these pages or pictures show."""
    whole = hashlib.sha256()
    for pattern in SHOWN[name][1]:
        for file in sorted(TEMPLATE.glob(pattern)):
            if file.is_file():
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                whole.update(f"{file.relative_to(TEMPLATE).as_posix()} {content}\n".encode())
    return whole.hexdigest()


def is_current(name: str) -> bool:
    """Whether these pages or pictures were made from the files as they are."""
    kept = dict(json.loads(KEPT.read_text(encoding="utf-8"))) if KEPT.is_file() else {}
    return kept.get(name) == digest(name)


def record(name: str) -> None:
    """Keep the digest: the pages or pictures of this name have just been made."""
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}
    kept[name] = digest(name)
    KEPT.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def stale() -> Iterator[str]:
    """A sentence about everything that is out of date."""
    for file, (command, draw) in drawn().items():
        text = (TEMPLATE / file).read_text(encoding="utf-8")
        if text != draw(text):
            yield f"{file} is out of date: run `{command}`"
    for name, (target, _) in SHOWN.items():
        if not is_current(name):
            yield f"what docs/{name} shows has changed: run `make {target}`, and look at the result"


def drawn() -> dict[str, tuple[str, Callable[[str], str]]]:
    """{page that is drawn from the code, as a whole or in parts: (what writes it, the page as it should be)}."""
    measured = results.load()
    return {
        "docs/guardrails.md": ("make guardrails-page", lambda _: make_guardrails_page.page()),
        "docs/local-runs.md": ("make local-runs-page", make_local_runs_page.page),
        **dict.fromkeys(make_tables.PAGES, ("make tables", make_tables.page)),
        **{file: (PAGES_OF_FIGURES, lambda text: quotes.current(text, measured)) for file in quotes.FILES},
        "docs/benchmarks.md": (PAGES_OF_FIGURES, lambda _: benchmarks_page.text(measured, NAMES)),
    }


def main() -> int:
    found = list(stale())
    for sentence in found:
        print(f"error: {sentence}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
