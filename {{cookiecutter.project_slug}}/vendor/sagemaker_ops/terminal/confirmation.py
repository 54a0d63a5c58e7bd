"""What comes before every change: who changes what and where, and the caller's word for it."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from sagemaker_ops.aws import guard
from sagemaker_ops.aws.account import Account
from sagemaker_ops.errors import UserError


def announce(account: Account) -> None:
    """Say, on standard error, where and as whom, once the guard has nothing against the caller."""
    guard.check_caller(account)
    print(
        f"account {account.id} · {account.region} · {account.environment_name} · as {account.caller}", file=sys.stderr
    )


def confirm(lines: Iterable[str], *, yes: bool, dry_run: bool, type_name: str = "") -> bool:
    """Show what will be done, and ask; whether to do it. --dry-run shows alone, --yes does not ask.

    type_name: a name that must be typed, where what goes does not come back. UserError where nobody can be asked.
    """
    for line in lines:
        print(line)
    if dry_run:
        print("Nothing was changed (--dry-run).")
        return False
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UserError("Nobody can be asked here: write --yes to do it, or --dry-run to see what would be done.")
    question = f"Type {type_name} to go on: " if type_name else "Go on? [y/N] "
    try:
        answer = input(question).strip()
    except EOFError:
        answer = ""
    if answer == type_name if type_name else answer.lower() in ("y", "yes"):
        return True
    print("Nothing was changed.")
    return False
