"""Parts that several pages have: tables, lists, and the steps of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence

from sagemaker_ops.report import graph
from sagemaker_ops.report.markup import Markup, element, joined, prose
from sagemaker_ops.report.results import Result
from sagemaker_ops.terminal import progress

_SIGNS = {"+": ("add", "added"), "-": ("remove", "removed"), "~": ("change", "changed")}


def table(name: str, caption: str, heading: Markup, rows: Sequence[Markup]) -> Markup:
    """A table that scrolls by itself on a narrow screen."""
    content = element("table", element("caption", caption), element("thead", heading), element("tbody", *rows))
    return element("div", content, class_="wide", tabindex=0, role="region", aria_label=name)


def headings(*names: str) -> Markup:
    """Of the columns; one that starts with `(` is only for screen readers."""
    shown = (element("span", name.strip("()"), class_="hidden") if name.startswith("(") else name for name in names)
    return element("tr", *(element("th", name, scope="col") for name in shown))


def row(first: str, *cells: str, class_: str | None = None) -> Markup:
    """A row of a table; numbers and small words alike."""
    return element("tr", element("th", first, scope="row"), *(element("td", cell) for cell in cells), class_=class_)


def sentences(heading: str, found: Sequence[str]) -> Markup:
    """A list below its heading; nothing if it is empty."""
    if not found:
        return Markup()
    return joined(element("h3", heading), element("ul", *(element("li", prose(each)) for each in found)))


def differences(lines: Sequence[str]) -> Markup:
    """The lines of definition/difference.py: what was added, removed and changed."""
    items = []
    for line in lines:
        kind, word = _SIGNS.get(line[:1], ("change", "changed"))
        sign = element("span", line[:1], class_="sign", aria_hidden="true")
        items.append(element("li", sign, element("span", f"{word}: ", class_="hidden"), line[2:], class_=kind))
    return element("ul", *items, class_="diff") if items else Markup()


def steps(result: Result, pipeline: str) -> Markup:
    """The graph of the pipeline with the status of each step, and the same in a table."""
    if not result.plan.steps:
        return Markup()
    statuses = {name: _status(name, result) for name in result.plan.steps}
    drawn = graph.draw(result.plan, {name: _with_time(name, result) for name in statuses}, pipeline)
    rows = [
        row(
            joined(step.name, element("small", f" {step.type}")),
            graph.after(step) or "-",
            joined(statuses[step.name], element("small", f" {_detail(step.name, result)}")),
        )
        for step in result.plan.steps.values()
    ]
    return joined(
        element("h3", "Steps"),
        element("div", drawn, class_="wide", tabindex=0, role="region", aria_label=f"Graph of {pipeline}"),
        table(f"Steps of {pipeline}", "The same in a table.", headings("Step", "After", "Status"), rows),
    )


def _status(name: str, result: Result) -> str:
    """As in a terminal; what did not start is said in words."""
    step = result.execution.steps.get(name) if result.execution else None
    words = {"NotStarted": "Not run", "StandIn": "Stand-in"}
    return words.get(step.status, step.status) if step else "Not run"


def _with_time(name: str, result: Result) -> str:
    """For a box of the graph: the status, and how long it took or that its result was cached."""
    step = result.execution.steps.get(name) if result.execution else None
    status = _status(name, result)
    if step is None or step.end_time is None or step.status not in ("Succeeded", "Failed"):
        return status
    return f"{status}, {'cached' if step.source else progress.seconds(step.start_time, step.end_time)}"


def _detail(name: str, result: Result) -> str:
    step = result.execution.steps.get(name) if result.execution else None
    if step is None or step.end_time is None:
        return ""
    told = (progress.seconds(step.start_time, step.end_time), progress.note(step), step.failure_reason)
    return ", ".join(filter(None, told))
