"""Tells MLflow about runs: parameters, metrics, report and model. MLflow itself is imported by another process only."""
