"""Step code and data under the hash of their content, in the local stand-in for S3."""

from __future__ import annotations

import errno
import io
import os
import shutil
import tarfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from projects import LIBRARY, VENDOR

from sagemaker_ops.errors import UserError
from sagemaker_ops.pipelines import publishing
from sagemaker_ops.project import source_copy
from sagemaker_ops.project.settings import LOCAL, Data, Environment, Gate, Project, Settings
from sagemaker_ops.project.target import Target
from sagemaker_ops.store import Store

SETTINGS = Settings(
    Project("Churn", "churn", "customer"),
    Data("data", "late", "classification"),
    Gate("auc", minimum=0.6),
    environments={"local": LOCAL, "dev": Environment()},
)
STEPS = {"processing.py": "import features\nread_source()\n", "features.py": "X = 1\n", "lib/deep/text.py": "Y = 'ü'\n"}
TABLES = {"a.csv": "late\nyes\n", "sub/b.csv": "late\nno\n"}
CACHES = (
    "production/steps/__pycache__/features.cpython-311.pyc",
    "production/steps/lib/__pycache__/text.cpython-311.pyc",
    "production/steps/.ipynb_checkpoints/features-checkpoint.py",
    "production/steps/.DS_Store",
    "production/steps/lib/.features.py.swp",
)
Files = dict[str, bytes]


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def project(root: Path) -> Path:
    """A project's folder with these steps and tables, and the files that editors and Python add to them."""
    for name, content in STEPS.items():
        write(root / "production" / "steps" / name, content)
    for name, content in TABLES.items():
        write(root / "data" / name, content)
    for name in CACHES:
        write(root / name, "not a step")
    return root


def below(folder: Path) -> Files:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def members(archive: bytes) -> Files:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def encoded(texts: dict[str, str]) -> Files:
    return {name: text.encode() for name, text in texts.items()}


def library() -> Files:
    """The files of the library that are included, so that a step can import them in a container."""
    files = {path.relative_to(VENDOR).as_posix(): path for path in (LIBRARY / "tabular").rglob("*.py")}
    return {
        name: path.read_bytes()
        for name, path in {**files, "sagemaker_ops/__init__.py": LIBRARY / "__init__.py"}.items()
    }


def test_columns_in_folder_names_reach_the_container(tmp_path: Path) -> None:
    names = [f"{folder}/part-0.csv" for folder in ("region=eu/day=1", "region=a%20b%2Fc/day=2", "region=München/day=3")]
    for name in names:
        write(tmp_path / "data" / name, "late\nyes\n")
    target = publish(project(tmp_path), Store(tmp_path / "s3"))

    assert set(Store(tmp_path / "s3").get(target.data_uri)) == {*names, *TABLES}


def sourcedir(root: Path, script: str = "") -> bytes:
    return publishing.sourcedir(publishing.Code(root).files(script))


def publish(root: Path, store: Store, *scripts: str, settings: Settings = SETTINGS) -> Target:
    """Publish what a definition with these scripts reads; all code for the script ""."""
    target = publishing.target(settings, "local", root)
    steps = [[script, target.code_uri_of(script), target.sourcedir_uri_of(script)] for script in scripts]
    publishing.publish_local({"Steps": steps}, target, root, store)
    return target


def test_the_archive_has_every_step_at_its_root_next_to_the_library_and_no_caches(tmp_path: Path) -> None:
    assert members(sourcedir(project(tmp_path))) == encoded(STEPS) | library()


@pytest.mark.parametrize(
    ("script", "needs"),
    [
        ("processing.py", {"processing.py", "features.py"}),
        ("features.py", {"features.py"}),
        ("lib/deep/text.py", {"lib/deep/text.py"}),
        ("nowhere.py", set(STEPS)),
    ],
)
def test_a_step_gets_exactly_what_its_script_needs_as_folder_and_as_archive(
    tmp_path: Path, script: str, needs: set[str]
) -> None:
    store = Store(tmp_path / "s3")

    target = publish(project(tmp_path), store, script)

    expected = encoded({name: STEPS[name] for name in needs}) | library()
    assert below(store.locate(target.code_uri_of(script))) == expected
    assert members(store.get_file(target.sourcedir_uri_of(script)).read_bytes()) == expected
    assert len(below(store.root)) == len(expected) + 1 + len(TABLES), "nothing else"


def test_a_file_of_the_project_overrides_one_of_the_library(tmp_path: Path) -> None:
    own = project(tmp_path) / "production" / "steps" / "sagemaker_ops" / "tabular" / "splits.py"
    write(own, "MINE = True\n")

    assert publishing.Code(tmp_path).files("processing.py")["sagemaker_ops/tabular/splits.py"] == own


def test_the_archive_does_not_show_who_made_it_and_when(tmp_path: Path) -> None:
    archive = sourcedir(project(tmp_path))

    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in tar} == {(0, 0, 0, "", "", 0o644)}
    assert archive[4:8] == bytes(4), "gzip's own timestamp"


