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

from bartleby import progress
from bartleby.analysis.choice.fit import GroupFit
from bartleby.analysis.choice.posteriors.mixtures import ClassMixtures, Mixture
from bartleby.analysis.choice.posteriors.priors import Priors, SamplePriors, State
from bartleby.analysis.choice.posteriors.steps import Step, likelihood_steps

__all__ = ["Chains", "UtilityDraws", "draw_utilities", "run_chains", "scattered"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Favour: TypeAlias = Callable[[Floats, Floats], Floats]

CHAINS, _FEWEST = 16, 8
_NUMBERS = 128_000
"""Cells by chains up to which there are as many chains as can be: the more, the less a step costs each."""
DRAWS, MOST_DRAWS = 1000, 16_000
"""Draws that are kept at first, and at most, where their number follows from the noise they leave."""


@dataclass(frozen=True, eq=False)
class UtilityDraws:
    """Draws from the joint posterior of the utilities against the baseline.

    Parameters
    ----------
    parameters
        What is estimated (draws, q).
    columns
        Which of these are the utilities of the nodes of each class.
    mixture
        What each class is a sample from (draws, classes, components).
    chains
        Number of chains; draw number i is of chain i modulo this.
    errors
        Standard error of the utility of a typical item of each class (classes,).
    """

    parameters: npt.NDArray[np.float32]
    columns: tuple[Integers, ...]
    mixture: Mixture
    chains: int
    errors: Floats


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
        Nodes of each class, one or more, that can be compared with the baseline; a node is in one at most.
        Each class has a population of its own.
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
    groups = tuple(basis[members].argmax(axis=1).astype(np.int64) for members in classes)
    sampling = np.diag(fit.model_covariance)
    typical = np.array([[float(np.median(sampling[group])) for group in groups]]).reshape(1, len(groups))
    size = DRAWS if draws is None else draws
    count = min(_chains(len(fit.data.first)), size)
    chains = Chains(
        likelihood_steps(fit),
        ClassMixtures(groups, typical),
        scattered(fit, sampling, count, rng),
        rng,
        _kept,
    )
    chains.settle()
    parts = [chains.run(-(-size // count))]
    while True:
        parameters, *mixture = (_stacked(part, size) for part in zip(*parts, strict=True))
        drawn = UtilityDraws(parameters, groups, Mixture(*mixture), count, np.sqrt(typical[0]))
        if draws is not None or size >= MOST_DRAWS or enough(drawn):
            return drawn
        parts.append(chains.run(size // count))
        size *= 2


def _kept(now: Floats, state: State) -> State:
    return now.astype(np.float32), *state[1:]


def _chains(cells: int) -> int:
    """Return how many chains: with few, less is thrown away; with many, a step costs less each."""
    return int(np.clip(_NUMBERS // max(cells, 1), _FEWEST, CHAINS))


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
    kept
        What is kept of parameters and their state, by chain (K, ...) each.

    Notes
    -----
    Utilities are drawn with what their sample has in common integrated out, and the spread of a sample
    both given its utilities and, by a Metropolis step, together with them: the one is quick where utilities
    are well known, the other where they are not (Yu & Meng 2011).
    """

    def __init__(
        self,
        steps: Step,
        priors: Priors,
        start: Floats,
        rng: np.random.Generator,
        kept: Callable[[Floats, State], State] = lambda now, state: (now, *state),
    ) -> None:
        self._steps, self._priors, self._rng, self._kept = steps, priors, rng, kept
        self._now, self._state = start.copy(), priors.start(start)

    def settle(self) -> None:
        """Go the steps before any is kept."""
        for at in progress.steps(range(self._steps.settled), "settling the draws", unit="draw"):
            self._now, self._state = self._next()
            self._steps.settle(self._now, at)

    def run(self, draws: int) -> list[npt.NDArray[Any]]:
        """Go so many steps, and return what is kept of each (draws, K, ...)."""
        kept: list[npt.NDArray[Any]] = []
        for at in progress.steps(range(draws), "drawing utilities", unit="draw"):
            self._now, self._state = self._next()
            parts = self._kept(self._now, self._state)
            kept = kept or [np.empty((draws, *part.shape), part.dtype) for part in parts]
            for whole, part in zip(kept, parts, strict=True):
                whole[at] = part
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
    chains.settle()
    return [part.swapaxes(0, 1) for part in chains.run(draws)]


def scattered(fit: GroupFit, sampling: Floats, chains: int, rng: np.random.Generator) -> Floats:
    """Return estimates with noise of their sampling variances (q,), as many as chains (K, q)."""
    estimated = fit.maximum.estimated[0]
    start: Floats = estimated + rng.standard_normal((chains, len(sampling))) * np.sqrt(
        np.minimum(sampling, 4.0)
    )
    if fit.layout.design.kernel.ties == "rao-kupper":
        tie = fit.layout.design.basis[fit.layout.design.index[0, -1]].argmax()
        start[:, tie] = estimated[tie]
    return start


def _stacked(parts: Sequence[npt.NDArray[Any]], draws: int) -> npt.NDArray[Any]:
    """Return draws of all chains (n, K, ...), in parts, one after another (draws, ...)."""
    whole = np.concatenate(parts) if len(parts) > 1 else parts[0]
    return whole.reshape(whole.shape[0] * whole.shape[1], *whole.shape[2:])[:draws]
