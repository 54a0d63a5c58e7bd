"""Settings that are valid separately but not together, or not for the table: what `ops check` and `make run` report."""

from __future__ import annotations

import gzip
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from projects import TEMPLATE_PROJECT

from sagemaker_ops.errors import Problem
from sagemaker_ops.guardrails import image_check, project_check, table_check, volume_check
from sagemaker_ops.pipelines import model_check
from sagemaker_ops.project.settings import load as load_settings

if TYPE_CHECKING:
    from projects import Bake

BASE: Mapping[str, Mapping[str, str]] = {
    "project": {"name": "'Churn'", "slug": "'churn'", "vertical": "'customer'", "region": "'eu-west-1'"},
    "data": {"source": "'data.csv'", "target": "'late'", "problem": "'classification'"},
    "gate": {"metric": "'auc'", "minimum": "0.6"},
    "hyperparameters": {"max_iter": "150"},
}
REGRESSION = {"data.problem": "'regression'", "data.target": "'delay'", "gate.metric": "'r2'", "gate.minimum": "0.1"}
TABLE = "day,carrier,delay,late,kind\n" + "".join(
    f"{day},{'AA' if day % 2 else 'UA'},{day * 1.5},{'yes' if day % 3 else 'no'},{'abc'[day % 3]}\n"
    for day in range(90)
)
NAMES = "name,late,same,empty,flag,moment\n" + "".join(
    f"n{row},{row % 2},x,,{'true' if row % 3 else 'false'},2025-{1 + row % 12:02}-{1 + row % 28:02} 12:00\n"
    for row in range(90)
)
DEV = {"environments.dev.account": "'123456789012'", "environments.dev.bucket": "'models-dev'"}
KEY = {"environments.dev.kms_key": "'alias/customer'"}
Changes = Mapping[str, str]
Problems = Callable[[Changes], list[Problem]]


def toml(changes: Changes) -> str:
    """project.toml with each `table.key` set to a TOML value, or left out if that is empty."""
    tables = {table: dict(keys) for table, keys in BASE.items()}
    for place, value in changes.items():
        table, _, key = place.rpartition(".")
        tables.setdefault(table, {})[key] = value
    lines = [
        line
        for table, keys in tables.items()
        for line in (f"[{table}]", *(f"{key} = {value}" for key, value in keys.items() if value))
    ]
    return "\n".join(lines) + "\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the steps of the template and a table."""
    (tmp_path / "guardrails.toml").touch()
    (tmp_path / "data.csv").write_text(TABLE, encoding="utf-8")
    (tmp_path / "names.csv").write_text(NAMES, encoding="utf-8")
    for folder in ("steps", "pipelines"):
        shutil.copytree(TEMPLATE_PROJECT / "production" / folder, tmp_path / "production" / folder)
    return tmp_path


@pytest.fixture
def problems(project: Path) -> Problems:
    """The problems of the project with these changes of its settings."""

    def _problems(changes: Changes) -> list[Problem]:
        (project / "project.toml").write_text(toml(changes), encoding="utf-8")
        return table_check.examine(project, needed=True)[1]

    return _problems


def edit(script: Path, old: str, new: str) -> None:
    text = script.read_text(encoding="utf-8")
    assert old in text
    script.write_text(text.replace(old, new), encoding="utf-8")


