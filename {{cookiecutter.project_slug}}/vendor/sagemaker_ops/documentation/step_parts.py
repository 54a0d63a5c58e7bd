"""The parts of a step's page: what it decides, reads, writes and sets; and links to such pages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sagemaker_ops.definition import difference, step_types
from sagemaker_ops.definition.parameters import Parameter
from sagemaker_ops.definition.paths import at
from sagemaker_ops.definition.plan import Plan, Step
from sagemaker_ops.definition.tuning_type import CATEGORICAL, RANGES
from sagemaker_ops.documentation import values
from sagemaker_ops.documentation.gathered import Project
from sagemaker_ops.documentation.markdown import Markdown, code, fence, joined, link, prose, table, text
from sagemaker_ops.report.results import SET_BY_OPS

# How a condition reads.
_COMPARED = {
    "Equals": "=",
    "GreaterThan": ">",
    "GreaterThanOrEqualTo": "≥",
    "LessThan": "<",
    "LessThanOrEqualTo": "≤",
}
_ARGUMENTS = ("AppSpecification", "AlgorithmSpecification")
_LAUNCHER = ("sagemaker_program", "sagemaker_submit_directory")  # which the page says elsewhere


def file(name: str) -> str:
    """The name of a step's file; MkDocs makes the page of the folder from index.md and README.md."""
    return f"step-{name}.md" if name.lower() in ("index", "readme") else f"{name}.md"


def to(name: str, folder: str = "") -> Markdown:
    """A link to a step's page, from the pages of its pipeline or from above its folder."""
    return link(name, folder + file(name))


def decision(step: Step, plan: Plan) -> Markdown:
    if not step_types.of(step.type).branches:
        return Markdown()
    all_of = [code(_condition(each, plan)) for each in step.arguments.get("Conditions", ())]
    leads = {
        outcome: joined(", ", (to(each.name) for each in plan.steps.values() if each.branch == (step.name, outcome)))
        for outcome in (True, False)
    }
    rows = [
        ("If all of this holds", joined("<br>and ", all_of)),
        ("then", leads[True] or "nothing"),
        ("otherwise", leads[False] or "nothing"),
    ]
    return table(("What", "Value"), rows)


def _condition(condition: Mapping[str, Any], plan: Plan) -> str:
    kind = condition["Type"]
    if kind == "Or":
        return " or ".join(f"({_condition(each, plan)})" for each in condition["Conditions"])
    if kind == "Not":
        [inner] = [value for key, value in condition.items() if key != "Type"]
        return f"not ({_condition(inner, plan)})"
    if kind == "In":
        listed = ", ".join(values.shown(each, plan) for each in condition["Values"])
        return f"{values.shown(condition['QueryValue'], plan)} in [{listed}]"
    sides = [values.shown(condition[key], plan) for key in ("LeftValue", "RightValue")]
    return f" {_COMPARED.get(kind, kind)} ".join(sides)


def message(step: Step, plan: Plan) -> Markdown:
    """The message with which a step ends an execution."""
    return code(values.shown(step.arguments.get("ErrorMessage", ""), plan))


def inputs(step: Step, plan: Plan, project: Project) -> Markdown:
    rows = []
    for each in values.reads(step):
        address = values.uri(each.value, plan)
        where = _both(address, values.here(address), project)
        rows.append((code(each.name), _origin(each.value, plan), where, code(each.folder)))
    return table(("Input", "From", "S3 URI, and where it is on this machine", "In the container"), rows)


def _origin(value: Any, plan: Plan) -> Markdown:
    """Which output or parameter it is, or which content of the project."""
    found = [text(what) for what, pattern in difference.HASHED.items() if pattern.search(str(value))]
    for each in values.references(value):
        if each.kind == "Parameters":
            found.append(joined("", ["parameter ", code(each.name)]))
        elif each.kind == "Steps":
            name = values.output(each, plan)[1]
            found.append(joined("", [code(name), " of " if name else "", to(each.name)]))
    return joined(", ", found)


