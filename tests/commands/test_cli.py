"""The commands in a terminal; those that compile a pipeline of the project are in test_pipeline.py."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from local.conftest import BUCKET, Local
from projects import Bake, Project, Result, clean_environment

from sagemaker_ops.guardrails import instance_types

pytestmark = pytest.mark.slow  # each starts the command in a generated project


@pytest.fixture
def project(bake: Bake) -> Project:
    return bake()


def ops(project: Project, *arguments: str, **environment: str) -> Result:
    """Run the command with the template's Python, which has the packages that these commands import."""
    return project.run(sys.executable, "-B", "-m", "sagemaker_ops", *arguments, **environment)


def test_a_new_project_has_no_problems(project: Project) -> None:
    done = ops(project, "check")

    assert (done.code, done.err) == (0, ""), done
    assert done.out == "project.toml: no problems found in names, instance types, environments and columns.\n"


def test_all_problems_are_reported_together_errors_first(project: Project) -> None:
    project.edit("project", vertical='"Retail"')
    project.edit("instances", endpoint='"ml.t2.medium"', training='"ml.m8.xlarge"')
    project.edit("environments.dev", account='"1"')
    project.edit("data", target='"lat"')

    done = ops(project, "check")

    assert (done.code, done.out) == (3, "")
    assert [line.split(": ")[:2] for line in done.err.splitlines()] == [
        ["error", "project.toml [project].vertical"],
        ["error", "project.toml [instances].training"],
        ["error", "project.toml [environments.dev].account"],
        ["error", "project.toml [data].target"],
        ["warning", "project.toml [instances].endpoint"],
    ]


@pytest.mark.parametrize(
    ("table", "values", "code"),
    [
        pytest.param("data", {"target": '"lat"'}, 2, id="a missing column"),
        pytest.param("instances", {"endpoint": '"ml.t2.medium"'}, 0, id="a warning"),
    ],
)
def test_another_format_has_the_same_problems_and_exit_code(
    project: Project, table: str, values: dict[str, str], code: int
) -> None:
    project.edit(table, **values)

    text, plain, gitlab = (ops(project, "check", "--format", name) for name in ("text", "json", "gitlab"))

    assert (text.code, plain.code, gitlab.code) == (code, code, code)
    [line] = text.err.splitlines()
    [problem], [finding] = json.loads(plain.out), json.loads(gitlab.out)
    assert line == f"{problem['level']}: {finding['description']}"
    written = (project.path / "project.toml").read_text(encoding="utf-8").splitlines()
    assert written[problem["line"] - 1] == f"{next(iter(values))} = {next(iter(values.values()))}"
    assert finding["location"] == {"path": "project.toml", "lines": {"begin": problem["line"]}}


def test_the_module_prints_the_same_as_the_command(project: Project) -> None:
    project.edit("project", vertical='"Retail"', region='"X"')

    command = ops(project, "check", "--format", "gitlab")

    assert command.code == 3
    assert command == project.run(sys.executable, "-B", "-m", "sagemaker_ops.guardrails", "--format", "gitlab")


def test_an_unreadable_policy_stops_every_command(project: Project) -> None:
    for command in (["check"], ["instance-types", "--for", "training"], ["run", "train"], ["compile", "train"]):
        done = ops(project, *command, OPS_GUARDRAILS="/nowhere")
        assert (done.code, done.out) == (2, ""), command
        assert done.err.startswith("error: OPS_GUARDRAILS names '/nowhere', but there is no such file"), command


def test_instance_types_are_a_table_with_a_date_and_a_note_on_quotas(project: Project, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[instance_types]\ntraining = ["ml.r5.*"]', encoding="utf-8")

    done = ops(project, "instance-types", "--for", "training", "--min-memory", "64", OPS_GUARDRAILS=str(policy))

    assert (done.code, done.err) == (0, ""), done
    table, _, notes = done.out.partition("\n\n")
    assert table.splitlines()[1].split() == ["ml.r5.2xlarge", "8", "64", "-"]
    assert instance_types.data()["made"] in notes
    assert "botocore" in notes
    assert notes.count(instance_types.QUOTAS) == 1


def test_instance_types_are_shown_even_if_project_toml_has_errors(project: Project) -> None:
    (project.path / "project.toml").write_text("[", encoding="utf-8")

    assert ops(project, "instance-types", "--for", "notebook").code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["check", "--format", "jsn"], "error: --format: 'jsn' is not a valid value. Did you mean 'json'?"),
        (
            ["instance-types", "--for", "trainin"],
            "error: --for: 'trainin' is not a valid value. Did you mean 'training'?",
        ),
        (["instance-types", "--for", "x"], "Write one of processing, training, transform, endpoint, studio, notebook."),
    ],
)
def test_an_invalid_value_is_reported_in_one_sentence(project: Project, arguments: list[str], sentence: str) -> None:
    done = ops(project, *arguments)

    assert (done.code, done.out) == (2, "")
    assert sentence in done.err


