"""The section on tuning: the training jobs of the step, the best first."""

from __future__ import annotations

from sagemaker_ops.local import Execution
from sagemaker_ops.report import parts
from sagemaker_ops.report.markup import Markup, element, joined
from sagemaker_ops.terminal import trials

HEADING, ID = "Tuning", "trials"


def section(execution: Execution) -> Markup:
    """A table of the jobs with their scores and values; nothing if no step has tuned anything."""
    found = trials.of(execution)
    if found is None:
        return Markup()
    names = list(found.best.values)
    rows = [
        parts.row(
            trials.short_name(each), f"{each.score:.6g}", *(trials.short(each.values.get(name, "")) for name in names)
        )
        for each in found.listed
    ]
    sentence = next(trials.lines(found))
    table = parts.table("Training jobs", "The best first.", parts.headings("Training job", found.metric, *names), rows)
    return joined(element("h2", HEADING, id=ID), element("p", f"{sentence}."), table)
