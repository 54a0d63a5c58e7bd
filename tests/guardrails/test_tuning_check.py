"""[tuning] in project.toml: what it can say, and the sentence for each mistake."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from projects import MINIMAL, TEMPLATE_PROJECT

from sagemaker_ops.errors import Problem
from sagemaker_ops.guardrails import project_check, table_check, tuning_check
from sagemaker_ops.project import settings, tuning

CLASSIFICATION = f"""{MINIMAL}[hyperparameters]
learning_rate = 0.05
max_iter = 150
bagging = true
"""
REGRESSION = CLASSIFICATION.replace("classification", "regression").replace('"auc"\nminimum', '"rmse"\nmaximum')
GRID = '[tuning]\nstrategy = "Grid"'
OWN = '\nMETRICS = {"cost": Metric(cost, lower_is_better=True)}\n'
PIPELINE = "def get_pipeline(target, session):\n    jobs.tuning_step()\n"
Problems = Callable[..., list[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the template's steps, and a pipeline that tunes."""
    (tmp_path / "guardrails.toml").touch()
    shutil.copytree(TEMPLATE_PROJECT / "production", tmp_path / "production")
    (tmp_path / "production" / "pipelines" / "tune.py").write_text(PIPELINE, encoding="utf-8")
    (tmp_path / "production" / "steps" / "own.py").write_text('parser.add_argument("--bagging")\n', encoding="utf-8")
    return tmp_path


@pytest.fixture
def problems(project: Path) -> Problems:
    """The problems of a project.toml that ends with this text."""

    def _problems(text: str, base: str = CLASSIFICATION) -> list[str]:
        (project / "project.toml").write_text(base + text, encoding="utf-8")
        return list(map(str, project_check.check_project(project)))

    return _problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[0.01, 0.3]", (0.01, 0.3)),
        ("[50, 300]", (50, 300)),
        ("[0, 0.5]", (0, 0.5)),
        ("{ low = 50, high = 300 }", (50, 300)),
        ('{ low = 0.01, high = 0.3, scale = "Logarithmic" }', (0.01, 0.3, "Logarithmic")),
        ('["none", "balanced"]', ["none", "balanced"]),
        ("[1, 2, 4]", [1, 2, 4]),
        ("[true, false]", [True, False]),
        ("{ values = [100, 400] }", [100, 400]),
    ],
)
def test_a_range_is_read_as_a_tuning_step_takes_it(text: str, expected: Any) -> None:
    found = tuning.range_of(tomllib.loads(f"x = {text}")["x"])

    assert (type(found), found) == (type(expected), expected)
    assert list(map(type, found)) == list(map(type, expected))


