"""What script mode gives a program, compared with the toolkit in the images (PyPI: sagemaker-training)."""

from __future__ import annotations

import importlib
import json
import os
import shlex
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagemaker_ops.container import contract

pytestmark = pytest.mark.slow

SET_ASIDE = (
    "SAGEMAKER_JOB_NAME",
    "SAGEMAKER_REGION",
    "CURRENT_HOST",
)  # it sets these separately from its other variables


class Toolkit:
    """The toolkit in this process, reading the files that the runner writes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = importlib.import_module("sagemaker_training.environment")
        self.process = importlib.import_module("sagemaker_training.process")

    def reads(self, arguments: dict[str, Any]) -> tuple[dict[str, str], list[str], list[str]]:
        """The variables that it sets, the arguments for the program, and the command that it starts."""
        contract.write_training_config(self.root, arguments)
        found = self.environment.Environment()
        variables = found.to_env_vars() | {name: os.environ[name] for name in SET_ASIDE}
        given = found.to_cmd_args()
        command = self.process.ProcessRunner(found.user_entry_point, given, variables, 1)._create_command()
        return variables, given, command


@pytest.fixture(scope="module")
def toolkit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toolkit]:
    pytest.importorskip("sagemaker_training")
    root = tmp_path_factory.mktemp("toolkit") / "ml"
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from the libraries that it imports
        for name, value in {"SAGEMAKER_BASE_DIR": str(root), "AWS_DEFAULT_REGION": "us-east-1"}.items():
            patch.setenv(name, value)
        for name in ("SAGEMAKER_PROGRAM", "AWS_REGION", "AWS_PROFILE", *SET_ASIDE):
            patch.setenv(name, "")
            patch.delenv(name)
        patch.setenv("TRAINING_JOB_NAME", "job")
        made = Toolkit(root)
        # Programs that it looks for on the machine each time.
        for name in ("num_gpus", "num_neurons", "validate_smddprun", "validate_smddpmprun"):
            patch.setattr(made.environment, name, lambda *_, name=name: 0 if name.startswith("num") else False)
        yield made


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
KEYS = st.one_of(
    TEXTS.map(lambda text: text.replace("=", "")),
    st.sampled_from(["n", "A", "a", "learning-rate", "a b", "_tuning_objective_metric", "default_user_module_name"]),
    st.sampled_from(["sagemaker_extra", "sagemaker_", "sagemaker_container_log_level", "sagemaker_s3_output"]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
VALUES = st.one_of(
    TEXTS,
    JSON.map(json.dumps),
    JSON.map(lambda value: json.dumps(value, ensure_ascii=False)),
    st.sampled_from(
        ["", " ", "1e5", "01", "+1", ".5", " 7 ", "True", "null", "NaN", "-Infinity", "{'a': 1}", '"', "[1,"]
    ),
)
CHANNEL = st.fixed_dictionaries(
    {"DataSource": st.just({"S3DataSource": {"S3Uri": "s3://bucket/x"}})},
    optional={"ContentType": st.sampled_from(["text/csv", ""]), "InputMode": st.sampled_from(["File", "FastFile"])},
)


@given(
    hyperparameters=st.dictionaries(KEYS, VALUES, max_size=6),
    toolkit_hyperparameters=st.fixed_dictionaries(
        {"sagemaker_program": st.sampled_from(["train.py", '"train.py"', "bin/train.py", "train.sh", "train"])},
        optional={
            "sagemaker_submit_directory": st.sampled_from(["s3://bucket/s.tar.gz", '"s3://bucket/s.tar.gz"']),
            "sagemaker_region": st.sampled_from(['"eu-west-1"', "eu-west-1"]),
            "sagemaker_job_name": st.sampled_from(['"name"', "name"]),
        },
    ),
    channels=st.dictionaries(st.sampled_from(["train", "validation-set", "a.b", "X_1"]), CHANNEL, max_size=3),
    instance_type=st.sampled_from([{}, {"InstanceType": "ml.m5.xlarge"}]),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_variables_arguments_and_command_are_those_of_the_toolkit(
    toolkit: Toolkit, hyperparameters: Any, toolkit_hyperparameters: Any, channels: Any, instance_type: Any
) -> None:
    arguments = {
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "HyperParameters": {**hyperparameters, **toolkit_hyperparameters},
        "InputDataConfig": [{"ChannelName": name, **channel} for name, channel in channels.items()],
        "ResourceConfig": instance_type,
    }
    theirs, given, command = toolkit.reads(arguments)

    ours = contract.training_environment(toolkit.root, arguments, "job", "arn", "us-east-1")
    assert {name: value for name, value in ours.items() if name.startswith("SM_") or name in theirs} == theirs
    assert contract.training_arguments(arguments["HyperParameters"]) == given
    assert _parsed(contract.training_command(arguments, toolkit.root / "code")) == _parsed(command)


@pytest.mark.parametrize(
    "files",
    [
        pytest.param([], id="script"),
        pytest.param(["setup.py"], id="package"),
        pytest.param(["setup.py", "requirements.txt"], id="package-with-requirements"),
    ],
)
@pytest.mark.parametrize("named", ["", "other.py", "other.sh"])
def test_the_environment_may_name_the_program_and_it_may_be_in_a_package(
    toolkit: Toolkit, monkeypatch: pytest.MonkeyPatch, named: str, files: list[str]
) -> None:
    arguments: dict[str, Any] = {
        "AlgorithmSpecification": {},
        "HyperParameters": {"sagemaker_program": "train.py", "rate": "0.5"},
        "Environment": {"SAGEMAKER_PROGRAM": named} if named else {},
        "ResourceConfig": {},
    }
    if named:
        monkeypatch.setenv("SAGEMAKER_PROGRAM", named)
    for name in files:
        (toolkit.root / "code" / name).touch()
    try:
        theirs, _, command = toolkit.reads(arguments)
        ours = contract.training_environment(toolkit.root, arguments, "job", "arn", "us-east-1")
        assert {name: ours[name] for name in theirs} == theirs
        assert _parsed(contract.training_command(arguments, toolkit.root / "code")) == _parsed(command)
    finally:
        for name in files:
            (toolkit.root / "code" / name).unlink()


def _parsed(command: list[str]) -> list[str]:
    """A command as the program sees it, whichever Python it is and however the shell words are quoted."""
    if command[:2] == ["/bin/sh", "-c"]:
        return shlex.split(command[2])
    assert command[0] in (sys.executable, "python")
    return [word for word in command[1:3] if word != "--"] + command[3:]
