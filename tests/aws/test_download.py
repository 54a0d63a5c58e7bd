"""fetch-data: what is fetched, what is not fetched twice, and how a local run uses it."""

from __future__ import annotations

import csv
import errno
import gzip
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from projects import Bake, Project, Result

from aws.conftest import ACCOUNT, BUCKET, REGION, ROLE, Aws
from sagemaker_ops.aws import download, first_rows
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import AwsError
from sagemaker_ops.errors import UserError
from sagemaker_ops.project import settings, source_copy
from sagemaker_ops.store import Store

Ops = Callable[..., Result]
Files = dict[str, bytes]
LAKE = "data-lake"
A, B = b"late,carrier\nyes,UA\n", b"late,carrier\nno,AA\n"
SOURCE = f"s3://{LAKE}/flights/"
IN_A_FOLDER = "_day=1/region=a%20b%2Fc/part-0.csv"
"""Columns in folder names."""


@pytest.fixture
def lake(aws: Aws) -> Iterator[Any]:
    """Somebody else's bucket, with tables in it."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=LAKE, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield s3
    for each in s3.list_objects_v2(Bucket=LAKE).get("Contents", []):
        s3.delete_object(Bucket=LAKE, Key=each["Key"])
    s3.delete_bucket(Bucket=LAKE)


@pytest.fixture
def account(aws: Aws, project: Project, monkeypatch: pytest.MonkeyPatch) -> Account:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    return Account(settings.load(project.path), "dev", attempts=1)


def put(lake: Any, **tables: bytes) -> None:
    """`put(lake, a=b"…")` creates flights/a.csv."""
    for name, content in tables.items():
        lake.put_object(Bucket=LAKE, Key=f"flights/{name}.csv", Body=content)


def gets(account: Account) -> Counter[str]:
    """How often each object is requested from now on, by key."""
    asked: Counter[str] = Counter()

    def count(params: dict[str, Any], **_: Any) -> None:
        asked[params["Key"]] += 1

    account.s3.meta.events.register("before-parameter-build.s3.GetObject", count)
    return asked


def placed(source: str, home: Path) -> Files:
    """What a step of a local run would find at the URI of the source."""
    store = Store(home / "s3")
    source_copy.place(source, home, store)
    return {name: file.read_bytes() for name, file in store.get(source).items()}


# What is fetched


@pytest.mark.parametrize(
    ("source", "found"),
    [
        pytest.param("flights/", {"a.csv", "deep/b.csv.gz", "c.PARQUET", IN_A_FOLDER}, id="folder"),
        pytest.param("flights/a.csv", {"a.csv"}, id="file"),
        pytest.param("flights", {"a.csv", "deep/b.csv.gz", "c.PARQUET", IN_A_FOLDER}, id="folder without a slash"),
        pytest.param("flights/deep/b", {"b.csv.gz"}, id="start of a name"),
        pytest.param("flights/_day=", {IN_A_FOLDER}, id="start of a folder"),
        pytest.param(
            "", {f"flights/{name}" for name in ("a.csv", "deep/b.csv.gz", "c.PARQUET", IN_A_FOLDER)}, id="whole bucket"
        ),
    ],
)
def test_the_tables_are_fetched_and_placed_as_on_s3(
    lake: Any, account: Account, tmp_path: Path, source: str, found: set[str]
) -> None:
    contents = {"a.csv": A, "deep/b.csv.gz": gzip.compress(B), "c.PARQUET": b"PAR1", IN_A_FOLDER: B}
    others = ("notes.txt", "_SUCCESS", ".hidden/d.csv", "_temporary/e.csv")
    for name, body in [*contents.items(), *((name, b"x") for name in others), ("folder/", b"")]:
        lake.put_object(Bucket=LAKE, Key=f"flights/{name}", Body=body)

    done = download.fetch(account, f"s3://{LAKE}/{source}", tmp_path, None)

    files = placed(f"s3://{LAKE}/{source}", tmp_path)
    assert (files.keys(), done.new) == (found, len(found))
    for name, body in contents.items():
        assert all(file == body for found_as, file in files.items() if found_as.endswith(name))
    named = source_copy.named_files(done.copy, tmp_path)
    assert {name: file.read_bytes() for name, file in named.items()} == files


def test_it_reports_how_much_was_fetched_and_skipped(lake: Any, account: Account, tmp_path: Path) -> None:
    put(lake, a=b"x\n" * 600_000, b=B)
    lake.put_object(Bucket=LAKE, Key="flights/notes.txt", Body=b"x")

    assert str(download.fetch(account, SOURCE, tmp_path, None)) == (
        f"Fetched 2 files: 1.2 MB; from {SOURCE} (1 that are not tables were skipped)."
    )
    assert str(download.fetch(account, SOURCE, tmp_path, None)).startswith(
        "Fetched 0 files: 0.0 MB; 2 files already here,"
    )


def test_unchanged_tables_are_not_fetched_again(lake: Any, account: Account, tmp_path: Path) -> None:
    put(lake, a=A, b=A, c=A)
    download.fetch(account, SOURCE, tmp_path, None)
    put(lake, b=B, d=B)
    lake.delete_object(Bucket=LAKE, Key="flights/c.csv")
    assert set(placed(SOURCE, tmp_path)) == {"a.csv", "b.csv", "c.csv"}
    asked = gets(account)

    done = download.fetch(account, SOURCE, tmp_path, None)

    assert asked == {"flights/b.csv": 1, "flights/d.csv": 1}
    assert (done.new, done.kept, done.gone) == (2, 1, 1)
    assert placed(SOURCE, tmp_path) == {"a.csv": A, "b.csv": B, "d.csv": B}
    assert len(list((source_copy.folder_of(SOURCE, tmp_path) / "objects").iterdir())) == 3


def test_a_large_object_is_fetched_in_parts_and_completely(lake: Any, account: Account, tmp_path: Path) -> None:
    content = os.urandom(20_000_000)
    put(lake, a=content)

    download.fetch(account, SOURCE, tmp_path, None)

    assert placed(SOURCE, tmp_path) == {"a.csv": content}


def test_files_put_next_to_it_by_hand_stay(lake: Any, account: Account, tmp_path: Path) -> None:
    put(lake, a=A, b=B)
    download.fetch(account, SOURCE, tmp_path, None)
    placed(SOURCE, tmp_path)
    Store(tmp_path / "s3").put(f"{SOURCE}mine.csv", b"mine")
    lake.delete_object(Bucket=LAKE, Key="flights/b.csv")

    download.fetch(account, SOURCE, tmp_path, None)

    assert placed(SOURCE, tmp_path) == {"a.csv": A, "mine.csv": b"mine"}


def test_files_removed_from_the_store_are_put_back_without_a_fetch(lake: Any, account: Account, tmp_path: Path) -> None:
    put(lake, a=A)
    download.fetch(account, SOURCE, tmp_path, None)
    placed(SOURCE, tmp_path)
    Store(tmp_path / "s3").locate(f"{SOURCE}a.csv").unlink()

    assert placed(SOURCE, tmp_path) == {"a.csv": A}


def test_without_hard_links_files_are_copied(
    lake: Any, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lake, a=A)
    download.fetch(account, SOURCE, tmp_path, None)

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr("os.link", refuse)

    assert placed(SOURCE, tmp_path) == {"a.csv": A}


# Interrupted


@pytest.mark.parametrize("rows", [None, 5], ids=["whole", "rows"])
def test_an_interrupted_fetch_leaves_the_copy_unchanged_and_the_next_completes_it(
    lake: Any, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int | None
) -> None:
    put(lake, a=A)
    download.fetch(account, SOURCE, tmp_path, rows)
    put(lake, a=B, b=B)
    listed = download.list_tables(account, SOURCE)
    missing = download.Object("flights/gone.csv", '"0"', 3)
    with monkeypatch.context() as patch:
        patch.setattr(download, "list_tables", lambda *_: ([*listed[0], missing], 0))
        with pytest.raises(AwsError, match=f"cannot fetch from s3://{LAKE}"):
            download.fetch(account, SOURCE, tmp_path, rows)
    assert placed(SOURCE, tmp_path) == {"a.csv": A}

    download.fetch(account, SOURCE, tmp_path, rows)

    assert placed(SOURCE, tmp_path) == {"a.csv": B, "b.csv": B}
    assert len(list((source_copy.folder_of(SOURCE, tmp_path) / "objects").iterdir())) == 2, "and no incomplete files"


def test_files_fetched_before_the_interruption_are_not_fetched_again(
    lake: Any, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lake, a=A, b=B)
    with monkeypatch.context() as patch:
        patch.setattr(source_copy, "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            download.fetch(account, SOURCE, tmp_path, None)
    assert source_copy.read(SOURCE, tmp_path) is None
    asked = gets(account)

    download.fetch(account, SOURCE, tmp_path, None)

    assert asked == {}
    assert placed(SOURCE, tmp_path) == {"a.csv": A, "b.csv": B}


@pytest.mark.parametrize("rows", [None, 1], ids=["whole", "rows"])
def test_an_object_that_changes_during_the_fetch_does_not_become_part_of_the_copy(
    lake: Any, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int | None
) -> None:
    put(lake, a=A)
    listed = download.list_tables(account, SOURCE)
    put(lake, a=B + B)
    monkeypatch.setattr(download, "list_tables", lambda *_: listed)

    with pytest.raises(AwsError, match="an object changed in the meantime"):
        download.fetch(account, SOURCE, tmp_path, rows)

    assert source_copy.read(SOURCE, tmp_path) is None
    assert list((source_copy.folder_of(SOURCE, tmp_path) / "objects").glob("*.csv")) == []


def test_two_fetches_at_once_do_not_interfere(lake: Any, account: Account, tmp_path: Path) -> None:
    put(lake, a=A)
    with (
        source_copy.fetching(SOURCE, tmp_path),
        pytest.raises(UserError, match="another `ops fetch-data` is already fetching"),
    ):
        download.fetch(account, SOURCE, tmp_path, None)


# The first rows


@pytest.mark.parametrize(
    ("text", "rows", "first"),
    [
        pytest.param("h\n1\n2\n3\n", 2, "h\n1\n2\n", id="lines"),
        pytest.param("h\n1\n2", 5, "h\n1\n2", id="fewer than requested"),
        pytest.param('h\n"1\n1"\n2\n', 1, 'h\n"1\n1"\n', id="a line break in quotes"),
        pytest.param('"h\nh"\n"a ""b\n"""\n2\n', 1, '"h\nh"\n"a ""b\n"""\n', id="quotes in quotes"),
        pytest.param("h\n\n1\n\n2\n", 1, "h\n\n1\n", id="empty lines"),
        pytest.param("h\r\n1\r\n2\r\n", 1, "h\r\n1\r\n", id="Windows"),
        pytest.param("", 1, "", id="nothing"),
    ],
)
def test_a_record_is_complete(text: str, rows: int, first: str) -> None:
    assert b"".join(first_rows.records(io.BytesIO(text.encode()), rows)).decode() == first