# Running a definition, and showing executions. The steps need only Python.
COUNT = """
    import json, pathlib, sys
    rows = sum(1 for _ in open("/opt/ml/processing/data/table.csv"))
    metrics = {"regression_metrics": {"rows": {"value": rows}}}
    pathlib.Path("/opt/ml/processing/out/m.json").write_text(json.dumps(metrics))
    print("counted", rows)
"""
FILE = "My definition_v2.json"


@pytest.fixture
def defined(project: Project) -> Project:
    """A project with a third-party definition: Count, which writes a metric, followed by Tell."""
    local = Local(project.path / ".local")
    local.store.put(f"{BUCKET}/data/table.csv", b"a\n1\n")
    cache: dict[str, Any] = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"}}
    count = local.processing(
        "Count", COUNT, inputs={"data": local.get("Parameters.Data")}, outputs=("out",),
        files={"Report": "out/m.json"}, **cache,
    )  # fmt: skip
    tell = local.processing("Tell", 'print("hello")', inputs={"in": local.output_of("Count", "out")}, **cache)
    write(project, local.definition(count, tell, parameters=[local.parameter("Data", default=f"{BUCKET}/data/")]))
    return project


def write(project: Project, definition: dict[str, Any]) -> None:
    (project.path / FILE).write_text(json.dumps(definition), encoding="utf-8")


def run(project: Project, *arguments: str) -> str:
    """Run the definition and return the id of the execution."""
    done = ops(project, "run", "--definition", FILE, *arguments)
    assert (done.code, done.err) == (0, ""), done
    [identifier] = re.findall(r"^Look in .local/runs/(\w+):", done.out, re.MULTILINE)
    return str(identifier)


def ended(done: Result) -> dict[str, list[str]]:
    """{step: the words of the line printed at its end}."""
    lines = [re.split(" {2,}", line.strip()) for line in done.out.splitlines()]
    return {line[0]: line[2:] for line in lines if len(line) > 2 and line[2].startswith(("Succeeded", "Failed"))}


@pytest.mark.parametrize(
    ("arguments", "code", "files"),
    [
        ([], 0, ["gate.xml", "metrics.txt", "warnings.json"]),
        (["--param", "Data=s3://bucket/nothing/"], 2, []),
    ],
    ids=["succeeded", "refused"],
)
def test_a_run_writes_reports_for_gitlab(
    defined: Project, tmp_path: Path, arguments: list[str], code: int, files: list[str]
) -> None:
    reports = tmp_path / "reports" / "My_definition_v2"
    reports.mkdir(parents=True)
    (reports / "metrics.txt").write_text("of an earlier execution")

    done = ops(defined, "run", "--definition", FILE, "--gitlab", str(reports.parent), *arguments)

    assert done.code == code, done
    assert sorted(file.name for file in reports.iterdir()) == files


def test_a_run_names_its_page_and_report_writes_it_again(defined: Project, tmp_path: Path) -> None:
    done = ops(defined, "run", "--definition", FILE)

    page = defined.path / done.out.splitlines()[-1].removeprefix("Open ")
    assert "<h1>My-definition-v2</h1>" in page.read_text(encoding="utf-8")
    page.unlink()
    again = ops(defined, "report", page.parent.name[:6])
    assert (again.code, again.out) == (0, f"{done.out.splitlines()[-1]}\n")
    assert page.is_file()
    assert ops(defined, "report", "--page", str(tmp_path / "x" / "r.html")).code == 0
    assert (tmp_path / "x" / "r.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing"], "error: there is no execution 'nothing' on this machine."),
        (["--against", "nothing"], "error: there is no execution 'nothing' on this machine."),
        (["--page", "file/r.html"], "error: file/r.html: cannot be written: "),
    ],
)
def test_a_report_that_cannot_be_written_is_one_sentence(defined: Project, arguments: list[str], sentence: str) -> None:
    ops(defined, "run", "--definition", FILE)
    (defined.path / "file").write_text("")

    done = ops(defined, "report", *arguments)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(sentence)
    assert len(done.err.splitlines()) == 1


