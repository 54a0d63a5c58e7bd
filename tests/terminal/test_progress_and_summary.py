"""How a terminal shows an execution: while it runs, at its end, and in a list."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sagemaker_ops.errors import UserError
from sagemaker_ops.local import Execution, StepExecution
from sagemaker_ops.terminal import progress, summary

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def step(name: str, status: str = "Succeeded", **more: Any) -> StepExecution:
    """A step with this status; one that has ended took 1.5 s."""
    times = {"start_time": None if status == "NotStarted" else START}
    if status in ("Succeeded", "Failed", "Stopped"):
        times["end_time"] = after(1.5)
    return StepExecution(name, "Processing", status=status, **times | more)


def execution(*steps: StepExecution, folder: Path = Path(".local/runs/abc"), **more: Any) -> Execution:
    done = Execution(
        id="abc",
        pipeline_name="customer-churn-train-local",
        folder=folder,
        start_time=START,
        parameters={},
        steps={each.name: each for each in steps},
        status="Succeeded",
        end_time=after(65),
    )
    return replace(done, **more)


@pytest.mark.parametrize(
    ("took", "text"),
    [
        (0, "0.0 s"),
        (1.24, "1.2 s"),
        (59.9, "59.9 s"),
        (60, "1 min 00 s"),
        (65, "1 min 05 s"),
        (119.4, "1 min 59 s"),
        (119.6, "2 min 00 s"),
        (3725, "62 min 05 s"),
    ],
)
def test_a_duration_is_shown_in_seconds_or_minutes(took: float, text: str) -> None:
    assert progress.seconds(START, after(took)) == text


def test_a_step_that_has_not_started_took_no_time() -> None:
    assert progress.seconds(None, None) == ""


def test_a_step_that_has_not_ended_took_until_now() -> None:
    took = progress.seconds(datetime.now(UTC) - timedelta(seconds=30), None)

    assert re.fullmatch(r"3\d\.\d s", took)


# Every change in a pipeline of two steps, the second of which fails.
HISTORY = (
    execution(step("Processing", "NotStarted"), step("Training", "NotStarted")),
    execution(step("Processing", "Starting"), step("Training", "NotStarted")),
    execution(step("Processing", "Executing"), step("Training", "NotStarted")),
    execution(step("Processing", "Executing"), step("Training", "NotStarted")),
    execution(step("Processing"), step("Training", "Executing")),
    execution(step("Processing"), step("Training", "Failed", failure_reason="exit code 1: no column 'late'")),
)


def test_without_a_terminal_each_start_and_each_end_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.shown() as show:
        for moment in HISTORY:
            show(moment)

    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["Processing", "Processing", "Executing"],
        ["Processing", "Processing", "Succeeded", "1.5", "s"],
        ["Training", "Processing", "Executing"],
        ["Training", "Processing", "Failed", "1.5", "s", "exit", "code", "1:", "no", "column", "'late'"],
    ]


def test_without_a_terminal_the_first_line_is_printed_before_anything_happens(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress.shown(first="Running train …"):
        assert capsys.readouterr().out == "Running train …\n"


def test_without_a_terminal_a_line_is_plain_and_printed_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.shown() as show:
        show(execution(step("Processing", "Executing")))
        out = capsys.readouterr().out

    assert out.startswith("Processing")
    assert out.rstrip("\n").isprintable(), "no colours"
    assert out == out.rstrip() + "\n", "no blanks at the end"


@pytest.mark.parametrize(
    ("more", "notes"),
    [
        pytest.param({"source": "earlier"}, ["cached (execution earlier)"], id="found in the cache"),
        pytest.param({"source": "earlier", "selected": False}, ["reused (execution earlier)"], id="not selected"),
        pytest.param(
            {"source": "earlier", "properties": {"ModelPackageVersion": 3}},
            ["already registered as version 3 (execution earlier)"],
            id="registered before",
        ),
        pytest.param({"attempts": 1}, [], id="at the first attempt"),
        pytest.param({"attempts": 3}, ["attempt 3"], id="tried again"),
        pytest.param({"attempts": 3, "source": "earlier"}, ["cached (execution earlier)"], id="not tried here"),
    ],
)
def test_a_line_shows_a_reused_result_or_the_number_of_attempts(
    capsys: pytest.CaptureFixture[str], more: dict[str, Any], notes: list[str]
) -> None:
    with progress.shown() as show:
        show(execution(step("Processing", **more)))

    assert re.split(" {2,}", capsys.readouterr().out.strip())[1:] == ["Processing", "Succeeded", "1.5 s", *notes]


STAND_IN = step("Notify", "StandIn", end_time=after(1.5), stand_in="stubs/notify.json")


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (STAND_IN, "did not run, outputs from stubs/notify.json"),
        (replace(STAND_IN, source="xyz"), "did not run, outputs from stubs/notify.json (execution xyz)"),
    ],
    ids=["in this execution", "in an earlier one"],
)
def test_a_line_shows_that_a_step_did_not_run(
    capsys: pytest.CaptureFixture[str], shown: StepExecution, said: str
) -> None:
    with progress.shown() as show:
        show(execution(shown))

    assert capsys.readouterr().out == f"Notify               Processing     StandIn       1.5 s  {said}\n"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "Succeeded in 1 min 05 s, with stand-ins for Notify: execution abc."),
        ({"status": "Failed", "failure_reason": "bad"}, "Failed in 1 min 05 s, with stand-ins for Notify: bad"),
    ],
    ids=["succeeded", "failed"],
)
def test_the_last_lines_and_the_list_name_the_steps_that_did_not_run(more: dict[str, Any], said: str) -> None:
    package = {"ModelPackageArn": "not/a/real/one"}
    done = execution(step("Training"), replace(STAND_IN, properties=package), **more)

    assert list(summary.ended(done))[-1] == said
    assert list(summary.table([done]))[1].endswith("1 min 05 s, with stand-ins for Notify")


def test_a_step_that_is_retried_is_shown_again(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.shown() as show:
        for attempts in (1, 1, 2, 2):
            show(execution(step("Processing", "Executing", attempts=attempts)))

    assert [line.split()[2:] for line in capsys.readouterr().out.splitlines()] == [
        ["Executing"],
        ["Executing", "attempt", "2"],
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        """Without colours and cursor movements."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue())


