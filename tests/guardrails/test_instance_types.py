"""The rules for instance types, in their order, and the message for a type that breaks one."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from sagemaker_ops.errors import Problem
from sagemaker_ops.guardrails import instance_advice, instance_check, instance_types, project_check
from sagemaker_ops.guardrails.policy import USES, Policy
from sagemaker_ops.project.settings import Data, Gate, Project, Settings
from sagemaker_ops.project.step_settings import Images, Instances

OPEN = Policy()
VERSION = "1.9-0"
URI = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/torch:2"
SETTINGS = Settings(
    Project("Churn", "churn", "customer"), Data("data.csv", "late", "classification"), Gate("auc", minimum=0.6)
)


def check(name: str, use: str, policy: Policy = OPEN, *images: str) -> list[Problem]:
    return instance_check.check(name, use, "here", policy, images)


def _with(use: str, name: str) -> Instances:
    changed: dict[str, Any] = {use: name}
    return Instances(**changed)


def allowing(**globs: list[str]) -> Policy:
    return Policy(instance_types=globs)


def suggested(message: str) -> list[str]:
    """The types that a message suggests, but not those in the policy's list."""
    _, _, advised = re.sub(r"which lists .*?\.(?= |$)", "", message).partition("'")
    return re.findall(r"(?:Did you mean|[Uu]se|or|write) '(ml\.[\w.-]+)'", advised)


@pytest.mark.parametrize(
    ("use", "name"),
    [
        ("studio", "ml.t3.medium"),
        ("processing", "ml.t3.medium"),
        ("training", "ml.m5.large"),
        ("training", "ml.trn1.32xlarge"),
        ("transform", "ml.m5.xlarge"),
        ("endpoint", "ml.c5.large"),
        ("endpoint", "ml.c7g.large"),
        ("studio", "ml.geospatial.interactive"),
        ("notebook", "ml.t3.medium"),
    ],
)
def test_an_instance_type_passes_for_a_use_that_sagemaker_accepts(use: str, name: str) -> None:
    assert check(name, use) == []


@pytest.mark.parametrize("name", ["ml.m5.large", "ml.m5.24xlarge", "ml.t3.medium", "ml.g5.xlarge"])
def test_m5_is_not_old_even_if_ec2_calls_it_old(name: str) -> None:
    assert check(name, "studio") == []


@pytest.mark.parametrize(
    ("use", "name", "sentence"),
    [
        # 1: no ml.
        pytest.param("training", "m5.large", "start with 'ml.': write 'ml.m5.large'.", id="ml. is missing"),
        pytest.param("training", "t2.medium", "'ml.t2.medium' is not available for training", id="and another use"),
        pytest.param("training", "p3.2xlarge", "'ml.p3.2xlarge' is retired", id="and retired"),
        # 2: not in any enum
        pytest.param("training", "ml.m5.larg", "Did you mean 'ml.m5.large' (2 vCPU, 8 GiB)?", id="typo in the size"),
        pytest.param("training", "ml.m5,large", "write 'ml.m5.large'.", id="typo in the dot"),
        pytest.param("training", "ML.M5.Large ", "write 'ml.m5.large'.", id="capitals"),
        pytest.param(
            "training",
            "ml.m8.xlarge",
            "Did you mean 'ml.m5.xlarge' (4 vCPU, 16 GiB)? The number is a generation, not a size: "
            "for more memory use 'ml.m5.2xlarge' (8 vCPU, 32 GiB).",
            id="generation that will never exist",
        ),
        pytest.param("processing", "ml.c3.2xlarge", "mean 'ml.c5.2xlarge' (8 vCPU, 16 GiB)?", id="generation gone"),
        pytest.param("training", "ml.m5.3xlarge", "mean 'ml.m5.4xlarge' (16 vCPU, 64 GiB)?", id="size it lacks"),
        pytest.param("training", "ml.g4.xlarge", "mean 'ml.g5.xlarge' (4 vCPU, 16 GiB, 1 GPU)?", id="GPU"),
        pytest.param("training", "ml.p4.24xlarge", "1152 GiB, 8 GPUs)?", id="GPUs"),
        pytest.param("training", "ml.x1.2xlarge", "mean 'ml.r5.4xlarge' (16 vCPU, 128 GiB)?", id="class it lacks"),
        pytest.param("training", "ml.m6i.huge", "mean 'ml.m6i.large' (2 vCPU, 8 GiB)?", id="size that nothing has"),
        pytest.param("training", "big", "Use 'ml.m5.large' (2 vCPU, 8 GiB) or 'ml.m5.xlarge'", id="anything"),
        pytest.param("studio", "", "Use 'ml.m5.large' (2 vCPU, 8 GiB) or", id="nothing"),
        pytest.param("training", "local", "is not an instance type. Use 'ml.m5.large'", id="local mode of the SDK"),
        # 3: wrong use
        pytest.param(
            "training",
            "ml.t2.medium",
            "not available for training, only for endpoint, notebook. Use 'ml.m5.large' (2 vCPU, 8 GiB).",
            id="use",
        ),
        pytest.param("transform", "ml.t3.medium", "not available for transform, only for processing", id="other use"),
        pytest.param("training", "ml.c7g.large", "only for endpoint. Use 'ml.c7i.large' (2 vCPU, 4 GiB)", id="arm64"),
        pytest.param("training", "ml.m5.8xlarge", "Use 'ml.m6i.8xlarge' (32 vCPU, 128 GiB).", id="the same size"),
        pytest.param("processing", "ml.p6e-gb200.36xlarge", "only for training, endpoint. Use 'ml.p", id="no size"),
        pytest.param("training", "ml.geospatial.interactive", "only for studio. Use 'ml.m5.large'", id="no shape"),
        # 4: retired
        pytest.param(
            "training", "ml.p3.2xlarge", "is retired and no longer available: use 'ml.g5.2xlarge' (8 vCPU", id="retired"
        ),
        pytest.param("processing", "ml.p2.xlarge", "use 'ml.g5.xlarge' (4 vCPU, 16 GiB, 1 GPU).", id="retired, too"),
    ],
)
def test_an_instance_type_that_sagemaker_refuses_is_reported_with_an_alternative(
    use: str, name: str, sentence: str
) -> None:
    [problem] = check(name, use)

    assert (problem.where, problem.level) == ("here", "error")
    assert sentence in problem.message


