"""The local S3: prefixes, URIs, archives."""

from __future__ import annotations

import random
import tarfile
from pathlib import Path
from typing import Any

import pytest

from sagemaker_ops.container.archives import pack, unpack
from sagemaker_ops.container.isolation import Container, inside
from sagemaker_ops.errors import UserError


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