CONTRADICTIONS = [
    # The metric of the gate, the problem and the limit.
    ({"gate.metric": "'rmse'"}, "gate.metric", "'rmse' is for regression, but [data].problem is 'classification'"),
    ({"gate.metric": "'r2'"}, "gate.metric", "write one of accuracy, precision, recall, f1, auc, weighted_precision"),
    ({**REGRESSION, "gate.metric": "'auc'"}, "gate.metric", "write one of mae, mse, rmse, r2."),
    ({**REGRESSION, "gate.metric": "'f1'"}, "gate.metric", "'f1' is for classification"),
    ({"gate.metric": "'acuracy'"}, "gate.metric", "Did you mean 'accuracy'?"),
    ({"gate.metric": "'AUC'"}, "gate.metric", "Did you mean 'auc'?"),
    ({"gate.metric": "'quality'"}, "gate.metric", "no script in production/steps defines it. Write one of accuracy"),
    *(
        ({"gate.metric": f"'{metric}'", "gate.minimum": "65"}, "gate.minimum", "the highest possible " + metric)
        for metric in ("accuracy", "precision", "recall", "f1", "auc")
    ),
    ({"gate.minimum": "65"}, "gate.minimum", "65 is above 1, the highest possible auc: write 0.65."),
    ({"gate.minimum": "101"}, "gate.minimum", "write a value from 0 to 1."),
    ({"gate.minimum": "-0.1"}, "gate.minimum", "-0.1 is below 0, the lowest possible auc: write a value from 0 to 1."),
    (
        {**REGRESSION, "gate.minimum": "1.5"},
        "gate.minimum",
        "1.5 is above 1, the highest possible r2: write a value of 1",
    ),
    (
        {"gate.minimum": "", "gate.maximum": "0.7"},
        "gate.maximum",
        "a higher auc is better, so this would let only bad models pass: write `minimum = 0.7`.",
    ),
    ({**REGRESSION, "gate.minimum": "", "gate.maximum": "0.5"}, "gate.maximum", "write `minimum = 0.5`"),
    *(
        ({**REGRESSION, "gate.metric": f"'{metric}'", "gate.minimum": "25"}, "gate.minimum", "write `maximum = 25`")
        for metric in ("mae", "mse", "rmse")
    ),
    (
        {**REGRESSION, "gate.metric": "'mae'", "gate.minimum": "", "gate.maximum": "-1"},
        "gate.maximum",
        "-1 is below 0, the lowest possible mae: write a value of 0 or more.",
    ),
    # The metric and the classes of the target.
    ({"data.target": "'kind'", "gate.metric": "'f1'"}, "gate.metric", "the target has 3 classes: write 'weighted_f1'."),
    ({"data.target": "'kind'", "gate.metric": "'recall'"}, "gate.metric", "write 'weighted_recall'."),
    ({"data.target": "'kind'", "gate.metric": "'precision'"}, "gate.metric", "write 'weighted_precision'."),
    (
        {"gate.metric": "'weighted_f1'"},
        "gate.metric",
        "'weighted_f1' is for three or more classes, but the target has 2",
    ),
    # The problem and the values of the target.
    ({**REGRESSION, "data.target": "'late'"}, "data.problem", "'late' contains 'no', not only numbers"),
    # Hyperparameters.
    ({"hyperparameters.max_itr": "5"}, "hyperparameters.max_itr", "Did you mean 'max_iter'?"),
    ({"hyperparameters.depth": "5"}, "hyperparameters.depth", "It has learning_rate, max_iter, max_leaf_nodes"),
    ({"hyperparameters.max_iter": "-5"}, "hyperparameters.max_iter", "-5 is not allowed: write a whole number from 1"),
    ({"hyperparameters.max_iter": "0"}, "hyperparameters.max_iter", "0 is not allowed"),
    ({"hyperparameters.max_iter": "1.5"}, "hyperparameters.max_iter", "write a whole number"),
    ({"hyperparameters.max_iter": "true"}, "hyperparameters.max_iter", "true is not allowed"),
    ({"hyperparameters.max_iter": "'many'"}, "hyperparameters.max_iter", '"many" is not allowed'),
    ({"hyperparameters.learning_rate": "2.0"}, "hyperparameters.learning_rate", "a number from 0.0001 to 1"),
    ({"hyperparameters.class_weight": "'even'"}, "hyperparameters.class_weight", "write 'none' or 'balanced'"),
    (
        {**REGRESSION, "hyperparameters.class_weight": "'balanced'"},
        "hyperparameters.class_weight",
        'a regression has no classes to weight: remove it, or write "none".',
    ),
    (
        {"parameters.quality_gate": "1"},
        "parameters.quality_gate",
        "becomes the parameter QualityGate, which the pipeline already has; rename it.",
    ),
    # Columns with two roles, and parts without rows.
    ({"data.split": "'group'", "data.split_column": "'late'"}, "data.split_column", "'late' is the target"),
    ({"data.split": "'time'", "data.split_column": "'late'"}, "data.split_column", "'late' is the target"),
    ({"data.target": "''"}, "data.target", "write the name of the column to predict"),
    ({"data.exclude": "['day', 'carrier', 'delay', 'kind']"}, "data.exclude", "no column is left for the model"),
    (
        {"data.exclude": "['day', 'delay', 'kind']", "data.id": "'carrier'"},
        "data.exclude",
        "no column is left for the model",
    ),
    ({"data.test_share": "0.01"}, "data.test_share", "0.01 of the 90 rows is less than one row: write 0.05 or more."),
    ({"data.validation_share": "0.001"}, "data.validation_share", "less than one row"),
    # Columns that the table lacks.
    ({"data.target": "'lat'"}, "data.target", "'data.csv' has no column 'lat'. Did you mean 'late'?"),
    ({"data.exclude": "['dai']"}, "data.exclude", "Did you mean 'day'?"),
    ({"data.weight": "'w'"}, "data.weight", "has no column 'w'"),
    ({"data.source": "'dat.csv'"}, "data.source", "there is no file or folder 'dat.csv'"),
    # Groups whose metrics are compared.
    ({"evaluation.groups": "['cariier']"}, "evaluation.groups", "has no column 'cariier'. Did you mean 'carrier'?"),
    ({"evaluation.groups": "['late']"}, "evaluation.groups", "'late' is the target"),
    ({"evaluation.groups": "['kind', 'kind']"}, "evaluation.groups", "'kind' is listed 2 times"),
    (
        {"evaluation.groups": "['name']", "data.source": "'names.csv'"},
        "evaluation.groups",
        "'name' has more than 60 different texts, too many to compare: merge them in production/steps/processing.py, "
        "or write another column.",
    ),
    (
        {"evaluation.groups": "['name']", "data.source": "'names.csv'", "data.exclude": "['name']"},
        "evaluation.groups",
        "'name' has more than 60 different texts",
    ),
    *(
        (
            {"evaluation.groups": f"['{name}']", "data.source": "'names.csv'"},
            "evaluation.groups",
            f"'{name}' has the same value in every row: write a column with several, or remove it.",
        )
        for name in ("same", "empty")
    ),
    *(
        (
            {"evaluation.groups": "['kind']", "evaluation.max_group_difference": given},
            "evaluation.max_group_difference",
            f"{given} is above 1, the largest possible difference of auc: write {remedy}.",
        )
        for given, remedy in (("5", "0.05"), ("1.5", "0.015"), ("500", "a number above 0 and up to 1"))
    ),
    ({"evaluation.max_group_difference": "0.05"}, "evaluation.max_group_difference", "needs `groups`"),
    # Disks and keys.
    *(
        (
            {**DEV, **KEY, f"instances.{use}": "'ml.g5.xlarge'", "images.default": "'a.b/own:1'"},
            f"instances.{use}",
            "'ml.g5.xlarge' has local storage, which AWS encrypts itself: with this type it refuses "
            "[environments.dev].kms_key; use 'ml.m5.xlarge' (4 vCPU, 16 GiB), or remove the key.",
        )
        for use in ("processing", "training", "transform")
    ),
    *(
        ({**KEY, "instances.training": f"'{name}'", "images.default": "'a.b/own:1'"}, "instances.training", "refuses")
        for name in ("ml.m5d.large", "ml.c5d.xlarge", "ml.r5d.large", "ml.g4dn.xlarge", "ml.p4d.24xlarge")
        if "training" in volume_check.instance_types.types()[name]["uses"]
    ),
    ({**KEY, "instances.evaluation": "'ml.g5.xlarge'"}, "instances.evaluation", "refuses [environments.dev].kms_key"),
    (
        {**KEY, "environments.qa.kms_key": "'alias/qa'", "instances.evaluation": "'ml.g5.xlarge'"},
        "instances.evaluation",
        "refuses [environments.dev].kms_key and [environments.qa].kms_key; use 'ml.m5.xlarge' (4 vCPU, 16 GiB), or "
        "remove the keys.",
    ),
    (
        {"pipeline.volume_size_gb": "300", "instances.processing": "'ml.g5.xlarge'", "images.default": "'a.b/own:1'"},
        "pipeline.volume_size_gb",
        "300 GB is more than the local storage of 'ml.g5.xlarge' of [instances].processing, 250 GB: write 250 or less",
    ),
    # Images.
    ({"images.default": "'1.9'"}, "images.default", "write one such as '1.9-0'"),
    ({"images.training": "'1.4'"}, "images.training", "write one such as '1.4-2'"),
    ({"images.default": "'1.4-2'"}, "images.default", "'1.4-2' is not a version"),
    ({"images.inference": "'my-image:1'"}, "images.inference", "or the whole URI of another image, such as"),
    ({"images.training": "'1.4-2-py312'"}, "images.training", "than that of 'evaluation', and a model can be"),
    ({"images.inference": "'1.4-2-py312'"}, "images.inference", "than that of 'training', and a model can be"),
    ({"images.evaluation": "'1.4-2-py312'"}, "images.evaluation", "that trained it: write '1.9-0'."),
    (
        {"images.inference": "'123456789012.dkr.ecr.us-east-1.amazonaws.com/own:1'"},
        "images.inference",
        "write '123456789012.dkr.ecr.eu-west-1.amazonaws.com/own:1'",
    ),
]


