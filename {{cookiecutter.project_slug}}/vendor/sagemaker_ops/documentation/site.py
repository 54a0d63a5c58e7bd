"""All pages of a project, in docs/generated, and the settings with which MkDocs or Zensical builds them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from sagemaker_ops.documentation import model_card, pipeline_page, runbook, step_page, step_parts
from sagemaker_ops.documentation.gathered import Project
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.report import document
from sagemaker_ops.report import page as reports
from sagemaker_ops.store import write_atomically
from sagemaker_ops.terminal import plan_view

CONFIG, BUILT_WITH = "mkdocs.yml", ".mkdocs.yml"
FOLDER = "generated"
ASSETS = {"extra_css": "pages.css", "extra_javascript": "pages.js"}  # by their setting
_NOTE = "# Written by `ops docs` from mkdocs.yml and the pages in docs/generated. Change mkdocs.yml instead.\n"


# YAML in which tags such as `!ENV` are left out: only the nav, and the lists of style sheets and scripts, are needed.
_Loader: Any = type("_Loader", (yaml.SafeLoader,), {})
_Loader.add_multi_constructor("", lambda loader, suffix, node: None)


def pages(project: Project, home: Path) -> dict[str, str]:
    """{file: content} of everything in docs/generated; home: the team's own folder, docs."""
    found = model_card.report(project)
    written = {
        **{name: Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ASSETS.values()},
        "model-card.md": model_card.model_card(project, found, (home / "index.md").is_file()),
        "runbook.md": runbook.runbook(project),
        "pipelines/index.md": pipeline_page.index(project),
    }
    if found is not None:
        written[document.PAGE] = reports.page(found, datetime.now(UTC))
    for each in project.pipelines:
        written[f"pipelines/{each.name}/index.md"] = pipeline_page.pipeline_page(each, project)
        for step in each.plan.steps.values():
            written[f"pipelines/{each.name}/{step_parts.file(step.name)}"] = step_page.step_page(step, each, project)
    return written


def write(project: Project) -> tuple[Path, int]:
    """Write the pages and the settings; returns the folder and how many pages. UserError if mkdocs.yml is wrong.

    Everything is made before anything is written, and the pages of the last time are replaced as a whole.
    """
    given = _config(project.root)
    home = project.root / str(given.get("docs_dir") or "docs")
    found = pages(project, home)
    settings = _NOTE + yaml.safe_dump(_settings(given, project), sort_keys=False, allow_unicode=True)
    folder = home / FOLDER
    try:
        home.mkdir(parents=True, exist_ok=True)
        _replace(folder, found)
        write_atomically(project.root / BUILT_WITH, settings.encode())
    except OSError as error:
        raise UserError(Problem(f"cannot be written: {error.strerror}.", str(error.filename or folder))) from None
    return folder, sum(name.endswith(".md") for name in found)


def _config(root: Path) -> dict[str, Any]:
    try:
        found = yaml.load((root / CONFIG).read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        raise UserError(Problem("there is none: `site_name: docs` is enough.", CONFIG)) from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(Problem(f"cannot be read: {' '.join(str(error).split())}.", CONFIG)) from None
    if not isinstance(found, dict):
        raise UserError(Problem("it has no settings: `site_name: docs` is enough.", CONFIG))
    return found


def _settings(given: dict[str, Any], project: Project) -> dict[str, Any]:
    """The team's settings, with the generated pages at the end of its nav, unless it puts some of them there itself."""
    settings: dict[str, Any] = {"INHERIT": CONFIG}
    for key, name in ASSETS.items():
        settings[key] = [*_listed(given.get(key)), f"{FOLDER}/{name}"]
    nav = given.get("nav")
    if isinstance(nav, list) and not any(each.startswith(f"{FOLDER}/") for each in _files(nav)):
        settings["nav"] = [*nav, *_nav(project)]
    return settings


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _files(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, list | dict):
        for each in nav.values() if isinstance(nav, dict) else nav:
            yield from _files(each)


def _nav(project: Project) -> list[Any]:
    pipelines: list[Any] = [f"{FOLDER}/pipelines/index.md"]
    for each in project.pipelines:
        folder = f"{FOLDER}/pipelines/{each.name}"
        steps = [{step.name: f"{folder}/{step_parts.file(step.name)}"} for step in plan_view.in_order(each.plan)]
        pipelines.append({each.name: [{"Overview": f"{folder}/index.md"}, *steps]})
    first, *others = pipelines
    return [
        {"Pipelines": [{"Overview": first}, *others]},
        {"Model card": f"{FOLDER}/model-card.md"},
        {"Runbook": f"{FOLDER}/runbook.md"},
    ]


def _replace(folder: Path, found: dict[str, str]) -> None:
    """Put the files where the folder is, all or none."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{FOLDER}-") as scratch:
        made, old = Path(scratch, "new"), Path(scratch, "old")
        for name, content in found.items():
            file = made / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
        if folder.exists():
            folder.rename(old)
        made.rename(folder)
        if old.is_dir():
            shutil.rmtree(old, ignore_errors=True)
