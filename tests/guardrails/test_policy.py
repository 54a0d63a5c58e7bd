"""The organisation's policy: what it allows, where it comes from, and the messages for a file with errors."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
from projects import TEMPLATE_PROJECT

from sagemaker_ops.errors import UserError
from sagemaker_ops.guardrails import policy, project_check, resources
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.project.settings import Data, Gate, Pipeline, Project, Settings

SETTINGS = Settings(
    Project("Churn", "churn", "customer", owner="team@example.com", region="eu-west-1"),
    Data("data.csv", "late", "classification"),
    Gate("auc", minimum=0.6),
)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that OPS_GUARDRAILS names; a test writes it."""
    path = tmp_path / "policy"
    monkeypatch.setenv("OPS_GUARDRAILS", str(path))
    return path


def messages() -> list[str]:
    with pytest.raises(UserError) as caught:
        policy.load(TEMPLATE_PROJECT)
    assert caught.value.exit_code == 2
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("value", [None, ""])
def test_the_file_of_a_new_project_allows_everything(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("OPS_GUARDRAILS", raising=False)
    if value is not None:
        monkeypatch.setenv("OPS_GUARDRAILS", value)

    loaded = policy.load(TEMPLATE_PROJECT)

    assert loaded == Policy(instance_types={use: [] for use in policy.USES})
    assert project_check.check(SETTINGS, loaded) == []


def test_the_file_of_a_new_project_mentions_every_key_at_least_in_a_comment() -> None:
    text = (TEMPLATE_PROJECT / "guardrails.toml").read_text(encoding="utf-8")
    keys = {item.name for item in fields(Policy)} - {"source", "instance_types", "prices"}

    assert {key for key in keys if f"\n{key} = " not in text and f"\n# {key} = " not in text} == set()
    assert "\n# [prices]\n" in text


def test_the_examples_in_the_comments_are_valid(file: Path) -> None:
    text = (TEMPLATE_PROJECT / "guardrails.toml").read_text(encoding="utf-8")
    limits, _, prices = text.replace("# max_", "max_").partition("# [prices]")
    prices = prices.replace("\n# ", "\n").replace("…", "0.5")
    file.write_text(f"{limits}[prices]{prices}", encoding="utf-8")

    assert policy.load(TEMPLATE_PROJECT).max_instances == 4
    assert policy.load(TEMPLATE_PROJECT).prices.processing == {"ml.m5.large": 0.5}


PRICES = '[prices]\nregion = "eu-west-1"\ndate = "2026-11-24"\ncurrency = "USD"\n'
ALLOWED = 'verticals = ["customer"]\nregions = ["eu-*"]\nrequired_tags = ["owner"]\nmax_runtime_minutes = 60\n'


@pytest.mark.parametrize(
    ("text", "where", "sentence"),
    [
        pytest.param(ALLOWED, "", "", id="everything allowed"),
        pytest.param("", "", "", id="an empty file"),
        pytest.param(
            'verticals = ["revenue", "people"]',
            "[project].vertical",
            "'customer' is not one of the verticals in {file}. Write 'revenue' or 'people'.",
            id="vertical",
        ),
        pytest.param(
            'verticals = ["customers"]', "[project].vertical", "Did you mean 'customers'?", id="vertical that is near"
        ),
        pytest.param(
            'regions = ["us-*", "eu-central-1"]',
            "[project].region",
            "{file} does not allow 'eu-west-1': use one that matches 'us-*' or 'eu-central-1'.",
            id="region",
        ),
        pytest.param(
            "max_runtime_minutes = 59",
            "[pipeline].max_runtime_minutes",
            "{file} allows a job 59 minutes, not 60: write 59 or less.",
            id="run time",
        ),
        pytest.param(
            '[instance_types]\ntraining = ["ml.c5.*"]',
            "[instances].training",
            "is not allowed by {file} [instance_types].training, which lists 'ml.c5.*'. Use 'ml.c5.2xlarge'",
            id="instance type",
        ),
    ],
)
def test_a_value_that_the_policy_does_not_allow_is_reported(file: Path, text: str, where: str, sentence: str) -> None:
    file.write_text(text, encoding="utf-8")

    problems = project_check.check(SETTINGS, policy.load(TEMPLATE_PROJECT))

    assert [problem.where for problem in problems] == [f"project.toml {where}"] * bool(where)
    assert all(sentence.format(file=file) in problem.message for problem in problems)
    assert all(problem.level == "error" for problem in problems)


@pytest.mark.parametrize("owner", ["", "  "])
def test_a_required_tag_must_not_be_empty(owner: str) -> None:
    settings = replace(SETTINGS, project=replace(SETTINGS.project, owner=owner))

    [problem] = project_check.check(settings, Policy(required_tags=["owner", "vertical"]))

    assert problem.where == "project.toml [project].owner"
    assert "guardrails.toml requires the tag 'owner': write who owns the project" in problem.message
    assert project_check.check(settings, Policy(required_tags=["vertical"])) == []


def test_the_policy_is_not_checked_for_a_value_that_aws_refuses() -> None:
    settings = replace(
        SETTINGS,
        project=replace(SETTINGS.project, vertical="X", region="Y"),
        pipeline=Pipeline(max_runtime_minutes=99_999),
    )

    problems = project_check.check(settings, Policy(verticals=["a1"], regions=["z"], max_runtime_minutes=1))

    assert len(problems) == 3


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        pytest.param("vertical = []", ["{file}: unknown key 'vertical'. Did you mean 'verticals'?"], id="unknown key"),
        pytest.param("source = 'x'", ["{file}: unknown key 'source'."], id="key that only the code knows"),
        pytest.param('verticals = "a"', ["{file} verticals: expected a list of strings"], id="type"),
        pytest.param("max_instances = 0", ["{file} max_instances: 0 allows nothing: write 1 or more"], id="zero"),
        pytest.param("required_tags = ['ownr']", ["'ownr' is not a tag. Did you mean 'owner'?"], id="tag"),
        pytest.param(
            "required_tags = ['x']",
            ["'x' is not a tag. Write 'vertical', 'project', 'env' or 'owner'."],
            id="other tag",
        ),
        pytest.param(
            "verticals = ['Retail']", ["{file} verticals: 'Retail' is not a valid vertical name"], id="vertical"
        ),
        pytest.param(
            "[instance_types]\ntrain = []", ["[instance_types]: 'train' is not a use of instance types."], id="use"
        ),
        pytest.param(
            "[instance_types]\nstudio = 1", ["{file} [instance_types].studio: expected a list of"], id="type of a use"
        ),
        pytest.param(
            "max_instance_hours_per_execution = 0",
            ["{file} max_instance_hours_per_execution: 0 allows no execution: write more than 0"],
            id="no hours",
        ),
        pytest.param(
            "max_cost_per_execution = 5",
            ["{file} max_cost_per_execution: needs [prices] to calculate a cost: add them, or remove this."],
            id="a cost without prices",
        ),
        pytest.param(
            "[prices]\nprocessing = { 'ml.m5.large' = 1 }",
            [
                "{file} [prices].region: missing: add it, for example 'eu-west-1'.",
                "{file} [prices].date: missing",
                "{file} [prices].currency: missing",
            ],
            id="prices of nowhere",
        ),
        pytest.param(
            f"{PRICES}training = {{ 'm5.large' = -1 }}",
            [
                "[prices.training]: 'm5.large' is not an instance type",
                "[prices.training]: -1 for m5.large is not a price",
            ],
            id="not a price",
        ),
        pytest.param(f"{PRICES}train = {{}}", ["[prices]: unknown key 'train'. Did you mean 'training'?"], id="use"),
        pytest.param(
            PRICES.replace("2026-11-24", "24.11.2026"), ["[prices].date: '24.11.2026' is not a date"], id="not a date"
        ),
        pytest.param("x = 1\nmax_instances = -1", ["unknown key 'x'", "-1 allows nothing"], id="two"),
        pytest.param("[", ["{file}: not valid TOML: "], id="not TOML"),
        pytest.param("\xff", ["{file}: not valid TOML: "], id="not UTF-8"),
    ],
)
def test_errors_in_a_policy_are_reported(file: Path, text: str, sentences: list[str]) -> None:
    file.write_text(text, encoding="latin-1")

    found = messages()

    assert len(found) == len(sentences)
    assert [
        sentence for line, sentence in zip(found, sentences, strict=True) if sentence.format(file=file) not in line
    ] == []


