"""Tests an endpoint with real rows: each must get one prediction, and each number of it must be finite."""

from __future__ import annotations

import csv
import math
import tempfile
import time
from pathlib import Path

from sagemaker_ops.aws import download, first_rows, invocation, watch
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import AwsError, aws_call, may_pass
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project import data, source_copy, table_rows
from sagemaker_ops.project.layout import LOCAL_FOLDER
from sagemaker_ops.project.settings import Settings
from sagemaker_ops.project.table_rows import Rows

ROWS = 10
HEADERS = ("label", "value")  # the first column of an answer, as tabular/requests.py writes it
TRIES = 3  # a new endpoint may fail once, while it loads


def rows(account: Account, settings: Settings, root: Path) -> Rows:
    """The rows to test with: [endpoint].test_rows, otherwise the first ones of the table, from S3 if they are there.

    UserError if there are none.
    """
    source, own = settings.data.source, settings.endpoint.test_rows
    if own:
        return table_rows.of_file(root / own, own, ROWS)
    if data.has_own_reading(root):
        raise UserError(
            Problem(
                "missing: this project reads the table with its own code, so name a CSV file with a header and a few "
                "rows, as the model gets them.",
                table_rows.WHERE,
            )
        )
    if not data.is_remote(source):
        name, path = next(iter(data.named_files(source, root).items()))
        return table_rows.of_table(path, name, settings.data, ROWS)
    return _remote(account, settings, root)


def run(account: Account, name: str, given: Rows, problem: str) -> None:
    """Send the rows; UserError that says what is wrong with the answer."""
    pause = watch.FIRST
    for left in reversed(range(TRIES)):
        try:
            answer = invocation.invoke(account, name, given.text.encode(), invocation.CSV, invocation.CSV)
            break
        except (AwsError, invocation.ModelFailedError) as error:
            if not left or (isinstance(error, AwsError) and not may_pass(error)):
                raise
        time.sleep(pause)
    if wrong := fault(answer.body, given.count, problem):
        raise invocation.ModelFailedError(wrong)


def fault(body: bytes, count: int, problem: str) -> str:
    """What is wrong with a CSV answer to `count` rows that had a header; empty if nothing is."""
    try:
        lines = [row for row in csv.reader(body.decode("utf-8").splitlines()) if row]
    except (UnicodeError, csv.Error):
        return "the answer is not CSV"
    # It has a header, because the request had one; a team's own inference.py may leave it out.
    has_header = len(lines) == count + 1 or (lines[:1] and lines[0][0] in HEADERS)
    answers = lines[1:] if has_header else lines
    if len(answers) != count:
        return f"{count} rows got {len(answers)} predictions"
    for number, row in enumerate(answers, start=1):
        values = row if problem == "regression" else row[1:]  # the first value of a classification is a label
        wrong = next((each for each in values if not _is_finite(each)), None)
        if wrong is not None or not row[0]:
            return f"the prediction for row {number} is '{row[0] if wrong is None else wrong}', not a finite number"
    return ""


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _remote(account: Account, settings: Settings, root: Path) -> Rows:
    """The rows of a table on S3: of the copy on this machine, otherwise of the first object."""
    source = settings.data.source
    bucket, prefix = source_copy.split(source)
    home, base = root / LOCAL_FOLDER, prefix.rpartition("/")[0]
    if copy := source_copy.read(source, home):
        key = min(copy.objects)
        path = source_copy.folder_of(source, home) / source_copy.OBJECTS / copy.file(key)
        return table_rows.of_table(path, key.removeprefix(base), settings.data, ROWS)
    found = min(download.list_tables(account, source)[0], key=lambda each: each.key)
    if found.key.lower().endswith(".parquet"):
        table_rows.parquet()
    with tempfile.TemporaryDirectory() as folder, aws_call(f"read s3://{bucket}/{found.key}"):
        file = Path(folder) / source_copy.file_name(found.key, found.etag, ROWS)
        first_rows.first_rows(account.s3, bucket, found.key, found.etag, found.size, ROWS, file, settings.data.encoding)
        return table_rows.of_table(file, found.key.removeprefix(base), settings.data, ROWS)
