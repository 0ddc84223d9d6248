"""Intervals of differences of two proportions from the intervals of each: square-and-add."""

from __future__ import annotations

import math

__all__ = ["mover_difference", "paired_correlation"]


def mover_difference(
    rate: float,
    interval: tuple[float, float],
    reference: float,
    reference_interval: tuple[float, float],
    correlation: float = 0.0,
    *,
    limit: float = 1.0,
) -> tuple[float, float]:
    """Return the interval of `rate - reference` from the intervals of both.

    Parameters
    ----------
    rate, interval, reference, reference_interval
        Two proportions and their intervals.
    correlation
        Of the two estimates: 0 if unpaired.
    limit
        The largest difference that there can be: 2 of two differences of proportions.

    Notes
    -----
    Square-and-add (Newcombe 1998, methods 10 in both papers; Zou & Donner 2008): with Wilson intervals it is
    Newcombe's interval for independent, and with the correlation for paired proportions.
    """
    down, up = rate - interval[0], interval[1] - rate
    other_down, other_up = reference - reference_interval[0], reference_interval[1] - reference
    below = down**2 - 2 * correlation * down * other_up + other_up**2
    above = up**2 - 2 * correlation * up * other_down + other_down**2
    difference = rate - reference
    low = difference - math.sqrt(max(below, 0.0))
    high = difference + math.sqrt(max(above, 0.0))
    return max(low, -limit), min(high, limit)


def paired_correlation(both: float, only: float, only_reference: float, neither: float) -> float:
    """Return the correlation of two paired proportions, corrected as in Newcombe (1998), method 10.

    Parameters
    ----------
    both, only, only_reference, neither
        Pairs with the event in both arms, in the first alone, in the reference alone, in neither.
    """
    margins = (both + only) * (only_reference + neither) * (both + only_reference) * (only + neither)
    if margins <= 0:
        return 0.0
    cross = both * neither - only * only_reference
    if cross > 0:
        cross = max(cross - (both + only + only_reference + neither) / 2, 0.0)
    return float(cross / math.sqrt(margins))