def name_of(case: object) -> str:
    return re.sub(r"\W+", " ", str(case))[:60] if isinstance(case, dict) else ""


@pytest.mark.parametrize(("changes", "place", "sentence"), CONTRADICTIONS, ids=name_of)
def test_settings_that_contradict_each_other_are_reported(
    problems: Problems, changes: Changes, place: str, sentence: str
) -> None:
    table, _, key = place.rpartition(".")

    found = [each for each in problems(changes) if each.level == "error"]

    assert {problem.where for problem in found} == {f"project.toml [{table}].{key}"}
    assert any(sentence in problem.message for problem in found), found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        REGRESSION,
        {"gate.minimum": "0"},
        {"gate.minimum": "1"},
        {"gate.metric": "'weighted_f1'", "data.target": "'kind'"},
        {"gate.metric": "'auc'", "data.target": "'kind'"},
        {**REGRESSION, "gate.minimum": "-3"},
        {**REGRESSION, "gate.metric": "'rmse'", "gate.minimum": "", "gate.maximum": "0"},
        {**REGRESSION, "gate.metric": "'mae'", "gate.minimum": "", "gate.maximum": "1000"},
        {**REGRESSION, "gate.metric": "'mae'", "gate.minimum": "0"},  # open for every model
        {"gate.minimum": "", "gate.maximum": "1"},
        {**REGRESSION, "hyperparameters.class_weight": "'none'"},
        {"hyperparameters.class_weight": "'balanced'"},
        {"hyperparameters.max_iter": "1"},
        {"parameters.gate": "1"},
        {"hyperparameters.max_iter": "100.0"},
        {"hyperparameters.learning_rate": "1"},
        {"data.split": "'group'", "data.split_column": "'carrier'"},
        {"data.exclude": "['day', 'delay', 'kind']"},
        {"data.test_share": "0.02"},
        {"evaluation.groups": "['kind', 'carrier', 'day', 'delay']", "evaluation.max_group_difference": "0.05"},
        {"evaluation.groups": "['carrier']", "data.exclude": "['carrier']"},
        {"evaluation.groups": "['carrier']", "data.split": "'group'", "data.split_column": "'carrier'"},
        {"evaluation.groups": "['flag', 'moment']", "data.source": "'names.csv'"},
        {"evaluation.groups": "['kind']", "evaluation.max_group_difference": "1"},
        {**REGRESSION, "evaluation.groups": "['kind']", "evaluation.max_group_difference": "25"},
        {**DEV, **KEY},
        {**KEY, "instances.endpoint": "'ml.c6gd.large'", "images.inference": "'a.b/arm:1'"},
        {**KEY, "instances.studio": "'ml.m5d.large'"},
        {"instances.processing": "'ml.g5.xlarge'", "images.default": "'a.b/own:1'", "pipeline.volume_size_gb": "250"},
        {"images.processing": "'1.2-1'"},
        {"images.default": "'1.4-2-py312'"},
        {"images.default": "'123456789012.dkr.ecr.eu-west-1.amazonaws.com/own:1'"},
        {"images.processing": "'123456789012.dkr.ecr.us-east-1.amazonaws.com/own:1'"},
    ],
    ids=name_of,
)
def test_settings_that_go_together_have_no_problems(problems: Problems, changes: Changes) -> None:
    assert problems(changes) == []