@pytest.fixture
def _terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    for name, value in {"TERM": "xterm", "COLUMNS": "80", "LINES": "25"}.items():
        monkeypatch.setenv(name, value)
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("rich._console", None)  # created again with these variables


in_a_terminal = pytest.mark.usefixtures("_terminal_of_80_columns")


@in_a_terminal
def test_in_a_terminal_a_table_shows_the_current_state_of_every_step() -> None:
    with redirect_stdout(Terminal()) as terminal, progress.shown() as show:
        for moment in HISTORY:
            show(moment)

    last = terminal.text[terminal.text.rindex("step ") :]
    assert [line.split() for line in last.splitlines()] == [
        ["step", "type", "status", "time"],
        ["Processing", "Processing", "Succeeded", "1.5", "s"],
        ["Training", "Processing", "Failed", "1.5", "s"],
    ]


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (b"", ""),
        (b"one\ntwo\n\n  \n", "two"),
        (b"fit 10 %\rfit 50 %\r", "fit 50 %"),
        (b"\x1b[32mgreen\x1b[0m\n", "green"),
        (b"caf\xc3\xa9 \xff\n", "café \ufffd"),
        (b"[bold] and [/] stay", "[bold] and [/] stay"),
        (b"x" * 9000 + b"\nlast", "last"),
    ],
)
def test_the_last_line_of_a_log(tmp_path: Path, log: bytes, line: str) -> None:
    (tmp_path / "log.txt").write_bytes(log)

    assert progress.last_line(tmp_path / "log.txt") == line


@in_a_terminal
def test_in_a_terminal_a_running_step_shows_the_last_line_of_its_log(tmp_path: Path) -> None:
    for name in ("Processing", "Training"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "log.txt").write_text(f"read\n[{name}] epoch 3 of 10, and much more {'x' * 80}\n")
    with redirect_stdout(Terminal()) as terminal, progress.shown() as show:
        show(execution(step("Processing"), step("Training", "Executing"), folder=tmp_path))

    done, running = terminal.text.splitlines()[-2:]
    assert "epoch" not in done
    assert "[Training] epoch 3 of 10" in running
    assert running.rstrip().endswith("…"), "it does not wrap"


@in_a_terminal
def test_in_a_terminal_a_cached_step_is_shown_as_such() -> None:
    with redirect_stdout(Terminal()) as terminal, progress.shown() as show:
        show(execution(step("Processing", source="earlier")))

    assert terminal.text.splitlines()[-1].split(maxsplit=5)[-1].strip() == "cached (execution earlier)"


@in_a_terminal
def test_in_a_terminal_a_change_is_shown_at_once_with_the_waiting_steps() -> None:
    with redirect_stdout(Terminal()) as terminal, progress.shown() as show:
        show(HISTORY[0])
        now = terminal.text.splitlines()[-2:]

    assert [line.split() for line in now] == [
        ["Processing", "Processing", "NotStarted"],
        ["Training", "Processing", "NotStarted"],
    ]


