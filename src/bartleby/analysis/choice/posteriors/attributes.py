"""What attributes do to the utility of items like these: slopes and utilities drawn together.

Regressing estimated utilities on attributes with weights by their precision draws slopes towards zero: an
item that won all or nothing has an extreme estimate and, for that very reason, little weight. Here there is
one model of the choices, the utilities and what attributes leave unexplained, and nothing is estimated twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bartleby.analysis.choice.fit import GroupFit
from bartleby.analysis.choice.posteriors.utilities import (
    CHAINS,
    WIDE,
    likelihood_steps,
    run_chains,
    scattered,
)
from bartleby.analysis.inference.effective_size import effective_size

__all__ = ["RegressionPriors", "SlopeDraws", "draw_slopes"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

DRAWS = 4000


@dataclass(frozen=True, eq=False)
class SlopeDraws:
    """Draws of the coefficients of a regression of utilities on attributes.

    Parameters
    ----------
    coefficients
        (draws, p).
    between
        Standard deviation of utilities between items that attributes leave unexplained, in logits: median.
    effective
        How many independent draws the worst of the coefficients is worth.
    """

    coefficients: Floats
    between: float
    effective: float

    def row(self, contrast: Floats, level: float) -> dict[str, Any]:
        """Return estimate and interval of a contrast of the coefficients."""
        drawn = self.coefficients @ contrast
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
        return {
            "estimate": float(drawn.mean()),
            "std_error": float(drawn.std()),
            "low": float(low),
            "high": float(high),
            "level": level,
            "method": "hierarchical regression, posterior",
            "df": float("nan"),
        }


@dataclass(frozen=True, eq=False)
class RegressionPriors:
    """Utilities of items as a normal sample about a regression: the priors of `run_chains`.

    Parameters
    ----------
    rows
        The items in the estimated parameters (n, q): one 1 in each, or zeros for one held at zero.
    X
        Attributes (n, p).
    typical
        Sampling variance of an estimate, for all chains or for each (1 or K, 1).
    """

    rows: Floats
    X: Floats
    typical: Floats

    def start(self, now: Floats) -> tuple[Floats, Floats]:
        """Return coefficients (K, p) and variance (K, 1) as the parameters have them."""
        coefficients, left = self._fitted(now)
        return coefficients, np.maximum(np.mean(left**2, axis=1, keepdims=True), 0.2)

    def priors(self, means: Floats, spreads: Floats, size: int) -> tuple[Floats, Floats]:
        """Return prior precision and centre of each parameter (K, q)."""
        prior, centre = np.full((len(means), size), 1 / WIDE), np.zeros((len(means), size))
        item, column = np.nonzero(self.rows)
        prior[:, column] = 1 / spreads
        centre[:, column] = (means @ self.X.T)[:, item]
        return prior, centre

    def draw(self, now: Floats, spreads: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw coefficients and variance given the utilities and the last variance."""
        size, width = self.X.shape
        centre, left = self._fitted(now)
        squares = np.sum(left**2, axis=1, keepdims=True)
        proposed = squares / 2 / rng.standard_gamma(np.full(spreads.shape, (size - width) / 2))
        # As for classes: the proposal has prior 1 / v, the wanted one is 1 / (v + s).
        gain = (proposed / (proposed + self.typical)) / (spreads / (spreads + self.typical))
        spreads = np.where(rng.random(spreads.shape) <= gain, np.maximum(proposed, 1e-6), spreads)
        root = np.linalg.cholesky(np.linalg.inv(self.X.T @ self.X))
        return centre + np.sqrt(spreads) * (rng.standard_normal(centre.shape) @ root.T), spreads

    def _fitted(self, now: Floats) -> tuple[Floats, Floats]:
        utilities = now @ self.rows.T
        coefficients = utilities @ np.linalg.pinv(self.X).T
        return coefficients, utilities - coefficients @ self.X.T


def draw_slopes(fit: GroupFit, nodes: Integers, X: Floats, rng: np.random.Generator) -> SlopeDraws:
    """Draw the coefficients of a regression of utilities on attributes, from their joint posterior.

    Parameters
    ----------
    fit
        A fitted model.
    nodes
        The items, of one connected component (n,).
    X
        Their attributes, of full rank (n, p), p below n, with a constant in their span.
    rng
        Random numbers.

    Notes
    -----
    As `draw_utilities`, with the regression in place of the mean of a class: flat priors of the
    coefficients, p(v) proportional to 1 / (v + s) for the variance v that they leave unexplained. Without a
    baseline, utilities are taken from the mean of their component.
    """
    rows = fit.layout.design.basis[nodes]
    own = rows.any(axis=0)
    sampling = np.diag(fit.model_covariance)[own]
    priors = RegressionPriors(rows, X, np.array([[np.median(sampling)]]))
    start = scattered(fit, CHAINS, rng)
    kept, coefficients, spreads = run_chains(likelihood_steps(fit), priors, start, DRAWS // CHAINS, rng)
    # Any contrast that is reported of an item, less the item itself, is what utilities are taken from.
    zero = fit.layout.contrasts[nodes[0]] - rows[0]
    constant = np.linalg.pinv(X) @ np.ones(len(X))
    coefficients = coefficients + (kept @ zero)[..., None] * constant
    effective = min(effective_size(each) for each in np.moveaxis(coefficients, 2, 0))
    return SlopeDraws(
        coefficients.reshape(-1, X.shape[1]), float(np.median(np.sqrt(spreads))), float(effective)
    )
