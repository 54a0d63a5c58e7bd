"""Writes a small working step or pipeline, with its test, into the team's folders. The texts are in new_files/."""

from __future__ import annotations

import ast
from pathlib import Path
from string import Template

from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project.layout import PIPELINES, STEPS

TESTS = Path("tests")
TEXTS = Path(__file__).with_name("new_files")
SPECIAL = ("predict", "tune")  # names of pipelines with a text of their own
_LINES = Template("""\
    $variable = jobs.processing_step(
        "$step",
        "$script",
        inputs={"data": jobs.output(processing, "train")},
        outputs=["output"],
    )
""")


def write_step(file: str, root: Path) -> list[Path]:
    """Write production/steps/<file>.py and its test; the paths, relative to `root`.

    UserError if one of the files exists or cannot be written; then neither is written.
    """
    return _write({STEPS / f"{file}.py": "step", TESTS / "steps" / f"test_{file}.py": "test_step"}, file, root)


def write_pipeline(name: str, root: Path) -> list[Path]:
    """As `write_step`, for production/pipelines/<name>.py. `tune` and `predict` are pipelines of their own kind."""
    test, text = TESTS / "pipelines" / f"test_{name}.py", name if name in SPECIAL else "pipeline"
    return _write({PIPELINES / f"{name}.py": text, test: f"test_{text}"}, name, root)


def lines_for_pipeline(file: str, step: str, root: Path) -> tuple[str, str]:
    """The variable and the lines that make the step `step` in the file of a pipeline.

    The variable has the name of the script, unless a pipeline of the project already uses this name.
    """
    used = any(file in _variables(path) for path in (root / PIPELINES).glob("*.py"))
    variable = f"{file}_step" if used else file
    return variable, _LINES.substitute(variable=variable, step=step, script=f"{file}.py")


def _variables(path: Path) -> set[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return set()
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _write(wanted: dict[Path, str], name: str, root: Path) -> list[Path]:
    """Write {path: its text in new_files}, a script and its test: both or neither."""
    package = next(iter(wanted)).with_suffix("")  # Python would import this folder instead of the script
    taken = [path for path in (*wanted, package) if (root / path).exists()]
    if taken:
        message = "already exists and is not overwritten: choose another name."
        raise UserError(*(Problem(message, str(path)) for path in taken))
    written: list[Path] = []
    for path, text in wanted.items():
        content = Template((TEXTS / f"{text}.py.txt").read_text(encoding="utf-8")).substitute(name=name)
        try:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            with (root / path).open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(content)
        except OSError as error:
            for each in written:
                (root / each).unlink(missing_ok=True)
            raise UserError(Problem(f"cannot be written: {error.strerror}.", str(path))) from None
    return written