@pytest.mark.parametrize("packed", [False, True], ids=["csv", "csv.gz"])
def test_the_first_rows_are_fetched_without_the_rest(lake: Any, account: Account, tmp_path: Path, packed: bool) -> None:
    text = "id,noise\n" + "".join(f"{number},{os.urandom(16).hex()}\n" for number in range(400_000))
    body = gzip.compress(text.encode(), 1) if packed else text.encode()
    name = f"a.csv{'.gz' if packed else ''}"
    lake.put_object(Bucket=LAKE, Key=f"flights/{name}", Body=body)

    done = download.fetch(account, SOURCE, tmp_path, 1000)

    content = placed(SOURCE, tmp_path)[name]
    rows = list(csv.reader(io.StringIO((gzip.decompress(content) if packed else content).decode())))
    assert (rows[0], len(rows), rows[-1][0]) == (["id", "noise"], 1001, "999")
    assert done.bytes < 300_000 < len(body)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip without its name"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16", "utf-16-le"])
def test_the_first_rows_are_whole_lines_in_any_encoding(
    lake: Any, account: Account, tmp_path: Path, encoding: str, pack: Any
) -> None:
    put(lake, a=pack('größe;x\n1;é\n2;"a\nb"\n3;c\n'.encode(encoding)))
    data = replace(account.settings.data, encoding=encoding)
    account = replace(account, settings=replace(account.settings, data=data))

    download.fetch(account, SOURCE, tmp_path, 2)

    content = placed(SOURCE, tmp_path)["a.csv"]
    whole = content if pack is bytes else gzip.decompress(content)
    assert whole.decode(encoding) == 'größe;x\n1;é\n2;"a\nb"\n'


