"""Any text in a page: it comes back as it is, and is neither Markdown nor HTML."""

from __future__ import annotations

import pytest

from documentation.rendered import rendered
from sagemaker_ops.documentation import markdown

TEXTS = [
    "a|b", "|", "`a`", "``", "*a* **b**", "_a_ __b__", "<b>a</b>", "</td>", "<!-- a", "&amp;", "&#35;",
    "[a](b)", "![a](b)", "[a]: b",
    "# a", "a #", "1. a", "10) a", "- a", "+ a", "* a", "> a", "---", "===", "~~~", "```", "$a$", "^a^ ~a~",
    "{: .a }", "{{ a }}", "{% a %}", "<http://a.b>", "https://a.b", "a@b.c", ":smile:", "\\", "\\*", "'a' \"b\"",
    "a -- b",
    "(c) 1/4 ...", "--8<-- \"a\"", "[TOC]", "[^1]", "==a==", "++a++", "*[a]: b", "!!! note", "C:\\a\\b", "é 日本 🚀",
]  # fmt: skip
UNSEEN = {
    "a\u202eb": "a\\u202eb",
    "a\0b": "a\\x00b",
    "a\u0002wzxhzdk:0\u0003": "a\\x02wzxhzdk:0\\x03",
    "\ud800": "\\ud800",
}

ALLOWED = {"h2", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "code", "a", "div", "pre", "span"}


@pytest.mark.parametrize(("text", "shown"), [*((each, each) for each in TEXTS), *UNSEEN.items()])
def test_a_text_is_shown_as_it_is(text: str, shown: str) -> None:
    row = (text, markdown.code(text), markdown.link(text, "a.md"), "end")
    page = markdown.page(
        text,
        markdown.heading(2, text),
        markdown.listed([text]),
        markdown.table((text, "b", "c", "d"), [row]),
        markdown.fence(text),
    )

    found = rendered(page)

    assert found.rows == [[shown, "b", "c", "d"], [shown, shown, shown, "end"]]
    assert found.headings == [shown]
    assert {*found.tags} <= ALLOWED
    assert found.text.startswith(shown)


def test_line_breaks_and_spaces_at_the_edges_end_nothing() -> None:
    page = markdown.page("    four spaces", markdown.table(("a",), [["one\n\n# two\n| three "]]))

    found = rendered(page)

    assert found.text.strip().startswith("four spaces")
    assert found.rows == [["a"], ["one # two | three"]]
    assert "h1" not in found.tags
    assert "pre" not in found.tags


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("Run `make run` first.", "Run <code>make run</code> first."),
        ("one ` only", "one &#96; only"),
        ("written\nover `two` lines", "written over <code>two</code> lines"),
    ],
)
def test_words_in_backticks_are_code(sentence: str, shown: str) -> None:
    assert markdown.prose(sentence).replace("&#32;", " ") == shown


def test_a_block_of_code_is_closed_by_more_backticks_than_it_has() -> None:
    found = rendered(markdown.page(markdown.fence('"""\n```\n````python\n"""', "python"), "after"))

    assert found.text.endswith("after")
    assert found.tags.count("pre") == 1
    assert "````python" in found.text