def test_every_contradiction_is_reported_in_one_pass(problems: Problems) -> None:
    changes = {
        **KEY,
        "instances.training": "'ml.g5.xlarge'",
        "images.default": "'1.9'",
        "gate.metric": "'rmse'",
        "hyperparameters.max_itr": "1",
        "data.exclude": "['dai']",
        "pipeline.colour": "1",
    }

    found = problems(changes)

    assert [problem.where for problem in found if problem.level == "error"] == [
        "project.toml [pipeline]",
        "project.toml [instances].training",
        "project.toml [gate].metric",
        "project.toml [hyperparameters].max_itr",
        "project.toml [images].default",
        "project.toml [data].exclude",
    ]


@pytest.mark.parametrize(
    ("changes", "place", "sentence"),
    [
        ({"data.split_column": "'day'"}, "data.split_column", "split = 'random' does not use it"),
        (
            {**DEV, "environments.prod.account": "'111122223333'", "environments.prod.bucket": "'models-dev'"},
            "environments.prod.bucket",
            "is also the bucket of 'dev', which has another account: write a bucket of account 111122223333.",
        ),
        (
            {
                **DEV,
                "environments.prod.account": "'111122223333'",
                "environments.prod.bucket": "'sagemaker-eu-west-1-123456789012'",
            },
            "environments.prod.bucket",
            "contains the account of 'dev': write a bucket of account 111122223333.",
        ),
        ({"images.default": "'2.0-1'"}, "images.default", "if it is newer, ignore this warning"),
        ({"project.region": "'mx-central-1'"}, "images.default", "image '1.9-0' in mx-central-1"),
    ],
)
def test_settings_that_are_probably_wrong_are_warnings(
    problems: Problems, changes: Changes, place: str, sentence: str
) -> None:
    table, _, key = place.rpartition(".")

    [problem] = problems(changes)

    assert (problem.level, problem.where) == ("warning", f"project.toml [{table}].{key}")
    assert sentence in problem.message


