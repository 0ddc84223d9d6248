"""A prior of slopes under which few choices do not make their posterior mean too large.

Maximum likelihood puts the slopes of a logistic model too far from zero, the more so the fewer the choices
(Firth 1993), and the mean of a posterior under a flat prior errs twice as far. It also lets a large spread of
items go with large slopes, since choices tell their ratio better than either. The prior that makes up for
both follows from what choices tell of slopes and spread.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from bartleby.analysis.choice.fit import GroupFit
from bartleby.analysis.inference.effective_size import effective_size

__all__ = ["UnbiasedPrior", "drawn_again", "prior_weights", "unbiased_prior", "weighted_size"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_BATCH = 2_000_000
"""Cells by draws that are looked at together."""


@dataclass(frozen=True, eq=False)
class UnbiasedPrior:
    """The asymptotically unbiased prior for a regression of utilities on attributes.

    Parameters
    ----------
    trials
        Choices of one of the two items in each cell (M,).
    logits
        What turns estimated parameters into the logits of those choices (M, q).
    along
        What amounts along orthonormal directions of the regression add to these logits (M, r).
    slot
        What the slot effect adds (M, 0 or 1).
    shown
        How many items of the regression a cell shows (M,).
    n_items
        How many there are.

    Notes
    -----
    Its density is det I / det I_0 / (v + s). I is the information on coefficients and slot with the
    differences between items, of variance v, integrated out, for the weights that choices have at given
    utilities; s is the typical sampling variance of a utility with these weights. A prior proportional
    to the information makes the posterior mean unbiased to the first order (Hartigan 1965), as its root,
    Jeffreys' prior, makes the mode (Firth 1993). I_0 is what as many choices would tell between items that
    are alike: relative to that, a regression with noise of known size keeps its flat prior of coefficients.
    1 / (v + s) is the prior of a variance that `draw_utilities` has, but with s where the draw is.
    Differences between items count as far as they look like effects of attributes.
    """

    trials: Floats
    logits: Floats
    along: Floats
    slot: Floats
    shown: Floats
    n_items: int

    def log_density(self, parameters: Floats, spreads: Floats) -> Floats:
        """Return the log density (D,) but for a constant, at parameters (D, q) and variances (D,)."""
        step = max(1, _BATCH // len(self.trials))
        parts = [slice(at, at + step) for at in range(0, len(spreads), step)]
        return np.concatenate([self._log_density(parameters[part], spreads[part]) for part in parts])

    def gain(self, parameters: Floats, spreads: Floats, typical: float) -> Floats:
        """Return the log of the ratio of this prior to that of `SamplePriors` (D,), but for a constant."""
        gain: Floats = self.log_density(parameters, spreads) + np.log(spreads + typical)
        return gain

    def _log_density(self, parameters: Floats, spreads: Floats) -> Floats:
        eta = parameters @ self.logits.T
        weight = self.trials * special.expit(eta) * special.expit(-eta)
        even = np.broadcast_to(self.trials / 4, weight.shape)
        told = self._log_information(weight, spreads) - self._log_information(even, spreads)
        known = weight @ self.shown / self.n_items
        with np.errstate(divide="ignore"):
            density: Floats = told + np.log(known) - np.log1p(spreads * known)
        return density

    def _log_information(self, weight: Floats, spreads: Floats) -> Floats:
        """Return the log determinant of the information (D,) for the weights of cells (D, M)."""
        features = np.column_stack([self.along, self.slot])
        size, width = features.shape[1], self.along.shape[1]
        squares = (features[:, :, None] * features[:, None, :]).reshape(len(features), -1)
        information = (weight @ squares).reshape(-1, size, size)
        # What differences between items take away: det A / det (1 + v A) for the directions they go in.
        lost = np.eye(width) + spreads[:, None, None] * information[:, :width, :width]
        sign, log = np.linalg.slogdet(information)
        found: Floats = np.where(sign > 0, log, -np.inf) - np.linalg.slogdet(lost)[1]
        return found


def unbiased_prior(fit: GroupFit, nodes: Integers, X: Floats) -> UnbiasedPrior:
    """Return the prior for the choices of a fit; `nodes` and `X` are as `draw_slopes` takes them."""
    design = fit.layout.design
    trials = fit.data.counts[:, :2].sum(axis=1) / fit.scale
    used = trials > 0
    first, second, *slot = design.index[used].T
    directions, own = np.zeros((design.n_parameters, X.shape[1])), np.zeros(design.n_parameters)
    directions[nodes], own[nodes] = np.linalg.qr(X)[0], 1.0
    logits = design.basis[first] - design.basis[second]
    along = directions[first] - directions[second]
    # Without a baseline choices tell nothing of a constant.
    _, size, turned = np.linalg.svd(along, full_matrices=False)
    told = size > 1e-9 * size.max(initial=0.0)
    return UnbiasedPrior(
        trials=trials[used],
        logits=logits + design.basis[slot[0]] if design.kernel.slot else logits,
        along=along @ turned[told].T,
        slot=np.ones((len(first), int(design.kernel.slot))),
        shown=own[first] + own[second],
        n_items=len(nodes),
    )


def prior_weights(prior: UnbiasedPrior, typical: float, parameters: Floats, spreads: Floats) -> Floats:
    """Return how often draws under `SamplePriors` should be taken for this prior (D,), once on average.

    Parameters
    ----------
    prior
        What is wanted.
    typical
        s of `SamplePriors`.
    parameters, spreads
        The draws: parameters (D, q) and variances (D,).
    """
    gain = prior.gain(parameters, spreads, typical)
    weight = np.exp(gain - gain.max())
    scaled: Floats = weight / weight.mean()
    return scaled


def drawn_again(weight: Floats, rng: np.random.Generator) -> Integers:
    """Return which draws are taken (D,), each as often as its weight says but for a rounding."""
    places = (np.arange(len(weight)) + rng.random()) / len(weight)
    found = np.searchsorted(np.cumsum(weight) / weight.sum(), places)
    return np.minimum(found, len(weight) - 1).astype(np.int64)


def weighted_size(draws: Floats, weight: Floats) -> float:
    """Return how many independent draws of a number weighted draws of chains (K, n) are worth."""
    away = draws - np.average(draws, weights=weight)
    pull = weight * away
    if not pull.any():
        return float("nan")
    return float(effective_size(pull) * np.mean(weight * away**2) / np.mean(pull**2))
