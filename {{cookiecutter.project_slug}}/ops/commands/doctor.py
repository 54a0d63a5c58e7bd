"""The command that looks at everything a project needs, on this machine and on AWS."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from ops.commands.arguments import OUTPUTS, AwsEnvironment, Output, choose, project_root
from ops.errors import UserError

app = typer.Typer()


@app.command()
def doctor(env: AwsEnvironment = "dev", output: Output = "table") -> None:
    """Look whether this machine and the account have what the project needs, and say what to do where not.

    Example: ops doctor --env dev
    """
    choose(output, OUTPUTS, "--output")
    root = project_root()
    from ops import checkup

    findings, settings = checkup.of_machine(root)
    if settings is not None and env != "local":
        from ops.aws import guard
        from ops.aws.account import Account, connect
        from ops.aws.checkup import of_account

        findings += checkup.volume(guard.STUDIO_METADATA, Path.home())
        try:
            connect(settings, env)
            findings += of_account(Account(settings, env, attempts=2))  # a patient answer is none here
        except UserError as error:
            findings += [checkup.problem("environment", str(each), error.exit_code) for each in error.problems]
    for line in [checkup.document(findings)] if output == "json" else checkup.lines(findings):
        print(line)
    sys.exit(checkup.exit_code(findings))