def test_packages_that_a_job_without_a_network_would_download_are_a_warning(problems: Problems, project: Path) -> None:
    isolated = {**DEV, "environments.dev.network_isolation": "true"}
    assert problems(isolated) == []

    (project / "production" / "steps" / "requirements.txt").write_text("lightgbm\n", encoding="utf-8")

    [problem] = problems(isolated)
    assert (problem.level, problem.where) == ("warning", "project.toml [environments.dev].network_isolation")
    assert problem.message.startswith("AWS's image installs production/steps/requirements.txt, which needs a network")
    assert problems(DEV) == []


def test_two_environments_may_share_an_account_and_a_bucket(problems: Problems) -> None:
    prod = {key.replace(".dev.", ".prod."): value for key, value in DEV.items()}

    assert problems({**DEV, **prod}) == []


OWN_METRIC = "from sagemaker_ops import evaluate\nMETRICS = {'cost': Metric(cost)}\nevaluate(model, METRICS)\n"
FOREST = """
from sagemaker_ops import Number, read_hyperparameters
HYPERPARAMETERS = {"n_estimators": Number(10, 1, 50, "trees"), "depth": Number(LEAST, LEAST, 9, "depth")}
read_hyperparameters({}, HYPERPARAMETERS)
"""


@pytest.mark.parametrize(
    ("script", "text", "changes", "sentences"),
    [
        pytest.param("evaluation.py", OWN_METRIC, {"gate.metric": "'cost'", "gate.minimum": "9"}, [], id="own metric"),
        pytest.param(
            "evaluation.py",
            OWN_METRIC,
            {"gate.metric": "'cots'"},
            ["no script in production/steps defines it"],
            id="typo",
        ),
        pytest.param(
            "evaluation.py", OWN_METRIC.replace("cost'", "auc'"), {"gate.minimum": "9"}, [], id="another meaning of auc"
        ),
        pytest.param("evaluation.py", "print('measured')", {"gate.metric": "'ndcg'"}, [], id="own evaluation"),
        pytest.param(
            "processing.py",
            "table = read_source(folder)\ntable['kind'] = table['kind'] == 'a'",
            {"gate.metric": "'f1'", "data.target": "'kind'"},
            [],
            id="the step changes the target",
        ),
        pytest.param(
            "processing.py",
            "table = pd.read_excel(folder)",
            {"gate.metric": "'f1'", "data.target": "'kind'", "data.exclude": "['other']"},
            [],
            id="the step reads the table itself",
        ),
        pytest.param(
            "model.py",
            FOREST,
            {"hyperparameters.max_iter": "", "hyperparameters.n_estimators": "5"},
            [],
            id="another estimator",
        ),
        pytest.param("model.py", FOREST, {}, ["It has n_estimators, depth."], id="left from another estimator"),
        pytest.param(
            "model.py",
            FOREST,
            {"hyperparameters.max_iter": "", "hyperparameters.n_estimators": "51"},
            ["51 is not allowed: write a whole number from 1 to 50."],
            id="range of another estimator",
        ),
        pytest.param(
            "model.py",
            FOREST,
            {"hyperparameters.max_iter": "", "hyperparameters.depth": "-1"},
            [],
            id="a range that is not literal",
        ),
        pytest.param(
            "model.py", "HYPERPARAMETERS = dict(MORE)", {"hyperparameters.any": "1"}, [], id="a computed table"
        ),
        pytest.param("training.py", "train(**options)", {"hyperparameters.any": "1"}, [], id="own reading of them"),
        pytest.param(
            "own.py",
            "parser.add_argument('--warm-start')",
            {"hyperparameters.warm_start": "1"},
            [],
            id="a hyperparameter of another script",
        ),
        pytest.param("model.py", "HYPERPARAMETERS = {", {"hyperparameters.any": "1"}, [], id="not valid Python"),
    ],
)
def test_the_rules_follow_the_scripts_of_the_project(
    problems: Problems, project: Path, script: str, text: str, changes: Changes, sentences: list[str]
) -> None:
    (project / "production" / "steps" / script).write_text(text, encoding="utf-8")

    found = problems(changes)

    assert [each for problem, each in zip(found, sentences, strict=True) if each not in problem.message] == []


