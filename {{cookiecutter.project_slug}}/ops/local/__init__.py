"""Runs a compiled SageMaker pipeline definition on this machine: no AWS, no Docker."""

from ops.definition.plan import Plan, loads
from ops.local.executions import Execution, StepExecution, find, list_pipeline_executions
from ops.local.machine import HEAVY, Options, heavy_modules
from ops.local.process import launcher
from ops.local.runner import check, start_pipeline_execution
from ops.local.selection import Selection
from ops.local.store import Store

__all__ = [
    "HEAVY",
    "Execution",
    "Options",
    "Plan",
    "Selection",
    "StepExecution",
    "Store",
    "check",
    "find",
    "heavy_modules",
    "launcher",
    "list_pipeline_executions",
    "loads",
    "start_pipeline_execution",
]
