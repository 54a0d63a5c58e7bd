"""What comes before every change on AWS: show who changes what and where, and ask for confirmation."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from sagemaker_ops.aws import guard
from sagemaker_ops.aws.account import Account
from sagemaker_ops.errors import UserError


def announce(account: Account) -> None:
    """Check the caller with the guard, then print account, region and identity on standard error."""
    guard.check_caller(account)
    print(
        f"account {account.id} · {account.region} · {account.environment_name} · as {account.caller}", file=sys.stderr
    )


def confirm(lines: Iterable[str], *, yes: bool, dry_run: bool, type_name: str = "") -> bool:
    """Show what will be done and ask; returns whether to do it. --dry-run only shows, --yes does not ask.

    type_name: a name that must be typed, for what cannot be undone. UserError if there is no terminal to ask in.
    """
    for line in lines:
        print(line)
    if dry_run:
        print("Nothing was changed (--dry-run).")
        return False
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UserError(
            "This is not a terminal, so nobody can confirm: use --yes to go ahead, or --dry-run to see the changes."
        )
    question = f"Type {type_name} to continue: " if type_name else "Continue? [y/N] "
    try:
        answer = input(question).strip()
    except EOFError:
        answer = ""
    if answer == type_name if type_name else answer.lower() in ("y", "yes"):
        return True
    print("Nothing was changed.")
    return False
