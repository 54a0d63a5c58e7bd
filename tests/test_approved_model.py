"""A generated project whose gate compares with the approved model: approved here, compared by the next runs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from projects import Bake, Project, Result

pytestmark = pytest.mark.slow


@pytest.fixture
def project(ready: Bake) -> Project:
    made = ready()
    made.edit("gate", against='"approved"', tolerance="0.005")
    made.edit("hyperparameters", max_iter="30")
    return made


def cached(done: Result) -> list[str]:
    """The jobs of a run whose results were reused."""
    return re.findall(r"^(\w+) +(?:Processing|Training) .* cached", done.out, re.MULTILINE)


def steps(done: Result) -> dict[str, str]:
    found = re.findall(r"^(\w+) +(\w+) +(Succeeded|Failed)", done.out, re.MULTILINE)
    return {name: status for name, kind, status in found if kind not in ("Processing", "Training")}


def sentences(done: Result) -> list[str]:
    return [line for line in done.out.splitlines() if "ompared with" in line or "to compare with" in line]


def test_a_run_compares_with_the_version_that_was_approved_here(project: Project) -> None:
    first = project.ops("run", "train")
    again = project.ops("run", "train")
    approved = project.ops("approve-model", "latest", "--env", "local", "--yes")
    same, cached_too = project.ops("run", "train"), project.ops("run", "train")
    worse = project.ops("run", "train", "--param", "MaxIter=2")
    tolerated = project.ops("run", "train", "--param", "MaxIter=2", "--param", "GateTolerance=0.5")

    assert (first.code, sentences(first)) == (0, ["There is no approved model to compare with yet."]), first
    assert cached(again) == ["Processing", "Training", "Evaluation"], again
    assert approved.out.endswith("Version 1 of customer-flight-delays-local is Approved.\n"), approved
    assert cached(same) == ["Processing", "Training"], "an approval runs only the evaluation again"
    assert re.fullmatch(
        r"Compared with version 1: auc 0\.\d+ against 0\.\d+ on the same [\d,]+ rows: equally good "
        r"\(95 % interval 0 to 0\)\.",
        sentences(same)[0],
    )
    assert cached(cached_too) == ["Processing", "Training", "Evaluation"], cached_too
    assert worse.code == 1, worse
    assert steps(worse) == {"QualityGate": "Succeeded", "QualityGateFailed": "Failed"}
    assert re.search(
        r"^Failed in .*: auc of the model is 0\.\d+, and the quality gate requires at least 0\.\d+; "
        r"Compared with version 1: auc .*: worse by 0\.\d+ \(95 % interval 0\.\d+ to 0\.\d+\)\. "
        r"It may be worse by at most 0\.005\.$",
        worse.out,
        re.MULTILINE,
    )
    assert (tolerated.code, cached(tolerated)) == (0, ["Processing", "Training", "Evaluation"]), tolerated
    assert ": worse by " in sentences(tolerated)[0]


def test_an_approved_model_with_its_own_features_is_scored_with_them(project: Project) -> None:
    """Its module has the name of today's, and another content."""
    features = project.path / "production/steps/features.py"
    today = features.read_text(encoding="utf-8")
    ones = 'dict.fromkeys(frame.select_dtypes("number"), 1.0)'
    constant = today.replace("    return frame\n", f"    return frame.assign(**{ones})\n")
    assert constant != today
    features.write_text(constant, encoding="utf-8")
    assert project.ops("run", "train", "--param", "QualityGate=0.1").code == 0
    assert project.ops("approve-model", "1", "--env", "local", "--yes").code == 0
    features.write_text(today, encoding="utf-8")

    done = project.ops("run", "train")

    assert done.code == 0, done
    [said] = sentences(done)
    registered = _evaluation(project, "1")["gate"]["value"]
    assert f" against {registered:.4g} on the same " in said
    assert ": better by " in said


def test_a_split_that_changed_is_a_warning(project: Project) -> None:
    assert project.ops("run", "train").code == 0
    assert project.ops("approve-model", "latest", "--env", "local", "--yes").code == 0
    project.edit("data", test_share="0.3")

    done = project.ops("run", "train", "--param", "GateTolerance=0.5")

    assert done.code == 0, done
    [said] = sentences(done)
    assert said.startswith("warning: Compared with version 1: ")
    assert said.endswith(
        "Its data were split differently, so it may have been trained on some of these rows, which flatters it."
    )


def test_an_archive_that_is_damaged_is_not_a_silent_pass(project: Project) -> None:
    assert project.ops("run", "train").code == 0
    assert project.ops("approve-model", "latest", "--env", "local", "--yes").code == 0
    package = json.loads((project.path / ".local/registry/customer-flight-delays-local/1.json").read_text())
    uri = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    (project.path / ".local/s3" / uri.removeprefix("s3://")).write_bytes(b"damaged")
    project.edit("data", test_share="0.3")

    done = project.ops("run", "train")

    assert done.code == 0, done
    assert sentences(done) == [
        "warning: Not compared with version 1: its archive is damaged, and its registered auc was measured on other "
        "rows. The fixed limit alone decides."
    ]


def _evaluation(project: Project, version: str) -> Any:
    """The evaluation.json that a version here was registered with."""
    file = project.path / ".local/registry/customer-flight-delays-local" / f"{version}.json"
    uri = json.loads(file.read_text())["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    return json.loads(Path(project.path, ".local/s3", uri.removeprefix("s3://")).read_text())
