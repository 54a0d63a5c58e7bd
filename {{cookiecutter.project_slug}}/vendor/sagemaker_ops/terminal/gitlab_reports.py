"""Writes the report files that GitLab shows beside an execution: metrics, tests, warnings, and a link."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from sagemaker_ops.definition import step_types
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.guardrails import formats
from sagemaker_ops.local import Execution, StepExecution
from sagemaker_ops.project.settings import FILE
from sagemaker_ops.terminal import details, summary

if TYPE_CHECKING:
    from sagemaker_ops.aws.account import Account

METRICS, TESTS, WARNINGS = "metrics.txt", "gate.xml", "warnings.json"
LINK, VARIABLES = "annotations.json", "execution.env"
FILES = (METRICS, TESTS, WARNINGS, LINK, f"../{VARIABLES}")
GATE, GROUPS = "quality gate", "difference between groups"  # the names of their tests
# Characters that XML 1.0 does not allow.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SKIPPED = {"NotStarted": "not reached", "Starting": "has not ended", "Executing": "has not ended"}


@dataclass(frozen=True)
class Reports:
    """The report files of one pipeline, in their folder."""

    pipeline: str
    folder: Path

    @property
    def variables(self) -> Path:
        """For later jobs; not in the pipeline's folder, because a job names the file of its variables exactly."""
        return self.folder.parent / VARIABLES

    def started(self, account: Account, arn: str) -> None:
        """Write the link to an execution on AWS, and its ARN for later jobs."""
        from sagemaker_ops.aws import studio_links  # a run on this machine does not need boto3

        link = {"label": f"{self.pipeline} in SageMaker", "url": studio_links.execution(account, arn)}
        # https://docs.gitlab.com/ci/yaml/artifacts_reports/#artifactsreportsannotations
        self._write(LINK, json.dumps({"Execution": [{"external_link": link}]}, indent=2))
        self.variables.write_text(f"EXECUTION_ARN={arn}\n", encoding="utf-8")

    def ended(self, execution: Execution, root: Path) -> None:
        """Write the reports about an execution that has ended, and the model that it registered on AWS.

        root: the project's folder.
        """
        self._write(METRICS, "\n".join(metrics(self.pipeline, execution)))
        self._write(TESTS, tests(self.pipeline, execution))
        self._write(WARNINGS, warnings(execution, root))
        models = [arn for step in execution.steps.values() if (arn := step.properties.get("ModelPackageArn"))]
        if models and self.variables.is_file():
            with self.variables.open("a", encoding="utf-8") as variables:
                variables.write(f"MODEL_PACKAGE_ARN={models[-1]}\n")

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(f"{text}\n", encoding="utf-8", errors="backslashreplace")


def prepare(folder: Path, pipeline: str) -> Reports:
    """Create folder/<pipeline> and remove the reports of an earlier execution from it; UserError if that fails."""
    name = re.sub(r"[^\w-]", "_", pipeline.rpartition("/")[2])
    place = folder / name
    try:
        place.mkdir(parents=True, exist_ok=True)
        for each in FILES:
            (place / each).unlink(missing_ok=True)
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        message = f"cannot write to {place} ({error.strerror}): give a folder in which you may create files."
        raise UserError(Problem(message, "--gitlab")) from error
    return Reports(name, place)


def metrics(pipeline: str, execution: Execution) -> Iterator[str]:
    """Lines of OpenMetrics: `train_auc 0.7312`, `train_auc_baseline 0.5`, `train_steps 6`.

    GitLab compares the metrics of all pipelines by name, so each name starts with the pipeline's. It compares values as
    strings, so they are rounded, and there are no times.
    """
    values: dict[str, float] = {}
    for evaluation in details.evaluations(execution):
        values |= {
            f"{name}{suffix}": value
            for group, suffix in (
                (details.scores(evaluation), ""),
                (_baseline(evaluation), "_baseline"),
                (_approved(evaluation), "_approved"),
            )
            for name, value in group.items()
        }
    values["steps"] = len(execution.steps)
    seen = set()
    for name, value in sorted(values.items()):
        full = re.sub(r"[^a-zA-Z0-9_]", "_", f"{pipeline}_{name}")
        full = f"_{full}" if full[0].isdigit() else full
        if full not in seen:
            seen.add(full)
            yield f"{full} {value:.4g}"
    yield "# EOF"


