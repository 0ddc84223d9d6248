"""Agreement of coders as functions of sums over units: Krippendorff's alpha, kappas, intraclass correlations.

Each unit becomes one row of features that add up, so that a statistic without a unit, or of a resample of
units, is the same function of other sums (`bartleby.analysis.inference.jackknife`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from bartleby.errors import SettingError

__all__ = [
    "METRICS",
    "Alpha",
    "Metric",
    "cohen_kappa",
    "fleiss_kappa",
    "icc",
    "icc_features",
    "observed_agreement",
    "unit_counts",
    "weighted_kappa",
]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

Metric: TypeAlias = Literal["nominal", "ordinal", "interval", "ratio"]
METRICS: tuple[Metric, ...] = ("nominal", "ordinal", "interval", "ratio")

MOST_ORDERED = 60
"""The most distinct values of the ordinal metric, whose distances depend on how often each value occurs."""


def unit_counts(unit: Integers, value: Integers, n_units: int, n_values: int) -> Floats:
    """Return how many coders gave each unit each value.

    Parameters
    ----------
    unit, value
        Codes of the unit and the value of each coding (n,).
    n_units, n_values
        Numbers of both.

    Returns
    -------
    ndarray
        Counts (n_units, n_values).
    """
    flat = np.bincount(unit * n_values + value, minlength=n_units * n_values)
    return flat.reshape(n_units, n_values).astype(float)


@dataclass(frozen=True, eq=False)
class Alpha:
    """Krippendorff's alpha of one metric over given values.

    Parameters
    ----------
    values
        The distinct values (K,); only their order or number matters, and neither does for `nominal`.
    metric
        The distance of two values.

    Raises
    ------
    SettingError
        If an ordinal scale has more than 60 values, or a ratio scale a negative one.

    Notes
    -----
    Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability": alpha = 1 - D_o / D_e over units that
    two coders or more have coded. The ordinal distance is the squared difference of mean ranks.
    """

    values: Floats
    metric: Metric

    def __post_init__(self) -> None:
        if self.metric == "ordinal" and len(self.values) > MOST_ORDERED:
            raise SettingError(
                f"metric='ordinal' with {len(self.values)} distinct values; allowed: {MOST_ORDERED} or fewer "
                "(metric='interval' takes any number)"
            )
        if self.metric == "ratio" and np.any(self.values < 0):
            raise SettingError(f"metric='ratio' with the value {self.values.min():g}; allowed: 0 or more")

    def features(self, counts: Floats) -> Floats:
        """Return one row a unit: its counts of each value, and its disagreements (U, K + 1 or K + K^2).

        Parameters
        ----------
        counts
            From `unit_counts` (U, K). Units with fewer than two codings have a row of zeros.
        """
        coded = counts.sum(axis=1)
        counted = np.where(coded[:, None] >= 2, counts, 0.0)
        scale = np.where(coded >= 2, 1 / np.maximum(coded - 1, 1), 0.0)
        if self.metric != "ordinal":
            distance = self._distances()
            disagreement = np.einsum("uk,uk->u", counted @ distance, counted) * scale
            return np.column_stack([counted, disagreement])
        pairs = counted[:, :, None] * counted[:, None, :] * scale[:, None, None]
        return np.concatenate([counted, pairs.reshape(len(counted), -1)], axis=1)

    def __call__(self, sums: Floats) -> Floats:
        """Return alpha of sums of features (..., D); NaN where only one value occurs."""
        size = len(self.values)
        margins = sums[..., :size]
        total = margins.sum(axis=-1)
        if self.metric != "ordinal":
            observed = sums[..., size]
            expected = np.einsum("...k,...k->...", margins @ self._distances(), margins)
        else:
            ranks = np.cumsum(margins, axis=-1) - margins / 2
            distance = (ranks[..., :, None] - ranks[..., None, :]) ** 2
            pairs = sums[..., size:].reshape(*sums.shape[:-1], size, size)
            observed = np.sum(pairs * distance, axis=(-2, -1))
            expected = np.einsum("...k,...kl,...l->...", margins, distance, margins)
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Floats = np.where(expected > 0, 1 - observed * (total - 1) / expected, np.nan)
        return found

    def _distances(self) -> Floats:
        x = self.values
        if self.metric == "nominal":
            return 1.0 - np.eye(len(x))
        gap: Floats = (x[:, None] - x[None, :]) ** 2
        if self.metric == "interval":
            return gap
        both = np.abs(x[:, None] + x[None, :])
        return np.where(both > 0, gap / np.where(both > 0, both, 1.0) ** 2, 0.0)


def observed_agreement(sums: Floats, n_values: int) -> Floats:
    """Return the chance that two coders of one unit agree, each unit weighing by its codings.

    Parameters
    ----------
    sums
        Sums of nominal features (..., K + 1).
    n_values
        K.
    """
    total = sums[..., :n_values].sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = 1 - sums[..., n_values] / total
    return found


def fleiss_kappa(sums: Floats, n_values: int) -> Floats:
    """Return Fleiss' kappa (1971) of sums of nominal features (..., K + 1).

    Every unit must have been coded by the same number of coders. Chance agreement is that of draws with
    replacement, which is the only difference from alpha.
    """
    margins = sums[..., :n_values]
    share = margins / margins.sum(axis=-1, keepdims=True)
    chance = np.sum(share**2, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.where(
            chance < 1, (observed_agreement(sums, n_values) - chance) / (1 - chance), np.nan
        )
    return found


def cohen_kappa(joint: Floats, n_values: int) -> Floats:
    """Return Cohen's kappa (1960) of two coders.

    Parameters
    ----------
    joint
        Counts of (value of one, value of the other), flattened (..., K * K).
    n_values
        K.
    """
    table = joint.reshape(*joint.shape[:-1], n_values, n_values)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = table / table.sum(axis=(-2, -1), keepdims=True)
        same = np.trace(share, axis1=-2, axis2=-1)
        chance = np.sum(share.sum(axis=-1) * share.sum(axis=-2), axis=-1)
        found: Floats = np.where(chance < 1, (same - chance) / (1 - chance), np.nan)
    return found


def weighted_kappa(joint: Floats, values: Floats, power: int) -> Floats:
    """Return weighted kappa of two coders (Cohen 1968).

    Parameters
    ----------
    joint
        Counts of (value of one, value of the other), flattened (..., K * K).
    values
        The values as numbers (K,): a disagreement weighs by their distance.
    power
        1 for linear weights, 2 for quadratic ones, with which kappa is the intraclass correlation of the
        two coders but for terms of order 1 / n (Fleiss & Cohen 1973).
    """
    size = len(values)
    table = joint.reshape(*joint.shape[:-1], size, size)
    distance = np.abs(values[:, None] - values[None, :]) ** power
    observed = np.einsum("...kl,kl->...", table, distance) * table.sum(axis=(-2, -1))
    expected = np.einsum("...k,kl,...l->...", table.sum(axis=-1), distance, table.sum(axis=-2))
    with np.errstate(divide="ignore", invalid="ignore"):
        kappa: Floats = np.where(expected > 0, 1 - observed / expected, np.nan)
    return kappa


def icc_features(scores: Floats) -> Floats:
    """Return one row a unit that every coder has coded, for `icc` (U, R + 3).

    Parameters
    ----------
    scores
        Values by unit and coder (U, R).
    """
    centred = scores - scores.mean()
    squares, sums = np.sum(centred**2, axis=1), centred.sum(axis=1)
    return np.column_stack([np.ones(len(scores)), centred, squares, sums**2])


def icc(sums: Floats, *, coders_differ: bool) -> Floats:
    """Return the intraclass correlation of single codings (Shrout & Fleiss 1979).

    Parameters
    ----------
    sums
        Sums of `icc_features` (..., R + 3).
    coders_differ
        Whether differences between the coders' means are disagreement: ICC(2,1), else ICC(3,1).
    """
    n, columns, squares, rows = sums[..., 0], sums[..., 1:-2], sums[..., -2], sums[..., -1]
    coders = columns.shape[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = columns.sum(axis=-1) ** 2 / (n * coders)
        by_coder = np.sum(columns**2, axis=-1) / n
        units = (rows / coders - centre) / (n - 1)
        between = (by_coder - centre) / (coders - 1)
        error = (squares - rows / coders - by_coder + centre) / ((n - 1) * (coders - 1))
        whole = units + (coders - 1) * error
        if coders_differ:
            whole = whole + coders * (between - error) / n
        correlation: Floats = np.where(whole > 1e-12, (units - error) / whole, np.nan)
    return correlation
