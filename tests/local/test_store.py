"""The local S3: prefixes, URIs, archives."""

from __future__ import annotations

import random
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagemaker_ops.container.archives import pack, unpack
from sagemaker_ops.container.isolation import Container, inside
from sagemaker_ops.errors import UserError
from sagemaker_ops.store import Store


@pytest.mark.parametrize(
    "uri", ["s3://bucket/../x", "s3://bucket/a/./b", "/etc/passwd", "s3://B/x", "s3://", "x", "s3://bucket/\0"]
)
def test_a_uri_that_leads_out_of_the_store_is_refused(local: Any, uri: str) -> None:
    with pytest.raises(UserError, match="is not an S3 URI: write it like"):
        local.store.locate(uri)


def test_folders_are_moved_and_links_become_files(local: Any, tmp_path: Path) -> None:
    made = tmp_path / "made"
    (made / "sub").mkdir(parents=True)
    (made / "sub" / "a.txt").write_text("a")
    (made / "link.txt").symlink_to(made / "sub" / "a.txt")
    local.store.put("s3://bucket/moved/old.txt", b"old")
    local.store.move_folder("s3://bucket/moved/", made)
    moved = local.store.find("s3://bucket/moved/")
    assert set(moved) == {"link.txt", "old.txt", "sub/a.txt"}
    assert not any(file.is_symlink() for file in moved.values())


WRITES: dict[str, Callable[[Store, str, Path], None]] = {
    "put": lambda store, uri, file: store.put(uri, b"new"),
    "put a file": lambda store, uri, file: store.put_file(uri, file),
    "link a file": lambda store, uri, file: store.link_file(uri, file),
    "move a file": lambda store, uri, file: store.move_file(uri, file),
    "move a folder": lambda store, uri, file: store.move_folder(uri.rpartition("/")[0], file.parent),
    "remove": lambda store, uri, file: store.remove(uri),
}


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder outside the store, and a file in it."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/new.txt").write_text("precious")
    return tmp_path / "outside"


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("where", ["bucket", "bucket/folder", "bucket/folder/deep"])
def test_nothing_is_written_through_a_link_that_leads_out(
    local: Any, tmp_path: Path, outside: Path, write: Any, where: str
) -> None:
    link = local.store.root / where
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    (tmp_path / "made").mkdir()
    (tmp_path / "made/new.txt").write_text("new")

    with pytest.raises(UserError, match=r"leads out of .*/s3 by a link: replace the link"):
        write(local.store, f"s3://{where}/new.txt", tmp_path / "made/new.txt")

    assert {file.name: file.read_text() for file in outside.iterdir()} == {"new.txt": "precious"}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("target", ["outside/new.txt", "outside/none", ".local/s3/bucket/old.txt"])
def test_an_object_that_is_a_link_is_replaced(
    local: Any, tmp_path: Path, outside: Path, write: Any, target: str
) -> None:
    local.store.put("s3://bucket/old.txt", b"old")
    (local.store.root / "bucket/new.txt").symlink_to(tmp_path / target)
    (tmp_path / "made").mkdir()
    (tmp_path / "made/new.txt").write_text("new")

    write(local.store, "s3://bucket/new.txt", tmp_path / "made/new.txt")

    assert not (local.store.root / "bucket/new.txt").is_symlink()
    assert local.store.get_file("s3://bucket/old.txt").read_text() == "old"
    assert {file.name: file.read_text() for file in outside.iterdir()} == {"new.txt": "precious"}