def outputs(step: Step, plan: Plan, project: Project) -> Markdown:
    rows = []
    for each in values.writes(step):
        readers = [
            to(other.name)
            for other in plan.steps.values()
            for reference in values.references(other.arguments)
            if values.output(reference, plan) == (step.name, each.name)
        ]
        local = f".local/runs/{values.EXECUTION}/{step.name}/outputs/{each.name}"
        rows.append(
            (
                code(each.name),
                joined(", ", dict.fromkeys(readers)) or "-",
                _both(values.uri(each.value, plan), local, project),
                code(each.folder),
            )
        )
    listed = table(("Output", "Read by", "S3 URI, and where it is on this machine", "In the container"), rows)
    files = [
        (code(path), joined("", [code(output), " as ", code(name)]))
        for name, (output, path) in step.property_files.items()
    ]
    return joined("\n\n", [listed, table(("File that conditions read", "In the output"), files)])


def _both(address: str, local: str, project: Project) -> Markdown:
    return joined("<br>", [code(values.on_aws(address, project.target)) or "known only to an execution", code(local)])


def used_parameters(step: Step, plan: Plan, project: Project) -> Markdown:
    used = {each.name for each in values.references(step.arguments) if each.kind == "Parameters"}
    return parameters({name: each for name, each in plan.parameters.items() if name in used}, project)


def parameters(found: Mapping[str, Parameter], project: Project) -> Markdown:
    """A table of parameters of the pipeline."""
    rows = [
        (code(name), each.type, _usual(each, project), joined(", ", map(code, each.choices)) or "any")
        for name, each in found.items()
    ]
    return table(("Parameter", "Type", "Default", "Values"), rows)


def _usual(parameter: Parameter, project: Project) -> str:
    """The default of a parameter."""
    if parameter.name in SET_BY_OPS:
        return prose("set by `ops` at each start")
    if parameter.default is None:
        return "none: it must be given"
    shown = parameter.default if isinstance(parameter.default, str) else json.dumps(parameter.default)
    return code(values.on_aws(shown, project.target))


def arguments(step: Step, plan: Plan) -> Markdown:
    lines = []
    for part in _ARGUMENTS:
        given = _part(step.arguments, part)
        for key in ("ContainerEntrypoint", "ContainerArguments"):
            lines += [values.shown(each, plan) for each in given.get(key) or ()]
    return fence("\n".join(lines)) if lines else Markdown()


def _part(arguments: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A table in the arguments; those of a step that runs only on AWS can be anything."""
    found = arguments.get(key)
    return found if isinstance(found, Mapping) else {}


def hyperparameters(jobs: list[Mapping[str, Any]], plan: Plan) -> Markdown:
    rows = [
        (code(name), code(values.shown(value, plan)), _default(value, plan))
        for each in jobs
        for name, value in _part(each, "HyperParameters").items()
        if name not in _LAUNCHER
    ]
    return table(("Hyperparameter", "Value", "Default"), dict.fromkeys(rows))


def _default(value: Any, plan: Plan) -> Markdown:
    return code(values.uri(value, plan)) if values.references(value) else Markdown()


def ranges(jobs: list[Mapping[str, Any]]) -> Markdown:
    rows = []
    for each in jobs:
        for kind in RANGES:
            for found in at(each, f"HyperParameterRanges.{kind}.*"):
                listed = ", ".join(map(str, found.get("Values", ())))
                limits = listed if kind == CATEGORICAL else f"{found.get('MinValue')} to {found.get('MaxValue')}"
                rows.append((code(found.get("Name", "")), code(limits), str(found.get("ScalingType", "-"))))
    return table(("Hyperparameter", "Tried", "Scale"), dict.fromkeys(rows))


def variables(jobs: list[Mapping[str, Any]], plan: Plan) -> Markdown:
    rows = [
        (code(name), code(values.shown(value, plan)))
        for each in jobs
        for name, value in _part(each, "Environment").items()
    ]
    return table(("Variable", "Value"), dict.fromkeys(rows))
