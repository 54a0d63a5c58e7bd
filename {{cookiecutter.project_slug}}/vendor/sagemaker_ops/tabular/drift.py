"""How far a distribution is from its baseline, and how far it may be by chance.

PSI, the population stability index, compares the shares of bins: the sum of (now - then) * ln(now / then). It depends
on the bins, which are those of the baseline, so that its value differs from that of a library with other bins. An empty
bin counts as half a row, or as its share on the other side if that is less; and a share below FLOOR counts as FLOOR,
because the logarithm of 0 is not finite.

Without any change, PSI is about (1 / rows then + 1 / rows now) times a chi-square variable with one degree of freedom
less than there are bins (Yurdakul 2018, Statistical Properties of Population Stability Index). So that of few rows is
large by chance alone: what about one table in a thousand exceeds is `psi_by_chance`.

The p-value of the Kolmogorov-Smirnov test says whether there is any change. With many rows, that is true of the
smallest change, so nothing here decides by it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.stats import chi2, kstwo

from sagemaker_ops.tabular.distributions import Floats, cumulative

FLOOR = 0.0001
CHANCE = 0.001  # how often a column without a change may exceed what counts as chance
NORMAL = 3.29  # standard deviations that a normal variable exceeds this often, in either direction


def psi(then: Floats, now: Floats, rows_then: int, rows_now: int) -> float:
    """The population stability index of the shares of bins, (bins,), in tables of so many rows; 0 if they are equal."""
    shares = _filled(then, now, rows_then), _filled(now, then, rows_now)
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


def _filled(shares: Floats, others: Floats, rows: int) -> Floats:
    return np.maximum(np.maximum(shares, np.minimum(0.5 / rows, others)), FLOOR)


def psi_by_chance(then: Floats, now: Floats, rows_then: int, rows_now: int) -> float:
    """The PSI that a table of `rows_now` rows without a change exceeds with the probability CHANCE."""
    bins = int(((then > 0) | (now > 0)).sum())
    return float((1 / rows_then + 1 / rows_now) * chi2.ppf(1 - CHANCE, max(bins - 1, 1)))


def ks(baseline: dict[str, Any], values: Floats) -> tuple[float, float]:
    """The two-sample Kolmogorov-Smirnov statistic of `values` and a described column, and its p-value.

    The statistic is the largest difference of the cumulative shares at the points of the baseline: exact for up to
    POINTS distinct values, otherwise too small by at most 1 / POINTS. The p-value is that of scipy.stats.ks_2samp with
    method="asymp".
    """
    ordered = np.sort(values)
    then = np.array([baseline["below"], baseline["up_to"]])
    statistic = float(np.abs(then - cumulative(ordered, np.array(baseline["points"]))).max())
    rows = baseline["rows"], len(ordered)
    effective = max(round(math.prod(rows) / sum(rows)), 1)
    return statistic, float(np.clip(kstwo.sf(statistic, effective), 0, 1))


def share_by_chance(then: float, now: float, rows_then: int, rows_now: int) -> float:
    """The change of a share that tables of so many rows without a change exceed with the probability CHANCE."""
    both = (then * rows_then + now * rows_now) / (rows_then + rows_now)
    return NORMAL * math.sqrt(both * (1 - both) * (1 / rows_then + 1 / rows_now))