def test_a_sample_and_a_complete_copy_replace_each_other(lake: Any, account: Account, tmp_path: Path) -> None:
    put(lake, a=b"h\n1\n2\n3\n")
    found = []
    for rows in (1, None, 2):
        download.fetch(account, SOURCE, tmp_path, rows)
        found.append(placed(SOURCE, tmp_path)["a.csv"])

    assert found == [b"h\n1\n", b"h\n1\n2\n3\n", b"h\n1\n2\n"]


@pytest.mark.parametrize("body", [b"not gzip at all", gzip.compress(A)[:-4], b""], ids=["text", "cut off", "empty"])
def test_a_file_that_cannot_be_unpacked_is_reported_in_one_sentence(
    lake: Any, account: Account, tmp_path: Path, body: bytes
) -> None:
    lake.put_object(Bucket=LAKE, Key="flights/a.csv.gz", Body=body)

    if not body:
        download.fetch(account, SOURCE, tmp_path, 10)  # the step reports that it is empty
        assert gzip.decompress(placed(SOURCE, tmp_path)["a.csv.gz"]) == b""
        return
    with pytest.raises(UserError, match=f"'s3://{LAKE}/flights/a.csv.gz' cannot be read"):
        download.fetch(account, SOURCE, tmp_path, 10)


