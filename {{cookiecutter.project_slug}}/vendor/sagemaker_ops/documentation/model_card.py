"""The model card: what the newest execution on this machine says about its model, its data and how it was made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import sagemaker_ops
from sagemaker_ops import kept, trace
from sagemaker_ops.documentation.gathered import Pipeline, Project
from sagemaker_ops.documentation.markdown import Markdown, code, heading, joined, link, listed, page, prose, table
from sagemaker_ops.project.layout import LOCAL_FOLDER
from sagemaker_ops.report import charts, document, results
from sagemaker_ops.report.document import LEVELS, PAGE, Report

NONE = "There is no model yet: `make run` trains one on this machine, and `make docs` then writes this page about it."
FEATURES = 15
CLASSES = 30
COLUMNS = 100


def report(project: Project) -> Report | None:
    """The newest execution here that has metrics, of any pipeline that trains; None if there is none."""
    found = [each.result.execution for each in _measured(project) if each.result.execution]
    if not found:
        return None
    return document.of(max(found, key=lambda each: each.start_time), project.root / LOCAL_FOLDER)


def _measured(project: Project) -> list[Pipeline]:
    return [each for each in project.pipelines if each.result.scores]


def model_card(project: Project, found: Report | None, has_home: bool) -> str:
    """The page; has_home: whether the team has an index.md, to which it links."""
    title = heading(1, "Model card")
    if found is None:
        ran = [f"{each.name}: {each.result.outcome}" for each in project.pipelines if each.result.execution]
        return page(title, prose(NONE), listed(map(prose, ran)))
    result, execution = found.result, found.execution
    current = next(each.result for each in _measured(project) if _is_of(each, found))
    started = f"{execution.start_time.astimezone():%Y-%m-%d %H:%M}"
    home = joined("", ["What it is for, and what it must not be used for: ", link("Home", "../index.md"), "."])
    return page(
        title,
        prose(f"The newest model here: execution `{execution.id}` of `{found.pipeline}`, started {started}."),
        joined("", ["With charts: ", link("the report on this execution", PAGE), "."]),
        home if has_home else "",
        table(("What", "Value"), _about(project, found)),
        heading(2, "Verdict"),
        listed(map(prose, _verdict(found, current.notes))),
        *_warnings(found),
        heading(2, "Metrics"),
        "Value ± standard deviation, measured on the test rows.",
        _metrics(found),
        *_part("Groups", _groups, result.evaluation),
        *_part("What the model looks at", _importance, result.evaluation),
        *_part("Data", _data, found.summary),
        *_part("Columns", _columns, found.summary),
        heading(2, "How it was made"),
        table(("Parameter", "Value"), _parameters(found)),
        table(("What", "Version"), _versions(found)),
    )


def _is_of(pipeline: Pipeline, found: Report) -> bool:
    return pipeline.result.execution is not None and pipeline.result.execution.id == found.execution.id


def _about(project: Project, found: Report) -> Iterator[tuple[str, str]]:
    settings = project.settings
    yield "Project", settings.project.name
    yield "Owner", settings.project.owner or "unknown"
    target = found.result.evaluation.get("target", settings.data.target)
    yield "Predicts", joined("", [code(target), f" ({settings.data.problem})"])
    yield "Learned from", code(settings.data.source)


def _verdict(found: Report, notes: tuple[str, ...]) -> list[str]:
    result = found.result
    gates = [*(f"Quality gate: {each}" for each in result.gates), *result.comparison]
    said = [f"{LEVELS[found.level]}: {result.outcome}", *gates, result.verdict, *result.notes, *notes]
    return list(dict.fromkeys(filter(None, said)))


def _warnings(found: Report) -> Iterator[str]:
    if found.warnings:
        yield from (heading(2, "Warnings"), listed(map(prose, found.warnings)))


def _metrics(found: Report) -> Markdown:
    naive = found.result.baseline
    rows = [
        (
            joined(" ", [code(row.metric), "(gate)" if row.is_gate else ""]),
            results.score(row.here),
            charts.shown(naive[row.metric]) if row.metric in naive else "-",
        )
        for row in results.rows(found.result, results.Result())
    ]
    return table(("Metric", "This model", "Naive model"), rows)


def _part(title: str, write: Callable[[Any], Markdown], given: Mapping[str, Any]) -> Iterator[str]:
    """A section; nothing if a team's own files lack what it needs, or have another form."""
    with suppress(*kept.DAMAGED, ArithmeticError):
        if content := write(given):
            yield from (heading(2, title), content)


def _groups(evaluation: Mapping[str, Any]) -> Markdown:
    blocks: list[str] = []
    for name, column in (evaluation.get("groups") or {}).items():
        metric = str(evaluation["gate"]["metric"])
        rows = [
            (str(each["value"]), f"{each['rows']:,}", _score(each["metrics"].get(metric))) for each in column["groups"]
        ]
        blocks += [prose(str(column["verdict"])), table((str(name), "Rows", metric), rows)]
    return joined("\n\n", blocks)


def _score(score: Mapping[str, Any] | None) -> str:
    if score is None:
        return "too few rows"
    spread = score.get("standard_deviation")
    return results.score((float(score["value"]), None if spread is None else float(spread)))


def _importance(evaluation: Mapping[str, Any]) -> Markdown:
    said = f"How much worse {evaluation['gate']['metric']} gets when the column is shuffled."
    rows = [(code(each["feature"]), charts.shown(float(each["value"]))) for each in evaluation["importance"][:FEATURES]]
    drawn = table(("Column", "Importance"), rows)
    return joined("\n\n", [said, drawn]) if drawn else drawn


def _data(summary: Mapping[str, Any]) -> Markdown:
    total, target = summary["rows"], summary["target"]
    split = [(name, f"{part['rows']:,}", f"{part['rows'] / total:.1%}") for name, part in summary["parts"].items()]
    blocks = [f"{total:,} rows.", table(("Part", "Rows", "Share"), split)]
    if "classes" in target:
        among = sum(each["rows"] for each in target["classes"]) or 1
        rows = [
            (str(each["value"]), f"{each['rows']:,}", f"{each['rows'] / among:.1%}")
            for each in target["classes"][:CLASSES]
        ]
        return joined("\n\n", [*blocks, table((f"{target['name']} is", "Rows", "Share"), rows)])
    average = joined("", ["The target ", code(target["name"]), f" is {charts.shown(target['mean'])} on average."])
    return joined("\n\n", [*blocks, average])


def _columns(summary: Mapping[str, Any]) -> Markdown:
    rows = [
        (
            code(each["name"]),
            str(each.get("type", "-")),
            joined(": ", [str(each.get("role", "")), str(each.get("reason") or "")]) or "-",
            f"{each['missing']:.1%}" if each.get("missing") else "0" if "missing" in each else "-",
            f"{each['distinct']:,}" if "distinct" in each else "-",
        )
        for each in summary["columns"][:COLUMNS]
    ]
    count = len(summary["columns"])
    more = f"{count:,} columns, of which the first {COLUMNS} are shown." if count > COLUMNS else ""
    return joined("\n\n", [more, table(("Column", "Type", "Role", "Missing", "Distinct"), rows)])


def _parameters(found: Report) -> Iterator[tuple[str, str]]:
    for name, value in found.execution.parameters.items():
        if name != trace.PARAMETER:
            yield code(name), code(value)


def _versions(found: Report) -> Iterator[tuple[str, str]]:
    yield "Started by", found.started_by or "unknown"
    yield from (("Image", code(uri.rpartition("/")[2])) for uri in document.images(found.result))
    yield "sagemaker-ops", sagemaker_ops.__version__
