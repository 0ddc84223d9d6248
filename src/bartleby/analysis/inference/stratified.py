"""The rate among exactly these items, if they were asked again: a stratified mean with an honest variance."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bartleby.analysis.inference.intervals import RateFit, critical_value, wilson

__all__ = ["stratified_rate"]

Floats = npt.NDArray[np.float64]


def stratified_rate(
    events: npt.ArrayLike, n: npt.ArrayLike, level: float, *, weights: npt.ArrayLike | None = None
) -> RateFit:
    """Return a rate among exactly these items: what would happen if they were asked again.

    Parameters
    ----------
    events, n
        Events and trials of each item (G,).
    level
        Of the interval.
    weights
        Weight of each item's rate; its share of trials by default.

    Notes
    -----
    The variance of a stratified mean, sum w_i^2 p_i (1 - p_i) / n_i, with p_i (1 - p_i) replaced by its
    expectation given the item's own answers and a Beta distribution of rates whose mean and
    overdispersion are those of the data (Kleinman 1973), so that items that always answer alike do not
    claim a variance of zero. Then Wilson with effective n.
    """
    y, size = np.asarray(events, dtype=float), np.asarray(n, dtype=float)
    share = size if weights is None else np.asarray(weights, dtype=float)
    keep = size > 0
    y, size, share = y[keep], size[keep], share[keep]
    if len(size) == 0:
        return RateFit(math.nan, math.nan, math.nan, math.nan, math.nan, "no trials")
    share = share / share.sum()
    rate = float(share @ (y / size))
    total = float(size.sum())
    if np.all(y <= 0) or np.all(y >= size):
        end = 0.0 if y[0] <= 0 else 1.0
        return RateFit(
            end, math.nan, *wilson(end, total, critical_value(level)), math.inf, "wilson, these items"
        )
    precision = _beta_precision(y, size)
    a, b = precision * rate, precision * (1 - rate)
    if math.isinf(precision):
        spread = np.full(len(size), rate * (1 - rate))
    else:
        after = size + precision
        spread = (y + a) * (size - y + b) / (after * (after + 1))
    variance = float(np.sum(share**2 * spread / size))
    low, high = wilson(rate, rate * (1 - rate) / variance, critical_value(level))
    return RateFit(rate, math.sqrt(variance), low, high, math.inf, "wilson, effective n, stratified by item")


def _beta_precision(events: Floats, n: Floats) -> float:
    """Return a + b of the Beta distribution of items' rates by moments: 1 or more, infinite if all alike."""
    total, items = float(n.sum()), len(n)
    if items < 2 or total <= items:
        return math.inf
    rate = float(events.sum()) / total
    between = float(np.sum(n * (events / n - rate) ** 2)) / (items - 1)
    within = float(np.sum(events * (1 - events / n))) / (total - items)
    typical = (total - float(np.sum(n**2)) / total) / (items - 1)
    likeness = (between - within) / (between + (typical - 1) * within)
    # Likeness above 1/2 would all but trust a handful of equal answers to be the whole truth.
    return math.inf if likeness <= 0 else max(1.0, 1 / likeness - 1)
