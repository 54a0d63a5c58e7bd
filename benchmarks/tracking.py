"""A run that MLflow tracks in .local, compared with one that is not tracked."""

from __future__ import annotations

from benchmarks.measure import Contender, side_by_side
from benchmarks.results import Result, Table
from benchmarks.workplace import Workplace

PLAIN, TRACKED = "not tracked", '`[tracking] uri = "local"`'


def measure(place: Workplace) -> Result:
    plain, tracked = place.project("plain"), place.project("tracked")
    tracked.set(uri='"local"')
    place.use(plain.versions("mlflow"))
    contenders = []
    for project, name in ((plain, PLAIN), (tracked, TRACKED)):
        run = [project.ops, "run", "train", "--no-cache"]
        if not place.quick:
            project.run(*run)  # compiles the pipeline, and makes MLflow's tables
        contenders.append(Contender(name, [run], project.path, environment=project.variables))
    rows = side_by_side(contenders, place.runs(8), warm_up=not place.quick)
    return Result(
        "tracking",
        "Tracking with MLflow",
        "The pipeline `train` on the sample. MLflow keeps the run in a SQLite file, which is already there.",
        [Table("A run of the pipeline `train` on the sample", rows, PLAIN)],
    )
