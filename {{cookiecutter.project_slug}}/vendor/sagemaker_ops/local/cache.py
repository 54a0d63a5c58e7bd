"""Results of steps, found again by the content of everything that went into them, not by its location."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from sagemaker_ops import kept, trace
from sagemaker_ops.container.contract import decoded
from sagemaker_ops.container.packages import packages_digest
from sagemaker_ops.definition import step_types
from sagemaker_ops.definition.paths import at
from sagemaker_ops.definition.plan import Step
from sagemaker_ops.digests import combined
from sagemaker_ops.errors import UserError
from sagemaker_ops.local.machine import Machine, read_model
from sagemaker_ops.store import Unchanging, write_atomically


@dataclass(frozen=True)
class Keys:
    """The keys of a step: here by content, on AWS by the URIs of the content."""

    content: str
    addresses: str


@dataclass(frozen=True)
class Entry:
    """A step that ran. outputs: {URI: hash of the content when the step ended}.

    addresses: {key by which AWS would find it: (the first execution with this key, when it ended)}.
    """

    execution: str
    ended: datetime
    addresses: dict[str, tuple[str, datetime]]
    packages: str
    properties: dict[str, Any]
    outputs: dict[str, str]

    def is_fresh(self, step: Step) -> bool:
        """Whether it is not too old; one from the future, when the clock was wrong, could be of any age."""
        age = datetime.now(UTC) - self.ended
        return step.cache_for is not None and age <= step.cache_for and not kept.is_future(self.ended)


class Cache:
    """A file in .local/cache for each result, named by its content key."""

    def __init__(self, machine: Machine, pipeline_name: str) -> None:
        self._machine, self._folder, self._pipeline_name = machine, machine.home / "cache", pipeline_name
        self._hashes: dict[str, str] = {}

    def keys(self, step: Step, arguments: dict[str, Any]) -> Keys | None:
        """The keys of a step with these resolved arguments; None if it is not cached or lacks an input."""
        kind = step_types.of(step.type)
        if not kind.registers_model and (step.cache_for is None or not kind.is_cached):
            return None
        made, packages = _outputs_asked_for(arguments), [packages_digest(), self._machine.options.install]
        try:
            # The same model is one at the same place: a model that was trained again is a new version.
            same = trace.without(arguments)
            compared = [same, self._by_content(same)] if kind.registers_model else None
            content = [step.type, compared or self._by_content(compared_arguments(step, arguments)), made, packages]
            content += [at(arguments, path) for path in kind.compared_here]
        except (UserError, OSError):
            return None
        return Keys(_digest(content), self._addresses(step, arguments))

    def find(self, step: Step, keys: Keys) -> Entry | None:
        """A result for the same content that is not too old and whose outputs are still in place.

        For a step that registers a model: the version that it registered before.
        """
        entry = self.read(keys)
        if entry is None:
            return None
        if step_types.of(step.type).registers_model:
            return entry if self._machine.is_registered(entry.properties) else None
        if not entry.is_fresh(step):
            return None
        with suppress(UserError, OSError):
            if all(self.content_at(uri) == digest for uri, digest in entry.outputs.items()):
                return entry
        return None

    def find_by_addresses(self, step: Step, arguments: dict[str, Any]) -> Entry | None:
        """What AWS's cache would find: the newest result for the same URIs that is not too old."""
        newest = self.newest(step, arguments)
        return newest if newest is not None and newest.is_fresh(step) else None

    def newest(self, step: Step, arguments: dict[str, Any]) -> Entry | None:
        """The newest result for the same URIs, however old."""
        return self._newest.get(self._addresses(step, arguments))

    def read(self, keys: Keys) -> Entry | None:
        """A result for the same content, however old, and even if its outputs are gone."""
        return self._read(self._folder / f"{keys.content}.json")

    @cached_property
    def _newest(self) -> dict[str, Entry]:
        entries = [entry for file in self._folder.glob("*.json") if (entry := self._read(file)) is not None]
        found = [
            (key, replace(entry, execution=execution, ended=ended))
            for entry in entries
            for key, (execution, ended) in entry.addresses.items()
        ]
        return dict(sorted(found, key=lambda each: (not kept.is_future(each[1].ended), each[1].ended)))

    def _addresses(self, step: Step, arguments: dict[str, Any]) -> str:
        # Only for this pipeline: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-caching.html
        return _digest([self._pipeline_name, step.name, step.type, compared_arguments(step, arguments)])

    def keep(self, keys: Keys, execution: str, step: Step, properties: dict[str, Any]) -> None:
        """Record a step that succeeded; a full disk at this point does not fail the step."""
        with suppress(OSError, UserError):
            made = {uri: self.content_at(uri) for uri in step_types.of(step.type).outputs(properties).values()}
            entry = Entry(execution, datetime.now(UTC), {}, packages_digest(), properties, made)
            self.keep_again(keys, execution, entry)

    def keep_again(self, keys: Keys, execution: str, entry: Entry) -> None:
        """Record that AWS, which would not have found the result by these URIs, would find it from now on."""
        if keys.addresses not in entry.addresses:
            addresses = {**entry.addresses, keys.addresses: (execution, datetime.now(UTC))}
            text = json.dumps({**vars(entry), "addresses": addresses}, indent=1, default=datetime.isoformat)
            with suppress(OSError):
                write_atomically(self._folder / f"{keys.content}.json", text.encode())

    def _read(self, file: Path) -> Entry | None:
        raw = kept.read(file)
        try:
            return None if raw is None else kept.build(Entry, raw)
        except kept.DAMAGED as error:  # or it was written by another version
            kept.report(file, error)
            return None

    def _by_content(self, value: Any) -> Any:
        """The value with every URI that the step reads replaced by the hash of its content."""
        if isinstance(value, list):
            return [self._by_content(item) for item in value]
        if not isinstance(value, dict):
            return value
        replaced = {}
        for key, item in value.items():
            if key == "S3Uri" and isinstance(item, str):
                replaced[key] = self.content_at(item)
            elif key == "ModelName" and isinstance(item, str):
                replaced[key] = self._model(item)
            elif key == "sagemaker_submit_directory" and isinstance(item, str):
                replaced[key] = self.content_at(str(decoded({key: item})[key]))
            elif key == "ModelDataUrl" or (key == "SAGEMAKER_SUBMIT_DIRECTORY" and str(item).startswith("s3://")):
                replaced[key] = self.content_at(item)
            else:
                replaced[key] = self._by_content(item)
        return replaced

    def content_at(self, uri: str) -> str:
        """A hash of the content at a URI; UserError if there is none."""
        if uri in self._hashes:
            return self._hashes[uri]
        found = self._machine.store.get(uri)
        digest = combined((name, self._machine.digests.of(file)) for name, file in found.items())
        if isinstance(self._machine.store, Unchanging):
            self._hashes[uri] = digest
        return digest

    def _model(self, name: str) -> Any:
        """The content of the model with this name, without the name itself, which is new in every execution."""
        model = read_model(self._machine.home, name)
        return self._by_content(model.get("Containers") or [model.get("PrimaryContainer", {})])


def compared_arguments(step: Step, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments that AWS's cache compares, by their paths."""
    return {path: found for path in step_types.of(step.type).compared for found in at(arguments, path)}


def _outputs_asked_for(arguments: dict[str, Any]) -> Any:
    """The outputs that the step makes, without their location."""
    outputs = arguments.get("ProcessingOutputConfig", {}).get("Outputs", [])
    transform = {k: v for k, v in arguments.get("TransformOutput", {}).items() if k in ("Accept", "AssembleWith")}
    return [[each["OutputName"], each.get("S3Output", {}).get("LocalPath")] for each in outputs], transform


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