def test_a_missing_file_is_reported(file: Path) -> None:
    assert messages() == [
        f"OPS_GUARDRAILS names '{file}', but there is no such file: name an existing file, or unset it."
    ]


def test_a_folder_instead_of_a_file_is_reported(file: Path) -> None:
    file.mkdir()

    [line] = messages()

    assert line.startswith(f"OPS_GUARDRAILS names '{file}', but it cannot be read (")


def test_a_policy_that_cannot_be_read_hides_no_other_problem(file: Path, tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text('[project]\nvertical = "X"', encoding="utf-8")

    _, problems, code = project_check.examine(tmp_path)

    assert code == 2
    assert "OPS_GUARDRAILS" in problems[0].message
    assert "project.toml [project].vertical" in [problem.where for problem in problems]


@pytest.mark.parametrize(("count", "refused"), [(1, 0), (4, 0), (5, 1)])
def test_a_job_must_not_have_more_instances_than_the_policy_allows(count: int, refused: int) -> None:
    problems = policy.check_instance_count(count, Policy(max_instances=4), "here")

    assert [str(problem) for problem in problems] == [
        "here: guardrails.toml allows a job 4 instances, not 5: write 4 or less."
    ] * refused
    assert policy.check_instance_count(count, Policy(), "here") == []


def processing(name: object, count: object) -> dict[str, object]:
    return {"ProcessingResources": {"ClusterConfig": {"InstanceType": name, "InstanceCount": count}}}


def encrypted(name: str, size: int) -> dict[str, object]:
    return {"ResourceConfig": {"InstanceType": name, "VolumeKmsKeyId": "alias/a", "VolumeSizeInGB": size}}


def definition(
    arguments: dict[str, object], kind: str = "Processing", default: object = "ml.m5.large"
) -> dict[str, object]:
    step = {"Name": "A", "Type": kind, "Arguments": arguments}
    gate = {"Name": "Gate", "Type": "Condition", "Arguments": {"IfSteps": [], "ElseSteps": [step]}}
    return {"Parameters": [{"Name": "Type", "DefaultValue": default}], "Steps": [gate]}


PARAMETER = {"Get": "Parameters.Type"}


@pytest.mark.parametrize(
    ("compiled", "sentences"),
    [
        pytest.param(definition(processing("ml.m5.large", 4)), [], id="allowed"),
        pytest.param(definition(processing("ml.m5.large", 5)), ["allows a job 4 instances, not 5"], id="too many"),
        pytest.param(definition(processing("ml.p3.2xlarge", 1)), ["'ml.p3.2xlarge' is retired"], id="retired"),
        pytest.param(definition(processing("ml.p3.2xlarge", 5)), ["is retired", "not 5"], id="both"),
        pytest.param(definition(processing(PARAMETER, PARAMETER)), [], id="parameter"),
        pytest.param(definition(processing(PARAMETER, 1), default="x"), ["'x' is not an instance"], id="default"),
        pytest.param(definition(processing({"Get": "Steps.X"}, {"Get": "Steps.Y"})), [], id="known only later"),
        pytest.param(definition(processing("ml.c5.large", 1)), ["not available for processing"], id="use of the step"),
        pytest.param(
            definition({"ResourceConfig": {"InstanceType": "ml.t3.large", "InstanceCount": 1}}, "Training"),
            [],
            id="warnings are left to project.toml",
        ),
        pytest.param(
            definition({"TransformResources": {"InstanceType": "ml.t3.large"}}, "Transform"),
            ["not available for transform"],
            id="transform",
        ),
        pytest.param(definition({"InstanceType": "ml.x"}, "Model"), [], id="a step without instances"),
        pytest.param(definition(encrypted("ml.m5.large", 900)), [], id="a key"),
        pytest.param(definition(encrypted("ml.g5.xlarge", 250)), ["refuses `kms_key`"], id="a key and local storage"),
        pytest.param(
            definition(encrypted("ml.g5.xlarge", 251)),
            ["refuses `kms_key`", "251 GB is more than the local storage of 'ml.g5.xlarge', 250 GB"],
            id="more than the local storage",
        ),
    ],
)
def test_instances_that_a_pipeline_sets_itself_are_checked(compiled: dict[str, object], sentences: list[str]) -> None:
    problems = resources.check(compiled, Policy(max_instances=4), "production/pipelines/x.py")

    assert [problem.where for problem in problems] == ["production/pipelines/x.py step 'A'"] * len(sentences)
    assert [s for problem, s in zip(problems, sentences, strict=True) if s not in problem.message] == []
