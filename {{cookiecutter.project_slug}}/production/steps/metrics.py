"""Your own metrics. Training prints them for train and validation, evaluation measures them on the test part."""

from __future__ import annotations

from sagemaker_ops import Metric

# In addition to SageMaker's: name → Metric(function of truth, prediction and weights).
METRICS: dict[str, Metric] = {}
