"""The building blocks of a project's step scripts: read, check, split, describe, fit, measure, save and serve a table.

This package is copied into the container next to the scripts, and imports nothing else from the library. Scripts
import its names from `sagemaker_ops`.
"""