def test_the_same_steps_give_the_same_bytes_elsewhere_and_later(tmp_path: Path) -> None:
    one, other = project(tmp_path / "one"), project(tmp_path / "deep" / "other")
    for number, path in enumerate((other / "production").rglob("*")):
        os.utime(path, (number, number))
    for name in CACHES:
        (other / name).unlink()

    assert sourcedir(one) == sourcedir(other)
    assert sourcedir(one, "processing.py") == sourcedir(other, "processing.py")
    assert publishing.target(SETTINGS, "local", one).code_hash == publishing.target(SETTINGS, "local", other).code_hash


@pytest.mark.parametrize(
    ("name", "of_code", "of_data"),
    [
        pytest.param("production/steps/features.py", True, False, id="a step changed"),
        pytest.param("production/steps/new.json", True, False, id="a file of the steps is new"),
        pytest.param("data/a.csv", False, True, id="a table changed"),
        pytest.param("data/new.csv", False, True, id="a table is new"),
        pytest.param("production/pipelines/train.py", False, False, id="a pipeline changed"),
        pytest.param("production/steps/__pycache__/new.pyc", False, False, id="a cache is new"),
        pytest.param("data/notes.txt", False, False, id="a file that is not a table is new"),
    ],
)
def test_a_hash_changes_with_its_own_files(tmp_path: Path, name: str, of_code: bool, of_data: bool) -> None:
    before = publishing.target(SETTINGS, "local", project(tmp_path))

    write(tmp_path / name, "other")

    after = publishing.target(SETTINGS, "local", tmp_path)
    assert (after.code_hash != before.code_hash, after.data_hash != before.data_hash) == (of_code, of_data)


@pytest.mark.parametrize(
    ("name", "scripts"),
    [
        pytest.param("production/steps/processing.py", {"processing.py", ""}, id="a script"),
        pytest.param("production/steps/features.py", {"processing.py", "features.py", ""}, id="a module"),
        pytest.param("production/steps/lib/deep/text.py", {"lib/deep/text.py", ""}, id="a module of one script"),
        pytest.param("production/steps/new.py", {""}, id="a new script"),
        pytest.param("production/steps/new.json", {"processing.py", "features.py", "lib/deep/text.py", ""}, id="data"),
        pytest.param("production/steps/README.md", set(), id="a README"),
    ],
)
def test_the_code_of_a_script_moves_with_its_own_files(tmp_path: Path, name: str, scripts: set[str]) -> None:
    before = publishing.target(SETTINGS, "local", project(tmp_path))

    write(tmp_path / name, "other")

    after = publishing.target(SETTINGS, "local", tmp_path)
    every = ("processing.py", "features.py", "lib/deep/text.py", "")
    assert {each for each in every if before.code_uri_of(each) != after.code_uri_of(each)} == scripts
    assert {each for each in every if before.sourcedir_uri_of(each) != after.sourcedir_uri_of(each)} == scripts


def test_the_library_is_part_of_the_code_of_each_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = publishing.target(SETTINGS, "local", project(tmp_path)).code_uri_of("features.py")

    shutil.copytree(LIBRARY, tmp_path / "vendor" / "sagemaker_ops")
    monkeypatch.setattr(publishing, "LIBRARY", tmp_path / "vendor")
    assert publishing.target(SETTINGS, "local", tmp_path).code_uri_of("features.py") == before
    write(tmp_path / "vendor" / "sagemaker_ops" / "aws" / "usage.py", "other")
    assert publishing.target(SETTINGS, "local", tmp_path).code_uri_of("features.py") == before
    write(tmp_path / "vendor" / "sagemaker_ops" / "tabular" / "splits.py", "other")
    assert publishing.target(SETTINGS, "local", tmp_path).code_uri_of("features.py") != before


def test_data_on_s3_has_no_hash(tmp_path: Path) -> None:
    settings = replace(SETTINGS, data=replace(SETTINGS.data, source="s3://lake/flights/"))

    assert publishing.target(settings, "local", project(tmp_path)).data_hash == ""


def test_the_schema_has_its_own_hash(tmp_path: Path) -> None:
    none = publishing.target(SETTINGS, "local", project(tmp_path))

    write(tmp_path / "data" / "schema.toml", '[columns]\n"late" = "text"\n')
    kept = publishing.target(SETTINGS, "local", tmp_path)
    write(tmp_path / "data" / "schema.toml", '[columns]\n"late" = "boolean"\n')
    edited = publishing.target(SETTINGS, "local", tmp_path)
    on_s3 = replace(SETTINGS, data=replace(SETTINGS.data, source="s3://lake/flights/"))
    assert publishing.target(on_s3, "local", tmp_path).schema_hash == edited.schema_hash
    write(tmp_path / "data" / "schema.toml", 'source = "other"\n[columns]\n"late" = "boolean"\n')
    of_another = publishing.target(SETTINGS, "local", tmp_path)

    assert (none.schema_hash, of_another.schema_hash) == ("", "")
    assert len({none.schema_hash, kept.schema_hash, edited.schema_hash}) == 3
    assert len({(each.code_hash, each.data_hash) for each in (none, kept, edited)}) == 1