# A table that cannot be read without running it, with ranges that are too wide.
MODEL = """
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sagemaker_ops import Choice, Number, StepError
HYPERPARAMETERS = dict(
    n_estimators=Number(10, -1000, 1000, "trees"), max_features=Choice("sqrt", ("sqrt", "all"), "columns per split")
)
def make_model(schema, hyperparameters):
    print("not an answer")
    return make_pipeline(RandomForestClassifier(**hyperparameters))
"""
BOOSTING = ("Number(150, 1, 10_000", "Number(150, -10_000, 10_000")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "changes", "sentences"),
    [
        pytest.param(None, {}, {}, id="the template's model"),
        pytest.param(BOOSTING, {"max_iter": "-5"}, {"max_iter": "an int in the range [1, inf). Got -5"}, id="range"),
        pytest.param(
            MODEL,
            {"max_iter": "", "n_estimators": "-5", "max_features": "'all'"},
            {"n_estimators": "of RandomForestClassifier must be an int", "max_features": "Got 'all' instead."},
            id="two of another estimator",
        ),
        pytest.param(MODEL, {"max_iter": "", "n_estimators": "5"}, {}, id="another estimator"),
        pytest.param(
            MODEL, {"max_iter": "", "n_estimator": "5"}, {"n_estimator": "mean 'n_estimators'?"}, id="unknown"
        ),
        pytest.param(
            MODEL.replace("**hyperparameters", "**hyperparameters, max_itr=1"),
            {"max_iter": "", "n_estimators": "5"},
            {},
            id="a mistake in the script",
        ),
        pytest.param("import xgboots", {}, {}, id="a package that is not installed"),
        pytest.param("def make_model(", {}, {}, id="not valid Python"),
    ],
)
def test_the_model_itself_refuses_hyperparameters(
    project: Path, model: str | tuple[str, str] | None, changes: Changes, sentences: Mapping[str, str]
) -> None:
    script = project / "production" / "steps" / "model.py"
    if isinstance(model, str):
        script.write_text(model, encoding="utf-8")
    elif model:
        edit(script, *model)
    given = {f"hyperparameters.{key}": value for key, value in changes.items()}
    (project / "project.toml").write_text(toml(given), encoding="utf-8")
    settings = load_settings(project)

    found = {problem.where.rpartition(".")[2]: problem.message for problem in model_check.check(settings, project)}
    again = {problem.where.rpartition(".")[2]: problem.message for problem in model_check.check(settings, project)}

    assert found.keys() == sentences.keys()
    assert [name for name, sentence in sentences.items() if sentence not in found[name]] == []
    assert again == found, "from .local"


