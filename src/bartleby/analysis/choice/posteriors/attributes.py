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
from bartleby.analysis.choice.posteriors.steps import likelihood_steps
from bartleby.analysis.choice.posteriors.unbiased import (
    drawn_again,
    prior_weights,
    unbiased_prior,
    weighted_size,
)
from bartleby.analysis.choice.posteriors.utilities import (
    CHAINS,
    run_chains,
    scattered,
)

__all__ = ["SlopeDraws", "draw_slopes"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

DRAWS = 4000
_REACHING = (32, 200)
"""Chains, and draws of each, where some direction is open: its tail is long and takes many."""
_LEAST_BEYOND = 1.0
"""Independent draws beyond a bound without which it is not reached."""


@dataclass(frozen=True, eq=False)
class SlopeDraws:
    """Draws of the coefficients of a regression of utilities on attributes.

    Parameters
    ----------
    coefficients
        By chain (K, draws, p).
    weight
        How often each draw counts (K, draws).
    taken
        Which draws stand for them (D,), each as often as it counts.
    between
        Standard deviation of utilities between items that attributes leave unexplained, in logits: median.
    effective
        How many independent draws the worst of the coefficients is worth.
    """

    coefficients: Floats
    weight: Floats
    taken: Integers
    between: float
    effective: float

    @property
    def draws(self) -> int:
        """How many there are."""
        return int(self.weight.size)

    def row(self, contrast: Floats, level: float) -> dict[str, Any]:
        """Return estimate and interval of a contrast; bounds that the draws do not reach are infinite."""
        by_chain = self.coefficients @ contrast
        drawn = by_chain.ravel()[self.taken]
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
        reached = [self._beyond(beyond, level) for beyond in (by_chain < low, by_chain > high)]
        return {
            "estimate": float(drawn.mean()),
            "std_error": float(drawn.std()),
            "low": float(low) if reached[0] else -np.inf,
            "high": float(high) if reached[1] else np.inf,
            "level": level,
            "method": "hierarchical regression, posterior",
            "df": float("nan"),
        }

    def _beyond(self, beyond: npt.NDArray[np.bool_], level: float) -> bool:
        """Tell whether there are enough independent draws beyond a bound for it to be one."""
        worth = weighted_size(beyond.astype(float), self.weight) * (1 - level) / 2
        return worth >= _LEAST_BEYOND


def draw_slopes(
    fit: GroupFit, nodes: Integers, X: Floats, rng: np.random.Generator, *, open_ended: bool = False
) -> SlopeDraws:
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
    open_ended
        No choice speaks against some contrast of the coefficients being ever larger.

    Notes
    -----
    As `draw_utilities`, with the regression in place of the mean of a class and, in the end, with
    `UnbiasedPrior` in place of its prior: draws are drawn again in proportion to the ratio of the two. Under
    a flat prior slopes of twenty items with ten choices each come out a fifth too large. Without a baseline,
    utilities are taken from the mean of their component. Where the likelihood is flat in some direction
    the two priors differ too much for that, and `UnbiasedPrior` has a part in every step.
    """
    rows = fit.layout.design.basis[nodes]
    own = rows.any(axis=0)
    sampling = np.diag(fit.model_covariance)
    typical = float(np.median(sampling[own]))
    priors = SamplePriors([Sample(rows, X)], np.array([[typical]]))
    prior = unbiased_prior(fit, nodes, X)
    chains, draws = _REACHING if open_ended else (CHAINS, DRAWS // CHAINS)
    kept, coefficients, spreads = run_chains(
        likelihood_steps(fit),
        priors,
        scattered(fit, sampling, chains, rng),
        draws,
        rng,
        favour=(lambda now, spread: prior.gain(now, spread[:, 0], typical)) if open_ended else None,
    )
    weight = np.ones(kept.shape[:2])
    if not open_ended:
        flat = prior_weights(prior, typical, kept.reshape(-1, kept.shape[2]), spreads.ravel())
        weight = flat.reshape(weight.shape)
    # Any contrast that is reported of an item, less the item itself, is what utilities are taken from.
    zero = fit.layout.contrasts[nodes[0]] - rows[0]
    constant = np.linalg.pinv(X) @ np.ones(len(X))
    coefficients = coefficients + (kept @ zero)[..., None] * constant
    taken = drawn_again(weight.ravel(), rng)
    return SlopeDraws(
        coefficients,
        weight,
        taken,
        float(np.median(np.sqrt(spreads.ravel()[taken]))),
        min(weighted_size(each, weight) for each in np.moveaxis(coefficients, 2, 0)),
    )