RANGES = "[tuning.ranges]\n"
FORMS = 'write [low, high], { low = …, high = …, scale = "Logarithmic" }, or a list of values.'
MISTAKES = [
    # How it is written.
    ("[tuning]\nmax_job = 3", "[tuning]: unknown key 'max_job'. Did you mean 'max_jobs'?"),
    ("[tuning]\nmax_jobs = 2.5", "[tuning].max_jobs: expected a whole number, found 2.5."),
    ('[tuning]\nstrategy = "Hyperband"', "[tuning].strategy: 'Hyperband' is not one of 'Bayesian', 'Random', 'Grid'."),
    ('[tuning]\nstrategy = "random"', "[tuning].strategy: 'random' is not one of 'Bayesian', 'Random', 'Grid'."),
    ("[tuning]\nranges = 3", "[tuning.ranges]: expected a table, with its keys below."),
    (f"{RANGES}max_iter = 3", f"[tuning.ranges].max_iter: {FORMS}"),
    (f'{RANGES}max_iter = "50-300"', f"[tuning.ranges].max_iter: {FORMS}"),
    (f"{RANGES}max_iter = [[1, 2]]", f"[tuning.ranges].max_iter: {FORMS}"),
    (f"{RANGES}max_iter = [nan, 3.0]", f"[tuning.ranges].max_iter: {FORMS}"),
    (f"{RANGES}max_iter = {{ low = 1 }}", f"[tuning.ranges].max_iter: `high` must be a number: {FORMS}"),
    (f"{RANGES}max_iter = {{ low = 1, high = true }}", f"[tuning.ranges].max_iter: `high` must be a number: {FORMS}"),
    (f"{RANGES}max_iter = {{ low = 1, hihg = 2 }}",
     "[tuning.ranges].max_iter: unknown key 'hihg'. Did you mean 'high'?"),
    (f"{RANGES}max_iter = {{ values = [1, 2], low = 1 }}",
     "[tuning.ranges].max_iter: unknown key 'low'. It has values."),
    (f'{RANGES}max_iter = {{ low = 1, high = 2, scale = "log" }}',
     "[tuning.ranges].max_iter: scale: 'log' is not one of Auto, Linear, Logarithmic, ReverseLogarithmic. "
     "Did you mean 'Logarithmic'?"),
    # What AWS refuses.
    (f"{RANGES}max_iter = [300, 50]",
     "[tuning.ranges].max_iter: 300 is not less than 50: write the lower number first."),
    (f"{RANGES}max_iter = [50, 50]",
     "[tuning.ranges].max_iter: 50 is not less than 50: write the lower number first."),
    (f'{RANGES}l2_regularization = {{ low = 0.0, high = 1.0, scale = "Logarithmic" }}',
     "[tuning.ranges].l2_regularization: the scale Logarithmic needs numbers above 0, but this range starts at 0.0."),
    (f'{RANGES}max_iter = {{ low = 0, high = 1, scale = "ReverseLogarithmic" }}',
     "[tuning.ranges].max_iter: the scale ReverseLogarithmic needs numbers with decimals, from 0 to below 1, "
     "and this range has 0 to 1."),
    (f'{RANGES}learning_rate = {{ low = 0.5, high = 1.0, scale = "ReverseLogarithmic" }}',
     "[tuning.ranges].learning_rate: the scale ReverseLogarithmic needs numbers with decimals, from 0 to below 1, "
     "and this range has 0.5 to 1.0."),
    (f"{RANGES}class_weight = []", "[tuning.ranges].class_weight: a list can have 1 to 30 values, but this one has 0."),
    (f"{RANGES}max_iter = {list(range(1, 32))}",
     "[tuning.ranges].max_iter: a list can have 1 to 30 values, but this one has 31."),
    (f"{GRID}\n{RANGES}max_iter = [50, 300]",
     "[tuning.ranges].max_iter: Grid tries each value of a list, and does not accept a range; "
     "write { values = […] }."),
    (f"{GRID}\nmax_parallel_jobs = 4\n{RANGES}max_iter = [1, 2, 3]",
     "[tuning].max_parallel_jobs: 4 is more than the 3 combinations of this grid: write 3 or less."),
    (f"{GRID}\n{RANGES}max_iter = {list(range(1, 31))}\nmax_leaf_nodes = {list(range(2, 32))}",
     "[tuning].ranges: AWS runs at most 750 jobs, and this grid has 900 combinations."),
    ("[tuning]\nmax_jobs = 751", "[tuning].max_jobs: 751 is not allowed: write 1 to 750."),
    ("[tuning]\nmax_jobs = 0", "[tuning].max_jobs: 0 is not allowed: write 1 to 750."),
    ("[tuning]\nmax_jobs = 200\nmax_parallel_jobs = 101",
     "[tuning].max_parallel_jobs: 101 is not allowed: write 1 to 100."),
    ("[tuning]\nmax_jobs = 3\nmax_parallel_jobs = 4",
     "[tuning].max_parallel_jobs: 4 is more than max_jobs, 3: write 3 or less."),
    # What the model takes.
    (f"{RANGES}lerning_rate = [0.1, 0.2]",
     "[tuning.ranges].lerning_rate: the model has no hyperparameter 'lerning_rate'. Did you mean 'learning_rate'?"),
    (f"{RANGES}learning_rate = [0.1, 2.0]",
     "[tuning.ranges].learning_rate: 2.0 is not allowed: write a number from 0.0001 to 1."),
    (f"{RANGES}max_iter = [0, 5]",
     "[tuning.ranges].max_iter: 0 is not allowed: write a whole number from 1 to 10000."),
    (f"{RANGES}max_iter = [50.0, 300.0]",
     "[tuning.ranges].max_iter: 'max_iter' takes whole numbers: write them without decimals, such as 300."),
    (f"{RANGES}max_iter = [50, 300.0]",
     "[tuning.ranges].max_iter: 'max_iter' takes whole numbers: write them without decimals, such as 300."),
    (f"{RANGES}l2_regularization = [0, 10]",
     "[tuning.ranges].l2_regularization: 'l2_regularization' is not a whole number: write [0.0, 10.0]."),
    (f"{RANGES}class_weight = [1, 2]",
     "[tuning.ranges].class_weight: 'class_weight' is not a number, so it has no range: list its values."),
    (f'{RANGES}class_weight = ["none", "heavy"]',
     "[tuning.ranges].class_weight: \"heavy\" is not allowed: write 'none' or 'balanced'."),
    (f'{RANGES}max_iter = [50, "many", 3]',
     '[tuning.ranges].max_iter: "many" is not allowed: write a whole number from 1 to 10000.'),
    (f"{RANGES}max_iter = [50, 100, 1.5]",
     "[tuning.ranges].max_iter: 1.5 is not allowed: write a whole number from 1 to 10000."),
    (f"{RANGES}bagging = [1, 2]",
     "[tuning.ranges].bagging: 'bagging' is not a number, so it has no range: list its values."),
    (f'{RANGES}bagging = [true, "no"]',
     '[tuning.ranges].bagging: "no" has another type than [hyperparameters].bagging, true.'),
    (f'{RANGES}class_weight = ["none"]',
     "[tuning.ranges].class_weight: this is one value, so nothing can be tuned: add another, or set class_weight in "
     "[hyperparameters]."),
    (f"{RANGES}max_iter = {{ values = [50] }}",
     "[tuning.ranges].max_iter: this is one value, so nothing can be tuned: add another, or set max_iter in "
     "[hyperparameters]."),
    (f'{RANGES}class_weight = ["none", "balanced", "none"]',
     '[tuning.ranges].class_weight: "none" is listed twice: remove one of them.'),
    # How the best is chosen.
    ('[tuning]\nmetric = "validation:aucc"',
     "[tuning].metric: 'aucc' is not a metric for classification, and no script in production/steps defines it. "
     "Did you mean 'auc'?"),
    ('[tuning]\nmetric = "validation:rmse"',
     "[tuning].metric: 'rmse' is for regression, but [data].problem is 'classification': write one of accuracy, "),
    ('[tuning]\nmetric = "f1"',
     "[tuning].metric: name the part on which it is measured, too: write 'validation:f1'."),
    ('[tuning]\nmetric = "train:f1"',
     "[tuning].metric: training.py chooses hyperparameters on the part validation, not on 'train': "
     "write 'validation:f1'."),
    ('[tuning]\nmetric = "test:f1"',
     "[tuning].metric: training.py chooses hyperparameters on the part validation, not on 'test': "
     "write 'validation:f1'."),
]  # fmt: skip
NEEDS_RANGES = "max_iter = [50, 300]"


