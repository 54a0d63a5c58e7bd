"""The report on an execution: one HTML file that requests nothing, with a small script of its own."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import sagemaker_ops
from sagemaker_ops import trace
from sagemaker_ops.local import Execution
from sagemaker_ops.report import data, document, model, parts
from sagemaker_ops.report.document import LEVELS, PAGE, Report
from sagemaker_ops.report.markup import Markup, element, joined, prose
from sagemaker_ops.store import write_atomically
from sagemaker_ops.terminal import progress


def write(report: Report, file: Path | None = None) -> Path:
    """Write the page, by default to the folder of the execution; returns where it is. OSError if it cannot."""
    file = file or report.execution.folder / PAGE
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, page(report, datetime.now(UTC)).encode())
    return file


def page(report: Report, made: datetime) -> str:
    """The whole file; made: when."""
    name = report.pipeline
    content = [
        _verdict(report),
        _list_of_contents(report),
        model.metrics(report.result, report.there, _ref(report)),
        _compared(report),
        figures(report.result.evaluation, name),
        model.importance(report.result.evaluation),
        model.slices(report.result.evaluation),
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
    return html(f"{LEVELS[report.level]}: {name}", joined(header, element("main", *content), footer))


def html(title: str, body: Markup) -> str:
    """A page whose browser loads nothing, and runs only our own script, whatever the texts contain."""
    digest = base64.b64encode(hashlib.sha256(script().encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="referrer", content="no-referrer"),
        element("link", rel="icon", href="data:,"),
        element("title", title),
        element("style", Markup(_file("page.css"))),
    )
    content = element("body", body, element("script", Markup(script())))
    return f"<!DOCTYPE html>\n{element('html', head, content, lang='en')}\n"


def figures(evaluation: model.Evaluation, name: str) -> Markup:
    """The charts below their heading; nothing if there are none. name: unique on the page."""
    drawn = model.figures(evaluation, name)
    return joined(element("h2", "How it predicts", id=f"{name}-charts"), drawn) if drawn else Markup()


def script() -> str:
    return _file("page.js")


@cache
def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _verdict(report: Report) -> Markup:
    result = report.result
    sentences = [*(f"Quality gate: {each}" for each in result.gates), *filter(None, [result.verdict]), *result.notes]
    return element(
        "section",
        element("p", element("strong", f"{LEVELS[report.level]}. "), prose(result.outcome)),
        *(element("p", prose(each)) for each in sentences),
        model.gate(result),
        parts.sentences("Warnings", report.warnings),
        class_=f"verdict {report.level}",
        aria_label="Verdict",
    )


def _list_of_contents(report: Report) -> Markup:
    """Links to what the page has."""
    evaluation = report.result.evaluation
    found = {
        "metrics": ("Metrics", bool(report.result.scores)),
        f"{report.pipeline}-charts": ("How it predicts", bool(model.figures(evaluation, report.pipeline))),
        "importance": ("What the model looks at", bool(model.importance(evaluation))),
        "slices": ("Where it is worst", bool(model.slices(evaluation))),
        "data": ("The data", bool(report.summary)),
        "pipeline": ("The pipeline", True),
    }
    links = [element("li", element("a", words, href=f"#{name}")) for name, (words, there) in found.items() if there]
    return element("nav", element("ul", *links), aria_label="Contents")


def _ref(report: Report) -> str:
    return f"Execution {report.there.execution.id}" if report.there and report.there.execution else ""


def _compared(report: Report) -> Markup:
    """What to know about the execution that it is compared with."""
    there = report.there
    if there is None or there.execution is None or not report.result.scores:
        return Markup()
    when = f"{there.execution.start_time.astimezone():%Y-%m-%d %H:%M}"
    said = [f"Compared with execution {there.execution.id}, started {when}: {there.status}."]
    ours, theirs = (each.evaluation.get("rows") for each in (report.result, there))
    if ours != theirs:
        said.append(f"It was measured on {theirs} rows, this one on {ours}: the difference may come from the rows.")
    if changed := _changed(report.execution, there.execution):
        said.append(f"Other values here: {', '.join(changed)}.")
    return joined(*(element("p", prose(each), class_="soft") for each in said))


def _changed(here: Execution, there: Execution) -> list[str]:
    """The parameters whose values differ, as `MaxIter 150 (150 → 50)`."""
    return [
        f"{name} {_short(value)} (there {_short(there.parameters.get(name, '-'))})"
        for name, value in here.parameters.items()
        if name != trace.PARAMETER and there.parameters.get(name) != value
    ]


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
    table = parts.table("Parameters", "Of this execution.", parts.headings("Parameter", "Value", ""), rows)
    took = progress.seconds(report.execution.start_time, report.execution.end_time)
    versions = [
        ("Time", took),
        ("Started by", report.started_by or "unknown"),
        *(("Image", uri.rpartition("/")[2]) for uri in document.images(report.result)),
        ("sagemaker-ops", sagemaker_ops.__version__),
    ]
    body = [parts.row(name, value) for name, value in versions]
    heading = parts.headings("Version", "")
    about = parts.table("Versions", "What ran.", heading, body)
    return joined(element("h3", "Parameters"), table if rows else "", element("h3", "Versions"), about)
