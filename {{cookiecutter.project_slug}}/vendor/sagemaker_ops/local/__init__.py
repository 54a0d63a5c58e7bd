"""Runs a compiled SageMaker pipeline definition on this machine: no AWS, no Docker."""

from sagemaker_ops.container.process import Launcher
from sagemaker_ops.definition.plan import Plan, loads
from sagemaker_ops.local.executions import Execution, StepExecution, find, list_pipeline_executions
from sagemaker_ops.local.machine import Options
from sagemaker_ops.local.runner import check, start_pipeline_execution
from sagemaker_ops.local.selection import Selection

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
