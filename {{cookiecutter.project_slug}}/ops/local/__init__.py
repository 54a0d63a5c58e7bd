"""Runs a compiled SageMaker pipeline definition on this machine: no AWS, no Docker."""

from ops.local.definition import Plan, loads
from ops.local.executions import Execution, StepExecution, list_pipeline_executions
from ops.local.runner import check, start_pipeline_execution
from ops.local.store import Store

__all__ = [
    "Execution",
    "Plan",
    "StepExecution",
    "Store",
    "check",
    "list_pipeline_executions",
    "loads",
    "start_pipeline_execution",
]
