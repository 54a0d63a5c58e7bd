"""Any text in any answer: files stay valid, the text comes back unchanged, and an impossible name is refused.

Jinja in an answer on the command line is rendered by Cookiecutter before any of this.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import markdown
import pytest
import yaml
from cookiecutter.generate import is_copy_only_path
from cookiecutter.utils import create_env_with_context
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2 import FileSystemLoader
from markdown_it import MarkdownIt
from markdown_it.common.utils import isValidEntityCode
from projects import TEMPLATE, TEMPLATE_PROJECT, Bake, Project, cookiecutter_command

from sagemaker_ops.guardrails import project_check
from sagemaker_ops.template.answers import literal

Answers = Mapping[str, str]
Pieces = list[tuple[str, str]]

CONTEXT = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
QUESTIONS = [name for name, default in CONTEXT.items() if not name.startswith("_") and isinstance(default, str)]
ENVIRONMENT = create_env_with_context({"cookiecutter": CONTEXT})
ENVIRONMENT.loader = FileSystemLoader([TEMPLATE_PROJECT, TEMPLATE / "templates"])  # as in cookiecutter.generate
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PRE_GEN, POST_GEN = (
    ENVIRONMENT.from_string((TEMPLATE / "hooks" / f"{name}_project.py").read_text(encoding="utf-8"))
    for name in ("pre_gen", "post_gen")
)
DEFAULT_SLUG = ENVIRONMENT.from_string(CONTEXT["project_slug"])

# Characters with a meaning in TOML, YAML, Python, HTML, Jinja, shells and file systems, then in Markdown; ␣ is a space.
MEANINGFUL = r"""
    " ' ''' \ a\ \n \U0001F680 # % $ ; : ! / .. @ {{␣7*7␣}} {%␣raw␣%} {# key:␣a null true no 1e3 0x1F &amp; &#35;
    &#99999999999; &nbsp <b>a</b> </td> <!-- --> ]]> <? 🚀 👨‍👩‍👧 ελληνικά 日本語 نص résumé
    #␣a a␣# 1.␣a 10)␣a -␣a --- === +␣a *␣a *** >␣a ```␣a ~~~ `a` *a* **a** _a_ __a__ ~~a~~ a|b |␣a␣|␣b␣| ␣␣␣␣a ␣a␣ a␣␣
    {:␣.a␣} [a](b) ![a](b) [a]:␣b [a][b] [^1] <a@b.c> <http://a.b> https://example.com
"""
CONTROLS = "\0 \a \b \t \n \v \f \r \r\n \n\n \x1b \x1c \x7f \x85 \xa0 \u2028 \u202e \ufeff \uffff \ud800"
WHOLE = [*(text.replace("␣", " ") for text in MEANINGFUL.split()), *CONTROLS.split(" "), '"""', ""]
TEXTS = st.lists(st.sampled_from(WHOLE) | st.characters(), max_size=6).map("".join)
ANSWERS = st.fixed_dictionaries(dict.fromkeys(QUESTIONS, TEXTS) | {"problem": st.sampled_from(CONTEXT["problem"])})
PLAIN = {question: f"Answer{number}" for number, question in enumerate(QUESTIONS, 10)} | {"problem": "classification"}
ASKED = {answer: question for question, answer in PLAIN.items()}
mixtures = settings(max_examples=50, deadline=None)  # of eleven answers each


def hostile(test: Callable[..., None]) -> Callable[..., None]:
    """Runs the test with each text of WHOLE as the answer to every question, and with mixtures."""
    for text in WHOLE:
        test = example(dict.fromkeys(QUESTIONS, text) | {"problem": "regression"})(test)
    return mixtures(given(ANSWERS)(test))


def rendered_files() -> list[str]:
    """The files of the project that Cookiecutter renders instead of copying."""
    files = (path.relative_to(TEMPLATE_PROJECT) for path in TEMPLATE_PROJECT.rglob("*") if path.is_file())
    return sorted(
        file.as_posix()
        for file in files
        if not any(is_copy_only_path(str(path), {"cookiecutter": CONTEXT}) for path in (file, *file.parents[:-1]))
    )


def render(file: str, answers: Answers) -> str:
    """Render like Cookiecutter, but without its processes; no answer adds or ends a line."""
    text = ENVIRONMENT.get_template(file).render(cookiecutter=answers)
    assert len(text.splitlines()) == len(plain(file, answers["problem"]).splitlines())
    return text


@cache
def plain(file: str, problem: str) -> str:
    return ENVIRONMENT.get_template(file).render(cookiecutter=PLAIN | {"problem": problem})