READS: dict[str, Callable[[Store], Any]] = {
    "find a folder": lambda store: store.find("s3://bucket/data/"),
    "find by a prefix": lambda store: store.find("s3://bucket/da"),
    "find everything": lambda store: store.find("s3://bucket"),
    "get": lambda store: store.get("s3://bucket/data/"),
    "get a file": lambda store: store.get_file("s3://bucket/data/new.txt"),
    "read JSON": lambda store: store.read_json("s3://bucket/data/new.txt"),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("where", ["bucket/data", "bucket/data/new.txt"])
def test_nothing_is_read_through_a_link_that_leads_out(local: Any, outside: Path, read: Any, where: str) -> None:
    link = local.store.root / where
    link.parent.mkdir(parents=True)
    link.symlink_to(outside if where == "bucket/data" else outside / "new.txt")

    with pytest.raises(UserError, match=r"leads out of .*/s3 by a link"):
        read(local.store)


def test_a_link_to_another_object_is_read_and_the_store_itself_may_be_a_link(local: Any, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    local.home.mkdir()
    local.store.root.symlink_to(tmp_path / "disk")
    local.store.put("s3://bucket/data/a.txt", b"a")
    (local.store.root / "bucket/alias").symlink_to("data")
    (local.store.root / "bucket/data/b.txt").symlink_to("a.txt")

    found = local.store.find("s3://bucket/alias/")

    assert {name: file.read_text() for name, file in found.items()} == {"a.txt": "a", "b.txt": "a"}
    assert not any(file.is_symlink() for file in found.values())


OUTPUTS = {
    "a file of the folder": ("kept.txt", None),
    "a file of the job": ("/opt/ml/processing/other/a.txt", None),
    "an input": ("/opt/ml/processing/data/in.txt", None),
    "a folder": ("/opt/ml/processing/other", "link is a link to a folder, and links are not kept."),
    "nothing": ("/opt/ml/none", "link is a link to nothing, and links are not kept."),
    "itself": ("link", "link is a link to nothing, and links are not kept."),
    "a file of this machine": ("{outside}/new.txt", "/new.txt, which is not a file of the job: copy it."),
    "a folder of this machine": ("{outside}", "outside, which is not a file of the job: copy it."),
    "a device": ("/dev/null", "/dev/null, which is not a file of the job: copy it."),
}


@pytest.mark.slow
@pytest.mark.parametrize("local", ["namespace", "rewrite"], indirect=True)
@pytest.mark.parametrize(("target", "said"), OUTPUTS.values(), ids=OUTPUTS)
def test_a_link_in_the_outputs_is_kept_as_a_file_of_the_job_or_not_at_all(
    local: Any, outside: Path, target: str, said: str | None
) -> None:
    local.store.put("s3://bucket/raw/in.txt", b"text")
    script = f"""
        import os
        for name in ("/opt/ml/processing/out/kept.txt", "/opt/ml/processing/other/a.txt"):
            os.makedirs(os.path.dirname(name), exist_ok=True)
            open(name, "w").write("text")
        os.symlink("{target.format(outside=outside)}", "/opt/ml/processing/out/link")
    """
    train = script.replace("/opt/ml/processing/out/", "/opt/ml/model/").replace("processing/data", "input/data/data")
    steps = [
        local.processing("P", script, inputs={"data": "s3://bucket/raw/"}, outputs=("out",)),
        local.training("T", train, {"data": "s3://bucket/raw/"}),
    ]

    execution = local.run(*steps)

    if said is None:
        assert execution.status == "Succeeded", execution.failure_reason
        assert local.output(execution, "P", "out/link") == "text"
        with tarfile.open(execution.folder / "T/outputs/model/model.tar.gz") as tar:
            assert tar.extractfile("link").read() == b"text"  # type: ignore[union-attr]
    elif said.endswith("copy it."):
        assert [str(step.failure_reason).endswith(said) for step in execution.steps.values()] == [True, True]
        assert not local.store.find(f"s3://bucket/{execution.id}/")
    else:
        assert execution.status == "Succeeded", execution.failure_reason
        assert [local.log(execution, name).splitlines()[-1].endswith(said) for name in "PT"] == [True, True]
        assert set(local.store.find(f"s3://bucket/{execution.id}/P/out/")) == {"kept.txt"}
    assert (outside / "new.txt").read_text() == "precious"


def test_archives_have_the_same_bytes_for_the_same_content(tmp_path: Path) -> None:
    for name, order in (("one", "ab"), ("two", "ba")):
        (tmp_path / name / "sub").mkdir(parents=True)
        for letter in order:
            (tmp_path / name / "sub" / letter).write_text(letter)
        pack(tmp_path / name, tmp_path / f"{name}.tar.gz")
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "one.tar.gz") as tar:
        assert tar.getnames() == ["sub", "sub/a", "sub/b"]


@pytest.mark.parametrize(
    "content", [b"", b"no archive", b"\x1f\x8bnot an archive", b"\x1f\x8b", "half", "changed"], ids=str
)
def test_an_invalid_archive_is_reported_in_one_sentence(tmp_path: Path, content: bytes | str) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made/a").write_bytes(random.Random(0).randbytes(9999))
    pack(tmp_path / "made", tmp_path / "good.tar.gz")
    good = (tmp_path / "good.tar.gz").read_bytes()
    damaged = {"half": good[:5000], "changed": good[:2000] + bytes(99) + good[2099:]}
    (tmp_path / "bad.tar.gz").write_bytes(damaged[content] if isinstance(content, str) else content)
    with pytest.raises(UserError, match="cannot be unpacked"):
        unpack(tmp_path / "bad.tar.gz", tmp_path / "in")


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("/opt/ml/model", "/job/ml/model"),
        ("--dir=/opt/ml", "--dir=/job/ml"),
        ("open('/opt/ml/a') or '/opt/ml/b'", "open('/job/ml/a') or '/job/ml/b'"),
        ("s3://bucket/opt/ml/x", "s3://bucket/opt/ml/x"),
        ("/opt/mlops/x", "/opt/mlops/x"),
        ("/opt/ml-data", "/opt/ml-data"),
    ],
)
def test_only_the_folder_of_the_container_is_rewritten(text: str, rewritten: str) -> None:
    assert Container(Path("/job/ml"), private=False).rewrite(text) == rewritten


@pytest.mark.parametrize(
    ("path", "expected"), [("/opt/ml/processing/x", True), ("/opt/ml", False), ("/opt/ml/../x", False)]
)
def test_which_container_paths_exist_here(path: str, expected: bool) -> None:
    assert inside(path) is expected