@pytest.mark.parametrize("name", ["data.csv", "data.csv.gz"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_header_and_the_target_of_every_kind_of_csv_are_read(
    problems: Problems, project: Path, name: str, separator: str
) -> None:
    content = ("\ufeff" + TABLE.replace(",", separator)).encode()
    (project / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)

    source = {"data.source": f"'{name}'"}
    wrong = problems({**source, "data.target": "'lat'"})
    classes = problems({**source, "data.target": "'kind'", "gate.metric": "'f1'"})

    assert [problem.message[-20:] for problem in wrong] == ["Did you mean 'late'?"]
    assert [problem.where for problem in classes] == ["project.toml [gate].metric"]


@pytest.mark.parametrize(
    ("values", "metric", "sentence"),
    [
        (["yes", "no", ""], "weighted_f1", "2 classes"),
        (["yes", "no", "NA"], "f1", ""),
        (["1", "0", "1.0"], "f1", ""),
        (["true", "false", "True"], "f1", ""),
        (["1", "2", "3"], "f1", "3 classes"),
        (["1.5", "2", "3"], "accuracy", ""),
        (
            [str(number) for number in range(101)],
            "accuracy",
            'more than 100 different values, too many for classes: write "',
        ),
        ([str(number) for number in range(100)], "accuracy", ""),
        (["a", "b", "c"] * 4000, "f1", "at least 3 classes"),
        (["a", "b"] * 6000 + ["c"], "weighted_f1", ""),
    ],
)
def test_the_classes_of_the_target_are_counted(
    problems: Problems, project: Path, values: list[str], metric: str, sentence: str
) -> None:
    rows = (values * 50)[: max(150, len(values))]
    text = "n,late\n" + "".join(f"{number},{value}\n" for number, value in enumerate(rows))
    (project / "data.csv").write_text(text, encoding="utf-8")

    found = problems({"gate.metric": f"'{metric}'"})

    assert [sentence in problem.message for problem in found] == [True] * bool(sentence)


def test_a_table_that_is_not_here_matters_only_before_a_run(project: Path) -> None:
    (project / "project.toml").write_text(toml({"data.source": "'elsewhere.csv'"}), encoding="utf-8")

    assert table_check.examine(project)[1:] == ([], 0)
    for found, code in (table_check.examine(project, needed=True)[1:], table_check.examine(project, local=True)[1:]):
        assert ([problem.where for problem in found], code) == (["project.toml [data].source"], 2)


OWN = "'123456789012.dkr.ecr.mx-central-1.amazonaws.com/own:1'"


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        pytest.param({}, "warning", id="no environment is set up"),
        pytest.param({"environments.dev.account": "''"}, "warning", id="an empty environment"),
        pytest.param(DEV, "error", id="an environment is set up"),
        pytest.param({**DEV, "images.inference": OWN}, "error", id="an own image for one step"),
        pytest.param({**DEV, "images.default": OWN}, "", id="an own image"),
        pytest.param(
            {**DEV, **{f"images.{key}": OWN for key in image_check.USUAL}}, "", id="an own image for every step"
        ),
    ],
)
def test_a_region_without_the_image_needs_another_one_but_not_for_a_local_run(
    project: Path, changes: Changes, level: str
) -> None:
    text = toml({"project.region": "'mx-central-1'", **changes})
    (project / "project.toml").write_text(text, encoding="utf-8")

    _, found, code = project_check.examine(project)

    assert [(problem.level, problem.where) for problem in found] == [(level, "project.toml [images].default")] * bool(
        level
    )
    assert all("123456789012.dkr.ecr.mx-central-1.amazonaws.com/scikit-learn:1.9-0" in each.message for each in found)
    assert code == (3 if level == "error" else 0)
    assert project_check.load(project, local=True)[1] == []


