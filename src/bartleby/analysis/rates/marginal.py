"""Average marginal effects: what a predictor does to the probability, on average over the trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from bartleby.analysis.rates.formulas import Design

__all__ = ["Link", "MarginalEffect", "marginal_effects"]

Floats = npt.NDArray[np.float64]

Link: TypeAlias = Literal["logit", "identity"]

_NODES = 60
Change = tuple[str, Any, Any, float]


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


def marginal_effects(
    design: Design, n: Floats, beta: Floats, spread: float | None = None, *, link: Link = "logit"
) -> list[MarginalEffect]:
    """Return the average marginal effect of every predictor.

    Parameters
    ----------
    design
        The design of counted cells.
    n
        Trials of each cell (m,), the weights of the average.
    beta
        Coefficients in logits (p,).
    spread
        Standard deviation in logits of normal intercepts of clusters, over which the probability is
        averaged; the gradient then ends with the derivative by it (p + 1,). None without such intercepts.
    link
        `logit`, or `identity`: effects are then on a mean and not on a probability.

    Notes
    -----
    A number's effect is the mean slope of the probability, one of 0 and 1 the mean change from 0 to 1,
    and a category's the mean change from the first category, all else as it is in each trial. The trials'
    predictors are taken as given; one that was left out, as it does not vary, has no effect. Averages over
    intercepts by Gauss-Hermite quadrature.
    """
    weights = n / n.sum()
    effects = []
    for name in design.data.columns:
        values = design.data[name]
        if design.left_out and (values == values.iloc[0]).all():
            continue
        if isinstance(values.dtype, pd.CategoricalDtype):
            first, *others = values.cat.categories
            changes: list[Change] = [(f"{name}[{other} - {first}]", other, first, 1.0) for other in others]
        elif set(values.unique()) <= {0.0, 1.0}:
            changes = [(name, 1.0, 0.0, 1.0)]
        else:
            step = 1e-5 * max(float(values.std()), 1e-8)
            changes = [(name, values + step, values - step, 2 * step)]
        for term, upper, lower, width in changes:
            sides = [design.changed({name: value}) for value in (upper, lower)]
            (high, up), (low, down) = (_mean_outcome(side, weights, beta, spread, link) for side in sides)
            effects.append(MarginalEffect(term, (high - low) / width, (up - down) / width))
    return effects


def _mean_outcome(
    matrix: Floats, weights: Floats, beta: Floats, spread: float | None, link: Link
) -> tuple[float, Floats]:
    """Return the mean probability or mean over trials (and over intercepts), and its gradient."""
    eta = matrix @ beta
    if link == "identity":
        return float(weights @ eta), np.asarray(matrix.T @ weights, dtype=np.float64)
    if spread is None:
        mean = expit(eta)
        return float(weights @ mean), np.asarray(matrix.T @ (weights * mean * (1 - mean)), dtype=np.float64)
    nodes, share = np.polynomial.hermite_e.hermegauss(_NODES)
    share = share / share.sum()
    each = expit(eta[:, None] + spread * nodes)
    slope = each * (1 - each)
    by_beta = matrix.T @ (weights * (slope @ share))
    by_spread = float(weights @ (slope @ (share * nodes)))
    return float(weights @ (each @ share)), np.append(by_beta, by_spread)