M5_ONLY = allowing(training=["ml.m5.*"])


@pytest.mark.parametrize(
    ("name", "policy", "sentence"),
    [
        pytest.param(
            "ml.c5.xlarge",
            M5_ONLY,
            "'ml.c5.xlarge' is not allowed by guardrails.toml [instance_types].training, "
            "which lists 'ml.m5.*'. Use 'ml.m5.xlarge' (4 vCPU, 16 GiB).",
            id="another",
        ),
        pytest.param(
            "ml.p3.2xlarge", M5_ONLY, "is retired and no longer available: use 'ml.m5.2xlarge'", id="retired first"
        ),
        pytest.param("ml.m9i.large", M5_ONLY, "Use 'ml.m5.large'", id="newer than the data"),
        pytest.param("c5.xlarge", M5_ONLY, "'ml.c5.xlarge' is not allowed by", id="ml. is missing"),
        pytest.param("ml.m8.xlarge", allowing(training=["ml.c5.*"]), "mean 'ml.c5.2xlarge'", id="what is meant"),
        pytest.param("ml.m5.xlarge", allowing(training=["ml.m4.*"]), "Use 'ml.m4.xlarge'", id="old ones only"),
        pytest.param("ml.m5.xlarge", allowing(training=["ml.g5.*"]), "Use 'ml.g5.xlarge'", id="GPUs only"),
        pytest.param("ml.m5.xlarge", allowing(training=["ml.z9.*"]), "allows none for training: ask", id="none"),
    ],
)
def test_a_type_that_the_policy_does_not_allow_is_reported_with_its_list(
    name: str, policy: Policy, sentence: str
) -> None:
    [problem] = check(name, "training", policy)

    assert problem.level == "error"
    assert sentence in problem.message


def test_an_arm64_type_is_suggested_only_if_there_is_no_other() -> None:
    [old] = check("x", "endpoint", allowing(endpoint=["ml.c7g.*", "ml.t2.*"]))
    [arm64] = check("x", "endpoint", allowing(endpoint=["ml.c7g.*"]))

    assert suggested(old.message)[0].startswith("ml.t2.")
    assert suggested(arm64.message)[0].startswith("ml.c7g.")


def test_a_policy_for_one_use_does_not_affect_another() -> None:
    assert check("ml.c5.xlarge", "processing", M5_ONLY) == []
    assert check("ml.m5.xlarge", "training", M5_ONLY) == []
    assert check("ml.m9i.xlarge", "training", allowing(training=["ml.m9i.*"]))[0].level == "warning"