def test_an_environment_that_is_not_set_yet_is_reported_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not set yet"):
        publishing.target(SETTINGS, "dev", tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("source", "tables"),
    [
        pytest.param("data", TABLES, id="folder"),
        pytest.param("data/sub/b.csv", {"b.csv": TABLES["sub/b.csv"]}, id="file"),
    ],
)
def test_code_as_folder_and_archive_and_the_data_are_published(
    tmp_path: Path, source: str, tables: dict[str, str]
) -> None:
    settings = replace(SETTINGS, data=replace(SETTINGS.data, source=source))
    store = Store(tmp_path / "s3")

    target = publish(project(tmp_path), store, "", settings=settings)

    assert below(store.locate(target.code_uri)) == encoded(STEPS) | library()
    assert members(store.get_file(target.sourcedir_uri).read_bytes()) == encoded(STEPS) | library()
    assert below(store.locate(target.data_uri)) == encoded(tables)
    assert len(below(store.root)) == len(STEPS) + len(library()) + 1 + len(tables), "nothing else"


def test_the_schema_is_also_published(tmp_path: Path) -> None:
    text = '[columns]\n"late" = "text"\n'
    write(project(tmp_path) / "data" / "schema.toml", text)
    store = Store(tmp_path / "s3")

    target = publish(tmp_path, store)

    assert below(store.locate(target.schema_uri)) == {"schema.toml": text.encode()}
    assert below(store.locate(target.data_uri)) == encoded(TABLES)


def times(folder: Path) -> dict[str, int]:
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()
    }


def test_published_files_are_not_written_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "s3")
    publish(project(tmp_path), store, "", "processing.py")
    before = times(store.root)

    publish(tmp_path, store, "", "processing.py")

    assert times(store.root) == before


def test_earlier_versions_stay_when_a_step_changes(tmp_path: Path) -> None:
    store = Store(tmp_path / "s3")
    publish(project(tmp_path), store, "processing.py")
    before = below(store.root)

    write(tmp_path / "production" / "steps" / "features.py", "X = 2\n")
    changed = publish(tmp_path, store, "processing.py")

    assert {name: content for name, content in below(store.root).items() if name in before} == before
    assert store.get_file(f"{changed.code_uri_of('processing.py')}features.py").read_bytes() == b"X = 2\n"


def test_the_next_run_publishes_what_an_interrupted_one_did_not(tmp_path: Path) -> None:
    store = Store(tmp_path / "s3")
    target = publish(project(tmp_path), store, "")
    whole = below(store.root)
    store.get_file(target.sourcedir_uri).unlink()
    store.get_file(f"{target.code_uri}features.py").unlink()

    publish(tmp_path, store, "")

    assert below(store.root) == whole


def test_a_folder_that_cannot_be_created_is_reported_in_one_sentence(tmp_path: Path) -> None:
    root = tmp_path / "s3"
    root.write_text("a file in the way", encoding="utf-8")

    with pytest.raises(UserError) as caught:
        publish(project(tmp_path), Store(root), "")

    [problem] = caught.value.problems
    assert problem.message == f"Cannot write to {root}: {os.strerror(errno.ENOTDIR)}."


@pytest.mark.parametrize("code", [errno.EROFS, errno.ENOSPC, errno.EACCES], ids=errno.errorcode.get)
def test_a_disk_that_cannot_be_written_is_reported_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    store = Store(tmp_path / "s3")

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("os.replace", refuse)  # permissions would not work: root may write everywhere

    with pytest.raises(UserError) as caught:
        publish(project(tmp_path), store, "")

    assert [str(problem) for problem in caught.value.problems] == [
        f"Cannot write to {store.root}: {os.strerror(code)}."
    ]


def test_data_on_s3_that_was_not_fetched_is_reported(tmp_path: Path) -> None:
    settings = replace(SETTINGS, data=replace(SETTINGS.data, source="s3://lake/flights/"))

    with pytest.raises(UserError) as caught:
        publish(project(tmp_path), Store(tmp_path / "s3"), "", settings=settings)

    [problem] = caught.value.problems
    assert problem.where == "project.toml [data].source"
    assert "run `ops fetch-data` first" in problem.message
    assert not (tmp_path / "s3").exists()


def test_fetched_data_is_published_under_its_s3_uri(tmp_path: Path) -> None:
    source, etag = "s3://lake/flights/", '"1"'
    settings = replace(SETTINGS, data=replace(SETTINGS.data, source=source))
    project(tmp_path)
    store = Store(tmp_path / "s3")
    copy = source_copy.Copy(source, "dev", datetime.now(UTC), None, {"flights/deep/a.csv": etag})
    with source_copy.fetching(source, tmp_path) as folder:
        write(folder / "objects" / copy.file("flights/deep/a.csv"), "late\nyes\n")
        source_copy.write(copy, tmp_path)

    target = publish(tmp_path, store, "", settings=settings)

    assert target.data_uri == source
    assert below(store.locate(source)) == {"deep/a.csv": b"late\nyes\n"}
    assert below(store.locate(target.code_uri)) == encoded(STEPS) | library()