# Errors


@pytest.mark.parametrize(
    ("source", "kind", "sentence"),
    [
        pytest.param("s3://no-such-bucket/x", UserError, "there is no bucket 'no-such-bucket'", id="no bucket"),
        pytest.param(f"s3://{LAKE}/none/", UserError, "found no objects, and so no tables", id="nothing"),
        pytest.param(f"s3://{LAKE}/texts/", UserError, "found 1 objects, but no tables", id="no table"),
        pytest.param(f"s3://{LAKE}/up/", UserError, "but no tables", id="a key that leads out of the folder"),
        pytest.param(f"s3://{LAKE}/long/", UserError, "is not an S3 URI", id="a key that is not a valid file name"),
        pytest.param(f"s3://{LAKE}/twice/", UserError, "differ only in slashes", id="two keys, one file"),
    ],
)
def test_a_source_that_cannot_be_fetched_is_reported_in_one_sentence(
    lake: Any, account: Account, tmp_path: Path, source: str, kind: type[UserError], sentence: str
) -> None:
    for key in ("texts/a.txt", "up/../../x.csv", f"long/{'x' * 300}.csv", "twice/a/b.csv", "twice/a//b.csv"):
        lake.put_object(Bucket=LAKE, Key=key, Body=A)

    with pytest.raises(kind, match=sentence):
        download.fetch(account, source, tmp_path, None)
    assert not (tmp_path / "source").exists()


