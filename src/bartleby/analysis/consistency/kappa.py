"""Cohen's kappa of two kinds of choices of the same pairs, with an interval over pairs or items."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bartleby.analysis.inference.few_clusters import with_room
from bartleby.analysis.inference.intervals import RateFit, undefined
from bartleby.analysis.inference.unit_means import Units, mean_of, share_of

__all__ = ["kappa_of", "kappa_values"]

Floats = npt.NDArray[np.float64]


def kappa_of(
    units: Units, stated: Floats, revealed: Floats, level: float, *, by_item: bool = False
) -> RateFit:
    """Return Cohen's kappa with its interval, within -1 and 1.

    Parameters
    ----------
    units
        Cells with the agreement of each as value (m,).
    stated, revealed
        Shares of choices of the item shown first, of each cell (m,).
    level
        Of the interval.
    by_item
        Whether units that share an item hang together.

    Returns
    -------
    RateFit
        NaN throughout without cells, or where agreement by chance is certain.

    Notes
    -----
    A t interval of the linearisation over clusters, taken on the scale of Fisher's z: on that of kappa
    itself it held the truth 85 to 91% of the time where nearly all answers agree. Where nothing varies (all
    answers agree), the interval is that of disagreement over the disagreement expected by chance.
    """
    values = kappa_values(units.value, stated, revealed) if len(units.value) else units.value
    if len(values) == 0 or np.isnan(values).any():
        return undefined("agreement by chance is certain" if len(values) else "nothing to compare")
    fit = _interval(values, units, stated, revealed, level, by_item=by_item)
    if by_item:
        return fit
    # One minus disagreement over that expected by chance: what room there is for the first is its own.
    seen = 1 - float(units.value.mean())
    expected = 1 - _by_chance(stated, revealed)
    shifted = replace(fit, estimate=seen, low=seen, high=seen)
    room = with_room(shifted, units.n_clusters(by_item=False), level)
    low, high = 1 - room.high / expected, 1 - room.low / expected
    if math.isnan(fit.low) or (low >= fit.low and high <= fit.high):
        return fit
    return replace(
        fit, low=max(min(low, fit.low), -1.0), high=min(max(high, fit.high), 1.0), method=room.method
    )


def _interval(
    values: Floats, units: Units, stated: Floats, revealed: Floats, level: float, *, by_item: bool
) -> RateFit:
    """Return kappa with the interval that the cells seen give."""
    fit = mean_of(replace(units, value=values), level, by_item=by_item)
    kappa = fit.estimate
    if math.isnan(fit.low) or abs(kappa) > 1 - 1e-9:
        return _from_disagreement(fit, units, stated, revealed, level, by_item=by_item)
    half = (fit.high - fit.low) / 2 / (1 - kappa**2)
    low, high = (math.tanh(math.atanh(kappa) + side) for side in (-half, half))
    return replace(fit, low=low, high=high, method=f"Fisher z, {fit.method}")


def kappa_values(agree: Floats, stated: Floats, revealed: Floats) -> Floats:
    """Return values whose mean is Cohen's kappa and whose variation is that of its linearisation.

    Parameters
    ----------
    agree
        Agreement of each cell (m,).
    stated, revealed
        Shares of choices of the item shown first, of each cell (m,).

    Returns
    -------
    array (m,)
        NaN throughout if agreement by chance is certain: every answer of both kinds in one place.
    """
    a, b, observed = stated.mean(), revealed.mean(), agree.mean()
    chance = _by_chance(stated, revealed)
    if chance >= 1 - 1e-12:
        return np.full_like(agree, np.nan)
    by_chance = (2 * b - 1) * (stated - a) + (2 * a - 1) * (revealed - b)
    change = (agree - observed) / (1 - chance) - (1 - observed) / (1 - chance) ** 2 * by_chance
    result: Floats = (observed - chance) / (1 - chance) + change
    return result


def _by_chance(stated: Floats, revealed: Floats) -> float:
    a, b = float(stated.mean()), float(revealed.mean())
    return a * b + (1 - a) * (1 - b)


def _from_disagreement(
    fit: RateFit, units: Units, stated: Floats, revealed: Floats, level: float, *, by_item: bool
) -> RateFit:
    """Return 1 minus the interval of disagreement over what chance gives; NaN bounds where that has none."""
    share = share_of(replace(units, value=1 - units.value), level, by_item=by_item)
    if math.isnan(share.low):
        return fit
    expected = 1 - _by_chance(stated, revealed)
    low, high = (max(1 - bound / expected, -1.0) for bound in (share.high, share.low))
    return replace(fit, low=low, high=high, df=share.df, method=f"{share.method}, over chance")
