"""Downloads the tables of an s3:// source to this machine, only those that are new or have changed."""

from __future__ import annotations

import gzip
import os
import shutil
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig, create_transfer_manager
from botocore.exceptions import ClientError
from s3transfer.exceptions import RetriesExceededError, S3DownloadFailedError
from s3transfer.subscribers import BaseSubscriber

from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import AwsError, aws_call, code_of
from sagemaker_ops.aws.first_rows import first_rows
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project import data, source_copy
from sagemaker_ops.project.settings import Settings
from sagemaker_ops.project.source_copy import Copy
from sagemaker_ops.store import Store

AT_ONCE = 8  # objects whose first rows are read in parallel
ROOM = 0.05  # share of the disk that stays free
PATIENCE = 3.0  # seconds to wait for S3 before a local run
_GET = "before-parameter-build.s3.GetObject"


@dataclass(frozen=True)
class Object:
    """A table on S3."""

    key: str
    etag: str
    size: int


@dataclass(frozen=True)
class Fetched:
    """What a fetch did: tables fetched, kept and gone, bytes transferred, and objects that are not tables."""

    copy: Copy
    new: int
    kept: int
    gone: int
    bytes: int
    others: int

    def __str__(self) -> str:
        rows = f", the first {self.copy.rows} rows of each" if self.copy.rows is not None else ""
        here = f"{_tables(self.kept)} already here, " if self.kept else ""
        gone = f"{self.gone} gone, " if self.gone else ""
        others = f" ({self.others} that are not tables were skipped)" if self.others else ""
        what = f"Fetched {_tables(self.new)}{rows}: {self.bytes / 1e6:.1f} MB"
        return f"{what}; {here}{gone}from {self.copy.source}{others}."


def fetch(account: Account, source: str, home: Path, rows: int | None) -> Fetched:
    """Fetch all tables, or the first rows of each; an interrupted fetch is completed by the next one.

    UserError if there are no tables, or no space for them; AwsError if they cannot be read.
    """
    tables, others = list_tables(account, source)
    store = Store(home / "s3")
    bucket = source_copy.split(source)[0]
    places = {
        each.key: store.locate(f"s3://{bucket}/{each.key}") for each in tables
    }  # UserError for an impossible file name
    if len(set(places.values())) < len(places):
        raise UserError(
            Problem("two keys differ only in slashes, so they cannot both be files here.", source_copy.SOURCE)
        )
    try:
        with source_copy.fetching(source, home) as folder:
            objects = folder / source_copy.OBJECTS
            missing = [
                each for each in tables if not (objects / source_copy.file_name(each.key, each.etag, rows)).is_file()
            ]
            if rows is None:
                _check_room(sum(each.size for each in missing), home)
                count = _whole(account, bucket, missing, objects)
            else:
                count = _first_rows(account, bucket, missing, objects, rows)
            copy = Copy(
                source, account.environment_name, datetime.now(UTC), rows, {each.key: each.etag for each in tables}
            )
            before = source_copy.read(source, home)
            gone = len(before.objects.keys() - copy.objects.keys()) if before else 0
            source_copy.write(copy, home)
    except OSError as error:
        raise UserError(f"cannot write to {home / source_copy.FOLDER}: {error.strerror or error}.") from None
    return Fetched(copy, len(missing), len(tables) - len(missing), gone, count, others)


def list_tables(account: Account, source: str) -> tuple[list[Object], int]:
    """Every table whose URI starts with the source, as for a job on AWS, and the number of other objects."""
    bucket, prefix = source_copy.split(source)
    listed = list(_list(account, bucket, prefix))
    base = prefix.rpartition("/")[0]
    tables = [each for each in listed if _is_table(each.key, base)]
    if not tables:
        found = f"found {len(listed)} objects, but no tables" if listed else "found no objects, and so no tables"
        raise UserError(Problem(f"'{source}': {found} ({', '.join(data.SUFFIXES)}).", source_copy.SOURCE))
    return tables, len(listed) - len(tables)


def has_changed(account: Account, copy: Copy) -> bool:
    """Whether the tables on S3 have changed since the copy was made."""
    return {each.key: each.etag for each in list_tables(account, copy.source)[0]} != copy.objects


def has_changed_by_now(settings: Settings, copy: Copy) -> bool | None:
    """The same, given only the settings; None if AWS does not answer within PATIENCE seconds or cannot be called."""
    answers: list[bool] = []

    def ask() -> None:
        with suppress(UserError):  # no network or no credentials: a local run needs neither
            answers.append(has_changed(Account(settings, copy.environment, attempts=1), copy))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE)
    return answers[0] if answers else None


