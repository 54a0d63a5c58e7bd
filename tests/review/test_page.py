"""The page about a merge request, read as a browser and a screen reader would; and the same in short for a terminal."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from browser import look
from report import evaluations
from report.test_graph import condition, step

from sagemaker_ops.definition.plan import parse
from sagemaker_ops.errors import UserError
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.local import Execution, StepExecution
from sagemaker_ops.report import charts, frame, markup
from sagemaker_ops.report.results import Gate, Result
from sagemaker_ops.review import change, gathered, page
from sagemaker_ops.review.change import Change, Comparison
from sagemaker_ops.review.gathered import Review, Section
from sagemaker_ops.review.worktree import Commit

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
EVIL = "</style></title><script>alert(1)</script><img src=x onerror=alert(1)>\"'&--> `b` \u202e"
STYLE = Path(frame.__file__).with_name("page.css").read_text(encoding="utf-8")
VOID = {"meta", "link", "img", "br", "hr", "input", "path", "rect"}
DEFINITION: dict[str, Any] = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "Depth", "Type": "Integer", "DefaultValue": 3}],
    "Steps": [step("Measure"), condition("Gate", [step("Register")], [step("Refuse")], "Measure")],
}
DEEPER = {**DEFINITION, "Parameters": [{"Name": "Depth", "Type": "Integer", "DefaultValue": 4}]}


def changed(before: Any, after: Any, problem: str = "", error: UserError | None = None, name: str = "train") -> Change:
    return change.between(name, before, after, Policy(), "eu-west-1", problem, error)


def result(status: str = "Succeeded", auc: float = 0.75, warnings: tuple[str, ...] = (), **more: Any) -> Result:
    """The result of an execution with one metric, and a gate at 0.7."""
    parsed, _ = parse(DEFINITION)
    steps = {
        name: StepExecution(name, each.type, status="Succeeded", start_time=NOW, end_time=NOW)
        for name, each in parsed.steps.items()
    }
    steps["Refuse"] = StepExecution("Refuse", "Lambda")
    reason = None if status == "Succeeded" else "auc is too low."
    execution = Execution("abc", "c-p-train-local", Path("nowhere"), NOW, {}, steps, status, NOW, reason)
    scores = {"auc": {"value": auc, "standard_deviation": 0.01}}
    evaluation = {"binary_classification_metrics": scores, "warnings": list(warnings), "verdict": "auc: better."}
    gate = Gate("auc", auc, "at least", 0.7, auc >= 0.7)
    return replace(Result(execution, "", parsed, evaluation, (gate,)), **more)


def review(*sections: Section, notes: tuple[str, ...] = (), ref: str = "origin/main", **more: Any) -> Review:
    against = Commit(ref, "0123456789abcdef", "")
    comparison = Comparison(against, "local", tuple(each.change for each in sections), notes)
    return Review("flight-delays", "change (fedcba98)", comparison, sections, **more)


GOOD = Section(changed(DEFINITION, DEEPER), result(), result(auc=0.74))
REMOVED = Section(changed(DEFINITION, None, name="old"), Result(), None)
NOT_RUN = Section(changed(None, DEFINITION, name="weekly"), Result(problem="run `make run` first."), None)
BROKEN = Section(
    changed(DEFINITION, None, error=UserError("train.py line 3: no."), name="broken"), Result(problem="no."), None
)
FAILED = Section(changed(DEFINITION, DEEPER), result("Failed", auc=0.6), None)


@dataclass
class Page(HTMLParser):
    """The elements of a page, checked for balance. found: (tag, attributes, text inside)."""

    found: list[tuple[str, dict[str, str | None], str]] = field(default_factory=list)
    open: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), ""))
        if tag not in VOID:
            self.open.append(len(self.found) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID
        self.found.append((tag, dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.found[self.open.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        for number in self.open:
            tag, attributes, text = self.found[number]
            self.found[number] = (tag, attributes, text + data)

    def all(self, *tags: str) -> list[tuple[str, dict[str, str | None], str]]:
        return [each for each in self.found if each[0] in tags]

    def texts(self, tag: str, class_: str | None = None) -> list[str]:
        return [text for _, given, text in self.all(tag) if class_ is None or given.get("class") == class_]


def read(shown: Review) -> Page:
    found = Page()
    found.feed(page.page(shown, NOW))
    found.close()
    assert found.open == []
    return found


def test_the_verdict_is_first_and_the_sections_follow() -> None:
    found = read(review(GOOD))

    assert [(tag, text.strip()) for tag, _, text in found.all("h1", "strong", "h2", "h3")] == [
        ("h1", "flight-delays: what this merge changes"),
        ("strong", "Passed. Every pipeline succeeded here, and the model passed the quality gate."),
        ("h2", "Pipeline train Passed"),
        ("h3", "Metrics"),
        ("h3", "Changes in the definition"),
        ("strong", "Maximum cost of a run: "[:-1]),
        ("h3", "Steps"),
    ]
    assert found.texts("title")[0] == "Passed: flight-delays against origin/main"
    assert "Quality gate: auc is 0.75 and must be at least 0.7: passed by 0.05." in found.texts("p")


@pytest.mark.parametrize(
    ("sections", "level", "verdict"),
    [
        pytest.param(
            [GOOD], "good", "Every pipeline succeeded here, and the model passed the quality gate.", id="good"
        ),
        pytest.param([GOOD, REMOVED], "good", "Every pipeline succeeded here, and the model passed", id="one removed"),
        pytest.param(
            [replace(GOOD, here=result(gates=()))], "good", "Every pipeline succeeded here.", id="without a gate"
        ),
        pytest.param([FAILED], "bad", "Failed here: train.", id="failed"),
        pytest.param([replace(GOOD, here=result(auc=0.6))], "bad", "Failed here: train.", id="a gate without a step"),
        pytest.param([GOOD, NOT_RUN], "unclear", "No result; run `make run` first: weekly.", id="not run"),
        pytest.param(
            [replace(GOOD, here=result(is_stale=True))],
            "unclear",
            "No result; run `make run` first: train.",
            id="stale",
        ),
        pytest.param([replace(GOOD, here=result("Executing"))], "unclear", "No result; run", id="still running"),
        pytest.param(
            [NOT_RUN, FAILED, BROKEN],
            "bad",
            "Cannot be compiled: broken. Failed here: train. No result; run `make run` first: weekly.",
            id="everything at once",
        ),
    ],
)
def test_the_verdict_is_that_of_the_worst(sections: list[Section], level: str, verdict: str) -> None:
    shown = review(*sections)

    assert shown.level == level
    assert shown.verdict.startswith(verdict)
    assert next(gathered.text(shown)) == shown.verdict
    assert read(shown).texts("strong")[0] == f"{gathered.WORDS[level]}. {shown.verdict}".replace("`", "")


def test_metrics_are_a_table_with_headers() -> None:
    found = read(review(GOOD))
    headers = [(given["scope"], text) for _, given, text in found.all("th")]

    assert headers[:5] == [
        ("col", "Metric"), ("col", "This model"), ("col", "origin/main"), ("col", "Difference"), ("row", "auc (gate)"),
    ]  # fmt: skip
    assert found.texts("td")[:3] == ["0.75 ± 0.01", "0.74 ± 0.01", "+0.01 better, within 2 standard deviations"]
    assert len(found.all("caption")) == len(found.all("table")) == 2


@pytest.mark.parametrize(
    ("shown", "present", "absent"),
    [
        pytest.param(review(GOOD), [], ["Charts of the model", "Warnings", "There: "], id="nothing is empty"),
        pytest.param(
            review(replace(GOOD, here=result(warnings=("'id' leaks the target.",)))),
            ["Warnings", "&#x27;id&#x27; leaks the target."],
            [],
            id="warnings",
        ),
        pytest.param(
            review(replace(GOOD, there=Result(problem="at main, 'train' cannot run: no data."))),
            ["There: Not run: at main, &#x27;train&#x27; cannot run: no data."],
            [],
            id="the other side failed",
        ),
        pytest.param(
            review(FAILED), ["missed by 0.1.", "Failed in 0.0 s: auc is too low."], [">Difference<"], id="failed"
        ),
        pytest.param(
            review(NOT_RUN),
            ["Not run: run <code>make run</code> first."],
            ["<table>", "<svg", ">Metrics<"],
            id="not run",
        ),
        pytest.param(review(GOOD, notes=("Merge `main` first.",)), ["Merge <code>main</code> first."], [], id="a note"),
        pytest.param(review(REMOVED), ["Removed; if it is deployed"], [">Passed</span>", "Not run"], id="removed"),
        pytest.param(review(BROKEN), ["It cannot be compiled: train.py line 3: no."], [], id="broken"),
        pytest.param(review(GOOD, ref="0123456789"), ['<th scope="col">01234567</th>'], [], id="a commit"),
    ],
)
def test_a_section_is_there_only_if_it_has_something_to_say(
    shown: Review, present: list[str], absent: list[str]
) -> None:
    text = page.page(shown, NOW)

    assert [each for each in present if each not in text] == []
    assert [each for each in absent if each in text] == []


def test_changes_are_told_apart_by_words_too() -> None:
    after = {**DEEPER, "Steps": [*DEFINITION["Steps"][:1], step("New")]}
    items = read(review(replace(GOOD, change=changed(DEFINITION, after)))).texts("li")

    assert "~changed: parameter Depth: 3 → 4" in items
    assert "+added: step New (Lambda)" in items
    assert "-removed: step Gate (Condition)" in items


def test_texts_of_others_are_only_text() -> None:
    named = {"Name": EVIL, "Type": "String", "DefaultValue": EVIL}
    everywhere = replace(
        result(warnings=(EVIL,), notes=(EVIL,)),
        evaluation={"x_metrics": {EVIL: {"value": 1}}, "warnings": [EVIL], "verdict": EVIL},
        gates=(Gate(EVIL, 1, EVIL, 1, True),),
    )
    assert everywhere.execution is not None
    everywhere.execution.failure_reason = EVIL
    everywhere.execution.steps["Measure"].failure_reason = EVIL
    section = Section(changed(DEFINITION, {**DEFINITION, "Parameters": [named]}), everywhere, Result(problem=EVIL))
    shown = review(section, replace(BROKEN, change=replace(BROKEN.change, pipeline=EVIL)), notes=(EVIL,), ref=EVIL)
    shown = replace(shown, here=EVIL, project=EVIL)

    usual, found, text = read(review(GOOD, NOT_RUN, notes=("x",))), read(shown), page.page(shown, NOW)

    assert {tag for tag, *_ in found.found} <= {tag for tag, *_ in usual.found} | {"code"}
    assert {name for _, given, _ in found.found for name in given} <= {n for _, g, _ in usual.found for n in g}
    assert "\u202e" not in text
    assert text.count("<script") == 1, "our own"
    assert text.count("&lt;script&gt;") > 15
    assert "\u202e" not in "".join(gathered.text(shown))


def test_nothing_is_requested_or_run() -> None:
    text = page.page(review(GOOD), NOW)
    found = read(review(GOOD))

    assert {tag for tag, *_ in found.found}.isdisjoint({"img", "iframe", "object", "base", "use"})
    assert {name for _, given, _ in found.found for name in given}.isdisjoint({"src", "srcset", "onclick", "onload"})
    assert [given["href"] for _, given, _ in found.all("link")] == ["data:,"]
    assert found.all("a") == []
    (script,) = re.findall("<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text.replace("&#x27;", "'"), "the only one that runs"
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text.replace("&#x27;", "'")


def test_colours_have_enough_contrast() -> None:
    """By WCAG 2.2: 4.5 for text."""
    schemes = re.findall(r":root { color-scheme.*?}|:root { --ink.*?}", STYLE, re.DOTALL)
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--([\w-]+): (#\w+)", scheme))
        papers = [name for name in colours if name.endswith("paper")]
        pairs = [("ink", paper) for paper in papers] + [("soft", paper) for paper in papers]
        pairs += [("link", "paper")]
        pairs += [(name.removesuffix("-paper"), name) for name in papers if name != "paper"]
        assert {pair: _contrast(*(colours[each] for each in pair)) >= 4.5 for pair in pairs} == dict.fromkeys(
            pairs, True
        )
        for name in ("line", *(f"c{number}" for number in range(charts.COLOURS))):
            assert _contrast(colours[name], colours["paper"]) >= 3, name


def _contrast(one: str, other: str) -> float:
    dark, light = sorted(_luminance(each) for each in (one, other))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    digits = digits if len(digits) == 6 else "".join(2 * each for each in digits)
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_an_attribute_cannot_be_left() -> None:
    assert (
        markup.element("a", "<b>", href='"><script>', class_=None) == '<a href="&quot;&gt;&lt;script&gt;">&lt;b&gt;</a>'
    )


def test_the_terminal_has_the_same_in_short() -> None:
    shown = review(replace(GOOD, here=result(warnings=("'id' leaks the target.",))))

    assert list(gathered.text(shown)) == [
        "Every pipeline succeeded here, and the model passed the quality gate.",
        "",
        "train",
        "  Succeeded in 0.0 s.",
        "  Quality gate: auc is 0.75 and must be at least 0.7: passed by 0.05.",
        "  auc: better.",
        "  warning: 'id' leaks the target.",
        "",
        "  metric  here         origin/main  difference",
        "  auc     0.75 ± 0.01  0.74 ± 0.01  +0.01       better, within 2 standard deviations",
        "",
        *change.text(shown.comparison),
    ]


@pytest.mark.slow
def test_a_browser_opens_it_without_faults(tmp_path: Path) -> None:
    file = tmp_path / "review.html"
    evaluated = replace(GOOD, here=replace(GOOD.here, evaluation=evaluations.evaluation(2)))
    file.write_text(page.page(review(evaluated, BROKEN, NOT_RUN, notes=("x",)), NOW), encoding="utf-8")

    seen = look(file)

    assert {key: each.faults for key, each in seen.items()} == {key: {} for key in seen}
