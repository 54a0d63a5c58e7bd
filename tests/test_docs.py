"""The pages match the code: keys, defaults, questions, commands, targets and files."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import tomllib
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import captures
import pytest
from documentation import built
from guide import blocks

from sagemaker_ops.commands.app import app
from sagemaker_ops.container import isolation, process
from sagemaker_ops.definition import step_types
from sagemaker_ops.guardrails import instance_advice, instance_types
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.project import settings
from sagemaker_ops.project.settings import Settings
from sagemaker_ops.project.tuning import Range

TEMPLATE = Path(__file__).parents[1]
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
DOCS = TEMPLATE / "docs"
Sections = dict[str, list[str]]

TYPES = {
    str: "text",
    int: "whole number",
    float: "number",
    float | None: "number",
    int | None: "whole number",
    bool: "true or false",
    list[str]: "list of texts",
    str | list[str] | Mapping[str, str]: "text, list of texts or table",
    Mapping[str, str]: "table",
    Mapping[str, Range]: "table",
    Mapping[str, bool | int | float | str]: "table",
}


def sections(page: Path) -> Sections:
    """{heading of level 2: its lines}; the lines above the first are under ""."""
    found: Sections = {"": []}
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            found[line.removeprefix("## ")] = []
        else:
            found[list(found)[-1]].append(line)
    return found


def rows(lines: list[str], heading: str) -> list[list[str]]:
    """The cells of the table whose first line begins with `| heading |`, without backticks around the first."""
    [start] = [number for number, line in enumerate(lines) if line.startswith(f"| {heading} |")]
    table = []
    for line in lines[start + 2 :]:
        if not line.startswith("| "):
            break
        first, *others = line.removeprefix("| ").removesuffix(" |").split(" | ")
        table.append([first.strip("`"), *others])
    return table


def described(kind: Any) -> list[list[str]]:
    """[key, type, default] of each field of a settings dataclass, as the page writes them."""
    hints = typing.get_type_hints(kind)
    return [
        [
            field.name,
            ", ".join(f'`"{choice}"`' for choice in field.metadata.get("choices", ())) or TYPES[hints[field.name]],
            default(field),
        ]
        for field in dataclasses.fields(kind)
        if not field.metadata.get("others")  # any step's name
        and field.metadata.get("key", True)
    ]


def default(field: dataclasses.Field[Any]) -> str:
    value = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
    if value is dataclasses.MISSING:
        return "required"
    return "not set" if value is None else f"`{json.dumps(value)}`"  # these JSON values are TOML too


def tables() -> dict[str, Any]:
    """{heading on the page: dataclass}, in the order of the settings; None for a table of free keys."""
    found: dict[str, Any] = {}
    for name, hint in typing.get_type_hints(Settings).items():
        entries = typing.get_args(hint)[1] if typing.get_origin(hint) else hint
        # Of `str | Schedule`, the page describes the table.
        entries = next(filter(dataclasses.is_dataclass, typing.get_args(entries)), entries)
        heading = "[environments.dev]" if name == "environments" else f"[{name}]"
        found[heading] = entries if dataclasses.is_dataclass(entries) else None
    return found


def targets(makefile: Path) -> list[str]:
    return re.findall(r"^([a-z-]+):.*## ", makefile.read_text(encoding="utf-8"), re.MULTILINE)


def commands() -> dict[str, list[str]]:
    """{`ops` command: its options}."""
    import typer

    def inside(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):  # `ops new` is a group itself
                yield from inside(command, f"{before}{name} ")
            else:
                yield f"{before}{name}", command

    return {
        name: [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
        for name, command in inside(typer.main.get_command(app))
    }


def toml_examples() -> list[Any]:
    return [
        pytest.param(block.text, id=f"{page.stem}: {block.text.splitlines()[0]}")
        for page in sorted(DOCS.rglob("*.md"))
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.language == "toml" and not re.match(r"(In|Write|At the end of) `(?!project\.toml`)", block.lead)
    ]


def test_project_toml_has_a_section_for_each_table() -> None:
    assert list(sections(DOCS / "project-toml.md"))[1:] == list(tables())


@pytest.mark.parametrize("heading", [heading for heading, kind in tables().items() if kind])
def test_the_page_on_project_toml_lists_each_key_with_type_and_default(heading: str) -> None:
    written = rows(sections(DOCS / "project-toml.md")[heading], "key")

    assert [row[:3] for row in written] == described(tables()[heading])
    assert all(len(row) == 4 and row[3] for row in written)


def test_the_page_on_project_toml_lists_the_hyperparameters_of_a_new_project(bake: Any) -> None:
    made = tomllib.loads((bake().path / "project.toml").read_text(encoding="utf-8"))["hyperparameters"]
    written = rows(sections(DOCS / "project-toml.md")["[hyperparameters]"], "key")

    assert [row[:2] for row in written] == [[key, f"`{json.dumps(value)}`"] for key, value in made.items()]


@pytest.mark.parametrize("example", toml_examples())
def test_an_example_is_read_without_complaint(bake: Any, example: str) -> None:
    table = tomllib.loads((bake().path / "project.toml").read_text(encoding="utf-8"))
    for name, content in tomllib.loads(example).items():
        if name == "gate":
            table["gate"] = content  # `minimum` and `maximum` exclude each other
        else:
            table.setdefault(name, {}).update(content)

    settings.parse(table)


def test_the_start_page_lists_each_question_and_its_default() -> None:
    asked = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    wanted = {
        name: answer[0] if isinstance(answer, list) else answer for name, answer in asked.items() if name[0] != "_"
    }

    written = rows(sections(DOCS / "index.md")["Make your own project"], "question")

    assert [row[0] for row in written] == list(wanted)
    for name, shown, _ in written:
        assert shown == ("made from the name" if name == "project_slug" else f"`{wanted[name]}`")


def test_commands_has_a_section_for_each_command_that_names_its_options() -> None:
    written = {
        heading.removeprefix("ops "): lines
        for heading, lines in sections(DOCS / "commands.md").items()
        if heading.startswith("ops ")
    }

    assert list(written) == list(commands())
    for name, options in commands().items():
        found = set(re.findall(r"--[a-z][a-z0-9-]*", "\n".join(written[name])))
        assert found == set(options), name


@pytest.mark.parametrize(
    ("heading", "folder"),
    [("make, in a project", PROJECT), ("make, in the template", TEMPLATE)],
    ids=["project", "template"],
)
def test_commands_names_each_make_target(heading: str, folder: Path) -> None:
    written = rows(sections(DOCS / "commands.md")[heading], "target")

    assert [row[0] for row in written] == targets(folder / "Makefile")


@pytest.mark.parametrize("file", captures.drawn())
def test_a_page_that_is_drawn_from_the_code_is_as_the_code(file: str) -> None:
    command, draw = captures.drawn()[file]
    text = (TEMPLATE / file).read_text(encoding="utf-8")

    assert text == draw(text), f"run `{command}`"


def test_the_page_on_local_runs_matches_the_code() -> None:
    page = (DOCS / "local-runs.md").read_text(encoding="utf-8")

    assert f"| 120 seconds | {process.GRACE_SECONDS:.0f} seconds. |" in page
    assert set(re.findall(r"^- `(\w+)`: ", page, re.MULTILINE)) == set(isolation.MODES) - {"auto"}
    named = re.findall(r"^\| (`\w+`.*?) \| (?:runs|does not run) \|", page, re.MULTILINE)
    assert sorted(re.findall(r"\w+", " ".join(named))) == sorted(step_types.TYPES)


@pytest.mark.parametrize(
    ("notebook", "page"),
    [
        ("eda/look_at_the_data", "look-at-the-data"),
        ("develop/try_a_model", "try-a-model"),
        ("develop/spark", "spark"),
    ],
)
def test_the_pages_of_the_notebooks_have_every_cell(notebook: str, page: str) -> None:
    cells = json.loads((PROJECT / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
    text = (DOCS / "notebooks" / f"{page}.md").read_text(encoding="utf-8")

    cells[0]["source"] = cells[0]["source"][1:]  # a note stands below the title
    missing = [source for cell in cells if (source := "".join(cell["source"]).strip()) not in text]

    assert missing == [], "run `make notebook-pages`"
    assert {*re.findall(r"\]\(([\w.-]+\.png)\)", text)} == {
        file.name for file in (DOCS / "notebooks").glob(f"{page}_*.png")
    }


def test_the_executed_notebooks_and_the_pictures_show_what_there_is_now() -> None:
    outdated = [f"run `make {target}`" for name, (target, _) in captures.SHOWN.items() if not captures.is_current(name)]

    assert outdated == []


def test_make_docs_refuses_what_is_out_of_date(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert captures.main() == 0

    monkeypatch.setattr(captures, "drawn", lambda: {"docs/index.md": ("make start-page", lambda text: f"{text}more")})
    monkeypatch.setitem(captures.SHOWN, "pictures", ("pictures", ("README.md",)))

    assert captures.main() == 1
    assert capsys.readouterr().err == (
        "error: docs/index.md is out of date: run `make start-page`\n"
        "error: what docs/pictures shows has changed: run `make pictures`, and look at the result\n"
    )


def test_the_guide_has_the_style_and_script_of_a_project_s_own_pages() -> None:
    there, here = PROJECT / "vendor" / "sagemaker_ops" / "documentation", DOCS / "stylesheets"
    style = there.joinpath("pages.css").read_text(encoding="utf-8")

    assert style[style.index("/* Links and small texts") :] in here.joinpath("extra.css").read_text(encoding="utf-8")
    assert here.joinpath("mend.js").read_bytes() == there.joinpath("pages.js").read_bytes()


def test_the_table_of_instance_types_is_quoted_as_it_is() -> None:
    quoted = "\n".join(sections(DOCS / "commands.md")["ops instance-types"])
    table, _, notes = quoted.partition("```text\n")[2].partition("```")[0].partition("…\n")

    assert table.splitlines() == instance_advice.table("training", Policy(), 64)[: len(table.splitlines())]
    assert notes.strip().splitlines() == [instance_advice.origin(), instance_types.QUOTAS]


def test_the_five_steps_to_a_question_name_files_that_exist() -> None:
    text = "\n".join(sections(TEMPLATE / "CONTRIBUTING.md")["Adding a question"])
    steps = re.split(r"^(\d)\. ", text, flags=re.MULTILINE)[1:]

    assert steps[::2] == ["1", "2", "3", "4", "5"]
    for step in steps[1::2]:
        named = re.match(r"`(.+?)`:", step)
        assert named, step
        assert (TEMPLATE / named[1]).is_file(), step
    for test in re.findall(r"`(test_\w+)`", text):
        assert f"def {test}(" in (TEMPLATE / "tests" / "test_generation.py").read_text(encoding="utf-8")


def scores(text: str) -> dict[str, list[float]]:
    """{metric: [model, its spread, baseline]} of the first table of metrics in `text`."""
    lines = text.partition("\nmetric ")[2].splitlines()[1:]
    table = [line.split() for line in lines[: lines.index("")]]
    return {name: [float(number) for number in numbers] for name, *numbers in table}


@pytest.mark.slow
def test_the_start_page_quotes_the_output_of_a_first_run(ready: Any) -> None:
    done = ready().make("run")
    assert done.code == 0, done

    quoted, printed = scores((DOCS / "index.md").read_text(encoding="utf-8")), scores(done.out)

    assert list(quoted) == list(printed)
    for name, numbers in quoted.items():  # other versions of NumPy and scikit-learn move the last digits
        assert numbers == pytest.approx(printed[name], rel=0.05), name


@pytest.mark.slow
def test_the_site_builds_and_asks_no_other_host_and_zensical_makes_the_same_of_it(tmp_path: Path) -> None:
    built.guide(tmp_path)
    done = built.build(tmp_path, "mkdocs.yml")
    assert (done.code, done.out, done.err) == (0, "", ""), done

    texts = built.texts(tmp_path / "site")
    assert len(texts) > 20
    for page in texts:
        text = (tmp_path / "site" / page).read_text(encoding="utf-8")
        assert re.findall(r"<(?:script|link|img|iframe)\b[^>]*https?://[^>]*>", text) == [], page

    shutil.rmtree(tmp_path / "site")
    zensical = built.build(tmp_path, "mkdocs.yml", built.ZENSICAL)
    assert zensical.code == 0, zensical
    assert built.texts(tmp_path / "site") == texts
