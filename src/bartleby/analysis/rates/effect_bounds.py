"""What an effect would be, had the trials that say nothing all gone against it, or all for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bartleby.analysis.inference.logistic import fit_firth
from bartleby.analysis.rates.counted import Counted
from bartleby.analysis.rates.linear import least_squares
from bartleby.analysis.rates.marginal import Link, marginal_effects
from bartleby.analysis.rates.regression import Regression

__all__ = ["EffectBounds", "effect_bounds"]

Floats = npt.NDArray[np.float64]
Key = tuple[str, str]
"""Quantity and term, as in a row of estimates."""
Rows = dict[Key, dict[str, Any]]


@dataclass(frozen=True)
class EffectBounds:
    """An effect with the missing trials all against it and all for it: estimates, and outer interval ends."""

    least: float
    most: float
    low: float
    high: float


def effect_bounds(
    data: Counted, regress: Callable[[Counted], Regression], level: float, *, link: Link = "logit"
) -> dict[Key, EffectBounds]:
    """Return the worst cases of coefficients, odds ratios and average marginal effects.

    Parameters
    ----------
    data
        With at least one trial missing.
    regress
        The regression, of complete data.
    level
        Of the intervals whose outer ends are the bounds.
    link
        As in `Regression`.

    Notes
    -----
    A missing trial is for an effect if an event in it would raise the effect, which to first order is so
    where the gradient of the effect times the inverse information times the trial's predictors is above
    zero. For one condition of two that is: all missing trials of this condition had the event, and none of
    the other, as in `difference`.
    """
    matrix, missing = data.design.matrix, data.missing
    if missing is None:
        return {}
    beta, inverse = _middle(data.filled(0.5), link)
    fits: dict[bytes, Rows] = {}

    def rows(toward: npt.NDArray[np.bool_]) -> Rows:
        """Return the rows of the fit with events in these missing trials; effects often share one."""
        key = (toward & (missing > 0)).tobytes()
        if key not in fits:
            fit = regress(data.filled(toward.astype(float)))
            fits[key] = {(row["quantity"], row["term"]): row for row in fit.rows(level)}
        return fits[key]

    bounds: dict[Key, EffectBounds] = {}
    for quantities, term, gradient in _gradients(data, beta, link):
        toward = matrix @ (inverse @ gradient) > 0
        sides = rows(~toward), rows(toward)
        for key in ((quantity, term) for quantity in quantities):
            if key in sides[0] and key in sides[1]:
                estimates = [side[key]["estimate"] for side in sides]
                low, high = min(side[key]["low"] for side in sides), max(side[key]["high"] for side in sides)
                bounds[key] = EffectBounds(min(estimates), max(estimates), low, high)
    return bounds


def _middle(data: Counted, link: Link) -> tuple[Floats, Floats]:
    """Return coefficients and their inverse information, from which the signs of changes are taken."""
    if link == "identity":
        return least_squares(data)
    fit = fit_firth(data.cells())  # it exists whatever the data are
    return fit.beta, fit.covariance


def _gradients(data: Counted, beta: Floats, link: Link) -> list[tuple[tuple[str, ...], str, Floats]]:
    """Return the quantities, term and gradient of every effect."""
    effects = marginal_effects(data.design, data.filled(0.5).n, beta, link=link)
    coefficients = zip(data.design.columns, np.eye(len(beta)), strict=True)
    return [
        *((("coefficient", "odds_ratio"), term, gradient) for term, gradient in coefficients),
        *((("marginal_effect",), effect.term, effect.gradient) for effect in effects),
    ]
