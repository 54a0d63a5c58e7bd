"""The page about a merge request: one HTML file without scripts, which requests nothing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import sagemaker_ops
from sagemaker_ops.review import graph, report
from sagemaker_ops.review.markup import Markup, element, joined, prose
from sagemaker_ops.review.report import Review, Section
from sagemaker_ops.review.results import Result, Row
from sagemaker_ops.terminal import progress

_SIGNS = {"+": ("add", "added"), "-": ("remove", "removed"), "~": ("change", "changed")}
STYLE = Path(__file__).with_name("page.css")


def page(review: Review, made: datetime) -> str:
    """The whole file; made: when."""
    against = str(review.comparison.against)
    title = f"{report.WORDS[review.level]}: {review.project} against {review.comparison.against.name}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        # Whatever the texts contain, the browser loads nothing and runs nothing.
        element("meta", http_equiv="Content-Security-Policy", content="default-src 'none'; style-src 'unsafe-inline'"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", Markup(STYLE.read_text(encoding="utf-8"))),
    )
    body = element(
        "body",
        element(
            "header",
            element("h1", f"{review.project}: what this merge changes"),
            element("p", f"This branch: {review.here}. Compared with: {against}.", class_="soft"),
        ),
        element(
            "main",
            _verdict(review),
            *(_section(section, review) for section in review.sections),
            _model_report(review.report),
        ),
        element(
            "footer",
            element("p", f"Written by ops review, version {sagemaker_ops.__version__}, {made:%Y-%m-%d %H:%M %Z}."),
        ),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _verdict(review: Review) -> Markup:
    notes = element("ul", *(element("li", prose(note)) for note in review.comparison.notes))
    return element(
        "section",
        element("strong", f"{report.WORDS[review.level]}. ", prose(review.verdict)),
        element("ul", *(_in_short(section) for section in review.sections)) if len(review.sections) > 1 else "",
        notes if review.comparison.notes else "",
        class_=f"verdict {review.level}",
        aria_label="Verdict",
    )


def _in_short(section: Section) -> Markup:
    link = element("a", section.pipeline, href=f"#{section.pipeline}")
    removed = section.change.status == "removed"
    return element("li", link, ": ", "" if removed else f"{section.word.lower()}; ", prose(section.change.outcome))


def _section(section: Section, review: Review) -> Markup:
    badge = element(
        "span", section.word, class_="badge" if section.change.status == "removed" else f"badge {section.level}"
    )
    parts = [
        element("h2", f"Pipeline {section.pipeline} ", badge, id=section.pipeline),
        *(element("p", prose(sentence)) for sentence in section.sentences),
        _list("Warnings", section.here.warnings),
        _metrics(section, review.comparison.against.name),
        _changes(section),
        _steps(section),
    ]
    return element("section", *parts, aria_labelledby=section.pipeline)


def _list(heading: str, sentences: list[str]) -> Markup:
    if not sentences:
        return Markup()
    return joined(element("h3", heading), element("ul", *(element("li", prose(each)) for each in sentences)))


def _metrics(section: Section, ref: str) -> Markup:
    if not section.rows:
        return Markup()
    there = [ref, "Difference"] if section.there is not None else []
    heading = element("tr", *(element("th", name, scope="col") for name in ("Metric", "Here", *there)))
    body = [_metric(row, compared=section.there is not None) for row in section.rows]
    caption = "Value ± standard deviation, measured on the test rows."
    return joined(
        element("h3", "Metrics"),
        _table(f"Metrics of {section.pipeline}", caption, heading, body),
        *(element("p", prose(doubt), class_="soft") for doubt in section.doubts),
    )


def _metric(row: Row, *, compared: bool) -> Markup:
    def cell(text: str) -> Markup:
        value, _, spread = text.partition(" ± ")
        return element("td", value, element("small", f" ± {spread}") if spread else "", class_="number")

    name = element("th", row.metric, element("small", " (gate)") if row.is_gate else "", scope="row")
    difference = element("td", report.signed(row.difference), element("small", f" {row.words}") if row.words else "")
    rest = [cell(report.score(row.there)), difference] if compared else []
    return element("tr", name, cell(report.score(row.here)), *rest, class_="gate" if row.is_gate else None)


def _changes(section: Section) -> Markup:
    change = section.change
    parts = [
        element("h3", "Changes in the definition"),
        element("p", prose(f"{change.outcome[:1].upper()}{change.outcome[1:]}")),
    ]
    items = []
    for line in change.lines:
        kind, word = _SIGNS.get(line[:1], ("change", "changed"))
        sign = element("span", line[:1], class_="sign", aria_hidden="true")
        items.append(element("li", sign, element("span", f"{word}: ", class_="hidden"), line[2:], class_=kind))
    if items:
        parts.append(element("ul", *items, class_="diff"))
    if change.status not in ("unchanged", "removed"):
        parts += [
            element("p", element("strong", f"Maximum cost of a run{f' {which}' if which else ''}: "), words)
            for which, words in change.costs
        ]
    return joined(*parts)


def _steps(section: Section) -> Markup:
    result = section.here
    if not result.plan.steps:
        return Markup()
    statuses = {name: _status(name, result) for name in result.plan.steps}
    drawn = graph.draw(result.plan, statuses, section.pipeline)
    heading = element("tr", *(element("th", name, scope="col") for name in ("Step", "After", "Status")))
    rows = [
        element(
            "tr",
            element("th", step.name, element("small", f" {step.type}"), scope="row"),
            element("td", graph.after(step) or "-"),
            element("td", statuses[step.name], element("small", f" {_detail(step.name, result)}")),
        )
        for step in result.plan.steps.values()
    ]
    return joined(
        element("h3", "Steps"),
        element("div", drawn, class_="wide", tabindex=0, role="region", aria_label=f"Graph of {section.pipeline}"),
        _table(f"Steps of {section.pipeline}", "The same in a table.", heading, rows),
    )


def _status(name: str, result: Result) -> str:
    """As in a terminal; what did not start is said in words."""
    step = result.execution.steps.get(name) if result.execution else None
    words = {"NotStarted": "Not run", "StandIn": "Stand-in"}
    return words.get(step.status, step.status) if step else "Not run"


def _detail(name: str, result: Result) -> str:
    step = result.execution.steps.get(name) if result.execution else None
    if step is None or step.end_time is None:
        return ""
    told = (progress.seconds(step.start_time, step.end_time), progress.note(step), step.failure_reason)
    return ", ".join(filter(None, told))


def _table(name: str, caption: str, heading: Markup, rows: list[Markup]) -> Markup:
    table = element("table", element("caption", caption), element("thead", heading), element("tbody", *rows))
    return element("div", table, class_="wide", tabindex=0, role="region", aria_label=name)


def _model_report(address: str) -> Markup:
    """Where a report on the model belongs; nothing if there is none."""
    if not address:
        return Markup()
    link = element("a", "Open the model report", href=address)
    return element("section", element("h2", "Model report", id="model-report"), element("p", link))