@pytest.mark.parametrize(("text", "sentence"), MISTAKES)
def test_a_mistake_is_reported_in_one_sentence(problems: Problems, text: str, sentence: str) -> None:
    given = text if "ranges" in text else f"{text}\n{RANGES}{NEEDS_RANGES}"

    [problem] = problems(given)

    assert problem.startswith(f"project.toml {sentence}")


def test_a_regression_has_no_class_weights_to_tune(problems: Problems) -> None:
    [problem] = problems(f'{RANGES}class_weight = ["none", "balanced"]', REGRESSION)

    assert problem == "project.toml [tuning.ranges].class_weight: a regression has no classes to weight: remove it."


def test_more_than_30_hyperparameters_are_refused() -> None:
    given = {f"x{number}": (0.0, 1.0) for number in range(31)}

    assert [each[2] for each in tuning_check.conflicts(given, "Random", 9, 2)] == [
        "AWS tunes at most 30 hyperparameters, and these are 31."
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        RANGES,
        GRID,
        f"[tuning]\nmax_jobs = 750\nmax_parallel_jobs = 100\n{RANGES}{NEEDS_RANGES}",
        f"[tuning]\nmax_jobs = 1\nmax_parallel_jobs = 1\n{RANGES}{NEEDS_RANGES}",
        f"{GRID}\nmax_jobs = 1\n{RANGES}max_iter = {{ values = [50, 300] }}",
        f'{RANGES}class_weight = ["none", "balanced"]\nbagging = [true, false]',
        f'{RANGES}learning_rate = {{ low = 0.01, high = 0.3, scale = "ReverseLogarithmic" }}',
        f"{RANGES}l2_regularization = [0, 0.5, 10]",
        f"{RANGES}min_samples_leaf = [5, 100]",
        f'[tuning]\nmetric = "validation:f1"\n{RANGES}{NEEDS_RANGES}',
    ],
)
def test_what_can_be_tuned_passes(problems: Problems, text: str) -> None:
    assert problems(text) == []


