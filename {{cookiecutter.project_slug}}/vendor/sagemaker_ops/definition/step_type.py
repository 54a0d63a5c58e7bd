"""What there is to say about one type of step of SageMaker Pipelines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sagemaker_ops.definition.job_names import Job
from sagemaker_ops.definition.shapes import Shape

Properties = Mapping[str, Any]
Cost = Literal["none", "bounded", "unbounded", "unknown"]
"""none: no instance to pay for. bounded: the arguments limit the time. unbounded: they cannot. unknown: not known."""


@dataclass(frozen=True)
class StepType:
    """One step type.

    shape: the part of its Arguments that the runner needs; None: it runs only on AWS.
    requests: the shapes of its Arguments in request_shapes.json, of which one applies; empty: they can be anything.
    run: the function of the local runner that runs it, and refuse: the preflight function that yields a sentence for
    everything that cannot run here; differs: the one that says what it does differently, if anything; as
    `module:function` in sagemaker_ops.
    use, cost: of its instances; resources: where they are in its arguments or those of its job.
    compared: the paths of the arguments that AWS's cache compares; empty for a step that is never cached.
    compared_here: of those that matter here, too.
    reads: paths of S3 prefixes in its arguments, and reads_files: of single S3 objects; "*" is each item of a list.
    writes: paths of S3 URIs below which it writes; writes_in_job: below which it writes in a folder named like its job.
    may_write: paths of texts that may be such URIs, or something else.
    limits: {path: values that can run here}; empty: the path must be absent.
    named: {list in its properties that is read by name: (the path of the names in its arguments, what they name)}.
    outputs: from its properties to {name: S3 folder} of its outputs. expected: its properties before it runs, as far as
    they follow from its arguments; None is a value that is known only afterwards.
    """

    name: str
    shape: Shape | None = None
    requests: tuple[str, ...] = ()
    run: str = ""
    refuse: str = ""
    differs: str = ""
    use: str = ""
    cost: Cost = "unknown"
    resources: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()
    compared_here: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    reads_files: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    writes_in_job: tuple[str, ...] = ()
    may_write: tuple[str, ...] = ()
    limits: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    named: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    outputs: Callable[[Properties], dict[str, str]] = lambda _: {}
    expected: Callable[[Properties], dict[str, Any]] = dict
    job: Job | None = None
    branches: Mapping[str, bool] = field(default_factory=dict)
    """The arguments that contain steps, and the outcome for which these run."""
    repeated: tuple[str, ...] = ()
    """The arguments with steps that it repeats, and with references that make sense only to AWS."""
    trainings: Callable[[Properties], list[dict[str, Any]]] | None = None
    """From its arguments to those of the training jobs that it contains."""
    always_fails: bool = False
    creates_model: bool = False
    serves_model: bool = False
    registers_model: bool = False

    @property
    def runs_here(self) -> bool:
        return self.shape is not None

    @property
    def is_cached(self) -> bool:
        return bool(self.compared)