def test_a_full_disk_is_reported_before_anything_is_fetched(
    lake: Any, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lake, a=A * 100_000)
    asked = gets(account)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"total": 10e9, "free": 0.501e9})())

    with pytest.raises(UserError, match=r"2 MB do not fit into the 501 MB free in .*--rows"):
        download.fetch(account, SOURCE, tmp_path, None)
    assert asked == {}


def test_a_disk_that_cannot_be_written_is_reported_in_one_sentence(
    lake: Any, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lake, a=A)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("sagemaker_ops.project.source_copy.write_atomically", refuse)

    with pytest.raises(UserError, match=f"cannot write to {tmp_path}/source: {os.strerror(errno.ENOSPC)}"):
        download.fetch(account, SOURCE, tmp_path, None)


# What a run reports


def aged(copy: source_copy.Copy, home: Path, **hours: float) -> None:
    source_copy.write(replace(copy, fetched=datetime.now(UTC) - timedelta(**hours)), home)


@pytest.mark.parametrize(
    ("hours", "rows", "change", "reachable", "sentences"),
    [
        pytest.param(0.5, None, True, True, [], id="young"),
        pytest.param(0.5, 9, False, True, ["the first 9 rows of each file"], id="a sample"),
        pytest.param(2, None, False, True, [], id="S3 has the same"),
        pytest.param(50, None, False, True, [], id="S3 has the same, old copy"),
        pytest.param(2, None, True, True, ["has changed since it was copied"], id="the data on S3 has changed"),
        pytest.param(50, None, True, False, ["is 2 days old"], id="old, and S3 unreachable"),
        pytest.param(2, None, True, False, [], id="not old, and S3 unreachable"),
        pytest.param(2, 9, True, True, ["the first 9", "run `ops fetch-data --rows 9` to update the copy"], id="both"),
    ],
)
def test_a_run_warns_if_the_copy_may_differ_from_s3(
    lake: Any,
    account: Account,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hours: float,
    rows: int | None,
    change: bool,
    reachable: bool,
    sentences: list[str],
) -> None:
    monkeypatch.setattr(download, "PATIENCE", 60)  # a loaded machine answers late, too
    chosen = replace(account.settings, data=replace(account.settings.data, source=SOURCE))
    put(lake, a=A)
    aged(download.fetch(account, SOURCE, tmp_path, rows).copy, tmp_path, hours=hours)
    if change:
        put(lake, a=B)
    if not reachable:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    found = source_copy.warnings(SOURCE, tmp_path, partial(download.has_changed_by_now, chosen))

    assert len(found) == len(sentences)
    for problem, sentence in zip(found, sentences, strict=True):
        assert sentence in problem.message
        assert problem.level == "warning"


def test_a_late_answer_from_s3_does_not_delay_a_run(
    lake: Any, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    chosen = replace(account.settings, data=replace(account.settings.data, source=SOURCE))
    put(lake, a=A)
    aged(download.fetch(account, SOURCE, tmp_path, None).copy, tmp_path, hours=50)
    answer = threading.Event()
    monkeypatch.setattr(download, "has_changed", lambda *_: answer.wait(30))
    monkeypatch.setattr(download, "PATIENCE", 0.05)

    [problem] = source_copy.warnings(SOURCE, tmp_path, partial(download.has_changed_by_now, chosen))
    answer.set()

    assert "is 2 days old" in problem.message


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"source": 1}'], ids=["empty", "cut off", "list", "other keys"]
)
def test_an_invalid_manifest_is_not_a_copy(tmp_path: Path, content: bytes) -> None:
    folder = source_copy.folder_of(SOURCE, tmp_path)
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_bytes(content)

    with pytest.raises(UserError, match="run `ops fetch-data` first"):
        source_copy.get(SOURCE, tmp_path)


