"""What each failure means and what to do, as tables: exit codes, messages of steps, jobs on AWS, guardrails, calls."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from sagemaker_ops.aws.errors import DENIED, SENTENCES, AwsError
from sagemaker_ops.definition import step_types
from sagemaker_ops.definition.plan import Plan
from sagemaker_ops.documentation import scripts, step_parts, values
from sagemaker_ops.documentation.gathered import Project
from sagemaker_ops.documentation.markdown import Markdown, code, heading, joined, link, prose, table, text
from sagemaker_ops.errors import RefusedError, UserError
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.project.layout import STEPS

_EXIT_CODES = (
    (0, "Done.", "Nothing."),
    (1, "The execution failed, or the model did not pass the quality gate.", "See the tables below."),
    (UserError.exit_code, "Wrong usage or input. Nothing ran.", "The message says what to write instead."),
    (RefusedError.exit_code, "A guardrail refused it. Nothing ran.", "See the table of guardrails below."),
    (AwsError.exit_code, "AWS refused the request, or could not be reached.", "See the last table."),
    (124, "`--wait` reached its `--timeout`. The execution goes on.", "`ops describe-pipeline-execution` follows it."),
)
# Why a job fails: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-retry-policy.html and SecondaryStatus in
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeTrainingJob.html
_JOBS = (
    ("`InternalServerError`", "SageMaker itself failed.", "Retry the execution."),
    (
        "`InsufficientCapacityError`",
        "AWS has no free instance of this type at the moment.",
        "Retry later, or write another type in `[instances]`.",
    ),
    (
        "`ResourceLimitExceeded`",
        "The quota of the account for this instance type is used up.",
        "Wait for the jobs in `ops list-running`, or request a higher quota.",
    ),
    (
        "`MaxRuntimeExceeded`",
        "The job took longer than its time limit.",
        "Write more `[pipeline] max_runtime_minutes`.",
    ),
    (
        "`MaxWaitTimeExceeded`",
        "A spot job waited too long.",
        "Write more `[training] max_wait_minutes`, or `spot = false`.",
    ),
    (
        "anything else",
        "The script of the step gives its reason.",
        "`ops run` repeats it on your machine.",
    ),
)
_LIBRARY = "sagemaker_ops/tabular/"  # the part for steps
_LESS = "`[pipeline] max_runtime_minutes` or `[instances]`"
# What guardrails.toml can limit, and what to change in the project.
_LIMITS = {
    "verticals": ("the vertical", "`[project] vertical`"),
    "regions": ("the region", "`[project] region`"),
    "required_tags": ("tags that must not be empty", "`[project]`"),
    "max_instances": ("instances of one job or endpoint", "the pipeline, or `[endpoint]`"),
    "max_runtime_minutes": ("minutes of one job", "`[pipeline] max_runtime_minutes`"),
    "max_instance_hours_per_execution": ("instance hours of an execution", _LESS),
    "max_cost_per_execution": ("maximum cost of an execution", _LESS),
}


def failures(project: Project) -> Iterator[str]:
    """The sections, each with its heading."""
    yield heading(3, "Exit codes of ops")
    codes = [(code(number), prose(meaning), prose(remedy)) for number, meaning, remedy in _EXIT_CODES]
    yield table(("Exit code", "Meaning", "What to do"), codes)
    if ends := _ends(project):
        yield from (heading(3, "The execution ended with a message"), ends)
    yield heading(3, "A step refused its data or its settings")
    yield _errors(project)
    yield heading(3, "A job failed on AWS")
    yield table(("AWS says", "Meaning", "What to do"), (tuple(map(prose, row)) for row in _JOBS))
    yield heading(3, "A guardrail refused it")
    yield prose(f"The message names the key and what to write instead. `{project.rules.source}` limits these:")
    yield _limits(project.rules)
    yield heading(3, "A command failed on AWS")
    yield table(("AWS says", "What to do"), _calls())


def _ends(project: Project) -> Markdown:
    """The steps that end an execution, with their message and where to look."""
    rows = []
    for each in project.pipelines:
        folder = f"pipelines/{each.name}/"
        for step in each.plan.steps.values():
            if step_types.of(step.type).always_fails:
                read = joined(", ", (step_parts.to(name, folder) for name in _read_by(step.branch, each.plan)))
                look = ["Look at the result of ", read, ". "] if read else []
                limits = ["Limits are among the parameters of ", link(each.name, f"{folder}index.md"), "."]
                row = step_parts.to(step.name, folder), step_parts.message(step, each.plan), joined("", look + limits)
                rows.append(row)
    return table(("Step", "Message", "What to do"), rows)


def _read_by(branch: tuple[str, bool] | None, plan: Plan) -> list[str]:
    """The steps whose results the condition reads that leads to a branch."""
    condition = plan.steps.get(branch[0]) if branch else None
    found = values.references(condition.arguments) if condition else []
    return list(dict.fromkeys(each.name for each in found if each.kind in ("Steps", "PropertyFiles")))


def _errors(project: Project) -> Markdown:
    """What the scripts raise, each with the steps that use it, and what the functions of the library raise."""
    users: dict[str, dict[str, Markdown]] = {}
    found: dict[str, scripts.Script] = {}
    for each in project.pipelines:
        for step in each.plan.steps.values():
            for script in scripts.of(step, project.code, project.root):
                found[script.name] = script
                to = step_parts.to(step.name, f"pipelines/{each.name}/")
                users.setdefault(script.name, {})[f"{each.name} {step.name}"] = to
    own = [
        (code(name), joined(", ", users[name].values()), *(_with_remedy(error) or (code(error), "-")))
        for name, script in sorted(found.items())
        for error in script.errors
    ]
    library = [path for name, path in project.code.files().items() if name.startswith(_LIBRARY)]
    theirs = [_with_remedy(error) for path in library for error in scripts.read(path, path.name).errors]
    return joined(
        "\n\n",
        [
            prose("It ends with one sentence for each problem: in `ops logs`, and on AWS as the failure reason."),
            prose(f"The scripts in `{STEPS}` say (`{{…}}` is a value):" if own else ""),
            table(("Script", "Used by", "Message", "What to do"), own),
            prose("The functions of `sagemaker_ops` that they use say, among others:"),
            table(("Message", "What to do"), dict.fromkeys(filter(None, theirs))),
        ],
    )


def _with_remedy(error: str) -> tuple[Markdown, Markdown] | None:
    """The message, and what follows its last semicolon; None if that has no words."""
    message, _, remedy = error.rpartition("; ")
    if not message or not scripts.WORD.search(remedy):
        return None
    return code(message), text(f"{remedy[:1].upper()}{remedy[1:]}.")


def _limits(rules: Policy) -> Markdown:
    rows = []
    for key, (what, remedy) in _LIMITS.items():
        if value := getattr(rules, key):
            allowed = ", ".join(value) if isinstance(value, list) else value
            rows.append((what, code(allowed), prose(f"Change {remedy}.")))
    for use, globs in rules.instance_types.items():
        if globs:
            remedy = f"Change `[instances]`: `ops instance-types --for {use}` lists what is allowed."
            rows.append((f"instance types for {use}", code(", ".join(globs)), prose(remedy)))
    return table(("What", "Allowed", "What to do"), rows) or prose("Nothing.")


def _calls() -> Iterator[tuple[str, str]]:
    """The errors of AWS that have a known remedy, those with the same one together."""
    for sentence, group in groupby(SENTENCES, SENTENCES.__getitem__):
        yield joined(", ", map(code, group)), prose(f"{sentence[:1].upper()}{sentence[1:]}.")
    denied = joined(", ", map(code, sorted(DENIED)))
    yield denied, "The role does not allow it: ask the platform team for the action that the message names."
