"""The report on an execution, as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import sagemaker_ops
from sagemaker_ops import trace
from sagemaker_ops.report import data, document, frame, model, parts, trials
from sagemaker_ops.report.curves import Drawn
from sagemaker_ops.report.document import LEVELS, PAGE, Report
from sagemaker_ops.report.markup import Markup, element, joined, prose
from sagemaker_ops.store import write_atomically
from sagemaker_ops.terminal import progress

FOLDED = 10  # a longer list of differences is folded


def write(report: Report, file: Path | None = None) -> Path:
    """Write the page, by default to the folder of the execution; returns where it is. OSError if it cannot."""
    file = file or report.execution.folder / PAGE
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, page(report, datetime.now(UTC)).encode())
    return file


def page(report: Report, made: datetime) -> str:
    """The whole file; made: when."""
    name = report.pipeline
    there = Drawn(report.there.evaluation, _ref(report)) if report.there else None
    sections = model.sections(report.result.evaluation, name, there)
    content = [
        _verdict(report),
        _contents(report, sections),
        _metrics(report),
        *(joined(element("h2", heading, id=key), drawn) for key, heading, drawn in sections),
        trials.section(report.execution),
        data.section(report.summary),
        element("h2", "The pipeline", id="pipeline"),
        parts.steps(report.result, name),
        _parameters(report),
    ]
    started = report.execution.start_time.astimezone()
    header = element(
        "header",
        element("h1", name),
        element("p", f"Execution {report.execution.id}, started {started:%Y-%m-%d %H:%M}.", class_="soft"),
        element("p", f"{report.started_by}.", class_="soft") if report.started_by else "",
    )
    foot = f"Written by ops report, version {sagemaker_ops.__version__}, {made:%Y-%m-%d %H:%M %Z}."
    footer = element("footer", element("p", foot))
    return frame.html(f"{LEVELS[report.level]}: {name}", joined(header, element("main", *content), footer))


def _verdict(report: Report) -> Markup:
    result = report.result
    gates = [*(f"Quality gate: {each}" for each in result.gates), *result.comparison]
    sentences = [*gates, *filter(None, [result.verdict]), *result.notes]
    return element(
        "section",
        element("p", element("strong", f"{LEVELS[report.level]}. "), prose(result.outcome)),
        *(element("p", prose(each)) for each in sentences),
        model.gate(result),
        parts.sentences("Warnings", report.warnings),
        class_=f"verdict {report.level}",
        aria_label="Verdict",
    )


def _contents(report: Report, sections: Sequence[tuple[str, str, Markup]]) -> Markup:
    """Links to what the page has."""
    found = [
        *([("metrics", "Metrics")] if report.result.scores else []),
        *((key, heading) for key, heading, _ in sections),
        *([(trials.ID, trials.HEADING)] if trials.section(report.execution) else []),
        *([("data", "The data")] if report.summary else []),
        ("pipeline", "The pipeline"),
    ]
    links = [element("li", element("a", words, href=f"#{name}")) for name, words in found]
    return element("nav", element("ul", *links), aria_label="Contents")


def _ref(report: Report) -> str:
    return f"Execution {report.there.execution.id}" if report.there and report.there.execution else ""


def _metrics(report: Report) -> Markup:
    """The metrics, and what to know about the execution that they are compared with."""
    drawn = model.metrics(report.result, report.there, _ref(report))
    if not drawn:
        return drawn
    content = [element("h2", "Metrics", id="metrics"), drawn]
    there = report.there
    if there is not None and there.execution is not None:
        when = f"{there.execution.start_time.astimezone():%Y-%m-%d %H:%M}"
        changed = document.differences(report)
        said = f"Compared with execution {there.execution.id}, started {when}: {there.status}."
        said += " What differs here:" if changed else " Code, data and parameters are the same."
        ours, theirs = (each.evaluation.get("rows") for each in (report.result, there))
        other = f"It was measured on {theirs} rows, this one on {ours}: that alone may explain a difference."
        listed = parts.differences(changed)
        if len(changed) > FOLDED:
            listed = element("details", element("summary", f"{len(changed)} differences"), listed)
        content += [element("p", said), listed, element("p", other) if ours != theirs else Markup()]
    return joined(*content)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"…{text[-58:]}"


def _parameters(report: Report) -> Markup:
    usual = {name: each.default for name, each in report.result.plan.parameters.items()}
    rows = [
        parts.row(name, _short(value), "" if usual.get(name) == value else "set for this execution")
        for name, value in report.execution.parameters.items()
        if name != trace.PARAMETER
    ]
    table = parts.table("Parameters", "Of this execution.", parts.headings("Parameter", "Value", "(Set by)"), rows)
    took = progress.seconds(report.execution.start_time, report.execution.end_time)
    versions = [
        ("Time", took),
        ("Started by", report.started_by or "unknown"),
        *(("Image", uri.rpartition("/")[2]) for uri in document.images(report.result)),
        ("sagemaker-ops", sagemaker_ops.__version__),
    ]
    body = [parts.row(name, value) for name, value in versions]
    heading = parts.headings("What", "Value")
    about = parts.table("Versions", "What ran.", heading, body)
    return joined(element("h3", "Parameters"), table if rows else "", element("h3", "Versions"), about)
