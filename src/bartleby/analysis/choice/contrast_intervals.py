"""Intervals of contrasts of the parameters of a choice model: robust to clusters, by z, or by profile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from bartleby.analysis.choice.bradley_terry import Likelihood, Maximum
from bartleby.analysis.choice.covariance import inverse_information
from bartleby.analysis.choice.own_profiles import OwnProfiles
from bartleby.analysis.choice.profile import profile_bounds
from bartleby.analysis.inference.positive import quadratic
from bartleby.analysis.inference.sandwich import RobustCovariance

__all__ = ["ContrastIntervals", "Profiles", "contrast_intervals", "no_intervals", "t_quantile"]

Floats = npt.NDArray[np.float64]
Profiles: TypeAlias = Literal["all", "separated", "none"]

_MOST_REFITTED = 2_000_000
"""Contrasts times the cube of parameters up to which profiles refit all parameters."""


@dataclass(frozen=True, eq=False)
class ContrastIntervals:
    """Standard errors, bounds, degrees of freedom and the method in words, of contrasts (k,)."""

    std_error: Floats
    low: Floats
    high: Floats
    df: Floats
    method: tuple[str, ...]

    def named(self, before: str = "", after: str = "") -> ContrastIntervals:
        """Return the same with words put before and after each method."""
        return replace(self, method=tuple(f"{before}{method}{after}" for method in self.method))


def contrast_intervals(
    design: Likelihood,
    counts: Floats,
    maximum: Maximum,
    contrasts: Floats,
    *,
    level: float,
    covariance: Floats | None = None,
    robust: RobustCovariance | None,
    scale: float,
    penalised: bool,
    unit: str,
    cluster: str | None,
    profiles: Profiles = "all",
    own: OwnProfiles | None = None,
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
        Inverse of the information (q, q); made here if it is needed and not passed.
    robust
        Covariance robust to clusters, of two or more; None takes the units as independent.
    scale
        Overdispersion, by which the variance of penalised estimates is multiplied and their deviance divided.
    penalised
        Whether the estimates are bias-reduced.
    unit, cluster
        What is independent without clusters (`trials`), and the name of the clusters, for the method.
    profiles
        Which contrasts get a profile of the penalised likelihood, if estimates are bias-reduced: `all`,
        `none`, or those of the `separated` parameters of `own` (all, if it has none).
    own
        Profiles of the separated parameters alone, for use where profiles of whole contrasts, with all other
        parameters refitted, would take too long.
    """
    model_error = np.empty(0)
    if penalised or robust is None:
        covariance = inverse_information(maximum.information[0]) if covariance is None else covariance
        model_error = np.sqrt(scale * quadratic(contrasts, covariance))
    if robust is None:
        error, df = model_error, np.full(len(contrasts), np.inf)
        method = f"{unit} independent, z"
    else:
        error, df = robust.errors_and_freedom(contrasts)
        method = f"{robust.kind} by {cluster}, Satterthwaite t"
    estimates = contrasts @ maximum.estimated[0]
    half = t_quantile(level, df) * error
    found = ContrastIntervals(error, estimates - half, estimates + half, df, (method,) * len(contrasts))
    if not penalised or profiles == "none":
        return found
    moves = np.abs(contrasts).max(axis=1, initial=0.0) > 1e-12
    if profiles == "separated" and own is not None and len(own.variance):
        moves &= own.involved(contrasts, model_error) | np.isnan(error)
    chosen = np.flatnonzero(moves)
    if profiles == "all" or own is None or len(chosen) * contrasts.shape[1] ** 3 <= _MOST_REFITTED:
        bounds = profile_bounds(design, counts, maximum, contrasts[chosen], level=level, scale=scale)
        low, high, method = bounds.low, bounds.high, "profile penalised likelihood"
    else:
        below, above = own.bounds(contrasts[chosen], model_error[chosen], level)
        low, high = estimates[chosen] - below, estimates[chosen] + above
        method = "profile of separated items' own trials, square-and-add"
    return _replaced(found, chosen, (model_error[chosen], low, high), method)


def _replaced(
    found: ContrastIntervals, chosen: npt.NDArray[np.intp], values: tuple[Floats, Floats, Floats], method: str
) -> ContrastIntervals:
    """Return intervals of which some come from a profile."""
    numbers = np.stack([found.std_error, found.low, found.high, found.df])
    numbers[:, chosen] = np.stack([*values, np.full(len(chosen), np.nan)])
    methods = list(found.method)
    for at in chosen:
        methods[at] = method
    error, low, high, df = numbers
    return ContrastIntervals(error, low, high, df, tuple(methods))


def no_intervals(size: int, method: str) -> ContrastIntervals:
    """Return intervals of which nothing is known, with the reason as their method."""
    nothing = np.full(size, np.nan)
    return ContrastIntervals(nothing, nothing, nothing, nothing, (method,) * size)


def t_quantile(level: float, df: npt.ArrayLike) -> Floats:
    """Return two-sided quantiles of Student's t; of the normal distribution where df is infinite."""
    freedom = np.asarray(df, dtype=float)
    finite = np.where(np.isfinite(freedom), freedom, 1.0)
    student = special.stdtrit(finite, (1 + level) / 2)
    result: Floats = np.where(np.isposinf(freedom), special.ndtri((1 + level) / 2), student)
    return np.where(np.isnan(freedom), np.nan, result)
