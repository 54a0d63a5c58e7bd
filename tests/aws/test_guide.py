"""The pages of the guide: every block of shell or Python runs in a new project, with AWS's API from a moto server.

On each page the blocks run one after the other, and a block of text is the output of the block before it. See guide.py
for what may differ. The line above a block that cannot run here says where it runs: "On AWS, …:". What the examples of
a page assume, such as a deployed pipeline, is put there by guide_states.py.

A line such as "With `[data].target = "x"`, `ops check` prints:" is followed, too: project.toml has the value for this
one command. A block of TOML below "In `project.toml`, …:" is written into it.
"""

from __future__ import annotations

import contextlib
import io
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomlkit
from guide import EXECUTION, LEAD, Block, blocks, change, compare, path, run
from projects import TEMPLATE, Bake, Project, clean_environment
from sybil import Document, Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

from aws.conftest import ACCOUNT, BUCKET, REGION, ROLE, Aws
from aws.executed import FAST
from aws.guide_states import STATES

DOCS = TEMPLATE / "docs"
ELSEWHERE = re.compile(
    r"(On AWS|In Studio|In a notebook|In a clone of the template|On EMR|In GitLab|With Airflow|With Docker)\b.*:"
)
# Pages with a test of their own, test_change_pages.py and test_start_page.py, and those that make_notebook_pages.py
# executes.
OTHERS = re.compile(r"index|change/.*|notebooks/(look-at-the-data|try-a-model|spark)")
IN_SECTIONS = "commands"  # followed section by section, each with a state of its own
# How many texts of a page no command above them prints. Those of `guardrails` are drawn from the code: test_docs.py.
UNPRINTED = {"guardrails": 5}
WITH = re.compile(r".*With (.+?), `(ops [^`]+)` prints:")
SETTING = re.compile(r"`\[([\w.]+)\]\.([^`]+)`")
SERVE = re.compile(r"^ops serve( --port \d+)?$", re.MULTILINE)
PAGES = [file.relative_to(DOCS).with_suffix("").as_posix() for file in sorted(DOCS.rglob("*.md"))]
SECTIONS = [name for name in STATES if "#" in name]
FOLLOWED = [
    page
    for page in PAGES
    if not OTHERS.fullmatch(page) and page != IN_SECTIONS
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
    """Evaluates the blocks of one page.

    printed: the output of the last block, if it ran here. unprinted: how many texts nothing printed.
    executions: the ids here of those on the page. The project is in /home/ana, and belongs to her.
    """

    def __init__(self, project: Project, environment: dict[str, str]) -> None:
        self.project, self.environment = project, environment
        self.unprinted = 0
        self.printed: str | None = None
        self.executions: dict[str, str] = {}
        self.elsewhere = False
        self.python = PythonEvaluator()
        self.server: subprocess.Popen[str] | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = str(free.getsockname()[1])

    def evaluate(self, example: Example) -> None:
        number = len(blocks(example.document.text[: example.region.end] + "\n"))
        block, *after = blocks(example.document.text)[number - 1 :]
        quoted = after[0].text if after and after[0].language in ("text", "json") else ""
        if block.language in ("text", "json"):
            self._compare(block)
            return
        if block.language == "toml":
            if re.match(r"In `project.toml`", block.lead):
                self._merge(block.text)
            return
        self.printed, self.elsewhere = None, bool(ELSEWHERE.fullmatch(block.lead))
        if self.elsewhere:
            return
        if LEAD.fullmatch(block.lead):
            change(block, self.project.path)
        elif block.language == "bash":
            self.printed = self._run(block.text, quoted)
        else:
            with contextlib.redirect_stdout(io.StringIO()) as out:
                self.python(example)
            self.printed = out.getvalue()

    def _compare(self, block: Block) -> None:
        if example := WITH.fullmatch(block.lead):
            settings = self.project.path / "project.toml"
            before = settings.read_bytes()
            for table, line in SETTING.findall(example[1]):
                self._merge(f"[{table}]\n{line}\n")
            self.printed = self._run(example[2], block.text)
            settings.write_bytes(before)
        printed, elsewhere = self.printed, self.elsewhere
        self.printed, self.elsewhere = None, False
        if printed is not None:
            compare(block.text, self._as_on_the_page(printed, block.text))
        elif not elsewhere and block.language == "text":
            self.unprinted += 1

    def _as_on_the_page(self, printed: str, quoted: str) -> str:
        there, here = (EXECUTION.findall(text) for text in (quoted, printed))
        if len(there) == len(here):
            self.executions.update(zip(there, here, strict=True))
        for of_page, real in self.executions.items():
            printed = printed.replace(real, of_page)
        return printed.replace(str(self.project.path.parent), "/home/ana")

    def _as_here(self, script: str) -> str:
        """The script with the ids, or the first characters of an id, that this page has shown."""
        return re.sub(
            r"\b[0-9a-z]{3,12}\b",
            lambda word: next(
                (real for of_page, real in self.executions.items() if of_page.startswith(word[0])), word[0]
            ),
            script,
        )

    def _merge(self, text: str) -> None:
        path = self.project.path / "project.toml"
        settings = tomlkit.parse(path.read_text(encoding="utf-8"))
        for name, content in tomlkit.parse(text).items():
            settings.setdefault(name, tomlkit.table()).update(content)
        path.write_text(tomlkit.dumps(settings), encoding="utf-8")

    def _run(self, script: str, quoted: str) -> str:
        """A server goes on to run until the page ends or starts another; its port is one that is free here."""
        script = self._as_here(script)
        if not SERVE.search(script):
            return run(script.replace(":8080/", f":{self.port}/"), self.project, (), quoted, **self.environment)
        before, shown, _ = SERVE.split(script)
        run(before, self.project, (), **self.environment)
        self.close()
        self.server = subprocess.Popen(
            [path(self.project) / "ops", "serve", "--workers", "1", "--port", self.port],
            cwd=self.project.path,
            env=clean_environment() | {"PYTHONPATH": str(self.project.path / "vendor")} | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.server.stdout
        return self.server.stdout.readline().replace(self.port, (shown or "8080").split()[-1])

    def close(self) -> None:
        if self.server:
            self.server.terminate()
            self.server.communicate(timeout=60)
            self.server = None


def document(page: str, follower: Follower, folder: Path) -> Document:
    """A page, a section such as `commands#ops invoke`, or all from one to another: `commands#ops run to ops clean`."""
    name, _, headings = page.partition("#")
    path = DOCS / f"{name}.md"
    if headings:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        start, end = part(lines, headings)
        path = folder / "section.md"  # with the numbers of the page's lines
        path.write_text("\n" * start + "".join(lines[start:end]), encoding="utf-8")
    parsers = [
        CodeBlockParser(language, follower.evaluate) for language in ("bash", "diff", "json", "python", "text", "toml")
    ]
    return Sybil(parsers).parse(path)


def part(lines: list[str], headings: str) -> tuple[int, int]:
    """The first line of these sections, and the line after the last."""
    first, _, last = headings.partition(" to ")
    start, begin = (lines.index(f"## {heading}\n") for heading in (first, last or first))
    [end, *_] = [*(n for n in range(begin + 1, len(lines)) if lines[n].startswith("## ")), len(lines)]
    return start, end


@pytest.fixture(autouse=True)
def _no_figures_stay() -> Iterator[None]:
    yield
    import matplotlib.pyplot

    matplotlib.pyplot.close("all")


@pytest.mark.slow
@pytest.mark.parametrize("page", [*FOLLOWED, *SECTIONS], ids=lambda name: name.replace("/", "-"))
def test_a_reader_who_follows_the_page_sees_what_it_shows(
    page: str, project: Project, aws: Aws, tmp_path: Path
) -> None:
    variables = STATES.get(page, lambda *_: None)(project, aws) or {}
    follower = Follower(
        project, {**aws.environment, "AWS_DEFAULT_REGION": REGION, "LOGNAME": "ana", **FAST, **variables}
    )
    wrong = []
    for example in document(page, follower, tmp_path).examples():
        try:
            example.evaluate()
        except Exception as error:
            wrong.append(f"{page.partition('#')[0]}.md line {example.line}: {error}")
    follower.close()
    assert not wrong, "\n\n".join(wrong)
    assert follower.unprinted == UNPRINTED.get(page, 0), "texts that nothing prints"


def test_each_section_with_commands_is_followed() -> None:
    lines = (DOCS / f"{IN_SECTIONS}.md").read_text(encoding="utf-8").splitlines(keepends=True)
    followed = {number for name in SECTIONS for number in range(*part(lines, name.partition("#")[2]))}
    introduction = lines.index(next(line for line in lines if line.startswith("## ")))

    commands = {number for number, line in enumerate(lines) if line == "```bash\n" and number > introduction}

    assert commands - followed == set()
