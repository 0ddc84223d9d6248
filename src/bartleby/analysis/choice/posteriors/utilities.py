"""What is known of the utilities of the items of a class together: a hierarchical posterior.

Counting how many noisy estimates fall below zero is biased towards one half, and drawing around the
estimates adds the noise a second time. So the items of a class are taken as a sample from a population that
is unknown too, and the utilities are drawn given the choices and that population: estimates from few trials
are drawn towards their class, well-known ones stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from bartleby.analysis.choice.fit import GroupFit
from bartleby.analysis.choice.posteriors.mixtures import ClassMixtures, Mixture
from bartleby.analysis.choice.posteriors.priors import Priors, SamplePriors, State
from bartleby.analysis.choice.posteriors.steps import Step, slices_of, win_steps

__all__ = ["Chains", "UtilityDraws", "draw_utilities", "likelihood_steps", "run_chains", "scattered"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Favour: TypeAlias = Callable[[Floats, Floats], Floats]

CHAINS = 16
DRAWS, MOST_DRAWS = 2000, 16_000
"""Draws that are kept at first, and at most, where their number follows from the noise they leave."""
_BURN_IN = 120
"""Steps that are not kept."""
_SETTLING = (10, 20, 40, 60, 80)
"""Steps of the burn-in after which the sampler learns from what it has seen."""


@dataclass(frozen=True, eq=False)
class UtilityDraws:
    """Draws from the joint posterior of the utilities against the baseline.

    Parameters
    ----------
    utilities
        Of all nodes (draws, nodes); NaN for nodes that cannot be placed against the baseline.
    mixture
        What each class is a sample from (draws, classes, components).
    chains
        Number of chains; draw number i is of chain i modulo this.
    errors
        Standard error of the utility of a typical item of each class (classes,).
    parameters
        What is estimated (draws, q).
    """

    utilities: Floats
    mixture: Mixture
    chains: int
    errors: Floats
    parameters: Floats


def draw_utilities(
    fit: GroupFit,
    classes: Sequence[Integers],
    draws: int | None,
    rng: np.random.Generator,
    enough: Callable[[UtilityDraws], bool] = lambda _: True,
) -> UtilityDraws:
    """Draw utilities of nodes against the baseline from their joint posterior.

    Parameters
    ----------
    fit
        A fitted model with a baseline, whose utility is zero.
    classes
        Nodes of each class, one or more; a node is in one at most. Each class has a population of its own.
    draws
        Number of draws; None doubles `DRAWS` until there are enough, up to `MOST_DRAWS`.
    rng
        Random numbers.
    enough
        Whether there are.

    Notes
    -----
    Gibbs sampling by several chains. Utilities of a class are a sample from a mixture of normals; see
    `ClassMixtures`. The baseline's own noise is in the joint likelihood. Trials count 1 / overdispersion
    each, so that clusters are allowed for.
    """
    basis = fit.layout.design.basis
    groups = tuple(_columns(basis, members) for members in classes)
    sampling = np.diag(fit.model_covariance)
    typical = np.array([[float(np.median(sampling[group])) for group in groups]]).reshape(1, len(groups))
    count = min(CHAINS, DRAWS if draws is None else draws)
    priors = ClassMixtures(groups, typical)
    chains = Chains(likelihood_steps(fit), priors, scattered(fit, count, rng), rng)
    chains.run(_BURN_IN)
    size = DRAWS if draws is None else draws
    kept = chains.run(-(-size // count))
    while True:
        drawn = _utility_draws(fit, kept, size, np.sqrt(typical[0]))
        if draws is not None or size >= MOST_DRAWS or enough(drawn):
            return drawn
        kept = [np.concatenate(parts, axis=1) for parts in zip(kept, chains.run(size // count), strict=True)]
        size *= 2


def _utility_draws(
    fit: GroupFit, kept: Sequence[npt.NDArray[Any]], draws: int, errors: Floats
) -> UtilityDraws:
    by_chain, _, *mixture = kept
    nodes = len(fit.layout.nodes)
    parameters = _stacked(by_chain, draws)
    utilities = parameters @ fit.layout.design.basis[:nodes].T
    utilities[:, ~fit.layout.placed[:nodes]] = np.nan
    stacked = Mixture(*(_stacked(part, draws) for part in mixture))
    return UtilityDraws(utilities, stacked, len(by_chain), errors, parameters)


class Chains:
    """Chains of parameters and what these are a sample from, side by side.

    Parameters
    ----------
    steps, priors
        How parameters are drawn given the classes, and classes given parameters.
    start
        Parameters of each chain (K, q).
    rng
        Random numbers.

    Notes
    -----
    Utilities are drawn with what their sample has in common integrated out, and the spread of a sample
    both given its utilities and, by a Metropolis step, together with them: the one is quick where utilities
    are well known, the other where they are not (Yu & Meng 2011).
    """

    def __init__(self, steps: Step, priors: Priors, start: Floats, rng: np.random.Generator) -> None:
        self._steps, self._priors, self._rng = steps, priors, rng
        self._now, self._state, self._step = start.copy(), priors.start(start), 0

    def run(self, draws: int) -> list[npt.NDArray[Any]]:
        """Go so many steps, and return parameters and each part of their state as drawn (K, draws, ...)."""
        chains = len(self._now)
        kept = [np.empty((chains, draws, *part.shape[1:]), part.dtype) for part in (self._now, *self._state)]
        for at in range(draws):
            self._now, self._state = self._next()
            if self._step in _SETTLING:
                self._steps.settle(self._now)
            self._step += 1
            for part, values in zip(kept, (self._now, *self._state), strict=True):
                part[:, at] = values
        return kept

    def _next(self) -> tuple[Floats, State]:
        now = self._drawn(self._now, self._state)
        state = self._priors.draw(now, self._state, self._rng)
        return self._priors.moved(now, state, self._steps, self._rng)

    def _drawn(self, now: Floats, state: State) -> Floats:
        return self._steps.draw(now, self._priors.normal(state, now.shape[1]), self._rng)


class FavouredChains(Chains):
    """Chains whose density has a further factor, which need not be one that can be drawn from.

    Parameters
    ----------
    steps, priors, start, rng
        As in `Chains`.
    favour
        The log of the factor (K,), of parameters (K, q) and variances (K, G).

    Notes
    -----
    Each step goes through the draws of `Chains` and back through them in the opposite order, which makes it
    reversible, and is accepted or not by the ratio of the factor (Metropolis-Hastings).
    """

    def __init__(
        self, steps: Step, priors: SamplePriors, start: Floats, rng: np.random.Generator, favour: Favour
    ) -> None:
        super().__init__(steps, priors, start, rng)
        self._samples, self._favour = priors, favour
        self._height = favour(self._now, self._state[1])

    def _next(self) -> tuple[Floats, State]:
        tried, state = super()._next()
        _, wider = self._samples.draw(tried, state, self._rng)
        tried = self._drawn(tried, (state[0], wider))
        reached = self._favour(tried, wider)
        taken = np.log(self._rng.random(len(tried))) <= reached - self._height
        now = np.where(taken[:, None], tried, self._now)
        spreads = np.where(taken[:, None], wider, self._state[1])
        self._height = np.where(taken, reached, self._height)
        return now, (self._samples.common(now, spreads, self._rng), spreads)


def run_chains(
    steps: Step,
    priors: SamplePriors,
    start: Floats,
    draws: int,
    rng: np.random.Generator,
    *,
    favour: Favour | None = None,
) -> list[npt.NDArray[Any]]:
    """Run chains of samples side by side.

    Parameters
    ----------
    steps, priors, start, rng, favour
        As in `Chains`, and in `FavouredChains` where there is a further factor.
    draws
        To keep of each chain, after steps that are not kept.

    Returns
    -------
    parameters (K, draws, q), and each part of the state of `priors` (K, draws, ...)
    """
    chains = Chains(steps, priors, start, rng)
    if favour is not None:
        chains = FavouredChains(steps, priors, start, rng, favour)
    chains.run(_BURN_IN)
    return chains.run(draws)


def likelihood_steps(fit: GroupFit) -> Step:
    """Return how the parameters of a fit are drawn: by Polya-Gamma augmentation where that is possible."""
    design, counts = fit.layout.design, fit.data.counts / fit.scale
    if design.kernel.ties == "rao-kupper" or design.kernel.neither:
        return slices_of(design, counts, fit.maximum.estimated[0])
    return win_steps(design, counts[None, :, :2])


def scattered(fit: GroupFit, chains: int, rng: np.random.Generator) -> Floats:
    """Return estimates with their noise, as many as chains (K, q)."""
    values, vectors = np.linalg.eigh(fit.model_covariance)
    noise = rng.standard_normal((chains, len(values))) * np.sqrt(np.clip(values, 0.0, 4.0))
    start: Floats = fit.maximum.estimated[0] + noise @ vectors.T
    if fit.layout.design.kernel.ties == "rao-kupper":
        tie = _columns(fit.layout.design.basis, fit.layout.design.index[:1, -1])
        start[:, tie] = fit.maximum.estimated[0][tie]
    return start


def _columns(basis: Floats, members: npt.NDArray[np.integer]) -> Integers:
    """Return the estimated parameters that are the utilities of some nodes."""
    return np.flatnonzero(basis[members].any(axis=0)).astype(np.int64)


def _stacked(values: npt.NDArray[Any], draws: int) -> npt.NDArray[Any]:
    """Return draws of all chains (K, n, ...) one after another, those of one time together (draws, ...)."""
    chains, size, *rest = values.shape
    return np.ascontiguousarray(values.swapaxes(0, 1).reshape(chains * size, *rest)[:draws])