# The command


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param([], "is already on this machine", id="a local source"),
        pytest.param(["--rows", "0"], "cannot fetch 0 rows", id="no rows"),
        pytest.param(["--env", "local"], "is already on this machine", id="local"),
    ],
)
def test_wrong_usage_is_reported_in_one_sentence(ops: Ops, arguments: list[str], sentence: str) -> None:
    done = ops("fetch-data", *arguments)

    assert (done.code, done.out) == (2, "")
    assert sentence in done.err


@pytest.fixture
def ready_for_s3(ready: Bake, aws: Aws, lake: Any) -> Callable[..., Result]:
    """Commands in a project whose source is the lake and which has an environment to run in."""
    project = ready()
    project.edit("environments.dev", account=f'"{ACCOUNT}"', role=f'"{ROLE}"', bucket=f'"{BUCKET}"')
    sample_table = (project.path / "data/sample/flights_classification.csv").read_bytes()
    put(lake, a=sample_table)
    project.edit("data", source=f'"{SOURCE}"')
    return lambda *arguments: project.ops(*arguments, **aws.environment)


@pytest.mark.slow
def test_a_run_uses_the_copy_under_the_same_uri_as_on_aws(ready_for_s3: Callable[..., Result], lake: Any) -> None:
    before = ready_for_s3("run", "train")
    fetching = ready_for_s3("fetch-data", "--rows", "3000")
    done = ready_for_s3("run", "train", "--param", "QualityGate=0.5")
    definition = json.loads(ready_for_s3("compile", "train").out)

    assert before.code == 2
    assert "run `ops fetch-data` first" in before.err
    assert fetching.code == 0, fetching
    assert done.code == 0, done
    assert "warning: project.toml [data].source: the copy" in done.err
    [url] = [each["DefaultValue"] for each in definition["Parameters"] if each["Name"] == "InputDataUrl"]
    assert url == SOURCE


@pytest.mark.slow
def test_a_missing_column_is_reported_before_anything_runs(ready_for_s3: Callable[..., Result], lake: Any) -> None:
    put(lake, a=b"late_,carrier\nyes,UA\n")
    assert ready_for_s3("fetch-data").code == 0

    done = ready_for_s3("run", "train")

    assert done.code == 2
    assert f"'{SOURCE}' has no column 'late'. Did you mean 'late_'?" in done.err


_PARQUET = """
import io, sys, numpy, pyarrow as pa, pyarrow.parquet as pq
from sagemaker_ops.aws import first_rows
table = pa.table({"id": range(400_000), "noise": numpy.random.default_rng(0).random(400_000)})
raw = io.BytesIO()
pq.write_table(table, raw, row_group_size=50_000)
raw, fetched = raw.getvalue(), []
class Client:
    def get_object(self, Bucket, Key, IfMatch, Range):
        first, last = map(int, Range.removeprefix("bytes=").split("-"))
        fetched.append(last - first + 1)
        return {"Body": io.BytesIO(raw[first:last + 1])}
count = first_rows.first_rows(Client(), "lake", "a.parquet", "etag", len(raw), int(sys.argv[1]), sys.argv[2])
assert count == sum(fetched), (count, fetched)
print(pq.read_table(sys.argv[2]) == table.slice(0, int(sys.argv[1])), count / len(raw))
"""


@pytest.mark.slow
@pytest.mark.parametrize("rows", [10, 50_001, 500_000])
def test_the_first_rows_of_parquet_are_fetched_without_the_other_row_groups(
    ready: Bake, tmp_path: Path, rows: int
) -> None:
    project = ready()

    done = project.run(".venv/bin/python", "-c", _PARQUET, str(rows), tmp_path / "first.parquet")

    assert done.code == 0, done
    same, share = done.out.split()
    assert same == "True"
    assert float(share) < {10: 0.2, 50_001: 0.35, 500_000: 1.3}[rows]
