"""Runs a pipeline on this machine: the same definition and the same step code as on AWS, published to .local."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ops import compiler, data, local, publish
from ops.errors import UserError
from ops.settings import Settings

HOME = ".local"


def run(
    pipeline: str,
    parameters: Mapping[str, str],
    settings: Settings,
    root: Path,
    on_change: Callable[[local.Execution], None] | None = None,
    home: Path | None = None,
) -> local.Execution:
    """Starts an execution and waits for its end. UserError when it cannot start; then nothing has run.

    `home` is where S3, state and logs lie: .local of the project, if it is not given.
    """
    home = home or root / HOME
    target = publish.target(settings, "local", root)
    if not data.is_remote(settings.data.source) and (problems := data.check(settings.data, root)):
        raise UserError(*problems)
    definition = compiler.definition(pipeline, target, root)
    publish.publish_local(target, root, local.Store(home / "s3"))
    return local.start_pipeline_execution(
        definition,
        pipeline_name=target.pipeline_name(pipeline),
        parameters=parameters,
        home=home,
        region=target.region,
        on_change=on_change,
    )


def executions(root: Path) -> list[local.Execution]:
    """The executions on this machine, the newest first."""
    return local.list_pipeline_executions(root / HOME)