def writable(text: str) -> str:
    """Half a surrogate pair cannot be written to a file: it becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def test_these_files_contain_answers() -> None:
    """If you add a file, also add its rules below."""
    assert rendered_files() == ["README.md", "docs/index.md", "mkdocs.yml", "project.toml", "pyproject.toml"]


@pytest.mark.slow
@hostile
def test_project_toml_has_every_answer_unchanged(answers: Answers) -> None:
    expected = tomllib.loads(plain("project.toml", answers["problem"]))
    for table in (expected["project"], expected["instances"]):
        for key, value in table.items():
            table[key] = writable(answers[ASKED[value]])

    assert tomllib.loads(render("project.toml", answers)) == expected


@pytest.mark.slow
@mixtures
@given(ANSWERS)
def test_the_guardrails_answer_any_answer_with_sentences(
    tmp_path_factory: pytest.TempPathFactory, answers: Answers
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "project.toml").write_text(render("project.toml", answers), encoding="utf-8")

    assert all(str(problem).isprintable() for problem in project_check.check_project(folder))


@pytest.mark.slow
@mixtures
@given(TEXTS)
@example("flight-delays")
@example("null")  # a word of YAML
def test_pyproject_and_mkdocs_have_the_slug_and_stay_valid_whatever_it_is(slug: str) -> None:
    answers = PLAIN | {"project_slug": slug}

    package = tomllib.loads(render("pyproject.toml", answers))
    site = yaml.safe_load(render("mkdocs.yml", answers))

    name = package["project"]["name"]
    assert name == slug or not re.fullmatch("[a-z](?:-?[a-z0-9])*", slug)
    assert re.fullmatch("[a-z0-9-]*", name)
    assert package == tomllib.loads(plain("pyproject.toml", "classification").replace("answer11", name))
    assert site == yaml.safe_load(plain("mkdocs.yml", "classification").replace("answer11", name))


@cache
def commonmark(text: str) -> Pieces:
    """(what, text) of each piece that a CommonMark renderer shows."""
    pieces = []
    for token in MARKDOWN.parse(text):
        children = token.children or []
        pieces.append((f"{token.type} {token.tag} {token.level}", "" if children else token.content))
        pieces += [(f"{child.type} {child.tag}", child.content) for child in children]
    return pieces


class _Reader(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.pieces: Pieces = [("", "")]
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.pieces.append((tag, ""))

    def handle_data(self, data: str) -> None:
        tag, text = self.pieces[-1]
        self.pieces[-1] = (tag, text + data)


@cache
def python_markdown(text: str) -> Pieces:
    """(tag, text) of each element of the page that MkDocs makes, with the extensions that it always has."""
    return _Reader(markdown.markdown(text, extensions=["toc", "tables", "fenced_code"])).pieces


def shown_by_commonmark(text: str) -> str:
    return "".join(c if isValidEntityCode(ord(c)) else "\N{REPLACEMENT CHARACTER}" for c in writable(text))


def shown_by_html(text: str) -> str:
    """HTML has no control characters, and reads some of them as Windows characters."""
    return "".join(c if c.isprintable() else unescape(f"&#{ord(c)};") for c in writable(text))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "read", "shown"),
    [
        pytest.param("README.md", commonmark, shown_by_commonmark, id="README in CommonMark"),
        pytest.param("docs/index.md", commonmark, shown_by_commonmark, id="docs in CommonMark"),
        pytest.param("docs/index.md", python_markdown, shown_by_html, id="docs in MkDocs"),
    ],
)
@hostile
def test_markdown_shows_every_answer_and_nothing_else(
    file: str, read: Callable[[str], Pieces], shown: Callable[[str], str], answers: Answers
) -> None:
    answers = {question: answer or "-" for question, answer in answers.items()}  # an empty paragraph is not rendered
    texts = {PLAIN[question]: shown(answers[question]) for question in QUESTIONS}

    assert read(render(file, answers)) == [
        (what, re.sub("Answer..", lambda found: texts[found[0]], text))
        for what, text in read(plain(file, answers["problem"]))
    ]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("Flight delays 2.0 (nord & süd)", "Flight delays 2.0 (nord &amp; süd)"),
        ("data-team@example.com", "data-team@example.com"),
        ("Who's late? 5% of 1,000 - it's \"fine\"!", "Who's late? 5% of 1,000 - it's \"fine\"!"),
        ("snake_case", r"snake\_case"),
        ("two\nlines", "two&#xa;lines"),
    ],
)
def test_ordinary_text_stays_readable_in_markdown(text: str, source: str) -> None:
    assert render("README.md", PLAIN | {"project_name": text}).splitlines()[0] == f"# {source}"


def pre_gen(slug: str) -> dict[str, Any]:
    """The names that the hook defines when it is rendered for the slug."""
    names: dict[str, Any] = {}
    exec(compile(PRE_GEN.render(cookiecutter={"project_slug": slug}), "pre_gen_project.py", "exec"), names)
    return names


@mixtures
@given(TEXTS)
@example("&#99999999999;")
def test_the_slug_made_from_any_name_is_one(name: str) -> None:
    slug = DEFAULT_SLUG.render(cookiecutter={"project_name": name})

    assert re.fullmatch("(?=.{1,26}$)[a-z0-9]+(-[a-z0-9]+)*", slug)


@mixtures
@given(TEXTS)
def test_the_hook_is_python_and_refuses_in_one_line_whatever_the_slug(slug: str) -> None:
    hook = pre_gen(slug)

    assert hook["SLUG"] == slug
    assert hook["problem"]().isprintable()  # this folder has files, so even a valid slug is refused


@pytest.mark.slow
@hostile
def test_the_hook_that_records_the_answers_gets_them_unchanged(answers: Answers) -> None:
    names: dict[str, Any] = {}
    exec(compile(POST_GEN.render(cookiecutter=answers), "post_gen_project.py", "exec"), names)

    assert json.loads(names["CONTEXT"]) == [[question, answer] for question, answer in answers.items()]


@mixtures
@given(TEXTS)
@example("".join(WHOLE))
def test_an_update_renders_a_recorded_answer_unchanged(answer: str) -> None:
    assert ENVIRONMENT.from_string(literal(answer)).render() == answer


@pytest.mark.parametrize("slug", ["flight-delays", "a", "Churn_Model", "nullable"])
def test_a_plain_name_is_left_to_the_guardrails(slug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert pre_gen(slug)["problem"]() is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("slug", "sentence"),
    [
        pytest.param("../x", "'../x' is not a valid folder name", id="beside"),
        pytest.param("{tmp_path}/x", "/x' is not a valid folder name", id="absolute"),
        pytest.param("a/b", "'a/b' is not a valid folder name", id="two folders"),
        pytest.param(".git", "'.git' is not a valid folder name", id="git's own"),
        pytest.param("con", "'con' is not a valid folder name on Windows", id="device"),
        # The messages below are Cookiecutter's own: it cannot make the folder, and runs no hook.
        pytest.param("", '"." directory already exists', id="empty"),
        pytest.param("x" * 300, "File name too long", id="longer than a file system takes"),
    ],
)
def test_a_slug_that_names_no_folder_is_refused_and_leaves_nothing(tmp_path: Path, slug: str, sentence: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    slug = slug.format(tmp_path=tmp_path)

    done = cookiecutter_command(inside, f"project_slug={slug}", HOME=str(tmp_path / "home"))

    assert done.code != 0
    assert len([line for line in (done.err + done.out).splitlines() if sentence in line]) == 1
    assert ours(done.err) == []
    assert [path.name for path in inside.iterdir()] == []
    assert {path.name for path in tmp_path.iterdir()} <= {"inside", "home"}


def ours(tracebacks: str) -> list[str]:
    """The frames that belong neither to Python nor to an installed package."""
    frames = re.findall(r'(?m)^ +File "([^"]+)"', tracebacks)
    return [frame for frame in frames if "/lib/python3" not in frame and not frame.endswith("/bin/cookiecutter")]


@pytest.mark.slow
def test_a_project_with_hostile_answers_is_made_and_whole(bake: Bake) -> None:
    answers = {
        "project_name": 'Say "hi" \\ \'100%\' & """ #1 | 🚀 ελληνικά نص',
        "description": "# two\n\tlines [a](b) <b> `c`\x7f ",
    }

    project = bake(**answers)

    assert project.path.name == "say-hi-100-1-ellenika-ns"
    made = {
        "project_slug": project.path.name,
        **{question: CONTEXT[question] for question in QUESTIONS if "{{" not in CONTEXT[question]},
        **answers,
        "problem": "classification",
    }
    for file in rendered_files():
        assert (project.path / file).read_text(encoding="utf-8") == render(file, made)


@pytest.mark.slow
def test_without_hooks_the_project_is_made_and_make_setup_reports_the_errors(tmp_path: Path) -> None:
    done = cookiecutter_command(tmp_path, "vertical=Retail EMEA", "owner=R&D", options=("--accept-hooks=no",))
    assert done.code == 0, done

    done = Project(tmp_path / "flight-delays").make("setup")

    assert done.code != 0
    assert "[project].vertical: 'Retail EMEA' is not a valid vertical name" in done.err
    assert "[project].owner: AWS tags do not allow '&'" in done.err
    assert not (tmp_path / "flight-delays" / ".venv").exists()
