"""What a container finds when it starts: the files in /opt/ml and the environment variables.

Training follows the script mode of the toolkit in the framework images (PyPI: sagemaker-training, its
environment.py and mapping.py); the configuration files follow
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HOST = "algo-1"
GROUP = "homogeneousCluster"
# Read by the toolkit itself. Others that start with sagemaker_ become SM_FRAMEWORK_PARAMS.
_TOOLKIT_KEYS = (
    "sagemaker_program", "sagemaker_submit_directory", "sagemaker_enable_cloudwatch_metrics", "sagemaker_region",
    "sagemaker_container_log_level", "sagemaker_job_name", "default_user_module_name", "_tuning_objective_metric",
    "sagemaker_s3_output",
)  # fmt: skip


def write_processing_config(root: Path, arguments: Mapping[str, Any], job_name: str, arn: str) -> None:
    """config/processingjobconfig.json and config/resourceconfig.json."""
    _write(
        root / "config/processingjobconfig.json", {"ProcessingJobName": job_name, "ProcessingJobArn": arn, **arguments}
    )
    _write(root / "config/resourceconfig.json", {"current_host": HOST, "hosts": [HOST]})


def write_training_config(root: Path, arguments: Mapping[str, Any]) -> None:
    """The folders of a training container and its three files in input/config."""
    for folder in ("input/config", "input/data", "model", "output/data", "code", "checkpoints"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    config = root / "input/config"
    _write(config / "hyperparameters.json", arguments.get("HyperParameters", {}))
    _write(config / "inputdataconfig.json", input_data_config(arguments))
    _write(config / "resourceconfig.json", resource_config(arguments))


def input_data_config(arguments: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """inputdataconfig.json: {channel: its description}."""
    mode = arguments["AlgorithmSpecification"].get("TrainingInputMode", "File")
    return {
        channel["ChannelName"]: {
            **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
            "TrainingInputMode": channel.get("InputMode", mode),
            "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                "S3DataDistributionType", "FullyReplicated"
            ),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        }
        for channel in arguments.get("InputDataConfig", [])
    }


def resource_config(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """resourceconfig.json for one host."""
    instance_type = arguments["ResourceConfig"].get("InstanceType", "local")
    return {
        "current_host": HOST,
        "current_instance_type": instance_type,
        "current_group_name": GROUP,
        "hosts": [HOST],
        "instance_groups": [{"instance_group_name": GROUP, "instance_type": instance_type, "hosts": [HOST]}],
        "network_interface_name": "eth0",
    }


def decoded(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """Hyperparameters, which are strings, as the toolkit reads them: parsed if they are JSON."""
    values: dict[str, Any] = {}
    for key, text in hyperparameters.items():
        try:
            values[key] = json.loads(text)
        except ValueError:
            values[key] = text
    return values


def user_hyperparameters(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """The hyperparameters for the training program, decoded."""
    values = decoded(hyperparameters)
    return {k: v for k, v in values.items() if k not in _TOOLKIT_KEYS and not k.startswith("sagemaker_")}


def training_arguments(hyperparameters: Mapping[str, str]) -> list[str]:
    """`--key value …`, sorted by key; for one letter `-k value`, for an object `a=1,b=2`, for null an empty string."""
    arguments = []
    for key, value in sorted(user_hyperparameters(hyperparameters).items()):
        if isinstance(value, dict):
            value = ",".join(f"{name}={item}" for name, item in sorted(value.items()))
        arguments += [f"{'--' if len(key) > 1 else '-'}{key}" if key else "", "" if value is None else str(value)]
    return arguments


def training_program(arguments: Mapping[str, Any]) -> str:
    """The script that script mode starts, if any; the environment variable takes precedence."""
    named = arguments.get("Environment", {}).get("SAGEMAKER_PROGRAM")
    return str(named or decoded(arguments.get("HyperParameters", {})).get("sagemaker_program", ""))


def training_command(arguments: Mapping[str, Any], code: Path) -> list[str]:
    """The command that starts the program in the code folder; the shell runs what is not Python."""
    program, given = training_program(arguments), training_arguments(arguments.get("HyperParameters", {}))
    if (code / "setup.py").is_file() and not program.endswith(".sh"):
        return ["python", "-m", program.removesuffix(".py"), *given]
    if program.endswith(".py"):
        return ["python", program, *given]
    return ["/bin/sh", "-c", shlex.join([f"./{program}", *given])]


def training_environment(
    root: Path, arguments: Mapping[str, Any], job_name: str, arn: str, region: str
) -> dict[str, str]:
    """Every variable that the toolkit gives the program, and those that SageMaker gives the container."""
    own, hyperparameters = arguments.get("Environment", {}), arguments.get("HyperParameters", {})
    toolkit = decoded(hyperparameters)
    user = user_hyperparameters(hyperparameters)
    program = training_program(arguments)
    channels = input_data_config(arguments)
    resources = resource_config(arguments)
    instance_groups = {group["instance_group_name"]: group for group in resources["instance_groups"]}
    channel_dirs = {name: f"{root}/input/data/{name}" for name in channels}
    framework = {k: v for k, v in toolkit.items() if k.startswith("sagemaker_") and k not in _TOOLKIT_KEYS}
    common = {
        "hosts": [HOST],
        "network_interface_name": resources["network_interface_name"],
        "user_entry_point": program,
        "resource_config": resources,
        "input_data_config": channels,
        "output_data_dir": f"{root}/output/data",
        "current_host": HOST,
        "current_instance_type": resources["current_instance_type"],
        "current_instance_group": GROUP,
        "current_instance_group_hosts": [HOST],
        "instance_groups": list(instance_groups),
        "instance_groups_dict": instance_groups,
        "distribution_instance_groups": [],
        "is_hetero": False,
        "module_name": program.removesuffix(".py"),
        "log_level": toolkit.get("sagemaker_container_log_level", 20),
        "framework_module": None,
        "input_dir": f"{root}/input",
        "input_config_dir": f"{root}/input/config",
        "output_dir": f"{root}/output",
        "num_cpus": os.cpu_count(),
        "num_gpus": 0,  # as on CPU instances
        "num_neurons": 0,
        "model_dir": f"{root}/model",
        "module_dir": str(toolkit.get("sagemaker_submit_directory", f"{root}/code")),
        "output_intermediate_dir": f"{root}/output/intermediate",
    }
    training_env = {
        **common,
        "additional_framework_parameters": framework,
        "channel_input_dirs": channel_dirs,
        "distribution_hosts": [],
        "hyperparameters": user,
        "is_master": True,
        "is_modelparallel_enabled": None,
        "is_smddpmprun_installed": False,
        "is_smddprun_installed": False,
        "job_name": job_name,
        "master_hostname": HOST,
        "topology": [],
    }
    variables = {
        **common,
        "hps": user,
        "framework_params": framework,
        "channels": sorted(channels),
        "training_env": training_env,
        "user_args": training_arguments(hyperparameters),
        **{f"channel_{name}": path for name, path in channel_dirs.items()},
        **{f"hp_{name}": value for name, value in user.items()},
    }
    return {
        **{f"SM_{name.upper()}": _as_variable(value) for name, value in variables.items()},
        "TRAINING_JOB_NAME": job_name,
        "TRAINING_JOB_ARN": arn,
        "CURRENT_HOST": HOST,
        "SAGEMAKER_JOB_NAME": str(toolkit.get("sagemaker_job_name", "")),
        "SAGEMAKER_REGION": str(toolkit.get("sagemaker_region", region)),
        "PYTHONPATH": os.pathsep.join(filter(None, [f"{root}/code", own.get("PYTHONPATH")])),
    }


def _as_variable(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
