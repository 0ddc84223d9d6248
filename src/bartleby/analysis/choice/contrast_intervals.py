"""Intervals of contrasts of the parameters of a choice model: robust to clusters, by z, or by profile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from bartleby.analysis.choice.bradley_terry import Likelihood, Maximum
from bartleby.analysis.choice.profile import profile_bounds
from bartleby.analysis.inference.sandwich import RobustCovariance

__all__ = ["ContrastIntervals", "contrast_intervals", "no_intervals", "t_quantile"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ContrastIntervals:
    """Standard errors, bounds and degrees of freedom of contrasts (k,), and how they were got, in words."""

    std_error: Floats
    low: Floats
    high: Floats
    df: Floats
    method: str


def contrast_intervals(
    design: Likelihood,
    counts: Floats,
    maximum: Maximum,
    contrasts: Floats,
    *,
    level: float,
    covariance: Floats,
    robust: RobustCovariance | None,
    scale: float,
    penalised: bool,
    unit: str,
    cluster: str | None,
) -> ContrastIntervals:
    """Return intervals of contrasts.

    Parameters
    ----------
    design, counts, maximum
        One data set, counts (1, ...), and its maximum.
    contrasts
        One a row (k, q); zeros for what is fixed, such as the baseline.
    level
        Confidence level.
    covariance
        Inverse of the information (q, q).
    robust
        Covariance robust to clusters, of two or more; None takes the units as independent.
    scale
        Overdispersion, by which the variance of penalised estimates is multiplied and their deviance divided.
    penalised
        Whether the estimates are bias-reduced: intervals are then profiles of the penalised likelihood.
    unit, cluster
        What is independent without clusters (`trials`), and the name of the clusters, for the method.
    """
    nothing = np.full(len(contrasts), np.nan)
    if penalised:
        error = np.sqrt(scale * np.sum((contrasts @ covariance) * contrasts, axis=1))
        told = np.abs(contrasts).max(axis=1, initial=0.0) > 1e-12
        low, high = nothing.copy(), nothing.copy()
        found = profile_bounds(design, counts, maximum, contrasts[told], level=level, scale=scale)
        low[told], high[told] = found.low, found.high
        return ContrastIntervals(error, low, high, nothing, "profile penalised likelihood")
    if robust is None:
        error = np.sqrt(np.sum((contrasts @ covariance) * contrasts, axis=1))
        df, method = np.full(len(contrasts), np.inf), f"{unit} independent, z"
    else:
        error = robust.standard_errors(contrasts)
        df = robust.degrees_of_freedom(contrasts)
        method = f"{robust.kind} by {cluster}, Satterthwaite t"
    estimates = contrasts @ maximum.estimated[0]
    half = t_quantile(level, df) * error
    return ContrastIntervals(error, estimates - half, estimates + half, df, method)


def no_intervals(size: int, method: str) -> ContrastIntervals:
    """Return intervals of which nothing is known, with the reason as their method."""
    nothing = np.full(size, np.nan)
    return ContrastIntervals(nothing, nothing, nothing, nothing, method)


def t_quantile(level: float, df: npt.ArrayLike) -> Floats:
    """Return two-sided quantiles of Student's t; of the normal distribution where df is infinite."""
    freedom = np.asarray(df, dtype=float)
    finite = np.where(np.isfinite(freedom), freedom, 1.0)
    student = special.stdtrit(finite, (1 + level) / 2)
    result: Floats = np.where(np.isposinf(freedom), special.ndtri((1 + level) / 2), student)
    return np.where(np.isnan(freedom), np.nan, result)
