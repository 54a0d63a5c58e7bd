"""The command that checks everything a project needs, on this machine and on AWS."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from sagemaker_ops.commands.arguments import OUTPUTS, AwsEnvironment, Output, choose
from sagemaker_ops.errors import UserError
from sagemaker_ops.project.layout import find_root

app = typer.Typer()


@app.command()
def doctor(
    ci: Annotated[
        bool, typer.Option("--ci", help="Check what a GitLab job needs instead, and where in GitLab to set it.")
    ] = False,
    env: AwsEnvironment = "dev",
    output: Output = "table",
) -> None:
    """Check that this machine and the account have what the project needs, and say how to fix what is missing.

    Example: ops doctor --env dev
    """
    choose(output, OUTPUTS, "--output")
    root = find_root()
    from sagemaker_ops.guardrails import machine_check
    from sagemaker_ops.terminal import findings as findings_table

    if ci:
        from sagemaker_ops.guardrails import ci_check

        findings = ci_check.of_job(root, env, os.environ)
        for line in [findings_table.document(findings)] if output == "json" else findings_table.lines(findings):
            print(line)
        sys.exit(machine_check.exit_code(findings))
    findings, settings = machine_check.of_machine(root)
    if settings is not None and env != "local":
        from sagemaker_ops.aws import guard
        from sagemaker_ops.aws.account import Account, connect
        from sagemaker_ops.aws.account_check import of_account

        findings += machine_check.volume(guard.STUDIO_METADATA, Path.home())
        try:
            connect(settings, env)
            findings += of_account(Account(settings, env, attempts=2))  # do not retry for long
        except UserError as error:
            findings += [machine_check.problem("environment", str(each), error.exit_code) for each in error.problems]
    for line in [findings_table.document(findings)] if output == "json" else findings_table.lines(findings):
        print(line)
    sys.exit(machine_check.exit_code(findings))
