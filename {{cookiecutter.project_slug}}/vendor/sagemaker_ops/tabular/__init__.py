"""What the step scripts of a project are made of: read, check, split, describe, fit, measure, save and serve a table.

It travels into the container beside the scripts, and imports nothing else of the library. A script imports its names
from `sagemaker_ops`.
"""
