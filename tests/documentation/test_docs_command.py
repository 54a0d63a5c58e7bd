"""`make docs` in a project: its pages are built by MkDocs without a word, and Zensical makes the same of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from browser import look
from guide import follow
from projects import TEMPLATE, TEMPLATE_PROJECT, Bake, Project

from documentation import built
from documentation.handmade import EVIL, project
from sagemaker_ops.documentation import site

pytestmark = pytest.mark.slow

STEP = """    late_by_carrier = jobs.processing_step(
        "LateByCarrier", "late_by_carrier.py", inputs={"data": jobs.output(processing, "train")}, outputs=["output"]
    )
    training = jobs.training_step("""
SCHEME = "document.body.getAttribute('data-md-color-scheme')"


def page(made: Project, name: str) -> str:
    return (made.path / "docs" / "generated" / name).read_text(encoding="utf-8")


@pytest.fixture
def changed(ready: Bake) -> Project:
    """With a step, two more pipelines and a page of the team's own, and texts that could be taken for Markdown."""
    made = ready(project_name="Flights | <b>late</b>", project_slug="flight-delays", description=EVIL)
    for command in ("step late-by-carrier", "pipeline predict", "pipeline tune"):
        assert made.ops("new", *command.split()).code == 0
    train = made.path / "production" / "pipelines" / "train.py"
    text = train.read_text(encoding="utf-8").replace("    training = jobs.training_step(", STEP)
    train.write_text(text.replace("[processing, training", "[processing, late_by_carrier, training"), encoding="utf-8")
    docs = made.path / "docs"
    (docs / "ours.md").write_text("# Ours\n\nSee [the runbook](generated/runbook.md).\n", encoding="utf-8")
    with (made.path / "mkdocs.yml").open("a", encoding="utf-8") as file:
        file.write("  - Ours: ours.md\n")
    return made


def test_make_docs_builds_the_pages_of_the_project(changed: Project) -> None:
    done = changed.make("docs")

    assert (done.code, done.err) == (0, ""), done
    assert done.out.splitlines() == ["Wrote 23 pages to docs/generated.", "Open site/index.html"]
    assert "Read a table, remove duplicate rows" in page(changed, "pipelines/train/LateByCarrier.md")
    assert "| <code>learning&#95;rate</code> |" in page(changed, "pipelines/tune/Tuning.md")
    assert "[Predicting](Predicting.md)" in page(changed, "pipelines/predict/Monitoring.md")
    texts = built.texts(changed.path / "site")
    assert texts["ours.html"].endswith("See the runbook.")
    assert EVIL.replace("\u202e", "\\u202e").strip() in texts["generated/runbook.html"]
    others = re.findall(
        r"<(?:script|link|img|iframe)\b[^>]*https?://[^>]*>",
        "".join(file.read_text(encoding="utf-8") for file in (changed.path / "site").rglob("*.html")),
    )
    assert others == []

    zensical = built.build(changed.path, ".mkdocs.yml", built.ZENSICAL)

    assert zensical.code == 0, zensical
    assert built.texts(changed.path / "site") == texts


def test_a_pipeline_that_does_not_compile_is_one_sentence_and_nothing_is_written(ready: Bake) -> None:
    made = ready()
    broken = made.path / "production" / "pipelines" / "broken.py"
    broken.write_text("def get_pipeline(target, session):\n    return target.nothing\n", encoding="utf-8")

    done = made.ops("docs")

    assert (done.code, done.out) == (2, ""), done
    assert len(done.err.splitlines()) == 1
    assert "production/pipelines/broken.py" in done.err
    assert not (made.path / "docs" / "generated").exists()
    assert not (made.path / ".mkdocs.yml").exists()


def test_the_page_of_the_guide_is_followed(ready: Bake) -> None:
    made = ready()

    follow(TEMPLATE / "docs" / "production" / "project-docs.md", made)

    [run] = (made.path / ".local" / "runs").iterdir()
    assert f"<code>{run.name}</code>" in page(made, "model-card.md")
    assert re.search(r"\| <code>auc</code>.*\| 0\.\d+ ± 0\.\d+ \| 0\.5 \|", page(made, "model-card.md"))
    assert "passed by" in page(made, "model-card.md")
    assert (made.path / "site" / "generated" / "report.html").is_file()
    assert 'who-to-call.html"' in (made.path / "site" / "generated" / "runbook.html").read_text(encoding="utf-8")


def test_git_ignores_what_is_generated(bake: Bake) -> None:
    made = bake()
    subprocess.run(["git", "init", "--quiet"], cwd=made.path, check=True)

    ignored = made.run("git", "check-ignore", "docs/generated/runbook.md", ".mkdocs.yml", "docs/index.md")

    assert ignored.out.split() == ["docs/generated/runbook.md", ".mkdocs.yml"]


def test_the_pages_open_without_faults(tmp_path: Path) -> None:
    """A page with a graph and one with code: no serious violation of axe-core, narrow and wide, light and dark."""
    made = project(tmp_path)
    shutil.copy(
        TEMPLATE_PROJECT / "production" / "steps" / "training.py", tmp_path / "production" / "steps" / "clean.py"
    )
    text = (TEMPLATE_PROJECT / "mkdocs.yml").read_text(encoding="utf-8")
    (tmp_path / "mkdocs.yml").write_text(text, encoding="utf-8")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# Home\n", encoding="utf-8")
    site.write(made)
    done = built.build(tmp_path, ".mkdocs.yml")
    assert (done.code, done.out, done.err) == (0, "", ""), done

    with built.served(tmp_path / "site") as address:
        for name in ("index", "Clean"):
            seen = look(f"{address}generated/pipelines/train/{name}.html", SCHEME)

            for key, each in seen.items():
                own = [request for request in each.requests if not request.startswith(address)]
                assert (each.errors, own, each.violations, each.overflow) == ([], [], [], 0), (name, key)
                assert each.answers == ["slate" if key.endswith("dark") else "default"], (name, key)