@pytest.mark.parametrize(
    ("pipeline", "count"),
    [
        (PIPELINE, 1),
        (PIPELINE.replace("tuning_step()", "tuning_step(metric='validation:auc')"), 1),
        (PIPELINE.replace("tuning_step()", "tuning_step(ranges={'number_of_trees': (1, 9)})"), 0),
        (PIPELINE.replace("tuning_step()", "training_step()"), 0),
    ],
)
def test_ranges_must_fit_the_model_only_if_a_pipeline_uses_them(
    project: Path, problems: Problems, pipeline: str, count: int
) -> None:
    (project / "production" / "pipelines" / "tune.py").write_text(pipeline, encoding="utf-8")

    assert len(problems(f"{RANGES}number_of_trees = [10, 50]")) == count


@pytest.mark.parametrize(
    ("metric", "sentence"),
    [
        ("validation:cost", "only [gate] says whether more of your own metric 'cost' is better: use it there, too."),
        ("cost", "only [gate] says whether more of your own metric 'cost' is better: use it there, too."),
    ],
)
def test_only_the_gate_knows_what_is_good_of_a_metric_of_ones_own(
    project: Path, problems: Problems, metric: str, sentence: str
) -> None:
    with (project / "production" / "steps" / "metrics.py").open("a", encoding="utf-8") as file:
        file.write(OWN)
    with_gate = CLASSIFICATION.replace('"auc"\nminimum', '"cost"\nmaximum')

    assert problems('[tuning]\nmetric = "validation:cost"', with_gate) == []
    assert f"project.toml [tuning].metric: {sentence}" in problems(f'[tuning]\nmetric = "{metric}"')


@pytest.mark.parametrize(
    ("base", "metric", "maximized"),
    [
        (CLASSIFICATION, "validation:auc", True),
        (CLASSIFICATION, "validation:f1", True),
        (REGRESSION, "validation:rmse", False),
        (REGRESSION, "validation:r2", True),
        (CLASSIFICATION.replace('"auc"\nminimum', '"cost"\nmaximum'), "validation:cost", False),
        (CLASSIFICATION.replace('"auc"\nminimum', '"gain"\nminimum'), "validation:gain", True),
    ],
)
def test_what_is_better_follows_from_the_metric_or_the_gate(base: str, metric: str, maximized: bool) -> None:
    assert tuning_check.is_maximized(metric, settings.parse(tomllib.loads(base))) == maximized


@pytest.mark.parametrize(
    ("text", "metric"),
    [
        (CLASSIFICATION, "validation:auc"),
        (REGRESSION, "validation:rmse"),
        (f'{CLASSIFICATION}[tuning]\nmetric = "validation:f1"\n', "validation:f1"),
    ],
)
def test_the_best_is_chosen_by_the_gates_metric_unless_another_is_named(text: str, metric: str) -> None:
    assert tuning_check.metric_of(settings.parse(tomllib.loads(text))) == metric


def test_a_metric_for_two_classes_is_refused_for_three(project: Path, problems: Problems) -> None:
    (project / "data.csv").write_text("late,x\n" + "a,1\nb,2\nc,3\n" * 20, encoding="utf-8")
    problems('[tuning]\nmetric = "validation:f1"')

    found: list[Problem] = table_check.examine(project, needed=True)[1]

    [problem] = [each for each in found if each.where == "project.toml [tuning].metric"]
    assert problem.message == "'f1' is for two classes, but the target has 3 classes: write 'weighted_f1'."