@pytest.mark.parametrize(
    ("use", "name", "images", "level", "sentence"),
    [
        pytest.param(
            "training",
            "ml.g5.xlarge",
            [VERSION],
            "warning",
            "'ml.g5.xlarge' has 1 GPU, which scikit-learn does not use. Use 'ml.m5.xlarge' (4 vCPU, 16 GiB). "
            "Or set another image in [images].training.",
            id="GPU",
        ),
        pytest.param("processing", "ml.g5.12xlarge", [VERSION, VERSION], "warning", "has 4 GPUs", id="GPUs"),
        pytest.param("endpoint", "ml.inf2.xlarge", [VERSION], "warning", "has an accelerator", id="accelerator"),
        pytest.param("training", "ml.g5.xlarge", [URI], "", "", id="GPU with a custom image"),
        pytest.param("processing", "ml.g5.xlarge", [VERSION, URI], "", "", id="GPU that one of two images uses"),
        pytest.param(
            "endpoint",
            "ml.c7g.large",
            [VERSION],
            "error",
            "arm64 processor, but [images].inference is an x86 image. Use 'ml.c5.large' (2 vCPU, 4 GiB). "
            "Or set an arm64 image there.",
            id="arm64",
        ),
        pytest.param("endpoint", "ml.c7g.large", [URI], "", "", id="arm64 with a custom image"),
        pytest.param(
            "endpoint", "ml.t2.medium", [VERSION], "warning", "old family: use 'ml.c5.large' (2 vCPU, 4 GiB).", id="t2"
        ),
        pytest.param("notebook", "ml.t2.medium", [], "warning", "use 'ml.t3.medium' (2 vCPU, 4 GiB).", id="t2 to t3"),
        pytest.param("training", "ml.m4.xlarge", [VERSION], "warning", "use 'ml.m5.xlarge' (4 vCPU", id="m4"),
        pytest.param("transform", "ml.c4.8xlarge", [VERSION], "warning", "use 'ml.c5.9xlarge' (36 vCPU", id="c4"),
        pytest.param("training", "ml.m4.10xlarge", [VERSION], "warning", "use 'ml.m5.12xlarge' (48", id="m4, no such"),
        pytest.param(
            "training", "ml.t3.xlarge", [VERSION], "warning", "burstable: training uses up its CPU credits", id="t3"
        ),
        pytest.param("processing", "ml.t3.xlarge", [VERSION] * 2, "", "", id="t3 elsewhere"),
        pytest.param(
            "training", "ml.m9i.2xlarge", [VERSION], "warning", "if it is newer, ignore this warning", id="new"
        ),
    ],
)
def test_a_type_that_works_but_is_not_advisable_gets_a_warning(
    use: str, name: str, images: list[str], level: str, sentence: str
) -> None:
    problems = check(name, use, OPEN, *images)

    assert [problem.level for problem in problems] == [level] * bool(level)
    assert all(sentence in problem.message for problem in problems)


def test_every_warning_is_reported() -> None:
    problems = check("ml.p3dn.24xlarge", "training", OPEN, VERSION)

    assert [problem.level for problem in problems] == ["warning", "warning"]
    assert "8 GPUs" in problems[0].message
    assert "use 'ml.p4d.24xlarge'" in problems[1].message


@pytest.mark.parametrize("policy", [OPEN, allowing(**{use: ["ml.c5.*", "ml.g5.*"] for use in USES})])
@pytest.mark.parametrize("use", USES)
def test_a_suggested_type_passes_for_the_same_use(use: str, policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    among = {each: instance_advice.candidates(each, policy) for each in USES}  # once, not for every message
    monkeypatch.setattr(instance_advice, "candidates", lambda each, _: among[each])
    wrong = 0
    for name in [*instance_types.types(), "ml.m8.xlarge", "ml.q9.large", "ml.g5.3xlarge", "", "m5.large", "ml.c5.larg"]:
        for problem in check(name, use, policy, VERSION):
            wrong += 1
            better = suggested(problem.message)
            assert better, problem
            # A replacement for a GPU type also has GPUs, which gives its own warning.
            assert {each for other in better for each in instance_types.broken_rules(other, use, policy)} == set(), (
                problem
            )
    assert wrong > 50


@pytest.mark.parametrize("name", instance_types.RETIRED)
def test_a_retired_type_has_a_replacement_wherever_it_was_used(name: str) -> None:
    for use in instance_types.types()[name]["uses"]:
        [problem] = check(name, use)
        assert suggested(problem.message) == [instance_types.RETIRED[name]]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("ml.m9i.2xlarge", id="general purpose"),
        pytest.param("ml.c9gd-flex.large", id="with a suffix"),
        pytest.param("ml.g8.xlarge", id="GPU"),
        pytest.param("ml.p7.48xlarge", id="large GPU"),
        pytest.param("ml.p7-b400.48xlarge", id="large GPU with its chip"),
        pytest.param("ml.trn3.48xlarge", id="Trainium"),
    ],
)
def test_an_instance_type_newer_than_the_list_is_a_warning(name: str) -> None:
    [problem] = check(name, "training")

    assert problem.level == "warning"
    assert instance_types.data()["made"] in problem.message


