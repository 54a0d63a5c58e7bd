"""Reads a compiled pipeline definition: parameters, steps, the order between them, and the expressions in them."""

from sagemaker_ops.definition.plan import Plan, Step, loads, parse

__all__ = ["Plan", "Step", "loads", "parse"]
