"""The index of the pipelines, and the page of each: its graph, schedule, parameters and steps."""

from __future__ import annotations

from collections.abc import Iterator

from sagemaker_ops.documentation import step_page, step_parts
from sagemaker_ops.documentation.gathered import Pipeline, Project
from sagemaker_ops.documentation.markdown import Markdown, code, fence, heading, joined, link, page, prose, raw, table
from sagemaker_ops.documentation.scripts import read
from sagemaker_ops.guardrails import cost
from sagemaker_ops.project import schedule
from sagemaker_ops.project.layout import PIPELINES
from sagemaker_ops.report import graph
from sagemaker_ops.report.markup import element
from sagemaker_ops.terminal import plan_view


def index(project: Project) -> str:
    """The page with a line for each pipeline."""
    rows = [
        (
            link(each.name, f"{each.name}/index.md"),
            _purpose(each, project),
            joined(", ", (step_parts.to(step.name, f"{each.name}/") for step in plan_view.in_order(each.plan))),
            scheduled(each.name, project) or "-",
        )
        for each in project.pipelines
    ]
    said = "Each file in `production/pipelines` is a pipeline. `make docs` writes these pages from what it compiles to."
    return page(
        heading(1, "Pipelines"),
        prose(said),
        table(("Pipeline", "What it does", "Steps", "Schedule"), rows) or "There is none.",
    )


def pipeline_page(pipeline: Pipeline, project: Project) -> str:
    """The page of a pipeline."""
    source = read(project.root / PIPELINES / f"{pipeline.name}.py", f"{pipeline.name}.py")
    worst = cost.worst_case(pipeline.definition, {}, project.rules, project.target.region)
    rows = [
        (
            step_parts.to(step.name),
            code(step.type),
            step_page.after(step) or "-",
        )
        for step in plan_view.in_order(pipeline.plan)
    ]
    return page(
        heading(1, pipeline.name),
        *(prose(each) for each in source.docstring.split("\n\n")),
        drawn(pipeline),
        table(
            ("What", "Value"),
            [
                ("Runs by itself", scheduled(pipeline.name, project) or "no: it has no [schedule]"),
                ("Maximum cost of a run", step_page.maximum(worst)),
                ("Latest run on this machine", pipeline.result.outcome),
            ],
        ),
        heading(2, "Steps"),
        table(("Step", "Type", "After"), rows),
        heading(2, "Parameters"),
        prose(f"`ops run {pipeline.name} --param NAME=VALUE` sets one for an execution."),
        step_parts.parameters(pipeline.plan.parameters, project) or "It has none.",
        heading(2, "Where it is deployed"),
        table(("Environment", "Name of the pipeline", "Account", "Region"), _deployed(pipeline, project)) or "Nowhere.",
        heading(2, "Code"),
        fence(source.source, "python"),
    )


def drawn(pipeline: Pipeline) -> Markdown:
    """The graph, in a box that scrolls by itself on a narrow screen."""
    svg = graph.draw(pipeline.plan, {}, pipeline.name)
    label = f"Graph of {pipeline.name}"
    return raw(element("div", svg, class_="ops-graph", tabindex=0, role="region", aria_label=label))


def scheduled(name: str, project: Project) -> Markdown:
    """When AWS starts the pipeline by itself, and where; empty if it does not."""
    found = schedule.whole(project.settings.schedule).get(name)
    if found is None or not found.environments:
        return Markdown()
    zone = "" if found.when.startswith("rate(") else f" {found.timezone}"
    window = f", within {found.window_minutes} minutes" if found.window_minutes else ""
    given = joined(" ", (code(f"{key}={value}") for key, value in found.parameters.items()))
    where = f"{zone} in {', '.join(found.environments)}{window}"
    return joined("", [code(found.when), where, ", with " if given else "", given])


def _purpose(pipeline: Pipeline, project: Project) -> str:
    """The first paragraph of its file, without its own name."""
    source = read(project.root / PIPELINES / f"{pipeline.name}.py", pipeline.name)
    first = " ".join(source.docstring.split("\n\n")[0].split())
    first = first.removeprefix(f"The pipeline `{pipeline.name}`: ")
    return prose(first[:1].upper() + first[1:])


def _deployed(pipeline: Pipeline, project: Project) -> Iterator[tuple[str, ...]]:
    for name, each in project.environments.items():
        there = project.on_aws(name)
        account = code(each.account) or "not set yet"
        yield name, code(there.pipeline_name(pipeline.name)), account, code(project.settings.project.region)
