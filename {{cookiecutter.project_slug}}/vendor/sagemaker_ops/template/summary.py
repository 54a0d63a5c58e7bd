"""The summary of an update as lines of text; what is left to do comes last."""

from __future__ import annotations

from sagemaker_ops.template.update import Update

GO_BACK = "`git reset --hard` undoes the update."


def lines(update: Update, *, applied: bool) -> list[str]:
    if not update.tree:
        newest = f", and {update.new} does not change anything" if update.old != update.new else ""
        followed = f" It follows '{update.follows}'; choose another with `--checkout`." if update.follows else ""
        return [f"Already up to date: the project has version {update.old} of the template{newest}.{followed}"]
    shown = [f"Template {update.old} -> {update.new}", *update.notes]
    for change in update.changes:
        before = f"{change.before} -> " if change.before else ""
        shown.append(f"{change.what:<9} {before}{change.path}")
    shown += [f"{'replaced':<9} {name}/: {_files(number)}" for name, number in update.replaced.items() if number]
    if update.overwritten:
        shown.append("Your changes in the template's folders are replaced. `git show HEAD:<file>` still shows them:")
        shown += [f"{'replaced':<9} {path}" for path in update.overwritten]
    shown.append(_what_next(update, applied))
    return shown + [f"{'conflict':<9} {conflict.path}: {conflict.reason}" for conflict in update.conflicts]


def _what_next(update: Update, applied: bool) -> str:
    if not applied:
        return f"Nothing has been changed. The update would have {_conflicts(update)}."
    if update.conflicts:
        return f"{_conflicts(update)} to resolve: edit each file, `git add` it, and commit. {GO_BACK}"
    return f"Everything is staged: check `git diff --cached`, run the tests, and commit. {GO_BACK}"


def _files(number: int) -> str:
    return f"{number} file{'s' if number > 1 else ''}"


def _conflicts(update: Update) -> str:
    number = len(update.conflicts)
    return f"{number or 'no'} conflict{'' if number == 1 else 's'}"
