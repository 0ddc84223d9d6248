"""What an effect would be, had the trials that say nothing all gone against it, or all for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bartleby.analysis.inference.logistic import (
    Cells,
    LogisticFit,
    fit_firth,
    fit_logistic,
    separated_columns,
)
from bartleby.analysis.rates.formulas import Design
from bartleby.analysis.rates.marginal import marginal_effects

__all__ = ["Filled", "effect_bounds"]

Floats = npt.NDArray[np.float64]
Key = tuple[str, str]
"""Quantity and term, as in a row of estimates."""


@dataclass(frozen=True)
class Filled:
    """Counted cells with the trials whose outcome is missing.

    Parameters
    ----------
    design
        One row a cell (m, p).
    events, n, missing
        Events, trials and missing trials of each cell (m,).
    """

    design: Design
    events: Floats
    n: Floats
    missing: Floats

    def cells(self, share: Floats | float) -> Cells:
        """Return cells in which a share of the missing trials had the event."""
        return Cells(self.design.matrix, self.events + self.missing * share, self.n + self.missing)


def effect_bounds(filled: Filled, *, bias_reduced: bool) -> dict[Key, tuple[float, float]]:
    """Return the bounds of coefficients and average marginal effects.

    Parameters
    ----------
    filled
        The data, with at least one trial missing.
    bias_reduced
        Whether fits are Firth's; they are where the filled data are separated.

    Returns
    -------
    dict
        Lowest and highest by quantity (`coefficient` or `marginal_effect`) and term.

    Notes
    -----
    A missing trial is for an effect if an event in it would raise the effect, which to first order is so
    where the gradient of the effect times the inverse information times the trial's predictors is above
    zero. For one condition of two that is: all missing trials of this condition had the event, and none of
    the other, as in `difference`.
    """
    middle = _fit(filled.cells(0.5), bias_reduced=bias_reduced)
    total = filled.n + filled.missing

    def effects(beta: Floats) -> list[tuple[str, float, Floats]]:
        found = marginal_effects(filled.design, total, beta)
        return [(effect.term, effect.estimate, effect.gradient) for effect in found]

    def side(gradient: Floats, value: Callable[[Floats], float]) -> tuple[float, float]:
        toward = filled.design.matrix @ (middle.covariance @ gradient) > 0
        shares = (np.where(toward, 1.0, 0.0), np.where(toward, 0.0, 1.0))
        fits = [_fit(filled.cells(each), bias_reduced=bias_reduced) for each in shares]
        high, low = (value(fit.beta) for fit in fits)
        return min(low, high), max(low, high)

    bounds: dict[Key, tuple[float, float]] = {}
    for at, term in enumerate(filled.design.columns):
        gradient = np.eye(len(middle.beta))[at]
        bounds["coefficient", term] = side(gradient, lambda beta, at=at: float(beta[at]))  # type: ignore[misc]
    for at, (term, _, gradient) in enumerate(effects(middle.beta)):
        bounds["marginal_effect", term] = side(gradient, lambda beta, at=at: effects(beta)[at][1])  # type: ignore[misc]
    return bounds


def _fit(cells: Cells, *, bias_reduced: bool) -> LogisticFit:
    if bias_reduced:
        return fit_firth(cells)
    fit = fit_logistic(cells)
    return fit_firth(cells) if not fit.converged or separated_columns(cells, fit) else fit