@in_a_terminal
def test_in_a_terminal_there_is_a_message_before_there_is_an_execution() -> None:
    with redirect_stdout(Terminal()) as terminal, progress.shown():
        latest = time.monotonic() + 5
        while not terminal.text and time.monotonic() < latest:  # it redraws itself four times a second
            time.sleep(0.02)

    assert terminal.text.startswith("Compiling …")


@in_a_terminal
def test_in_a_terminal_an_error_passes_through_and_restores_the_cursor() -> None:
    terminal = Terminal()

    with pytest.raises(UserError, match="no such pipeline"), redirect_stdout(terminal), progress.shown():
        raise UserError("no such pipeline")

    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert terminal.getvalue().rindex(shown) > terminal.getvalue().rindex(hidden)


EVALUATION: dict[str, Any] = {
    "binary_classification_metrics": {
        "auc": {"value": 0.712345, "standard_deviation": 0.01234},
        "accuracy": {"value": 0.9, "standard_deviation": 0.002},
    },
    "baseline": {"auc": {"value": 0.5, "standard_deviation": 0.0}},
    "rows": {"test": 1000},
}


def evaluated(root: Path, content: object, **more: Any) -> Execution:
    """An execution in `root` whose second step wrote this evaluation.json."""
    folder = root / ".local" / "runs" / "abc"
    path = folder / "Evaluation" / "outputs" / "evaluation" / "evaluation.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    files = {"EvaluationReport": ("evaluation", "evaluation.json")}
    steps = (step("Processing"), step("Evaluation", property_files=files), *more.pop("steps", ()))
    return execution(*steps, folder=folder, **more)


def package(status: str = "PendingManualApproval") -> StepExecution:
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/customer-churn-local/3"
    return step("Register-RegisterModel", properties={"ModelPackageArn": arn, "ModelApprovalStatus": status})


def test_a_success_shows_metrics_the_model_and_where_to_look(tmp_path: Path) -> None:
    done = evaluated(tmp_path, EVALUATION, steps=(package(),))

    assert "\n".join(summary.lines(done, tmp_path)) == (
        "\n"
        "metric                       model         ±    baseline\n"
        "auc                         0.7123   0.01234         0.5\n"
        "accuracy                       0.9     0.002            \n"
        "\n"
        "Succeeded in 1 min 05 s: registered model customer-churn-local version 3 (PendingManualApproval).\n"
        "Look in .local/runs/abc: each step's log.txt and outputs/, definition.json"
    )


@pytest.mark.parametrize(
    ("warnings", "shown"),
    [
        ([], []),
        (["3 rows were dropped."], ["warning: 3 rows were dropped.", ""]),
        (
            [f"Column {number}." for number in range(12)],
            [
                *(f"warning: Column {number}." for number in range(10)),
                'and 2 more warnings: see "warnings" in evaluation.json.',
                "",
            ],
        ),
        (None, []),
        ("text", []),
    ],
)
def test_warnings_are_shown_below_the_metrics(tmp_path: Path, warnings: object, shown: list[str]) -> None:
    done = evaluated(tmp_path, EVALUATION | {"warnings": warnings})

    lines = list(summary.lines(done, tmp_path))[5:-2]

    assert lines == shown


VERDICT = "'town': auc is 0.08 higher for 'a' (0.75) than for 'b' (0.67), 95 % interval 0.01 to 0.15."
DOUBT = "The difference of auc between 'a' and 'b' of 'town' is 0.08, but its interval contains the limit."


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        pytest.param({"groups": {"town": {"verdict": VERDICT}}}, [VERDICT, ""], id="a line for each column"),
        pytest.param(
            {"groups": {"town": {"verdict": VERDICT}}, "group_gate": {"doubt": DOUBT}, "warnings": ["3 rows."]},
            [VERDICT, "", f"warning: {DOUBT}", "warning: 3 rows.", ""],
            id="close to the limit",
        ),
        pytest.param({"group_gate": {"doubt": ""}}, [""], id="far from the limit"),
        pytest.param({"groups": [1], "group_gate": "x"}, [""], id="of another form"),
        pytest.param({"groups": {"a": 1, "b": {"verdict": 2}}, "group_gate": {"doubt": 3}}, [""], id="other values"),
    ],
)
def test_groups_are_shown_below_the_metrics(tmp_path: Path, content: dict[str, Any], shown: list[str]) -> None:
    done = evaluated(tmp_path, EVALUATION | content)

    assert list(summary.lines(done, tmp_path))[4:-2] == shown


