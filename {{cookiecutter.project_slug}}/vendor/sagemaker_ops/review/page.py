"""The page about a merge request: one HTML file that requests nothing."""

from __future__ import annotations

from datetime import datetime

import sagemaker_ops
from sagemaker_ops.report import frame, model, parts
from sagemaker_ops.report.curves import Drawn
from sagemaker_ops.report.markup import Markup, element, joined, prose
from sagemaker_ops.review import gathered
from sagemaker_ops.review.gathered import Review, Section


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
        _model(section, review.comparison.against.name),
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
    return joined(
        element("h3", "Metrics"),
        model.metrics(section.here, section.there, ref, f"Metrics of {section.pipeline}"),
        *(element("p", prose(doubt), class_="soft") for doubt in section.doubts),
    )


def _model(section: Section, ref: str) -> Markup:
    """The charts of the report on the model, folded; curves beside those of the other branch."""
    there = Drawn(section.there.evaluation, ref) if section.there is not None else None
    found = model.sections(section.here.evaluation, section.pipeline, there)
    if not found:
        return Markup()
    drawn = [joined(element("h3", heading, id=key), content) for key, heading, content in found]
    return element("details", element("summary", "Charts of the model"), *drawn)


def _changes(section: Section) -> Markup:
    change = section.change
    content = [
        element("h3", "Changes in the definition"),
        element("p", prose(f"{change.outcome[:1].upper()}{change.outcome[1:]}")),
        parts.differences(change.lines),
    ]
    if change.status not in ("unchanged", "removed"):
        content += [
            element("p", element("strong", f"Maximum cost of a run{f' {which}' if which else ''}: "), words)
            for which, words in change.costs
        ]
    return joined(*content)
