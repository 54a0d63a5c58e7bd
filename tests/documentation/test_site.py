"""What `ops docs` writes: all pages or none, and the settings for MkDocs with the team's own pages first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from documentation.handmade import project
from sagemaker_ops.documentation import runbook, site
from sagemaker_ops.errors import UserError

GENERATED = [
    {
        "Pipelines": [
            {"Overview": "generated/pipelines/index.md"},
            {
                "train": [
                    {"Overview": "generated/pipelines/train/index.md"},
                    {"Clean": "generated/pipelines/train/Clean.md"},
                    {"Fit": "generated/pipelines/train/Fit.md"},
                    {"Gate": "generated/pipelines/train/Gate.md"},
                    {"index": "generated/pipelines/train/step-index.md"},
                    {"Refuse": "generated/pipelines/train/Refuse.md"},
                ]
            },
        ]
    },
    {"Model card": "generated/model-card.md"},
    {"Runbook": "generated/runbook.md"},
]


def settings(root: Path, mkdocs: str) -> dict[str, Any]:
    """What is written beside this mkdocs.yml."""
    made = project(root)
    (root / "mkdocs.yml").write_text(mkdocs, encoding="utf-8")
    site.write(made)
    found: dict[str, Any] = yaml.safe_load((root / ".mkdocs.yml").read_text(encoding="utf-8"))
    return found


def test_the_pages_come_after_those_of_the_team(tmp_path: Path) -> None:
    found = settings(tmp_path, "site_name: x\nnav: [{Home: index.md}, Ours: [a.md, 'https://example.com']]\n")

    assert found == {
        "INHERIT": "mkdocs.yml",
        "extra_css": ["generated/pages.css"],
        "extra_javascript": ["generated/pages.js"],
        "nav": [{"Home": "index.md"}, {"Ours": ["a.md", "https://example.com"]}, *GENERATED],
    }
    assert sorted(path.name for path in (tmp_path / "docs" / "generated").iterdir()) == [
        "model-card.md", "pages.css", "pages.js", "pipelines", "runbook.md",
    ]  # fmt: skip


def test_the_settings_of_the_team_are_kept(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        "site_name: !ENV [NAME, x]\nextra_css: [ours.css]\nextra_javascript:\n- path: ours.mjs\n"
        "markdown_extensions:\n- a: {b: !!python/name:c.d }\n",
    )

    assert found["extra_css"] == ["ours.css", "generated/pages.css"]
    assert found["extra_javascript"] == [{"path": "ours.mjs"}, "generated/pages.js"]
    assert "nav" not in found, "then MkDocs lists every file"


def test_a_team_can_put_the_pages_into_its_nav_itself(tmp_path: Path) -> None:
    assert "nav" not in settings(tmp_path, "site_name: x\nnav:\n- Operate: [generated/runbook.md]\n")


@pytest.mark.parametrize(
    ("mkdocs", "sentence"),
    [
        pytest.param(None, "mkdocs.yml: there is none: `site_name: docs` is enough.", id="missing"),
        pytest.param("a: [", "mkdocs.yml: cannot be read: while parsing a flow node", id="not YAML"),
        pytest.param("- a", "mkdocs.yml: it has no settings", id="a list"),
        pytest.param("", "mkdocs.yml: it has no settings", id="empty"),
    ],
)
def test_a_wrong_mkdocs_yml_is_one_sentence(tmp_path: Path, mkdocs: str | None, sentence: str) -> None:
    made = project(tmp_path)
    (tmp_path / "mkdocs.yml").unlink()
    if mkdocs is not None:
        (tmp_path / "mkdocs.yml").write_text(mkdocs, encoding="utf-8")

    with pytest.raises(UserError) as error:
        site.write(made)

    assert str(error.value).startswith(sentence)
    assert not (tmp_path / "docs").exists()


def test_the_pages_are_replaced_as_a_whole(tmp_path: Path) -> None:
    made = project(tmp_path)
    folder, count = site.write(made)
    (folder / "old.md").write_text("# Old\n", encoding="utf-8")
    (tmp_path / "docs" / "index.md").write_text("# Ours\n", encoding="utf-8")

    assert site.write(made) == (tmp_path / "docs" / "generated", count)

    assert count == 9
    assert not (folder / "old.md").exists()
    assert (tmp_path / "docs" / "index.md").read_text(encoding="utf-8") == "# Ours\n"
    assert [path.name for path in (tmp_path / "docs").iterdir() if path.name.startswith(".")] == []


def test_if_a_page_cannot_be_made_the_old_ones_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = project(tmp_path)
    folder, _ = site.write(made)
    before = {path: path.read_bytes() for path in folder.rglob("*.md")}

    def refuse(_: object) -> str:
        raise UserError("no.")

    monkeypatch.setattr(runbook, "runbook", refuse)
    changed = replace(made.settings.project, name="Other")
    with pytest.raises(UserError):
        site.write(replace(made, settings=replace(made.settings, project=changed)))

    assert {path: path.read_bytes() for path in folder.rglob("*.md")} == before


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    made = project(tmp_path)
    (tmp_path / "docs").write_text("a file", encoding="utf-8")

    with pytest.raises(UserError, match=r"docs: cannot be written: File exists\."):
        site.write(made)