SPARK = {"data.engine": "'spark'"}


@pytest.mark.parametrize(
    ("changes", "is_missing"),
    [
        pytest.param({**SPARK, **DEV}, True, id="an environment is set up"),
        pytest.param(SPARK, False, id="no environment is set up"),
        pytest.param(DEV, False, id="pandas"),
        pytest.param({**SPARK, **DEV, "spark.image": OWN}, False, id="an own image"),
        pytest.param({**SPARK, **DEV, "spark.runs_on": "'emr-serverless'"}, False, id="elsewhere"),
    ],
)
def test_spark_on_sagemaker_needs_an_image_but_not_for_a_local_run(
    project: Path, changes: Changes, is_missing: bool
) -> None:
    (project / "project.toml").write_text(toml(changes), encoding="utf-8")

    _, found, _ = project_check.examine(project)

    assert [problem.where for problem in found] == ["project.toml [spark].image"] * is_missing
    assert project_check.load(project, local=True)[1] == []


@pytest.mark.parametrize("region", ["ap-east-2", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "mx-central-1"])
def test_these_regions_have_no_image(region: str) -> None:
    assert not image_check.has_image(region)


def test_a_table_of_parquet_is_checked_later_without_pyarrow(
    problems: Problems, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    (project / "data.parquet").write_bytes(b"PAR1")

    assert problems({"data.source": "'data.parquet'"}) == []


@pytest.mark.parametrize(
    ("name", "disks"),
    [
        *(
            (name, True)
            for name in ("ml.m5d.large", "ml.g5.xlarge", "ml.p4d.24xlarge", "ml.g4dn.xlarge", "ml.trn1.2xlarge")
        ),
        *((name, False) for name in ("ml.m5.large", "ml.c5n.xlarge", "ml.t3.medium", "ml.r5.large", "ml.p3.2xlarge")),
        # Not in the list, so that AWS's naming decides.
        *(
            (name, True)
            for name in ("ml.m9gd.large", "ml.i7ie.large", "ml.g9.xlarge", "ml.p7.48xlarge", "ml.c9id.large")
        ),
        *((name, False) for name in ("ml.m9i.large", "ml.c9g.large", "ml.r9i-flex.large", "ml.inf3.xlarge")),
    ],
)
def test_a_type_has_local_storage(name: str, disks: bool) -> None:
    assert volume_check.has_local_storage(name) is disks


def test_the_naming_of_types_agrees_with_the_list() -> None:
    known = {name: size for name, size in volume_check.instance_types.types().items() if "vcpu" in size}

    by_name = {name for name in known if re.fullmatch(rf"ml\.(?:{volume_check.HAS_DISKS.pattern})\.\w+", name)}

    assert by_name == {name for name, size in known.items() if "storage" in size}


RUN = (
    ({"project": {"vertical": '"Retail"'}}, "error: project.toml [project].vertical"),
    (
        {"data": {"target": '"lat"'}},
        "error: project.toml [data].target: 'data/sample/flights_classification.csv' has no",
    ),
    ({"data": {"source": '"data/flights.csv"'}}, "error: project.toml [data].source: there is no file or folder"),
    ({"hyperparameters": {"max_iter": "-5"}}, "error: project.toml [hyperparameters].max_iter: -5 is not allowed"),
)


@pytest.mark.slow
def test_make_run_reports_a_mistake_before_it_installs_anything(bake: Bake) -> None:
    project = bake()
    original = (project.path / "project.toml").read_text(encoding="utf-8")

    for changes, start in RUN:
        (project.path / "project.toml").write_text(original, encoding="utf-8")
        for table, values in changes.items():
            project.edit(table, **values)
        done = project.make("run")
        assert done.code == 2, done
        assert done.err.startswith(start), done
        assert done.out == ""
        assert not (project.path / ".venv").exists()
