"""When a job has failed, and the reason that is reported: in the program's own words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from local.conftest import BUCKET, Local

from sagemaker_ops.local import failure_reason
from sagemaker_ops.local.preview import preview

FRAMES = 'Traceback (most recent call last):\n  File "train.py", line 3, in <module>\n    raise ValueError("bad")\n'
BAD = f"{FRAMES}ValueError: bad\n"
CHILD = (
    'Traceback (most recent call last):\n  File "utils.py", line 193, in execute_commands\n'
    "    raise subprocess.CalledProcessError(exitcode, commands)\n"
    "subprocess.CalledProcessError: Command '['/usr/bin/python', 'train.py']' returned non-zero exit status 1.\n"
)
POINTER = (
    "Training Execution failed. For more details, see CloudWatch logs at 'aws/sagemaker/TrainingJobs'.\n"
    "TrainingJob - pipelines-abc\n"
)
# What SDK v3's sm_train.sh and its driver print after the script, whose lines they strip.
DRIVER = (
    f"Command failed with exit code 1. Traceback: {CHILD}\n++ handle_error\n++ EXIT_STATUS=1\n"
    "++ echo 'An error occurred with exit code 1'\nAn error occurred with exit code 1\n"
    "++ '[' '!' -s /opt/ml/output/failure ']'\n++ exit 1\n"
)
STRIPPED = "".join(f"{line.strip()}\n" for line in BAD.splitlines())
TOOLKIT = 'ExecuteUserScriptError:\nExitCode 1\nErrorMessage "{}"\nCommand "/usr/bin/python train.py --rate 0.5"'
KILLED = TOOLKIT.format("").replace("ExitCode 1", "ExitCode -9")
TOOLKIT_LOG = (
    f"{BAD}2026-11-28 12:00:00,1 sagemaker-training-toolkit ERROR    Reporting training FAILURE\n"
    '2026-11-28 12:00:00,1 sagemaker-training-toolkit ERROR    ExecuteUserScriptError:\nExitCode 1\nErrorMessage ""\n'
    'Command "/usr/bin/python train.py"\n'
    "2026-11-28 12:00:00,1 sagemaker-training-toolkit ERROR    Encountered exit_code 1\n"
)
WARNING = "/lib/resource_tracker.py:254: UserWarning: There appear to be 1 leaked objects\n  warnings.warn('There')\n"

LOGS = [
    pytest.param("no rows\n", "no rows", id="the last line"),
    pytest.param("", "", id="an empty log"),
    pytest.param("\n \n", "", id="blank lines only"),
    pytest.param(BAD, "ValueError: bad", id="an exception"),
    pytest.param(f"{BAD}\n  \n\n", "ValueError: bad", id="blank lines after it"),
    pytest.param(f"{BAD}{WARNING}", "ValueError: bad", id="a warning after it"),
    pytest.param(f"{BAD}/train.py:1: DtypeWarning: x\n  df = read('a')\n", "ValueError: bad", id="a warning's code"),
    pytest.param(f"{BAD}WARNING: Running pip as root\n", "ValueError: bad", id="pip's warning"),
    pytest.param(f"{BAD}2026-11-28 12:00:00 - app - WARNING - slow\n", "ValueError: bad", id="a logger's warning"),
    pytest.param(f"{BAD}please check the logs in CloudWatch\n", "ValueError: bad", id="a pointer to CloudWatch"),
    pytest.param(f"{BAD}Step failed. See the job logs for details.\n", "ValueError: bad", id="a pointer to logs"),
    pytest.param(f"{BAD}Check logs.\n", "ValueError: bad", id="a short pointer"),
    pytest.param(f"{BAD}Error: see CloudWatch\n", "ValueError: bad", id="a pointer that looks like an exception"),
    pytest.param(f"{BAD}giving up\n", "ValueError: bad giving up", id="last words after an exception"),
    pytest.param(f"{BAD}{'work' * 3}\n" + "more\n" * 9 + "no rows\n", "no rows", id="an exception long before"),
    pytest.param(f"{FRAMES}KeyError: 'x'\n", "KeyError: 'x'", id="a key error"),
    pytest.param(f"{FRAMES}KeyboardInterrupt\n", "KeyboardInterrupt", id="an exception without text"),
    pytest.param(f"{FRAMES}own.errors.StepError: bad\n", "own.errors.StepError: bad", id="an exception of a module"),
    pytest.param(f"{FRAMES}zlib.error: bad\n", "zlib.error: bad", id="an exception in lower case"),
    pytest.param(
        f"{FRAMES}ValueError: WARN is no level\n", "ValueError: WARN is no level", id="a warning's word in it"
    ),
    pytest.param(
        f"{FRAMES}pydantic.ValidationError: 1 error for M\nx\n  must be a number\n    see the page\n",
        "pydantic.ValidationError: 1 error for M x must be a number see the page",
        id="an exception of several lines",
    ),
    pytest.param(
        f"{BAD}\nDuring handling of the above exception, another exception occurred:\n\n{FRAMES}OSError: worse\n",
        "OSError: worse",
        id="an exception during another",
    ),
    pytest.param(
        f"{BAD}\nThe above exception was the direct cause of the following exception:\n\n"
        f"{FRAMES}RuntimeError: failed, look into CloudWatch\n",
        "ValueError: bad",
        id="an exception that points to CloudWatch instead of its cause",
    ),
    pytest.param(
        f"loading\n{FRAMES}RuntimeError: failed, look into CloudWatch\n",
        "RuntimeError: failed, look into CloudWatch",
        id="an exception that points to CloudWatch without a cause",
    ),
    pytest.param(
        f"{BAD}Exception ignored in: <function A.__del__>\n{FRAMES}AttributeError: x\n",
        "ValueError: bad",
        id="an exception while Python ends",
    ),
    pytest.param(f"{BAD}{DRIVER}", "ValueError: bad", id="SDK v3"),
    pytest.param(f"{STRIPPED}{DRIVER}", "ValueError: bad", id="SDK v3, which strips lines"),
    pytest.param(f"auc 0.5 is too low\n{DRIVER}", "auc 0.5 is too low", id="SDK v3 and sys.exit with a text"),
    pytest.param(f"{BAD}{CHILD}", "ValueError: bad", id="subprocess.run(check=True)"),
    pytest.param(TOOLKIT_LOG, "ValueError: bad", id="the training toolkit"),
    pytest.param(
        "ERROR: No matching distribution found for nope==1\n\n[notice] A new release of pip is available: 1 -> 2\n"
        "[notice] To update, run: pip install --upgrade pip\n",
        "ERROR: No matching distribution found for nope==1",
        id="pip and its notice",
    ),
    pytest.param(
        f"ERROR: No matching distribution found for nope==1\n{CHILD}",
        "ERROR: No matching distribution found for nope==1",
        id="pip from a script",
    ),
    pytest.param(
        "error: subprocess-exited-with-error\n\n\u00d7 python setup.py egg_info did not run successfully.\n"
        "│ exit code: 1\n╰─> See above for output.\n\nnote: This error originates from a subprocess, and so on.\n",
        "\u00d7 python setup.py egg_info did not run successfully.",
        id="pip and a package that cannot be built",
    ),
    pytest.param("bash: line 1: nope: command not found\n", "bash: line 1: nope: command not found", id="a shell"),
    pytest.param("+ python train.py\nno rows\n+ exit 3\n", "no rows", id="a shell with set -x"),
    pytest.param(POINTER, "TrainingJob - pipelines-abc", id="nothing but a pointer"),
]


@pytest.mark.parametrize(("log", "reason"), LOGS)
def test_the_reason_in_a_log(tmp_path: Path, log: str, reason: str) -> None:
    (tmp_path / "log.txt").write_text(log)

    assert failure_reason.read(tmp_path / "log.txt") == reason


FILES = [
    pytest.param("no rows", "no rows", id="a text"),
    pytest.param("  no rows\n", "no rows", id="a text with blanks"),
    pytest.param("x" * 2000, "x" * 1024, id="a long text"),
    pytest.param("ValueError: bad; for more see CloudWatch", "ValueError: bad; for more see CloudWatch", id="both"),
    pytest.param(TOOLKIT.format("KeyError: 1\n"), TOOLKIT.format("KeyError: 1\n"), id="the training toolkit"),
    pytest.param(KILLED, KILLED, id="the training toolkit after a signal"),
    pytest.param(f"Framework Error: \n{BAD}bad", f"Framework Error: \n{BAD}bad", id="the toolkit's own error"),
    pytest.param(POINTER, "code: KeyError: 'log'", id="sm_train.sh of SDK v3"),
    pytest.param(CHILD, "code: KeyError: 'log'", id="the driver of SDK v3"),
    pytest.param(TOOLKIT.format(""), "code: KeyError: 'log'", id="the training toolkit without a message"),
    pytest.param("please check the logs in CloudWatch", "code: KeyError: 'log'", id="a pointer"),
    pytest.param("", "code: KeyError: 'log'", id="an empty file"),
]


@pytest.mark.parametrize(("text", "reason"), FILES)
def test_the_reason_in_the_failure_file(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "log.txt").write_text(f"{FRAMES}KeyError: 'log'\n")

    assert failure_reason.reason("code: ", text, tmp_path / "log.txt") == reason


def test_a_pointer_is_better_than_nothing(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("")

    assert failure_reason.reason("code: ", POINTER, tmp_path / "log.txt") == f"code: {POINTER.strip()}"


# Jobs

WRITE = "open('/opt/ml/output/failure', 'w').write('no rows')"


def with_entrypoint(local: Local, script: str) -> Any:
    step = local.training("Job")
    local.store.put(f"{BUCKET}/scripts/job.py", script.encode())
    place = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{BUCKET}/scripts/"}}
    step["Arguments"] |= {"HyperParameters": {}, "InputDataConfig": [{"ChannelName": "code", "DataSource": place}]}
    step["Arguments"]["AlgorithmSpecification"]["ContainerEntrypoint"] = ["python3", "/opt/ml/input/data/code/job.py"]
    return step


def transform(local: Local, handlers: str) -> list[Any]:
    """A Model step, and a Transform step that answers two inputs with its handlers."""
    local.store.put(f"{BUCKET}/in/a", b"1")
    local.store.put(f"{BUCKET}/in/b", b"2")
    local.put_archive(f"{BUCKET}/m.tar.gz", {"code/inference.py": handlers})
    model = {
        "Name": "Model",
        "Type": "Model",
        "Arguments": {"PrimaryContainer": {"ModelDataUrl": f"{BUCKET}/m.tar.gz"}},
    }
    arguments = {
        "ModelName": local.get("Steps.Model.ModelName"),
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{BUCKET}/in"}}},
        "TransformOutput": {"S3OutputPath": f"{BUCKET}/out"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
    }
    return [model, {"Name": "Job", "Type": "Transform", "Arguments": arguments}]


HANDLERS = "def model_fn(folder): pass\ndef transform_fn(model, data, *_):\n    {}\n    return '1'\n"
JOBS = {
    "script mode": lambda local, script: [local.training("Job", script)],
    "an entrypoint": lambda local, script: [with_entrypoint(local, script)],
    "handlers": lambda local, script: transform(local, HANDLERS.format(script)),
    "model_fn": lambda local, script: transform(local, f"{script}\n{HANDLERS.format('pass')}"),
}


@pytest.mark.slow
@pytest.mark.parametrize("local", ["namespace", "rewrite"], indirect=True)
@pytest.mark.parametrize("job", JOBS)
def test_a_job_that_writes_a_failure_has_failed_even_with_exit_code_0(local: Local, job: str) -> None:
    execution = local.run(*JOBS[job](local, WRITE))

    assert (execution.status, execution.steps["Job"].status) == ("Failed", "Failed")
    assert execution.steps["Job"].failure_reason == "no rows"
    assert not local.store.find(f"{BUCKET}/models/")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("open('/opt/ml/output/failure', 'w')", "it wrote /opt/ml/output/failure: it printed nothing"),
        ("print('no rows'); open('/opt/ml/output/failure', 'w')", "it wrote /opt/ml/output/failure: no rows"),
        (f"{WRITE}; raise SystemExit(3)", "no rows"),
        ("import sys; sys.exit('no rows')", "exit code 1: no rows"),
        ("open('/opt/ml/output/failure', 'w').write('see CloudWatch'); 1 / 0",
         "exit code 1: ZeroDivisionError: division by zero"),
        ("import os, signal; print('x', flush=True); os.kill(os.getpid(), signal.SIGKILL)",
         "exit code 137 (SIGKILL): x"),
    ],
)  # fmt: skip
def test_the_reason_of_a_training_job(local: Local, script: str, reason: str) -> None:
    assert local.run(local.training("Job", script)).steps["Job"].failure_reason == reason


@pytest.mark.slow
def test_the_exit_code_of_a_processing_job_decides_whatever_it_writes(local: Local) -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/dg/byoc-run-image.html"""
    script = f"{WRITE}; open('/opt/ml/output/message', 'w').write('fine')"
    execution = local.run(local.processing("Job", script))
    failed = local.run(local.processing("Job", f"{script}; raise SystemExit(1)"))

    assert (execution.status, execution.steps["Job"].properties["ExitMessage"]) == ("Succeeded", "fine")
    assert (failed.status, failed.steps["Job"].failure_reason) == ("Failed", "fine")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("handlers", "reason"),
    [
        (HANDLERS.format("raise SystemExit(0)"),
         "it ended without an output for a: the handlers must not end the program."),
        (HANDLERS.format("import os; os._exit(0)"),
         "it ended without an output for a: the handlers must not end the program."),
        (HANDLERS.format("if data == '2': import os; os._exit(0)"),
         "it ended without an output for b: the handlers must not end the program."),
        (f"raise SystemExit\n{HANDLERS.format('pass')}",
         "it ended without an output for a: the handlers must not end the program."),
        (HANDLERS.format("raise SystemExit('enough')"), "exit code 1: enough"),
    ],
)  # fmt: skip
def test_handlers_that_end_the_program_have_failed(local: Local, handlers: str, reason: str) -> None:
    step = local.run(*transform(local, handlers)).steps["Job"]

    assert (step.status, step.failure_reason) == ("Failed", reason)


