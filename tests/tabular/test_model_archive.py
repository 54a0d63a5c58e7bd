"""Models in archives that are damaged, or that lead out of their folder: refused in one sentence."""

from __future__ import annotations

import io
import tarfile
from contextlib import suppress
from pathlib import Path

import joblib
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.pipeline import make_pipeline

from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.model_archive import FILES, Model, load_model, save_model
from sagemaker_ops.tabular.schema import Schema

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Python 3.14 will:DeprecationWarning"),  # from a Python that has the filter
]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The folder of a model."""
    schema = Schema(target="y", problem="regression", features=(), classes=(), naive=(0.0,), left_out=())
    scripts, folder = tmp_path / "steps", tmp_path / "model"
    scripts.mkdir()
    folder.mkdir()
    save_model(Model(make_pipeline(DummyRegressor()), schema), folder, scripts)
    return folder


def packed(model: Path, *odd: tarfile.TarInfo) -> Path:
    """A folder with the model as an archive, after odd members."""
    folder = model.parent / "packed"
    folder.mkdir()
    with tarfile.open(folder / "model.tar.gz", "w:gz") as tar:
        for member in odd:
            tar.addfile(member, io.BytesIO(b"odd"[: member.size]))
        tar.add(model, arcname=".")
    return folder


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, target, 3 if kind == tarfile.REGTYPE else 0
    return made


@pytest.fixture(params=["with the filter", "without the filter"])
def _python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without the filter":
        monkeypatch.delattr(tarfile, "data_filter")  # as in Python 3.11.3


@pytest.mark.usefixtures("_python")
def test_a_model_is_loaded_from_its_archive(model: Path) -> None:
    assert load_model(packed(model)).schema.target == "y"


@pytest.mark.usefixtures("_python")
@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(member("../out"), id="above"),
        pytest.param(member("a/../../out"), id="above, through a folder"),
        pytest.param(member("link", tarfile.SYMTYPE, "../../out"), id="link out"),
        pytest.param(member("link", tarfile.SYMTYPE, "/tmp"), id="absolute link"),
        pytest.param(member("link", tarfile.LNKTYPE, "../out"), id="hard link out"),
        pytest.param(member("device", tarfile.CHRTYPE), id="device"),
        pytest.param(member("pipe", tarfile.FIFOTYPE), id="pipe"),
    ],
)
def test_an_archive_that_leads_out_of_its_folder_is_not_unpacked(model: Path, odd: tarfile.TarInfo) -> None:
    with pytest.raises(StepError, match=r"model\.tar\.gz cannot be unpacked .* train the model again"):
        load_model(packed(model, odd))


@pytest.mark.usefixtures("_python")
def test_an_absolute_path_stays_in_the_folder_or_is_refused(model: Path) -> None:
    outside = model.parent / "outside"
    with suppress(StepError):
        load_model(packed(model, member(str(outside))))

    assert not outside.exists()


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b", "truncated", "changed"], ids=str)
def test_a_damaged_archive_is_one_sentence(model: Path, content: bytes | str) -> None:
    archive = packed(model) / "model.tar.gz"
    whole = archive.read_bytes()
    half = len(whole) // 2
    changes = {"truncated": whole[:half], "changed": whole[:half] + bytes(99) + whole[half + 99 :]}
    archive.write_bytes(changes[content] if isinstance(content, str) else content)

    with pytest.raises(StepError, match=r"model.tar.gz (cannot be unpacked|lacks) .*; train the model again") as caught:
        load_model(archive.parent)

    assert len(caught.value.findings) == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"[]", b"{}", b"null", b'{"versions": 1}', b"[" * 100_000],
    ids=lambda each: str(each[:9]),
)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_of_a_model_is_one_sentence(model: Path, name: str, content: bytes) -> None:
    (model / name).write_bytes(content)

    with pytest.raises(StepError, match="train the model again") as caught:
        load_model(model)

    assert len(caught.value.findings) == 1


def test_half_a_model_is_one_sentence(model: Path) -> None:
    joblib.dump(list(range(100_000)), model / "model.joblib")
    with (model / "model.joblib").open("r+b") as file:
        file.truncate(1000)

    with pytest.raises(StepError, match="cannot be read"):
        load_model(model)