def tests(pipeline: str, execution: Execution) -> str:
    """JUnit's XML: a test for the quality gate and its limit on groups, if there are any, and one for each step."""
    suite = ElementTree.Element("testsuite", name=pipeline)
    for each in (*_gate(execution), *_groups(execution), *map(_step, execution.steps.values())):
        suite.append(each)
    if execution.status != "Succeeded" and suite.find("*/failure") is None:
        suite.append(_test("execution", "failure", execution.failure_reason or execution.status))
    for each in suite:
        each.set("classname", pipeline)
    counts = {
        key: str(len(suite.findall(f"*/{tag}"))) for key, tag in (("failures", "failure"), ("skipped", "skipped"))
    }
    suite.attrib |= {"tests": str(len(suite)), "errors": "0", **counts}
    document = ElementTree.Element("testsuites")
    document.append(suite)
    ElementTree.indent(document)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(document, encoding="unicode")


def warnings(execution: Execution, root: Path) -> str:
    """What the steps warned of, as a code-quality report."""
    problems = [Problem(warning, f"{FILE} [data]", "warning") for warning in details.warnings(execution)]
    return formats.document(problems, "gitlab", root)


def _gate(execution: Execution) -> Iterator[ElementTree.Element]:
    """The test of the quality gate: failed if a Fail step ended the execution, passed if a condition was met."""
    steps = execution.steps.values()
    conditions = [step for step in steps if step_types.of(step.type).branches]
    if not conditions or not any(step.property_files for step in steps):
        return
    failed = [step for step in steps if step_types.of(step.type).always_fails and step.status == "Failed"]
    if failed:
        reason = failed[0].failure_reason or "not passed"
        yield _test(GATE, "failure", reason, "\n".join([reason, *_numbers(execution)]))
    elif any(step.status == "Succeeded" for step in conditions):
        passed = _test(GATE)
        if said := [each for evaluation in details.evaluations(execution) for each in summary.comparison(evaluation)]:
            ElementTree.SubElement(passed, "system-out").text = _printable("\n".join(said))
        yield passed
    else:
        yield _test(GATE, "skipped", "not reached")


def _groups(execution: Execution) -> Iterator[ElementTree.Element]:
    """The test of the limit on the difference between groups, if there is one: it is part of the quality gate."""
    for evaluation in details.evaluations(execution):
        gate = evaluation.get("group_gate")
        if isinstance(gate, dict) and "limit" in gate:
            yield _test(GROUPS, "" if gate.get("passed") else "failure", str(gate.get("message")))


def _numbers(execution: Execution) -> Iterator[str]:
    """The metric of the gate and its baseline, and the gate itself if it is a parameter."""
    for evaluation in details.evaluations(execution):
        gate = evaluation.get("gate")
        if isinstance(gate, dict):
            name, naive = gate.get("metric"), _baseline(evaluation)
            yield f"{name}: {gate.get('value')}{f' (baseline {naive[name]})' if name in naive else ''}"
        yield from summary.comparison(evaluation, execution.failure_reason or "")
    if "QualityGate" in execution.parameters:
        yield f"QualityGate: {execution.parameters['QualityGate']}"


def _step(step: StepExecution) -> ElementTree.Element:
    if step.stand_in:
        test = _test(step.name, "skipped", f"did not run, outputs from {step.stand_in}")
    elif step.status in _SKIPPED:
        test = _test(step.name, "skipped", _SKIPPED[step.status])
    elif step.has_result:
        test = _test(step.name)
    else:
        test = _test(step.name, "failure", step.failure_reason or step.status)
    if step.start_time and step.end_time:
        test.set("time", f"{(step.end_time - step.start_time).total_seconds():.1f}")
    return test


def _test(name: str, outcome: str = "", message: str = "", text: str = "") -> ElementTree.Element:
    test = ElementTree.Element("testcase", name=_printable(name))
    if outcome:
        result = ElementTree.SubElement(test, outcome, message=_printable(message))
        result.text = _printable(text or message) if outcome == "failure" else None  # GitLab shows the text
    return test


def _printable(text: str) -> str:
    return _NOT_XML.sub("?", text)


def _approved(evaluation: dict[str, Any]) -> dict[str, float]:
    """The metric of the gate for the approved model, if it was compared."""
    found = evaluation.get("approved")
    return details.numbers([(str(found.get("metric")), found)]) if isinstance(found, dict) else {}


def _baseline(evaluation: dict[str, Any]) -> dict[str, float]:
    naive = evaluation.get("baseline")
    return details.numbers(naive.items()) if isinstance(naive, dict) else {}