@pytest.mark.parametrize("use", ["studio", "processing", "training", "transform", "endpoint"])
def test_each_key_of_instances_is_checked_for_its_own_use(use: str) -> None:
    [problem] = project_check.check(replace(SETTINGS, instances=_with(use, "ml.p4d.xlarge")), OPEN)

    assert problem.where == f"project.toml [instances].{use}"
    assert suggested(problem.message) != []
    assert all(use in instance_types.types()[name]["uses"] for name in suggested(problem.message))


@pytest.mark.parametrize(
    ("use", "images"),
    [
        ("processing", {"processing": URI}),
        ("processing", {"evaluation": URI}),
        ("training", {"training": URI}),
        ("transform", {"inference": URI}),
        ("endpoint", {"inference": URI}),
    ],
)
def test_an_instance_type_is_checked_with_the_images_that_run_on_it(use: str, images: dict[str, str]) -> None:
    with_gpu = replace(SETTINGS, instances=_with(use, "ml.g5.xlarge"))

    assert [problem.level for problem in project_check.check(with_gpu, OPEN)] == ["warning"]
    assert project_check.check(replace(with_gpu, images=Images(steps=images)), OPEN) == []


def test_the_defaults_keep_every_rule() -> None:
    assert project_check.check(SETTINGS, OPEN) == []


def rows(lines: list[str]) -> list[str]:
    assert lines[0].split() == ["instance", "type", "vCPU", "GiB", "GPUs"]
    return lines[1:]


def test_the_table_has_every_type_of_the_use_with_its_size() -> None:
    lines = rows(instance_advice.table("training", OPEN))

    assert {line.split()[0] for line in lines} == {
        name for name, size in instance_types.types().items() if "training" in size["uses"]
    }
    assert [line.split()[1:] for line in lines if line.startswith("ml.g5.12xlarge ")] == [["48", "192", "4"]]
    assert [line.split()[1:4] for line in lines if line.startswith("ml.p2.xlarge ")] == [["-", "-", "-"]]


@pytest.mark.parametrize(
    ("family", "smallest"), [("ml.m5.", ["ml.m5.large", "ml.m5.xlarge"]), ("ml.g5.", ["ml.g5.xlarge", "ml.g5.2xlarge"])]
)
def test_the_table_starts_with_the_smallest_of_the_allowed_types(family: str, smallest: list[str]) -> None:
    lines = rows(instance_advice.table("training", allowing(training=[f"{family}*"])))

    allowed = [line for line in lines if family in line]
    assert lines[: len(allowed)] == allowed
    assert [line.split()[0] for line in allowed[:2]] == smallest
    assert all(line.endswith(("not allowed by the policy", "retired")) for line in lines[len(allowed) :])


@pytest.mark.parametrize(
    ("use", "name", "note"),
    [
        ("training", "ml.t3.large", "burstable: slow once its credits are used up"),
        ("training", "ml.m4.xlarge", "old family"),
        ("training", "ml.p3.2xlarge", "retired"),
        ("endpoint", "ml.c7g.large", "needs an arm64 image"),
        ("endpoint", "ml.c5.large", ""),
    ],
)
def test_the_table_notes_the_drawbacks_of_a_type(use: str, name: str, note: str) -> None:
    [line] = [line for line in instance_advice.table(use, OPEN) if line.startswith(f"{name} ")]

    assert "  ".join(re.split(r" {2,}", line)[4:]) == note


def test_the_table_leaves_out_types_with_less_memory() -> None:
    sizes = [float(line.split()[2]) for line in rows(instance_advice.table("training", OPEN, min_memory=64))]

    assert min(sizes) == 64
    assert len(sizes) > 50