def test_the_time_counts_from_the_command(tmp_path: Path) -> None:
    lines = list(summary.lines(execution(folder=tmp_path), tmp_path, began=START - timedelta(seconds=8)))

    assert "Succeeded in 1 min 13 s: execution abc." in lines


def test_a_model_that_an_earlier_execution_registered_is_not_shown_again(tmp_path: Path) -> None:
    done = evaluated(tmp_path, EVALUATION, steps=(replace(package(), source="earlier", selected=False),))

    assert "Succeeded in 1 min 05 s: execution abc." in list(summary.lines(done, tmp_path))


def test_a_model_that_was_not_registered_again_is_shown_as_such(tmp_path: Path) -> None:
    done = evaluated(tmp_path, EVALUATION, steps=(replace(package(), source="earlier"),))

    assert (
        "Succeeded in 1 min 05 s: model customer-churn-local is already registered as version 3 "
        "(PendingManualApproval)."
    ) in list(summary.lines(done, tmp_path))


def test_a_failed_gate_shows_the_metrics_and_the_reason(tmp_path: Path) -> None:
    reason = "auc is 0.71, and the gate is at 0.8."
    done = evaluated(tmp_path, EVALUATION, status="Failed", failure_reason=reason)

    lines = list(summary.lines(done, tmp_path))

    assert lines[1].split()[0] == "metric"
    assert f"Failed in 1 min 05 s: {reason}" in lines


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"drift": 0.5}, id="a file without metrics"),
        pytest.param([1, 2], id="a file that is a list"),
    ],
)
def test_a_property_file_of_another_kind_is_not_an_evaluation(tmp_path: Path, content: object) -> None:
    lines = list(summary.lines(evaluated(tmp_path, content), tmp_path))

    assert lines[:2] == ["", "Succeeded in 1 min 05 s: execution abc."]


def test_without_an_evaluation_only_the_outcome_is_shown(tmp_path: Path) -> None:
    files = {"EvaluationReport": ("evaluation", "evaluation.json")}
    done = execution(
        step("Evaluation", "Failed", property_files=files),
        folder=tmp_path / ".local" / "runs" / "abc",
        status="Failed",
        failure_reason="Step 'Evaluation' failed.",
    )

    assert list(summary.lines(done, tmp_path))[:2] == ["", "Failed in 1 min 05 s: Step 'Evaluation' failed."]


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        pytest.param({"value": 0.25}, ["auc", "0.25", "0.5"], id="without a spread"),
        pytest.param({"value": 0.25, "standard_deviation": None}, ["auc", "0.25", "0.5"], id="with a null spread"),
        pytest.param({"value": 0.25, "standard_deviation": "NaN"}, ["auc", "0.25", "0.5"], id="as in AWS's examples"),
    ],
)
def test_a_metric_without_a_spread_is_shown_without(
    tmp_path: Path, metric: dict[str, object], words: list[str]
) -> None:
    evaluation = EVALUATION | {"binary_classification_metrics": {"auc": metric}}

    lines = [line.split() for line in summary.lines(evaluated(tmp_path, evaluation), tmp_path)]

    assert words in lines


def test_non_numbers_among_the_metrics_are_ignored(tmp_path: Path) -> None:
    confusion = {"confusion_matrix": {"0": {"0": 1, "1": 2}, "1": {"0": 3, "1": 4}}}
    metrics = confusion | EVALUATION["binary_classification_metrics"]

    done = evaluated(tmp_path, {"binary_classification_metrics": metrics})

    names = [line.split()[0] for line in summary.lines(done, tmp_path) if line]
    assert names[:3] == ["metric", "auc", "accuracy"]


@pytest.fixture
def _five_hours_west() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "EST5")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_five_hours_west")
def test_the_list_has_a_line_for_each_execution_in_local_time() -> None:
    listed = [execution(id="new", status="Executing", end_time=None), execution(id="old")]

    assert [line.split() for line in summary.table(listed)] == [
        ["execution", "pipeline", "status", "started", "time"],
        ["new", "customer-churn-train-local", "Executing", "2026-03-01", "07:00:00"],
        ["old", "customer-churn-train-local", "Succeeded", "2026-03-01", "07:00:00", "1", "min", "05", "s"],
    ]


def test_an_empty_list_is_only_the_heading() -> None:
    assert len(list(summary.table([]))) == 1


def test_the_longest_name_does_not_run_into_the_status() -> None:
    longest = f"{'a' * 12}-{'b' * 26}-{'c' * 16}-local"

    [_, line] = summary.table([execution(pipeline_name=longest)])

    assert line.split()[1:3] == [longest, "Succeeded"]
