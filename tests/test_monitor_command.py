"""`ops monitor` in a generated project: new data compared with a model that was trained here."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from projects import Bake, Project

pytestmark = pytest.mark.slow

SAMPLE = "data/sample/flights_classification.csv"


@pytest.fixture
def project(ready: Bake) -> Project:
    """After a run, with new data: warmer than those of training, and without the column `day`."""
    made = ready()
    made.edit("hyperparameters", max_iter="10")
    with (made.path / SAMPLE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for name, changed in (
        ("warm", [{**row, "temp": f"{float(row['temp']) + 20}" if row["temp"] else ""} for row in rows[::6]]),
        ("dayless", [{key: value for key, value in row.items() if key != "day"} for row in rows[:300]]),
    ):
        with (made.path / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(changed[0]))
            writer.writeheader()
            writer.writerows(changed)
    done = made.ops("run", "train")
    assert done.code == 0, done
    return made


def test_new_data_is_compared_with_a_model_of_this_machine(project: Project, tmp_path: Path) -> None:
    unapproved = project.ops("monitor", "--model", "approved")
    same = project.ops("monitor")
    result = json.loads((project.path / ".local/monitoring/monitoring.json").read_text())
    assert project.ops("approve-model", "latest", "--env", "local", "--yes").code == 0
    warm = project.ops("monitor", "warm.csv", "--model", "approved", "--page", "a/b.html", "--json", "a/b.json")
    changed = json.loads((project.path / "a/b.json").read_text())
    archive = next((project.path / ".local/s3").rglob("model.tar.gz"))
    dayless = project.ops("monitor", "dayless.csv", "--model", str(archive))

    assert (unapproved.code, unapproved.out) == (2, "")
    assert unapproved.err.startswith("error: --model: 'customer-flight-delays-local' has no version that is Approved:")
    assert same.code == 0, same
    assert same.out.splitlines()[-2:] == ["No threshold is exceeded.", "Open .local/monitoring/monitoring.html"]
    assert result["verdict"]["exceeded"] == 0
    assert result["quality"]["source"] == "test"
    assert (warm.code, warm.err) == (1, ""), warm
    assert "≠ temp " in warm.out
    assert "version 1 of customer-flight-delays-local (" in warm.out
    assert "≠ The distribution of column 'temp' has changed: PSI" in warm.out
    assert warm.out.endswith("Open a/b.html\n")
    assert changed["columns"]["temp"]["psi"] > 0.2 > changed["columns"]["month"]["psi"]
    assert "Monitoring of late" in (project.path / "a/b.html").read_text()
    assert dayless.code == 1, dayless
    assert "≠ column 'day' is missing." in dayless.out


def test_what_cannot_be_compared_is_one_sentence(project: Project) -> None:
    def said(*arguments: str) -> str:
        done = project.ops("monitor", *arguments)
        assert (done.code, done.out.replace("Comparing …\n", "")) == (2, ""), done
        return done.err.strip()

    (project.path / "empty").mkdir()
    (project.path / "words.csv").write_text("just,words\n")
    old = project.path / "old"
    old.mkdir()
    (old / "schema.json").write_text("{}")

    assert said("nowhere.csv") == (
        "error: TABLE: 'nowhere.csv' does not exist: give a CSV or Parquet file, or a folder of them."
    )
    assert said("empty").startswith("error: no table in ")
    assert "has a header but no values" in said("words.csv")
    assert said("--model", "zzz").startswith("error: there is no execution 'zzz' on this machine.")
    assert (
        said("--model", "empty") == "error: --model: 'empty' has no model.tar.gz: give the folder of a model's archive."
    )
    assert said("--model", "old") == (
        f"error: {old} has no baseline.json, which monitoring compares new data with; train the model again with a "
        "training.py that calls write_baseline."
    )
    (project.path / "production/steps/monitoring.py").write_text("raise KeyError('mine')\n")
    assert said() == "error: production/steps/monitoring.py: failed: KeyError: 'mine'."
    (project.path / "production/steps/monitoring.py").unlink()
    assert said() == "error: production/steps/monitoring.py: is missing: run `ops update-project`, which brings it."


def test_without_a_run_there_is_nothing_to_compare_with(ready: Bake) -> None:
    done = ready().ops("monitor")

    assert (done.code, done.err) == (
        2,
        "error: --model: no execution on this machine has trained a model: run `make run` first.\n",
    )
