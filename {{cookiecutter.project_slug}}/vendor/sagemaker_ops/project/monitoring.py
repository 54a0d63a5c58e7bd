"""[monitoring] of project.toml: how far new data and predictions may be from those that the model was trained with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Monitoring:
    """The thresholds of `ops monitor` and of the step monitoring.py, which has the same defaults."""

    max_psi: float = 0.2
    """Of a column: the population stability index of its distribution, compared with the train part."""
    max_prediction_psi: float = 0.2
    """The same of the predictions, compared with those on the validation part."""
    max_missing_change: float = 0.05
    """How much the share of missing values of a column may change."""
    max_new_categories: float = 0.05
    """The share of rows with a category that training did not have, beyond that of the validation part."""
    max_metric_drop: float = 0.1
    """Once the target is known: how much worse the gate's metric may be, as a share of its value in the evaluation."""

    ignore: list[str] = field(default_factory=list)
    """Columns that may change, such as the month."""

    @property
    def arguments(self) -> list[str]:
        """As command-line arguments of monitoring.py."""
        limits = [f"--{name.replace('_', '-')}={value}" for name, value in self._limits.items()]
        return [*limits, *(f"--ignore={column}" for column in self.ignore)]

    def misfits(self) -> Iterator[tuple[str, str]]:
        """(key, a sentence) for every threshold that cannot be one."""
        for name, value in self._limits.items():
            if value <= 0:
                usual = getattr(Monitoring, name)
                yield name, f"{value:g} allows no change at all: write a number above 0, such as {usual}."

    @property
    def _limits(self) -> dict[str, float]:
        return {name: value for name, value in vars(self).items() if name != "ignore"}
