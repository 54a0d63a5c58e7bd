"""The runbook: who owns the project, where its parts are, what to run, and what each failure means."""

from __future__ import annotations

from collections.abc import Iterator

from sagemaker_ops.definition import step_types
from sagemaker_ops.documentation import pipeline_page
from sagemaker_ops.documentation.failures import failures
from sagemaker_ops.documentation.gathered import Project
from sagemaker_ops.documentation.markdown import code, fence, heading, joined, link, listed, page, prose, table
from sagemaker_ops.documentation.values import EXECUTION
from sagemaker_ops.project import schedule
from sagemaker_ops.project.layout import LOCAL_FOLDER


def runbook(project: Project) -> str:
    """The page."""
    about = project.settings.project
    return page(
        heading(1, "Runbook"),
        about.description,
        table(
            ("What", "Value"),
            [
                ("Project", about.name),
                ("Owner, whom to ask first", about.owner or prose("unknown: `[project] owner` is empty")),
                ("Vertical", code(about.vertical)),
                ("Accounts, roles and quotas", prose(f"the platform team of `{about.vertical}`")),
                ("What it runs", link("Pipelines", "pipelines/index.md")),
            ],
        ),
        heading(2, "Where to look"),
        *_places(project),
        heading(2, "What to run"),
        prose("Run `. .venv/bin/activate` in the project's folder first. `latest` can also be the id of an execution."),
        *_commands(project),
        heading(2, "What a failure means"),
        prose("`ops logs` prints what the failed step said; with `--env`, on AWS. Its last lines give the reason."),
        *failures(project),
    )


def _places(project: Project) -> Iterator[str]:
    """A table for each environment, and one for this machine."""
    kinds = {step_types.of(step.type).job for each in project.pipelines for step in each.plan.steps.values()}
    groups = sorted(f"/aws/sagemaker/{job.log_group}" for job in kinds if job)
    for name, environment in project.environments.items():
        there, is_set = project.on_aws(name), bool(environment.account and environment.bucket and environment.role)
        logs = [*groups, f"/aws/sagemaker/Endpoints/{there.endpoint_name}"]
        rows = [
            ("Account and region", joined(", ", [code(environment.account) or "not set yet", code(there.region)])),
            ("Pipelines", joined(", ", (code(there.pipeline_name(each.name)) for each in project.pipelines))),
            ("Model package group", code(there.model_package_group)),
            ("Name of the endpoint", code(there.endpoint_name)),
            ("Logs in CloudWatch", joined(", ", map(code, logs))),
            ("Code, data, runs and models", code(there.root_uri) if is_set else "not set yet"),
            ("Role of the jobs", code(environment.role) or "not set yet"),
        ]
        yield heading(3, name)
        yield table(("What", "Name"), rows)
        if not is_set:
            yield prose(f"`[environments.{name}]` in `project.toml` is not complete, so nothing is deployed there.")
    yield heading(3, "On your machine")
    runs = f"{LOCAL_FOLDER}/runs/{EXECUTION}"
    rows = [
        ("An execution", code(runs)),
        ("The log and outputs of a step", code(f"{runs}/<step>")),
        ("What stands for S3", code(f"{LOCAL_FOLDER}/s3")),
    ]
    yield table(("What", "Folder"), rows)


def _commands(project: Project) -> Iterator[str]:
    """The commands for this machine and for each environment, ready to copy."""
    names, scheduled = [each.name for each in project.pipelines], schedule.whole(project.settings.schedule)
    yield heading(3, "Run it on your machine")
    yield fence("\n".join([*(f"ops run {name}" for name in names), "ops logs"]), "bash")
    for env in project.environments:
        yield heading(3, f"Operate it in {env}")
        yield fence("\n".join(commands(names, env)), "bash")
        yield listed(
            joined("", [code(name), " also starts by itself: ", pipeline_page.scheduled(name, project), "."])
            for name, each in scheduled.items()
            if env in each.environments
        )


def commands(pipelines: list[str], env: str) -> Iterator[str]:
    """What can be done in an environment, below comments that say what it does."""
    yield "# what runs, what it costs, and how to stop it"
    yield f"ops list-running --env {env}"
    for name in pipelines:
        yield f"\n# {name}: deploy, start and follow"
        yield f"ops update-pipeline {name} --env {env}"
        yield f"ops start-pipeline-execution {name} --env {env} --wait"
        yield f"# {name}: roll back to the definition that was deployed before"
        yield f"ops rollback-pipeline {name} --env {env}"
    yield "\n# an execution: watch, read the log, stop, continue after a failure"
    yield f"ops describe-pipeline-execution latest --env {env} --watch"
    yield f"ops logs latest --env {env}"
    yield f"ops stop-pipeline-execution latest --env {env}"
    yield f"ops retry-pipeline-execution latest --env {env} --wait"
    yield "\n# the model: list the versions, approve or reject one"
    yield f"ops list-models --env {env}"
    yield f"ops approve-model latest --env {env}"
    yield f"ops reject-model latest --env {env}"
    yield "\n# the endpoint: look, deploy the newest approved model"
    yield f"ops describe-endpoint --env {env}"
    yield f"ops deploy-endpoint --env {env}"
    yield "# the endpoint: roll back to an earlier version of the model, such as 3"
    yield f"ops deploy-endpoint 3 --env {env}"
