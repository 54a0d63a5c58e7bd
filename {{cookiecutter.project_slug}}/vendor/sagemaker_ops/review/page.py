"""The page about a merge request: one HTML file that requests nothing."""

from __future__ import annotations

from datetime import datetime

import sagemaker_ops
from sagemaker_ops.report import frame, model, parts, results
from sagemaker_ops.report.markup import Markup, element, joined, prose
from sagemaker_ops.report.results import Row
from sagemaker_ops.review import gathered
from sagemaker_ops.review.gathered import Review, Section

_SIGNS = {"+": ("add", "added"), "-": ("remove", "removed"), "~": ("change", "changed")}


def page(review: Review, made: datetime) -> str:
    """The whole file; made: when."""
    against = str(review.comparison.against)
    title = f"{gathered.WORDS[review.level]}: {review.project} against {review.comparison.against.name}"
    body = joined(
        element(
            "header",
            element("h1", f"{review.project}: what this merge changes"),
            element("p", f"This branch: {review.here}. Compared with: {against}.", class_="soft"),
        ),
        element(
            "main",
            _verdict(review),
            *(_section(section, review) for section in review.sections),
        ),
        element(
            "footer",
            element("p", f"Written by ops review, version {sagemaker_ops.__version__}, {made:%Y-%m-%d %H:%M %Z}."),
        ),
    )
    return frame.html(title, body)


def _verdict(review: Review) -> Markup:
    notes = element("ul", *(element("li", prose(note)) for note in review.comparison.notes))
    return element(
        "section",
        element("strong", f"{gathered.WORDS[review.level]}. ", prose(review.verdict)),
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
    content = [
        element("h2", f"Pipeline {section.pipeline} ", badge, id=section.pipeline),
        *(element("p", prose(sentence)) for sentence in section.sentences),
        _list("Warnings", section.here.warnings),
        _metrics(section, review.comparison.against.name),
        _model(section),
        _changes(section),
        parts.steps(section.here, section.pipeline),
    ]
    return element("section", *content, aria_labelledby=section.pipeline)


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
        parts.table(f"Metrics of {section.pipeline}", caption, heading, body),
        *(element("p", prose(doubt), class_="soft") for doubt in section.doubts),
    )


def _metric(row: Row, *, compared: bool) -> Markup:
    def cell(text: str) -> Markup:
        value, _, spread = text.partition(" ± ")
        return element("td", value, element("small", f" ± {spread}") if spread else "", class_="number")

    name = element("th", row.metric, element("small", " (gate)") if row.is_gate else "", scope="row")
    difference = element("td", results.signed(row.difference), element("small", f" {row.words}") if row.words else "")
    rest = [cell(results.score(row.there)), difference] if compared else []
    return element("tr", name, cell(results.score(row.here)), *rest, class_="gate" if row.is_gate else None)


def _model(section: Section) -> Markup:
    """The charts of the report on the model, folded."""
    found = model.sections(section.here.evaluation, section.pipeline)
    if not found:
        return Markup()
    drawn = [joined(element("h3", heading, id=key), content) for key, heading, content in found]
    return element("details", element("summary", "Charts of the model"), *drawn)


def _changes(section: Section) -> Markup:
    change = section.change
    content = [
        element("h3", "Changes in the definition"),
        element("p", prose(f"{change.outcome[:1].upper()}{change.outcome[1:]}")),
    ]
    items = []
    for line in change.lines:
        kind, word = _SIGNS.get(line[:1], ("change", "changed"))
        sign = element("span", line[:1], class_="sign", aria_hidden="true")
        items.append(element("li", sign, element("span", f"{word}: ", class_="hidden"), line[2:], class_=kind))
    if items:
        content.append(element("ul", *items, class_="diff"))
    if change.status not in ("unchanged", "removed"):
        content += [
            element("p", element("strong", f"Maximum cost of a run{f' {which}' if which else ''}: "), words)
            for which, words in change.costs
        ]
    return joined(*content)