@pytest.mark.parametrize(
    ("entrypoint", "arguments"),
    [
        (["python3"], []),
        (["/usr/bin/python3.12", "-u"], []),
        (["python"], ["-c"]),
        (["bash"], []),
        (["/bin/bash", "-c"], [" "]),
        (["/bin/sh", "-e"], []),
    ],
)
@pytest.mark.parametrize("kind", ["Processing", "Training"])
def test_a_program_without_a_script_is_refused(
    local: Local, kind: str, entrypoint: list[str], arguments: list[str]
) -> None:
    step = local.processing("Job") if kind == "Processing" else with_entrypoint(local, "")
    specification = step["Arguments"]["AppSpecification" if kind == "Processing" else "AlgorithmSpecification"]
    specification |= {"ContainerEntrypoint": entrypoint, "ContainerArguments": arguments}

    sentence = f"its program '{entrypoint[0]}' gets no script, so nothing would run: write the script after it."
    assert sentence in local.problems(step)
    found = preview(local.definition(step), pipeline_name="p", parameters={}, home=local.home)
    assert sentence in found.steps["Job"].problems


@pytest.mark.slow
@pytest.mark.parametrize(
    ("entrypoint", "arguments"),
    [
        (["python3", "-c", "print('ran')"], []),
        (["python3"], ["-c", "print('ran')"]),
        (["bash", "-c"], ["echo ran"]),
        (["sh"], ["-c", {"Get": "Parameters.Command"}]),
    ],
)
def test_a_program_with_a_command_runs(local: Local, entrypoint: list[str], arguments: list[Any]) -> None:
    step = local.processing("Job")
    step["Arguments"]["AppSpecification"] = {"ContainerEntrypoint": entrypoint, "ContainerArguments": arguments}
    execution = local.run(step, parameters=[local.parameter("Command", "String", "echo ran")])

    assert local.log(execution, "Job") == "ran\n"
