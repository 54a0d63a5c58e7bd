"""Runs a compiled SageMaker pipeline definition on this machine: no AWS, no Docker."""

from ops.container.process import Launcher
from ops.definition.plan import Plan, loads
from ops.local.executions import Execution, StepExecution, find, list_pipeline_executions
from ops.local.machine import Options
from ops.local.runner import check, start_pipeline_execution
from ops.local.selection import Selection

__all__ = [
    "Execution",
    "Launcher",
    "Options",
    "Plan",
    "Selection",
    "StepExecution",
    "check",
    "find",
    "list_pipeline_executions",
    "loads",
    "start_pipeline_execution",
]
