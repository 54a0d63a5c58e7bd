"""Chosen hyperparameters reach project.toml, and everything else in the file stays as it is, byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from projects import Bake

from sagemaker_ops.errors import UserError
from sagemaker_ops.notebooks.project_file import write_hyperparameters
from sagemaker_ops.tabular.hyperparameters import Choice, Hyperparameters, Number

KNOWN: Hyperparameters = {
    "rate": Number(0.05, 0.0001, 1.0, "how much each tree counts"),
    "trees": Number(150, 1, 10_000, "number of trees"),
    "weights": Choice("none", ("none", "balanced"), "of the classes"),
    "deep": Choice("false", ("false", "true"), "whether the trees are deep"),
}
FULL = """\
# Settings.

[hyperparameters] # of the model
rate   =  0.05 # how fast
'trees' = 150#how many
weights = "none" # or "balanced"

# Where it runs.
[instances]
training = "ml.m5.xlarge"
"""
CASES = [
    ("a number", FULL, {"rate": 0.1}, FULL.replace("0.05", "0.1")),
    ("a whole number", FULL, {"trees": 80}, FULL.replace("150", "80")),
    ("a whole number as float", FULL, {"trees": 80.0}, FULL.replace("150", "80")),
    ("a number without decimals", FULL, {"rate": 1}, FULL.replace("0.05", "1.0")),
    ("a small number", FULL, {"rate": 0.0001}, FULL.replace("0.05", "0.0001")),
    ("a word", FULL, {"weights": "balanced"}, FULL.replace('weights = "none"', 'weights = "balanced"')),
    ("several", FULL, {"rate": 0.1, "trees": 80}, FULL.replace("0.05", "0.1").replace("150", "80")),
    ("many digits", FULL, {"rate": 0.123456789}, FULL.replace("0.05", "0.1235")),
    ("the same", FULL, {"rate": 0.05, "trees": 150, "weights": "none"}, FULL),
    ("the same written differently", "[hyperparameters]\nrate = 5e-2\n", {"rate": 0.05},
     "[hyperparameters]\nrate = 5e-2\n"),
    ("nothing", FULL, {}, FULL),
    ("a new key", FULL, {"deep": "true"}, FULL.replace('"balanced"\n', '"balanced"\ndeep = "true"\n')),
    ("a boolean", "[hyperparameters]\ndeep = false # x\n", {"deep": "true"}, "[hyperparameters]\ndeep = true # x\n"),
    ("the same boolean", "[hyperparameters]\ndeep = false\n", {"deep": "false"}, "[hyperparameters]\ndeep = false\n"),
    ("Windows' line ends", FULL.replace("\n", "\r\n"), {"rate": 0.1, "deep": "true"},
     FULL.replace("0.05", "0.1").replace('"balanced"\n', '"balanced"\ndeep = "true"\n').replace("\n", "\r\n")),
    ("mixed line ends", "[a]\r\nb = 1\n[hyperparameters]\r\nrate = 0.05\r\n", {"rate": 0.1},
     "[a]\r\nb = 1\n[hyperparameters]\r\nrate = 0.1\r\n"),
    ("no last line end", "[hyperparameters]\nrate = 0.05", {"rate": 0.1}, "[hyperparameters]\nrate = 0.1"),
    ("no last line end, a new key", "[hyperparameters]\nrate = 0.05", {"trees": 9},
     "[hyperparameters]\nrate = 0.05\ntrees = 9"),
    ("a mark at the start", "\ufeff[hyperparameters]\nrate = 0.05\n", {"rate": 0.1},
     "\ufeff[hyperparameters]\nrate = 0.1\n"),
    ("an empty table", "[hyperparameters] # none\n\n# Next.\n[a]\n", {"trees": 9, "rate": 0.1},
     "[hyperparameters] # none\ntrees = 9\nrate = 0.1\n\n# Next.\n[a]\n"),
    ("no table", "[a]\nb = 1 # c\n", {"trees": 9}, "[a]\nb = 1 # c\n\n[hyperparameters]\ntrees = 9\n"),
    ("no table, no last line end", "[a]\nb = 1", {"trees": 9}, "[a]\nb = 1\n\n[hyperparameters]\ntrees = 9\n"),
    ("an empty file", "", {"trees": 9}, "[hyperparameters]\ntrees = 9\n"),
    ("an inline table", "hyperparameters = {rate = 0.05, trees = 150} # c\n[a]\n", {"rate": 0.1, "deep": "true"},
     'hyperparameters = {rate = 0.1, trees = 150, deep = "true"} # c\n[a]\n'),
    ("dotted keys", "hyperparameters.rate = 0.05 # c\nb = 1\n", {"rate": 0.1},
     "hyperparameters.rate = 0.1 # c\nb = 1\n"),
    ("the same key elsewhere", "[a]\nrate = 0.05\n[hyperparameters]\nrate = 0.05\n[b]\nrate = 0.05\n", {"rate": 0.1},
     "[a]\nrate = 0.05\n[hyperparameters]\nrate = 0.1\n[b]\nrate = 0.05\n"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "values", "after"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_only_the_values_change(tmp_path: Path, before: str, values: dict[str, Any], after: str) -> None:
    file = tmp_path / "project.toml"
    file.write_bytes(before.encode())

    planned = write_hyperparameters(tmp_path, values, KNOWN, dry_run=True)
    untouched = file.read_bytes()
    difference = write_hyperparameters(tmp_path, values, KNOWN)

    assert untouched == before.encode()
    assert file.read_bytes() == after.encode()
    assert planned == difference
    assert bool(difference) == (before != after)
    assert write_hyperparameters(tmp_path, values, KNOWN) == "", "the second time, there is nothing to change"


def test_the_difference_reads_like_that_of_git(tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text(FULL, encoding="utf-8")

    difference = write_hyperparameters(tmp_path, {"trees": 80}, KNOWN)

    assert difference.splitlines() == [
        "--- a/project.toml",
        "+++ b/project.toml",
        "@@ -2,7 +2,7 @@",
        " ",
        " [hyperparameters] # of the model",
        " rate   =  0.05 # how fast",
        "-'trees' = 150#how many",
        "+'trees' = 80#how many",
        ' weights = "none" # or "balanced"',
        " ",
        " # Where it runs.",
    ]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ratte": 0.1}, "project.toml [hyperparameters]: unknown hyperparameter 'ratte'. Did you mean 'rate'?"),
        (
            {"leaves": 3},
            "project.toml [hyperparameters]: unknown hyperparameter 'leaves'. Available: rate, trees, weights, deep.",
        ),
        (
            {"rate": 2},
            "project.toml [hyperparameters]: hyperparameter rate is '2'; it must be a number from 0.0001 to 1.",
        ),
        (
            {"rate": float("nan")},
            "project.toml [hyperparameters]: hyperparameter rate is 'nan'; it must be a number from 0.0001 to 1.",
        ),
        (
            {"trees": 1.5},
            "project.toml [hyperparameters]: hyperparameter trees is '1.5'; it must be a whole number from 1 to 10000.",
        ),
        (
            {"weights": "some"},
            "project.toml [hyperparameters]: hyperparameter weights is 'some'; it must be 'none' or 'balanced'.",
        ),
        ({"trees": True}, "project.toml [hyperparameters]: hyperparameter trees is 'true'; it must be a whole number"),
    ],
)
def test_what_is_not_allowed_is_not_written(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    file = tmp_path / "project.toml"
    file.write_text(FULL, encoding="utf-8")

    with pytest.raises(UserError) as caught:
        write_hyperparameters(tmp_path, {"trees": 80} | values, KNOWN)

    assert str(caught.value).startswith(message)
    assert file.read_text(encoding="utf-8") == FULL


def test_all_that_is_wrong_is_reported_together(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        write_hyperparameters(tmp_path, {"rate": 2, "trees": 0}, KNOWN)

    assert [word in str(caught.value) for word in ("rate", "trees")] == [True, True]


@pytest.mark.parametrize("content", [None, b"[hyperparameters", b"a = '\xff'"], ids=["none", "no TOML", "no UTF-8"])
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "project.toml").write_bytes(content)

    with pytest.raises(UserError, match=r"^project\.toml: it cannot be read: "):
        write_hyperparameters(tmp_path, {"trees": 80}, KNOWN)

    assert [file.name for file in tmp_path.iterdir()] == ["project.toml"] * (content is not None)


def test_a_value_at_its_limit_is_not_rounded_beyond_it(tmp_path: Path) -> None:
    known: Hyperparameters = {"rate": Number(0.1, 0.0, 0.99999, "")}
    (tmp_path / "project.toml").write_text("[hyperparameters]\nrate = 0.1\n", encoding="utf-8")

    write_hyperparameters(tmp_path, {"rate": 0.99999}, known)

    assert (tmp_path / "project.toml").read_text(encoding="utf-8") == "[hyperparameters]\nrate = 0.99999\n"


def test_the_projects_own_file_changes_in_one_line(bake: Bake) -> None:
    file = bake().path / "project.toml"
    before = file.read_text(encoding="utf-8")
    known: Hyperparameters = {"max_leaf_nodes": Number(31, 2, 10_000, "")}

    write_hyperparameters(file.parent, {"max_leaf_nodes": 40}, known)

    assert file.read_text(encoding="utf-8") == before.replace("max_leaf_nodes = 31", "max_leaf_nodes = 40") != before
