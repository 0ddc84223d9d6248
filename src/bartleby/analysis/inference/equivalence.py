"""Showing that two things are as good as equal: two one-sided tests."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy.special import ndtr, stdtr

from bartleby.errors import SettingError

__all__ = ["Equivalence", "check_margin", "tost", "tost_interval"]


@dataclass(frozen=True)
class Equivalence:
    """What two one-sided tests say.

    Parameters
    ----------
    p_value
        The larger of the two one-sided p values.
    p_below, p_above
        Against "it is below the lower margin" and "it is above the upper margin".
    low, high
        The margins.
    """

    p_value: float
    p_below: float
    p_above: float
    low: float
    high: float


def check_margin(margin: float | tuple[float, float]) -> tuple[float, float]:
    """Return the margins as (low, high); a single number means plus and minus it."""
    low, high = (-margin, margin) if isinstance(margin, (int, float)) else margin
    if not (math.isfinite(low) and math.isfinite(high) and low < 0 < high):
        raise SettingError(
            f"margin={margin!r}: must be a positive number, or (low, high) with low < 0 < high"
        )
    return float(low), float(high)


def tost(
    estimate: float, std_error: float, margin: float | tuple[float, float], *, df: float = math.inf
) -> Equivalence:
    """Test whether an estimate lies within margins of zero (Schuirmann 1987).

    Parameters
    ----------
    estimate, std_error
        Of the difference, in its own units.
    margin
        Largest difference that would not matter: a number, or (low, high) around zero.
    df
        Degrees of freedom; normal if infinite.

    Returns
    -------
    Equivalence
        `p_value` below alpha shows equivalence; the interval at level 1 - 2 alpha then lies within the
        margins. All NaN if the standard error is not a positive number.
    """
    low, high = check_margin(margin)
    if not std_error > 0:
        return Equivalence(math.nan, math.nan, math.nan, low, high)
    below = _upper_tail((estimate - low) / std_error, df)
    above = _upper_tail((high - estimate) / std_error, df)
    return Equivalence(max(below, above), below, above, low, high)


def tost_interval(
    interval: Callable[[float], tuple[float, float]], margin: float | tuple[float, float]
) -> Equivalence:
    """Test equivalence by any interval that is a function of its level, so that both always agree."""
    from bartleby.analysis.inference.intervals import p_from_interval

    low, high = check_margin(margin)
    lower, upper = interval(1e-9)
    if math.isnan(lower) or math.isnan(upper):
        return Equivalence(math.nan, math.nan, math.nan, low, high)

    def one_sided(bound: float, *, inside: bool) -> float:
        half = p_from_interval(interval, bound) / 2
        return half if inside else 1 - half

    below = one_sided(low, inside=lower > low)
    above = one_sided(high, inside=upper < high)
    return Equivalence(max(below, above), below, above, low, high)


def _upper_tail(statistic: float, df: float) -> float:
    return float(ndtr(-statistic) if math.isinf(df) else stdtr(df, -statistic))
