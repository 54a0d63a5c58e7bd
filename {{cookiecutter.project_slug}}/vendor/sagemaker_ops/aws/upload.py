"""Uploads step code, data and schema to S3: each file once, under the hash of its content, and never changed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import AwsError, aws_call, aws_change
from sagemaker_ops.errors import UserError
from sagemaker_ops.pipelines import publishing
from sagemaker_ops.project import data
from sagemaker_ops.project.target import ARGUMENTS, Target

# Parallel transfers, of small files or of parts of a large one.
THREADS = 10


@dataclass(frozen=True)
class Item:
    """One object. content: a file, or a function for its bytes; size: of a file, None if it is compressed on upload."""

    uri: str
    content: Path | Callable[[], bytes]
    size: int | None = None


def items(definition: Mapping[str, Any], target: Target, root: Path) -> list[Item]:
    """Everything that a definition for this target reads from S3 and that comes from this machine."""
    named, archives = publishing.code_in(definition, target, root)
    if target.schema_hash:
        named[target.schema_uri + Path(data.SCHEMA).name] = root / data.SCHEMA
    if target.data_hash:
        source = target.settings.data.source
        named |= {target.data_uri + name: path for name, path in data.named_files(source, root).items()}
    if target.new_data_hash and target.new_data_uri in json.dumps(definition):
        new = publishing.new_rows(target.settings, root)
        named |= {target.new_data_uri + name: path for name, path in new.items()}
    found = [_file(path, uri) for uri, path in named.items()]
    if content := target.settings.data.arguments_file.encode():
        found.append(Item(target.arguments_uri + ARGUMENTS, lambda: content, len(content)))
    # Another version of zlib compresses the same content to another size.
    return [*found, *(Item(uri, partial(publishing.packed, uri, members)) for uri, members in archives.items())]


def missing(account: Account, wanted: Sequence[Item]) -> list[Item]:
    """The items that are not on S3 yet; AwsError if one is there with another size, as its name has the hash."""
    there = _sizes(account, {item.uri.rpartition("/")[0] + "/" for item in wanted})
    for item in wanted:
        if item.uri in there and item.size not in (None, there[item.uri]):
            raise AwsError(
                f"{item.uri} has {there[item.uri]} bytes, but the file here has {item.size}: somebody changed it on "
                "S3. It is not overwritten: delete it, and try again."
            )
    return [item for item in wanted if item.uri not in there]


def put(account: Account, found: Sequence[Item]) -> None:
    """Upload the items, several in parallel."""
    if not found:
        return
    from boto3.s3.transfer import TransferConfig, create_transfer_manager  # takes 0.1 s, needed only for an upload

    options = _options(account)
    with aws_change("upload to S3"):
        try:
            with create_transfer_manager(account.s3, TransferConfig(max_concurrency=THREADS)) as manager:
                sent = []
                for item in found:
                    bucket, key = place(item.uri)
                    content = str(item.content) if isinstance(item.content, Path) else io.BytesIO(item.content())
                    sent.append(manager.upload(content, bucket, key, extra_args=options))
                for future in sent:
                    future.result()
        except OSError as error:
            raise UserError(f"{error.filename} cannot be read: {error.strerror}.") from None


def line(found: Sequence[Item]) -> list[str]:
    """A line that says what will be uploaded."""
    if not found:
        return []
    size = sum(len(item.content()) if callable(item.content) else item.size or 0 for item in found)
    shown = f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
    return [f"upload: {len(found)} file{'s' if len(found) > 1 else ''}, {shown}"]


def _file(path: Path, uri: str) -> Item:
    return Item(uri, path, path.stat().st_size)


def _sizes(account: Account, folders: Iterable[str]) -> dict[str, int]:
    """{URI: bytes} of everything in the folders and their subfolders."""
    found: dict[str, int] = {}
    # A folder inside another one that is listed is already in its answer.
    tops = [folder for folder in folders if not any(folder != top and folder.startswith(top) for top in folders)]
    for folder in sorted(tops):
        bucket, prefix = place(folder)
        with aws_call(f"list {folder}"):
            pages = account.s3.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=prefix, ExpectedBucketOwner=account.id
            )
            for page in pages:
                found |= {f"s3://{bucket}/{each['Key']}": each["Size"] for each in page.get("Contents", [])}
    return found


def _options(account: Account) -> dict[str, Any]:
    """The bucket must be the account's, and objects are encrypted with the environment's key, if it has one."""
    key = account.settings.environment(account.environment_name).kms_key
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}
    return {"ExpectedBucketOwner": account.id, **encryption}


def place(uri: str) -> tuple[str, str]:
    """The bucket and the key."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key
