"""The pages of the guide: every block of shell or Python runs in a new project, with AWS's API from a moto server.

On each page the blocks run one after the other, and a block of text is the output of the block before it. See guide.py
for what may differ. The line above a block that cannot run here says where it runs: "On AWS, …:".
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from guide import LEAD, blocks, change, compare, run
from projects import TEMPLATE, Bake, Project
from sybil import Document, Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

from aws.conftest import ACCOUNT, BUCKET, REGION, ROLE, Aws

DOCS = TEMPLATE / "docs"
ELSEWHERE = re.compile(r"(On AWS|In Studio|In a notebook|On EMR|In GitLab|With Airflow|With Docker)\b.*:")
# Pages with a test of their own, test_change_pages.py, and those that make_notebook_pages.py executes.
OTHERS = re.compile(r"change/.*|notebooks/(look-at-the-data|try-a-model|spark)")
# Pages about an account, a service or a project in a certain state, whose examples no test runs yet.
UNTRIED = [
    *("commands", "endpoints", "gitlab", "guardrails", "index", "infra", "local-runs", "monitoring", "project-toml"),
    *("schedule", "serving", "studio", "tracking", "updating"),
]
PAGES = [path.relative_to(DOCS).with_suffix("").as_posix() for path in sorted(DOCS.rglob("*.md"))]
FOLLOWED = [
    page
    for page in PAGES
    if not OTHERS.fullmatch(page) and page not in UNTRIED
    if any(block.language in ("bash", "python") for block in blocks((DOCS / f"{page}.md").read_text(encoding="utf-8")))
]


@pytest.fixture
def project(ready: Bake, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with an environment on AWS, as the current folder."""
    made = ready()
    made.edit("environments.dev", account=f'"{ACCOUNT}"', role=f'"{ROLE}"', bucket=f'"{BUCKET}"')
    location = {"LocationConstraint": REGION}
    aws.client("s3").create_bucket(Bucket="example-bucket", CreateBucketConfiguration=location)
    monkeypatch.chdir(made.path)
    for name, value in {**aws.environment, "AWS_DEFAULT_REGION": REGION, "MPLBACKEND": "Agg"}.items():
        monkeypatch.setenv(name, value)
    return made


class Follower:
    """Evaluates the blocks of one page. printed: the output of the last block, if it ran here."""

    def __init__(self, project: Project, environment: dict[str, str]) -> None:
        self.project, self.environment = project, environment
        self.printed: str | None = None
        self.elsewhere = False
        self.python = PythonEvaluator()

    def evaluate(self, example: Example) -> None:
        [block] = blocks(example.document.text[: example.region.end] + "\n")[-1:]
        if block.language == "text":
            if not self.elsewhere:
                assert self.printed is not None, "nothing ran that could print this"
                compare(block.text, self.printed)
            self.printed, self.elsewhere = None, False
            return
        self.elsewhere = bool(ELSEWHERE.fullmatch(block.lead))
        if self.elsewhere:
            return
        if LEAD.fullmatch(block.lead):
            change(block, self.project.path)
        elif block.language == "bash":
            self.printed = run(block.text, self.project, (), **self.environment)
        else:
            with contextlib.redirect_stdout(io.StringIO()) as out:
                self.python(example)
            self.printed = out.getvalue()


def document(page: Path, follower: Follower) -> Document:
    parsers = [CodeBlockParser(language, follower.evaluate) for language in ("bash", "diff", "python", "text")]
    return Sybil(parsers).parse(page)


@pytest.fixture(autouse=True)
def _no_figures_stay() -> Iterator[None]:
    yield
    import matplotlib.pyplot

    matplotlib.pyplot.close("all")


@pytest.mark.slow
@pytest.mark.parametrize("page", FOLLOWED, ids=lambda name: name.replace("/", "-"))
def test_a_reader_who_follows_the_page_sees_what_it_shows(page: str, project: Project, aws: Aws) -> None:
    path = DOCS / f"{page}.md"
    for example in document(path, Follower(project, {**aws.environment, "AWS_DEFAULT_REGION": REGION})).examples():
        try:
            example.evaluate()
        except Exception as error:
            raise AssertionError(f"{page}.md line {example.line}: {error}") from error


def test_the_pages_that_are_left_out_exist() -> None:
    assert set(UNTRIED) <= set(PAGES)
