"""The report on a run, compared with the notebook in develop/, and a run with it and without it."""

from __future__ import annotations

from benchmarks.measure import Contender, side_by_side
from benchmarks.processing import EXCLUDED, TARGET, extract_flights
from benchmarks.results import Result, Table
from benchmarks.workplace import Project, Workplace

NOTEBOOK = "develop/try_a_model.ipynb"
EXECUTE = f"""
import nbclient, nbformat
notebook = nbformat.read("{NOTEBOOK}", as_version=4)
nbclient.NotebookClient(notebook, kernel_name="python3", resources={{"metadata": {{"path": "develop"}}}}).execute()
"""
WITHOUT = """
import sys
from sagemaker_ops.commands import app, run
run._report = lambda *given: ()
sys.argv = ["ops", "run", "train", "--no-cache"]
app.main()
"""
PLAIN, EXECUTED = "without the report", f"`{NOTEBOOK}`, executed"


def measure(place: Workplace) -> Result:
    project = place.project(problem="regression")
    project.run(project.ops, "run", "train")
    contenders = [
        _contender(project, PLAIN, [project.python, "-c", WITHOUT]),
        _contender(project, "`ops run train --no-cache`", [project.ops, "run", "train", "--no-cache"]),
    ]
    rows = side_by_side(contenders, place.runs(9), warm_up=not place.quick)
    tables = [Table("A run of the pipeline `train` on the sample", rows, PLAIN)]
    report = _contender(project, "`ops report`", [project.ops, "report"])
    if place.quick:  # the notebook takes minutes
        side_by_side([report], 1, warm_up=False)
    else:
        tables.append(_large(project, report, place.runs(2)))
    return Result(
        "report",
        "The report on a run",
        "Each run writes a report as one HTML page. `ops report` writes that of an earlier run again.",
        tables,
    )


def _large(project: Project, report: Contender, runs: int) -> Table:
    extract_flights(project.path / "data")
    exclude = "[" + ", ".join(f'"{name}"' for name in EXCLUDED) + "]"
    project.set(source='"data/flights.csv"', target=f'"{TARGET}"', exclude=exclude)
    (project.path / "data" / "schema.toml").unlink()
    project.run(project.ops, "run", "train")
    notebook = _contender(project, EXECUTED, [project.python, "-c", EXECUTE])
    return Table("The report on a run with 336,776 rows", side_by_side([notebook, report], runs), EXECUTED)


def _contender(project: Project, name: str, command: list[str]) -> Contender:
    return Contender(name, [command], project.path, environment=project.variables)