def test_reports_that_cannot_be_written_are_said_before_anything_starts(defined: Project, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    done = ops(defined, "run", "--definition", FILE, "--gitlab", str(tmp_path / "file"))

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: --gitlab: cannot write to {tmp_path / 'file'}/")


def test_a_third_party_definition_runs_and_nothing_of_the_project_is_published(defined: Project) -> None:
    done = ops(defined, "run", "--definition", FILE)

    assert (done.code, done.err) == (0, ""), done
    assert list(ended(done)) == ["Count", "Tell"]
    assert re.search(r"^Succeeded in .* s: execution \w{12}\.$", done.out, re.MULTILINE)
    assert [folder.name for folder in (defined.path / ".local/s3").iterdir() if folder.name[0] != "."] == ["bucket"]
    assert not (defined.path / "data/schema.toml").exists()
    listed = ops(defined, "list-pipeline-executions")
    assert re.search(r"^\w{12} +My-definition-v2 +Succeeded ", listed.out, re.MULTILINE)


@pytest.mark.parametrize("command", [["run", "--definition"], ["plan"]], ids=["run", "plan"])
def test_a_third_party_definition_that_aws_would_refuse_does_not_run(defined: Project, command: list[str]) -> None:
    definition = json.loads((defined.path / FILE).read_text(encoding="utf-8"))
    definition["Steps"][1]["Arguments"]["Environment"] = {f"V{i}": "" for i in range(101)}
    write(defined, definition)

    done = ops(defined, *command, FILE, "--param", f"Data=s3://{'x' * 1024}")

    assert done.code == 2, done
    assert "Environment has 101 variables, but AWS accepts at most 100." in done.out + done.err
    assert "ProcessingInputs[1].S3Input.S3Uri ('s3://xxx" in done.out + done.err
    assert not (defined.path / ".local" / "runs").exists()


def test_its_s3_is_the_folder_given(defined: Project, tmp_path: Path) -> None:
    (defined.path / ".local/s3").rename(tmp_path / "objects")

    done = ops(defined, "run", "--definition", FILE)
    assert done.code == 2
    assert "there is nothing at s3://bucket/data/: put it into " in done.err

    run(defined, "--s3", str(tmp_path / "objects"))
    assert list((tmp_path / "objects/bucket").glob("*/Count/out/m.json"))
    assert ops(defined, "plan", FILE, "--s3", str(tmp_path / "objects")).out.endswith("2 steps: 2 cached.\n")


def test_a_second_run_uses_the_cache_unless_no_cache_is_given(defined: Project) -> None:
    first = run(defined)

    again = ops(defined, "run", "--definition", FILE)
    uncached = ops(defined, "run", "--definition", FILE, "--no-cache")

    assert [words[-1] for words in ended(again).values()] == [f"cached (execution {first})"] * 2
    assert ["cached" in " ".join(words) for words in ended(uncached).values()] == [False, False]


def test_part_of_a_pipeline_runs_with_the_results_of_an_earlier_execution(defined: Project) -> None:
    first = run(defined)
    run(defined, "--no-cache")

    one = ops(defined, "run", "--definition", FILE, "--only", "Tell", "--source-execution", first, "--no-cache")
    onward = ops(defined, "run", "--definition", FILE, "--from", "Count", "--no-cache")
    wrong = ops(defined, "run", "--definition", FILE, "--only", "Tel")

    assert ended(one)["Count"][-1] == f"reused (execution {first})"
    assert "execution" not in " ".join(ended(one)["Tell"])
    assert "reused" not in onward.out
    assert (wrong.code, wrong.out, wrong.err) == (2, "", "error: there is no step 'Tel'. Did you mean 'Tell'?\n")


@pytest.mark.parametrize(
    "options", [("--jobs", "1"), ("--isolation", "rewrite"), ("--fresh",), ("--install",)], ids=" ".join
)
def test_it_also_runs_with_each_option(defined: Project, options: tuple[str, ...]) -> None:
    run(defined, *options)


def test_a_plan_shows_what_would_run_and_runs_nothing(defined: Project) -> None:
    before = ops(defined, "plan", FILE)
    assert (before.code, before.err) == (0, ""), before
    assert not (defined.path / ".local/runs").exists()
    run(defined)

    after = ops(defined, "plan", FILE, "--format", "json")
    other = ops(defined, "plan", FILE, "--param", "Data=s3://bucket/nowhere/")

    assert before.out.splitlines()[-1] == "2 steps: 1 to run, 1 to run unless their inputs turn out to be unchanged."
    assert [each["here"] for each in json.loads(after.out)["steps"]] == ["cached", "cached"]
    assert (other.code, other.err) == (2, "")
    assert "cannot run here: there is nothing at s3://bucket/nowhere/" in other.out


def test_a_plan_that_cannot_run_is_still_drawn(defined: Project) -> None:
    definition = json.loads((defined.path / FILE).read_text(encoding="utf-8"))
    definition["Version"] = "1"
    definition["Steps"].append({"Name": "Notify", "Type": "Lambda", "Arguments": {}, "DependsOn": ["Tell"]})
    write(defined, definition)

    done = ops(defined, "plan", FILE)

    assert (done.code, done.err) == (2, "error: Version must be '2020-12-01', not '1'.\n")
    assert re.search(r"^Notify +Lambda +Tell +cannot run here: steps of type Lambda run only on AWS", done.out, re.M)
    assert "\n1 of 3 steps cannot run here.\n\n--stub Notify=Notify.json needs this file: " in done.out


def notifying(defined: Project) -> None:
    """Add a step that runs only on AWS, and a condition that reads its output."""
    definition = json.loads((defined.path / FILE).read_text(encoding="utf-8"))
    declared = [{"OutputName": "count", "OutputType": "Integer"}]
    notify = {"Name": "Notify", "Type": "Lambda", "Arguments": {}, "OutputParameters": declared, "DependsOn": ["Tell"]}
    compared = {"Type": "Equals", "LeftValue": {"Get": "Steps.Notify.OutputParameters['count']"}, "RightValue": 2}
    gate = {"Name": "Gate", "Type": "Condition", "Arguments": {"Conditions": [compared]}}
    definition["Steps"] += [notify, gate]
    write(defined, definition)


def test_the_stub_that_a_plan_prints_stands_in_for_a_step_once_it_is_filled_in(defined: Project) -> None:
    notifying(defined)
    stub = "Notify=Notify.json"

    plan = ops(defined, "plan", FILE)
    refused = ops(defined, "run", "--definition", FILE)
    printed = plan.out.partition(f"--stub {stub} needs this file: fill in what other steps read.\n")[2]
    (defined.path / "Notify.json").write_text(printed, encoding="utf-8")
    unfilled = ops(defined, "run", "--definition", FILE, "--stub", stub)
    (defined.path / "Notify.json").write_text(printed.replace('"<fill in: Integer>"', "2"), encoding="utf-8")
    ready = ops(defined, "plan", FILE, "--stub", stub)
    done = ops(defined, "run", "--definition", FILE, "--stub", stub)

    assert (plan.code, plan.err) == (2, "")
    assert json.loads(printed) == {"properties": {"OutputParameters": {"count": "<fill in: Integer>"}}}
    assert json.loads(ops(defined, "plan", FILE, "--format", "json").out)["steps"][2]["stub"] == json.loads(printed)
    assert refused.err.endswith("write the outputs of this one into a file, and add --stub Notify=FILE.\n")
    assert (unfilled.code, unfilled.out) == (2, "")
    assert unfilled.err == (
        "error: step 'Notify': its stub Notify.json still has placeholders: replace '<fill in: Integer>'.\n"
    )
    assert (ready.code, ready.err) == (0, "")
    assert re.search(r"^Notify +Lambda +Tell +stand-in: its outputs are those in Notify.json$", ready.out, re.M)
    assert re.search(r"^Gate +Condition +Notify +runs: it will be True$", ready.out, re.M)
    assert ready.out.splitlines()[-1].endswith(", 1 with a stand-in.")
    assert (done.code, done.err) == (0, ""), done
    assert re.search(r"^Notify +Lambda +StandIn +0.\d s  did not run, outputs from Notify.json$", done.out, re.M)
    assert re.search(r"^Succeeded in .* s, with stand-ins for Notify: execution \w{12}\.$", done.out, re.M)
    assert ops(defined, "logs", "latest", "Notify").out.startswith("This step did not run: its outputs are those in")


@pytest.mark.parametrize(
    ("command", "given", "sentence"),
    [
        ("run", ["Notify"], "--stub: 'Notify' does not have the form STEP=FILE."),
        ("plan", ["Notify="], "--stub: 'Notify=' does not have the form STEP=FILE."),
        ("run", ["=a.json"], "--stub: '=a.json' does not have the form STEP=FILE."),
        ("run", ["Notify=a", "Notify=b"], "--stub: step 'Notify' has two files: give one."),
        ("run", ["Notfy=a"], "--stub Notfy: there is no such step. Did you mean 'Notify'?"),
        ("plan", ["Notfy=a"], "--stub Notfy: there is no such step. Did you mean 'Notify'?"),
        ("run", ["Notify=."], "there is no file ., which must contain its outputs: `ops plan` shows what to write."),
        ("plan", ["Notify=a"], "there is no file a, which must contain its outputs: `ops plan` shows what to write."),
        ("run", ["Notify=project.toml"], "its stub project.toml is not JSON: "),
    ],
    ids=str,
)
def test_a_stub_that_cannot_be_used_is_one_sentence(
    defined: Project, command: str, given: list[str], sentence: str
) -> None:
    notifying(defined)
    options = [word for each in given for word in ("--stub", each)]

    done = ops(defined, command, *(["--definition"] if command == "run" else []), FILE, *options)

    assert done.code == 2, done
    assert (done.out + done.err).count(sentence) == 1
    assert "Traceback" not in done.err
    assert not (defined.path / ".local" / "runs").exists()


def test_an_execution_is_described_alone_and_next_to_another(defined: Project) -> None:
    first = run(defined)
    (defined.path / ".local/s3/bucket/data/table.csv").write_text("a\n1\n2\n", encoding="utf-8")
    second = run(defined)

    alone = ops(defined, "describe-pipeline-execution", "latest")
    compared = ops(defined, "describe-pipeline-execution", "latest", "--against", first[:6])
    plain = ops(defined, "describe-pipeline-execution", second, "--output", "json")

    assert (alone.code, alone.err) == (0, "")
    assert re.search(rf"^execution  {second}$", alone.out, re.MULTILINE)
    assert re.search(r"^rows  3$", alone.out, re.MULTILINE)
    assert re.search(r"^≠ rows  3  2$", compared.out, re.MULTILINE)
    assert json.loads(plain.out)["PipelineParameters"] == [{"Name": "Data", "Value": "s3://bucket/data/"}]
    listed = json.loads(ops(defined, "list-pipeline-executions", "--output", "json").out)
    assert [each["PipelineExecutionId"] for each in listed["PipelineExecutionSummaries"]] == [second, first]


def test_logs_are_printed_and_old_executions_removed(defined: Project) -> None:
    first = run(defined)
    run(defined, "--no-cache")

    assert ops(defined, "logs", first, "Count") == Result(0, "counted 2\n", "")

    cleaned = ops(defined, "clean", "--keep", "1")
    assert (cleaned.code, cleaned.err) == (0, "")
    assert re.fullmatch(r"Removed .*1 execution: \d+\.\d MB\.\n", cleaned.out)
    assert ops(defined, "logs", first, "Count").code == 2


@pytest.mark.parametrize("requests", [1, 2])
def test_ctrl_c_stops_the_execution_and_leaves_no_process(project: Project, requests: int) -> None:
    local = Local(project.path / ".local")
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" if requests == 2 else ""
    script = f"import os, time\n{stubborn}\nprint(os.getpid())\ntime.sleep(60)"
    write(project, local.definition(local.processing("Sleep", script), local.processing("Then", DependsOn=["Sleep"])))
    started = subprocess.Popen(
        [sys.executable, "-B", "-m", "sagemaker_ops", "run", "--definition", FILE],
        cwd=project.path, start_new_session=True,
        env=clean_environment() | {"PYTHONPATH": str(project.path / "vendor")},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    pid = int(first_line(project.path, "runs/*/Sleep/log.txt"))

    for _ in range(requests):
        os.killpg(started.pid, signal.SIGINT)  # as a terminal does: to all foreground processes
        time.sleep(0.3)
    out, err = started.communicate(timeout=20)

    assert (started.returncode, err) == (1, "")
    assert re.search(r"^Sleep +Processing +Stopped ", out, re.MULTILINE)
    assert re.search(r"^Stopped in ", out, re.MULTILINE)
    assert local.gone(pid)
    [summary] = json.loads(ops(project, "list-pipeline-executions", "--output", "json").out)[
        "PipelineExecutionSummaries"
    ]
    assert summary["PipelineExecutionStatus"] == "Stopped"


def first_line(root: Path, log: str) -> str:
    """The first line that a step prints, as soon as it does."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for file in (root / ".local").glob(log):
            if "\n" in (text := file.read_text(encoding="utf-8")):
                return text.splitlines()[0]
        time.sleep(0.02)
    raise AssertionError("no step has printed anything")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("run", "Give either a pipeline, such as `ops run train`, or a file with --definition."),
        (
            "run train --definition x.json",
            "Give either a pipeline, such as `ops run train`, or a file with --definition.",
        ),
        ("run train --s3 folder", "--s3 works only with --definition"),
        ("run train --from A --only B", "--from and --only cannot be combined: give one of them."),
        ("run train --source-execution x", "--source-execution works only with --from or --only: add one of them."),
        ("run train --jobs 0", "--jobs: cannot run 0 processes in parallel: write 1 or more."),
        (
            "run train --isolation docker",
            "--isolation: 'docker' is not a valid value. Write one of auto, namespace, rewrite.",
        ),
        ("run --definition nowhere.json", "nowhere.json cannot be read: No such file or directory."),
        ("run --definition README.md", "README.md: the definition is not JSON"),
        ("run --definition x.json --param A", "--param: 'A' does not have the form NAME=VALUE."),
        ("plan nowhere.json", "nowhere.json cannot be read: No such file or directory."),
        ("plan train --s3 folder", "--s3 works only with a definition file"),
        ("plan train --format jsn", "--format: 'jsn' is not a valid value. Did you mean 'json'?"),
        ("list-pipeline-executions --output yaml", "--output: 'yaml' is not a valid value. Write one of table, json."),
        ("describe-pipeline-execution latest", "there is no execution 'latest' on this machine."),
        ("logs latest Count", "there is no execution 'latest' on this machine."),
        ("clean --keep -1", "--keep: cannot keep -1 executions: write 0 or more."),
    ],
)
def test_wrong_usage_is_reported_in_one_sentence(project: Project, arguments: str, sentence: str) -> None:
    done = ops(project, *arguments.split())

    assert (done.code, done.out) == (2, ""), done
    assert sentence in done.err
    assert len(done.err.splitlines()) == 1
    assert not (project.path / ".local").exists()


def test_help_uses_the_width_of_the_terminal(project: Project) -> None:
    widths = [
        max(map(len, ops(project, "--help", COLUMNS=columns).out.splitlines())) for columns in ("60", "80", "120")
    ]

    assert widths[0] <= 60 < widths[1] <= 80 < widths[2] <= 120


def test_without_the_packages_it_says_how_to_get_them(project: Project) -> None:
    done = project.run(sys.executable, "-B", "-S", "-m", "sagemaker_ops", "check")  # -S: without site-packages

    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "error: the packages of `ops` are not installed for this Python: run `make setup`, then "
        "`. .venv/bin/activate`.\n"
    )


@pytest.mark.parametrize("is_set_up", [True, False])
def test_the_ops_of_another_project_says_what_to_activate(project: Project, bake: Bake, is_set_up: bool) -> None:
    other = bake(project_name="Other")
    if is_set_up:
        (other.path / ".venv" / "bin").mkdir(parents=True)
        (other.path / ".venv" / "bin" / "ops").touch()

    done = ops(other, "check", PYTHONPATH=str(project.path / "vendor"))

    assert done.code == 2
    first = "" if is_set_up else "run `make setup`, then "
    assert done.err.endswith(f"but you are in {other.path}: {first}run `. .venv/bin/activate` there.\n")
