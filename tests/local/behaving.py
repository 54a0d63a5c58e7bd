"""Steps that the tests of behaviours share."""

from __future__ import annotations

from typing import Any

import pytest

from sagemaker_ops.definition.expressions import Scope

both_ways = pytest.mark.parametrize("local", ["namespace", "rewrite"], indirect=True)
REPORT = """
    import json
    json.dump({"metrics": {"auc": 0.8, "a.b": [7]}, "label": "x"}, open("/opt/ml/processing/report/report.json", "w"))
"""
WRITE = "open('/opt/ml/processing/out/a.txt', 'w').write('made')"
SCOPE = Scope(
    parameters={"Rate": 0.5, "Count": 3, "Flag": True, "Name": "abc"}, execution={"PipelineExecutionId": "id0123"}
)


def statuses(execution: Any) -> dict[str, str]:
    return {name: step.status for name, step in execution.steps.items()}


def reporting(local: Any, name: str = "Evaluate") -> Any:
    """A step with the property file Report."""
    return local.processing(name, REPORT, outputs=("report",), files={"Report": "report/report.json"})
