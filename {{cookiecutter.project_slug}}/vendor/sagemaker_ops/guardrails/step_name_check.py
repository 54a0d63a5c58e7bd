"""Settings of single steps: warns if no pipeline has a step with that name."""

from __future__ import annotations

import re
from pathlib import Path

from sagemaker_ops.errors import Problem, did_you_mean
from sagemaker_ops.guardrails import policy
from sagemaker_ops.project import layout
from sagemaker_ops.project.settings import FILE, Settings
from sagemaker_ops.project.step_settings import key_of

USUAL_STEPS = {"processing", "training", "evaluation"}  # in the pipeline of a new project
_TEXT = re.compile(r"""["']([A-Za-z0-9_-]{1,64})["']""")


def check(settings: Settings, root: Path) -> list[Problem]:
    """A warning for each key of [images], [instances] and [local.stubs] that is not the name of a step, and the like.

    Step names are searched for among the strings in the pipeline files, because compiling a pipeline takes seconds.
    """
    own = {"instances": settings.instances.steps, "images": settings.images.steps}
    usual = {"instances": set(policy.USES), "images": {"default", "inference"}}
    stubs = settings.local.stubs
    if not stubs and not any(own[table].keys() - USUAL_STEPS - usual[table] for table in own):
        return []
    files = (path for path in (root / layout.PIPELINES).rglob("*.py") if path.is_file())
    names = {text for path in files for text in _TEXT.findall(path.read_text(encoding="utf-8", errors="replace"))}
    steps = {key_of(name) for name in names} | USUAL_STEPS
    no_step = "no pipeline has a step with this name."
    wrong = [
        (f"[{table}].{key}", f"{no_step}{did_you_mean(key, sorted(usual[table] | USUAL_STEPS))}")
        for table, keys in own.items()
        for key in keys
        if key not in steps | usual[table]
    ]
    for step, file in stubs.items():
        if key_of(step) not in steps:
            wrong.append((f"[local.stubs].{step}", f"{no_step}{did_you_mean(step, sorted(names))}"))
        elif not (root / file).is_file():
            wrong.append((f"[local.stubs].{step}", f"there is no file '{file}'."))
    return [Problem(message, f"{FILE} {place}", "warning") for place, message in wrong]
