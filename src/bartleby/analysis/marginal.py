"""Average marginal effects: what a predictor does to the probability, on average over the trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from bartleby.analysis.formulas import Design

__all__ = ["MarginalEffect", "marginal_effects"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MarginalEffect:
    """An average marginal effect.

    Parameters
    ----------
    term
        `x` for a slope, `x[b - a]` for a change from a to b.
    estimate
        In units of probability (for each unit of x).
    gradient
        Its derivative with respect to the coefficients (p,), for the delta method.
    """

    term: str
    estimate: float
    gradient: Floats


def marginal_effects(design: Design, n: Floats, beta: Floats) -> list[MarginalEffect]:
    """Return the average marginal effect of every predictor.

    Parameters
    ----------
    design
        The design of counted cells.
    n
        Trials of each cell (m,), the weights of the average.
    beta
        Coefficients in logits (p,).

    Notes
    -----
    A number's effect is the mean slope of the probability, one of 0 and 1 the mean change from 0 to 1,
    and a category's the mean change from the first category, all else as it is in each trial. The trials'
    predictors are taken as given.
    """
    weights = n / n.sum()
    effects = []
    for name in design.data.columns:
        values = design.data[name]
        if isinstance(values.dtype, pd.CategoricalDtype):
            first, *others = values.cat.categories
            changes = [(f"{name}[{other} - {first}]", other, first, 1.0) for other in others]
        elif set(values.unique()) <= {0.0, 1.0}:
            changes = [(name, 1.0, 0.0, 1.0)]
        else:
            step = 1e-5 * max(float(values.std()), 1e-8)
            changes = [(name, values + step, values - step, 2 * step)]
        effects += [_effect(design, weights, beta, name, change) for change in changes]
    return effects


def _effect(
    design: Design, weights: Floats, beta: Floats, name: str, change: tuple[str, Any, Any, float]
) -> MarginalEffect:
    term, upper, lower, width = change
    high, low = design.changed({name: upper}), design.changed({name: lower})
    at_high, at_low = expit(high @ beta), expit(low @ beta)
    slope_high, slope_low = at_high * (1 - at_high), at_low * (1 - at_low)
    estimate = float(weights @ (at_high - at_low)) / width
    gradient: Floats = (high.T @ (weights * slope_high) - low.T @ (weights * slope_low)) / width
    return MarginalEffect(term, estimate, gradient)
