"""The page of a step: what it reads, runs and writes, on what, and its code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from sagemaker_ops.definition import step_types
from sagemaker_ops.definition.paths import at
from sagemaker_ops.definition.plan import Plan, Step
from sagemaker_ops.documentation import scripts, step_parts, values
from sagemaker_ops.documentation.gathered import Pipeline, Project
from sagemaker_ops.documentation.markdown import Markdown, code, fence, heading, joined, link, page, prose, table
from sagemaker_ops.guardrails import cost

_IMAGES = ("AppSpecification.ImageUri", "AlgorithmSpecification.TrainingImage", "PrimaryContainer.Image",
           "Containers.*.Image", "InferenceSpecification.Containers.*.Image")  # fmt: skip
_TUNED = {
    "Measured by": "HyperParameterTuningJobObjective.MetricName",
    "Search": "Strategy",
    "Training jobs": "ResourceLimits.MaxNumberOfTrainingJobs",
    "Of these at the same time": "ResourceLimits.MaxParallelTrainingJobs",
}


def step_page(step: Step, pipeline: Pipeline, project: Project) -> str:
    """The whole page."""
    kind = step_types.of(step.type)
    found = scripts.of(step, project.code, project.root)
    jobs = [arguments for _, arguments in values.jobs(step)]
    return page(
        heading(1, step.name),
        joined(" ", ["A step of the pipeline", joined("", [link(pipeline.name, "index.md"), "."])]),
        *(prose(paragraph) for paragraph in (found[0].docstring.split("\n\n") if found else ())),
        table(("What", "Value"), _facts(step, pipeline, project)),
        *_section("Decision", step_parts.decision(step, pipeline.plan)),
        *_section("Message", step_parts.message(step, pipeline.plan)),
        *_section("Inputs", step_parts.inputs(step, pipeline.plan, project)),
        *_section("Outputs", step_parts.outputs(step, pipeline.plan, project)),
        *_section("Parameters", step_parts.used_parameters(step, pipeline.plan, project)),
        *_section("Arguments", step_parts.arguments(step, pipeline.plan)),
        *_section("Hyperparameters", step_parts.hyperparameters(jobs, pipeline.plan)),
        *_section("Ranges", step_parts.ranges(jobs)),
        *_section("Environment variables", step_parts.variables(jobs, pipeline.plan)),
        *_section(
            "Definition", _definition(step, pipeline) if not (found or kind.branches or kind.always_fails) else ""
        ),
        *_code(found),
    )


def _section(title: str, content: str) -> Iterator[str]:
    if content:
        yield from (heading(2, title), content)


def _facts(step: Step, pipeline: Pipeline, project: Project) -> Iterator[tuple[str, str]]:
    kind, plan = step_types.of(step.type), pipeline.plan
    yield "Type", code(step.type)
    yield "After", after(step) or "nothing: it is among the first"
    yield "Before", before(step, plan) or "nothing: it is among the last"
    jobs = [arguments for _, arguments in values.jobs(step)]
    images = [values.shown(uri, plan) for each in jobs for path in _IMAGES for uri in at(each, path)]
    yield from (("Image", code(uri)) for uri in dict.fromkeys(images))
    tuned = step.arguments.get("HyperParameterTuningJobConfig") or {}
    yield from ((what, _by_default(each, plan)) for what, path in _TUNED.items() for each in at(tuned, path))
    if kind.resources:
        yield from (
            ("Instances", _instances(found, plan)) for each in jobs for found in at(each, ".".join(kind.resources))
        )
        limits = [values.shown(each, plan) for job in jobs for each in at(job, "StoppingCondition.MaxRuntimeInSeconds")]
        yield from (("Time limit", _time(each)) for each in dict.fromkeys(limits))
    if kind.cost != "none":
        alone = {"Parameters": pipeline.definition.get("Parameters"), "Steps": [pipeline.raw[step.name]]}
        yield "Maximum cost", maximum(cost.worst_case(alone, {}, project.rules, project.target.region))
    if kind.is_cached:
        yield "Cache", _cache(step.cache_for)
    policies = pipeline.raw[step.name].get("RetryPolicies") or []
    if policies or kind.is_cached:
        yield "Retries", joined("; ", (_retry(each) for each in policies if isinstance(each, dict))) or "none"
    yield "On this machine", _local(step)


def after(step: Step) -> Markdown:
    """Links to what a step waits for; `Gate = true` if it needs that outcome of a condition."""
    condition, outcome = step.branch or ("", False)
    names = [condition] * bool(step.branch) + sorted(step.waits_for - {condition})
    said = f" = {str(outcome).lower()}"
    return joined(", ", (joined("", [step_parts.to(name), said if name == condition else ""]) for name in names))


def before(step: Step, plan: Plan) -> Markdown:
    """Links to the steps that wait for this one."""
    return joined(", ", (step_parts.to(each.name) for each in plan.steps.values() if step.name in each.waits_for))


def maximum(worst: cost.WorstCase) -> str:
    return cost.lines(worst)[0].removeprefix("worst case: ")


def _instances(found: Mapping[str, Any], plan: Plan) -> Markdown:
    """`1 x ml.m5.large (parameter ProcessingInstanceType), 30 GB`; for each kind of them."""
    groups = at(found, "InstanceGroups.*") or at(found, "InstanceConfigs.*") or [found]
    kinds = []
    for each in groups:
        count, kind = (_by_default(each.get(key, 1), plan) for key in ("InstanceCount", "InstanceType"))
        volume = each.get("VolumeSizeInGB", found.get("VolumeSizeInGB"))
        disk = f", {values.shown(volume, plan)} GB" if volume is not None else ""
        kinds.append(joined("", [count, " x ", kind, disk]))
    return joined("; ", kinds)


def _by_default(value: Any, plan: Plan) -> Markdown:
    """The value; of a parameter, its default and its name."""
    names = [reference.name for reference in values.references(value) if reference.kind == "Parameters"]
    if not names:
        return code(values.shown(value, plan))
    return joined("", [code(values.uri(value, plan)), " (parameter ", code(names[0]), ")"])


def _time(seconds: str) -> str:
    return f"{float(seconds) / 60:g} minutes" if seconds.isdigit() else seconds


def _cache(lasts: timedelta | None) -> str:
    if lasts is None:
        return "off: it runs each time"
    if lasts == timedelta.max:
        return "an unchanged step reuses its result"
    days = lasts / timedelta(days=1)
    return f"an unchanged step reuses its result for {days:g} {'day' if days == 1 else 'days'}"


def _retry(policy: Mapping[str, Any]) -> Markdown:
    kinds = joined(", ", map(code, policy.get("ExceptionType") or ()))
    most = policy.get("MaxAttempts")
    until = policy.get("ExpireAfterMin")
    limits = [f"at most {most} times" if most is not None else "", f"for {until} minutes" if until is not None else ""]
    return joined(" ", [kinds, ", ".join(filter(None, limits))])


def _local(step: Step) -> str:
    if step.runs_here:
        return "runs"
    return "does not run: give its outputs with --stub or in [local.stubs]"


def _definition(step: Step, pipeline: Pipeline) -> Markdown:
    return fence(json.dumps(pipeline.raw[step.name].get("Arguments", {}), indent=2, ensure_ascii=False), "json")


def _code(found: list[scripts.Script]) -> Iterator[str]:
    """The script that the step runs, then what it imports."""
    for number, each in enumerate(found):
        if number == 0:
            yield heading(2, "Code")
        elif number == 1:
            yield heading(2, "What it imports")
        yield heading(3, joined("", [code(each.name)]))
        yield fence(each.source, "python")
