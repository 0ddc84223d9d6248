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
from bartleby.analysis.choice.posteriors.priors import Sample, SamplePriors
from bartleby.analysis.choice.posteriors.unbiased import (
    drawn_again,
    prior_weights,
    unbiased_prior,
    weighted_size,
)
from bartleby.analysis.choice.posteriors.utilities import (
    CHAINS,
    likelihood_steps,
    run_chains,
    scattered,
)

__all__ = ["SlopeDraws", "draw_slopes"]

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
    As `draw_utilities`, with the regression in place of the mean of a class and, in the end, with
    `UnbiasedPrior` in place of its prior: draws are drawn again in proportion to the ratio of the two. Under
    a flat prior slopes of twenty items with ten choices each come out a fifth too large. Without a baseline,
    utilities are taken from the mean of their component.
    """
    rows = fit.layout.design.basis[nodes]
    own = rows.any(axis=0)
    sampling = np.diag(fit.model_covariance)[own]
    typical = float(np.median(sampling))
    priors = SamplePriors([Sample(rows, X)], np.array([[typical]]))
    start = scattered(fit, CHAINS, rng)
    kept, coefficients, spreads = run_chains(likelihood_steps(fit), priors, start, DRAWS // CHAINS, rng)
    prior = unbiased_prior(fit, nodes, X)
    weight = prior_weights(prior, typical, kept.reshape(-1, kept.shape[2]), spreads.ravel())
    # Any contrast that is reported of an item, less the item itself, is what utilities are taken from.
    zero = fit.layout.contrasts[nodes[0]] - rows[0]
    constant = np.linalg.pinv(X) @ np.ones(len(X))
    coefficients = coefficients + (kept @ zero)[..., None] * constant
    by_chain = weight.reshape(kept.shape[:2])
    effective = min(weighted_size(each, by_chain) for each in np.moveaxis(coefficients, 2, 0))
    taken = drawn_again(weight, rng)
    return SlopeDraws(
        coefficients.reshape(-1, X.shape[1])[taken],
        float(np.median(np.sqrt(spreads.ravel()[taken]))),
        effective,
    )