def _list(account: Account, bucket: str, prefix: str) -> Iterator[Object]:
    where = f"s3://{bucket}/{prefix}"
    with aws_call(f"list {where}"):
        try:
            for page in account.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for each in page.get("Contents", []):
                    if not each["Key"].endswith("/"):  # created by the console to show a folder
                        yield Object(each["Key"], each["ETag"], each["Size"])
        except ClientError as error:
            if code_of(error) != "NoSuchBucket":
                raise
            raise UserError(
                Problem(f"there is no bucket '{bucket}': write an existing one.", source_copy.SOURCE)
            ) from None


def _is_table(key: str, base: str) -> bool:
    """The same rule as data.files has for a local folder: no hidden files, and none of Spark's own."""
    below = key.removeprefix(base).strip("/").split("/")
    return key.lower().endswith(data.SUFFIXES) and not data.is_hidden(below)


def _check_room(needed: int, home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    disk = shutil.disk_usage(home)
    left = int(disk.free - ROOM * disk.total)
    if needed > max(left, 0):
        raise UserError(
            f"{needed / 1e6:,.0f} MB do not fit into the {disk.free / 1e6:,.0f} MB free in {home} ({ROOM:.0%} of the "
            "disk stays free): free some space, or fetch only the first rows of each file with --rows."
        )


class _Known(BaseSubscriber):  # type: ignore[misc]
    """Passes what the list returned to the transfer, so that it does not request it for each object."""

    def __init__(self, known: Object) -> None:
        self._known = known

    def on_queued(self, future: Any, **_: Any) -> None:
        future.meta.provide_transfer_size(self._known.size)
        future.meta.provide_object_etag(self._known.etag)


def _whole(account: Account, bucket: str, objects: list[Object], folder: Path) -> int:
    """Fetch several in parallel, large ones in parts; a file gets its name when it is complete."""
    manager = create_transfer_manager(account.s3, TransferConfig(preferred_transfer_client="classic"))
    with _pinned(account.s3, objects), _transfer_errors(bucket), manager:
        futures = [
            manager.download(
                bucket,
                each.key,
                str(folder / source_copy.file_name(each.key, each.etag, None)),
                subscribers=[_Known(each)],
            )
            for each in objects
        ]
        try:
            for future in futures:
                future.result()
        except BaseException:
            for future in futures:
                future.cancel()
            raise
    return sum(each.size for each in objects)


@contextmanager
def _transfer_errors(bucket: str) -> Iterator[None]:
    """Like `aws_call`, but also for the exceptions of the transfer."""
    again = "run the command again to fetch what is missing"
    try:
        with aws_call(f"fetch from s3://{bucket}"):
            yield
    except RetriesExceededError:
        raise AwsError(f"cannot fetch from s3://{bucket}: the connection was lost: {again}.") from None
    except S3DownloadFailedError:
        raise AwsError(f"cannot fetch from s3://{bucket}: an object changed in the meantime: {again}.") from None
    except AwsError as error:
        if isinstance(error.__cause__, ClientError) and code_of(error.__cause__) == "PreconditionFailed":
            raise AwsError(f"cannot fetch from s3://{bucket}: an object changed in the meantime: {again}.") from None
        raise


@contextmanager
def _pinned(client: Any, objects: list[Object]) -> Iterator[None]:
    """Each object is fetched in the listed version or not at all; the transfer itself has no argument for this."""
    etags = {each.key: each.etag for each in objects}

    def pin(params: dict[str, Any], **_: Any) -> None:
        params["IfMatch"] = etags[params["Key"]]

    client.meta.events.register(_GET, pin)
    try:
        yield
    finally:
        client.meta.events.unregister(_GET, pin)


def _first_rows(account: Account, bucket: str, objects: list[Object], folder: Path, rows: int) -> int:
    client = account.s3

    def one(each: Object) -> int:
        file = folder / source_copy.file_name(each.key, each.etag, rows)
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        try:
            encoding = account.settings.data.encoding
            count = first_rows(client, bucket, each.key, each.etag, each.size, rows, draft, encoding)
        except (EOFError, ValueError, gzip.BadGzipFile, zlib.error) as error:  # pyarrow's own errors are ValueErrors
            raise UserError(
                Problem(f"'s3://{bucket}/{each.key}' cannot be read: {error}.", source_copy.SOURCE)
            ) from None
        os.replace(draft, file)
        return count

    with _transfer_errors(bucket), ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(one, objects))


def _tables(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"
