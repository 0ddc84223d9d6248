"""What the parameters of a choice model are a sample from: normal distributions about regressions.

A class of items is a sample about one mean; items with attributes are a sample about a regression on these.
What a sample has in common (its mean, its slopes) is not conditioned upon when its utilities are drawn: a
class whose items are alike could then move only by a little at a time, and its draws would be worth few.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

__all__ = [
    "LogLikelihood",
    "NormalPrior",
    "Prior",
    "Priors",
    "Sample",
    "SamplePriors",
    "SparsePrior",
    "State",
]

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
State: TypeAlias = tuple[npt.NDArray[Any], ...]
"""What is drawn beside the parameters, each array by chain (K, ...)."""
LogLikelihood: TypeAlias = Callable[[Floats], Floats]
Choose: TypeAlias = Callable[[Integers, Floats, Floats], Floats]
"""Draws parameters that are normal given all others; see `WinSteps.one_by_one`."""

WIDE = 16.0
"""Prior variance of an effect that belongs to no sample (logits squared)."""
FAR = 100.0
"""Prior variance of what a sample has in common, per item (logits squared): next to nothing is assumed, but
where all answers are alike utilities do not run off."""
_LEAST = 1e-6
_STRETCH = 0.5
"""Standard deviation of the log of what the spread of a sample is multiplied by, to be tried."""


class StepLike(Protocol):
    """What a move needs of the likelihood; see `Step`."""

    def log_likelihood(self, now: Floats) -> Floats:
        """Return the log likelihood of parameters (K, q), but for a constant (K,)."""
        ...

    def one_by_one(self, now: Floats, columns: Integers, choose: Choose) -> Floats:
        """Return parameters of which some are drawn given all others; as they are where that is slow."""
        ...


class Prior(Protocol):
    """A normal prior about zero of the parameters of each of K chains."""

    @property
    def diagonal(self) -> Floats:
        """Precision of each parameter by itself (K, q)."""
        ...

    def added_to(self, precision: Floats) -> Floats:
        """Return the sum of the precisions of all chains (K, q, q) and those of the prior."""
        ...


@runtime_checkable
class SparsePrior(Prior, Protocol):
    """A prior that can be applied and drawn from without its matrix."""

    def times(self, vectors: Floats) -> Floats:
        """Return the precision of each chain times a vector (K, q)."""
        ...

    def noise(self, rng: np.random.Generator) -> Floats:
        """Return a normal vector for each chain whose covariance is that precision (K, q)."""
        ...


class Priors(Protocol):
    """What the parameters are a sample from, with all that is drawn of it."""

    def start(self, now: Floats) -> State:
        """Return a state to begin with, from parameters (K, q)."""
        ...

    def normal(self, state: State, size: int) -> Prior:
        """Return the prior of the parameters given the state."""
        ...

    def draw(self, now: Floats, state: State, rng: np.random.Generator) -> State:
        """Draw the state given the parameters."""
        ...

    def moved(
        self, now: Floats, state: State, steps: StepLike, rng: np.random.Generator
    ) -> tuple[Floats, State]:
        """Try to move parameters and state together."""
        ...


@dataclass(frozen=True, eq=False)
class NormalPrior:
    """A normal prior about zero of the parameters of each of K chains.

    Its precision is diag(`diagonal`) - `directions` diag(`less`) `directions`'.

    Parameters
    ----------
    diagonal
        (K, q).
    directions
        (q, r).
    less
        (K, r).
    """

    diagonal: Floats
    directions: Floats
    less: Floats

    def added_to(self, precision: Floats) -> Floats:
        """Return the sum of the precisions of all chains (K, q, q) and those of the prior."""
        total = np.array(precision)
        if self.directions.size:
            total -= (self.directions * self.less[:, None]) @ self.directions.T
        np.einsum("kqq->kq", total)[...] += self.diagonal
        return total


@dataclass(frozen=True, eq=False)
class Sample:
    """Items whose utilities are a normal sample about a regression.

    Parameters
    ----------
    rows
        The items in the estimated parameters (n, q): one 1 in each, or zeros for one held at zero.
    X
        What the regression is on (n, p), of full rank, p below n.
    """

    rows: Floats
    X: Floats

    @cached_property
    def columns(self) -> Integers:
        """Estimated parameters that are utilities of these items."""
        return np.flatnonzero(self.rows.any(axis=0)).astype(np.int64)

    @cached_property
    def held(self) -> Booleans:
        """Which items are held at zero (n,)."""
        return np.logical_not(np.asarray(self.rows.any(axis=1), dtype=np.bool_))

    @cached_property
    def directions(self) -> Floats:
        """Orthonormal directions of what the items have in common (n, p)."""
        return np.linalg.qr(self.X)[0].astype(np.float64)

    @cached_property
    def coefficients_of(self) -> Floats:
        """What turns amounts along the directions into coefficients (p, p): they @ its transpose."""
        return np.asarray(np.linalg.pinv(self.X) @ self.directions, dtype=np.float64)

    def amounts(self, now: Floats) -> tuple[Floats, Floats]:
        """Return amounts along the directions (K, p), and the sum of squares that is left (K,)."""
        utilities = now @ self.rows.T
        along = utilities @ self.directions
        return along, np.sum((utilities - along @ self.directions.T) ** 2, axis=1)


@dataclass(frozen=True, eq=False)
class SamplePriors:
    """Samples that the parameters belong to; a parameter that is in none has a wide prior of its own.

    The variance v of a sample about its regression has p(v) proportional to 1 / (v + s).

    Parameters
    ----------
    samples
        One or more, without a parameter in common.
    typical
        s: the sampling variance of an estimate of each sample, for all chains or for each (1 or K, G).
    """

    samples: Sequence[Sample]
    typical: Floats

    def start(self, now: Floats) -> tuple[Floats, Floats]:
        """Return coefficients (K, c) and variances (K, G) to begin with, from parameters (K, q)."""
        found = [sample.amounts(now) for sample in self.samples]
        spreads = [
            np.maximum(squares / len(sample.rows), 0.2)
            for (_, squares), sample in zip(found, self.samples, strict=True)
        ]
        return self._coefficients([along for along, _ in found], len(now)), _beside(spreads, len(now))

    def normal(self, state: State, size: int) -> NormalPrior:
        """Return the prior of the parameters given the variances, what is in common integrated out."""
        _, spreads = state
        diagonal = np.full((len(spreads), size), 1 / WIDE)
        less = []
        for sample, spread in zip(self.samples, spreads.T, strict=True):
            diagonal[:, sample.columns] = 1 / spread[:, None]
            width = sample.directions.shape[1]
            less += [1 / spread - 1 / (spread + FAR * len(sample.rows))] * width
        return NormalPrior(diagonal, self._directions(size), _beside(less, len(spreads)))

    def draw(self, now: Floats, state: State, rng: np.random.Generator) -> State:
        """Draw coefficients and variances, given the parameters and the last variances."""
        _, spreads = state
        drawn, along = [], []
        for at, sample in enumerate(self.samples):
            amounts, squares = sample.amounts(now)
            size, width = sample.X.shape
            far = FAR * size
            old = spreads[:, at]
            proposed = np.maximum(squares / 2 / rng.standard_gamma((size - width) / 2, size=len(now)), _LEAST)
            # The proposal has prior 1 / v and knows nothing of what is in common: a Metropolis step.
            gain = self.favour(at, proposed) - self.favour(at, old)
            gain += _log_normal(amounts, proposed + far) - _log_normal(amounts, old + far)
            spread = np.where(np.log(rng.random(len(now))) <= gain, proposed, old)
            along.append(_shared(amounts, spread, far, rng))
            drawn.append(spread)
        return self._coefficients(along, len(now)), _beside(drawn, len(now))

    def common(self, now: Floats, spreads: Floats, rng: np.random.Generator) -> Floats:
        """Draw coefficients (K, c), given the parameters (K, q) and the variances (K, G)."""
        along = [
            _shared(sample.amounts(now)[0], spread, FAR * len(sample.rows), rng)
            for sample, spread in zip(self.samples, spreads.T, strict=True)
        ]
        return self._coefficients(along, len(now))

    def moved(
        self, now: Floats, state: State, steps: StepLike, rng: np.random.Generator
    ) -> tuple[Floats, State]:
        """Try to move the utilities of each sample away from their centre or to it, and its spread along."""
        coefficients, spreads = state[0], state[1].copy()
        height = steps.log_likelihood(now)
        for at in range(spreads.shape[1]):
            factor = np.exp(_STRETCH * rng.standard_normal(len(now)))
            moved, gain = self.stretched(at, now, coefficients, spreads[:, at], factor)
            reached = steps.log_likelihood(moved)
            taken = np.log(rng.random(len(now))) <= reached - height + gain
            now, height = np.where(taken[:, None], moved, now), np.where(taken, reached, height)
            spreads[taken, at] *= factor[taken] ** 2
        return now, (coefficients, spreads)

    def stretched(
        self, at: int, now: Floats, coefficients: Floats, spread: Floats, factor: Floats
    ) -> tuple[Floats, Floats]:
        """Return parameters moved away from their regression, and the gain in log prior density (K,).

        Parameters
        ----------
        at
            Number of the sample.
        now, coefficients
            Parameters (K, q) and coefficients (K, c).
        spread
            The variance of the sample (K,).
        factor
            What its standard deviation is multiplied by (K,).
        """
        sample = self.samples[at]
        begin = sum(each.X.shape[1] for each in self.samples[:at])
        centre = coefficients[:, begin : begin + sample.X.shape[1]] @ sample.X.T
        moved = now.copy()
        away = now @ sample.rows.T - centre
        free = away * ~sample.held
        moved += (free * (factor[:, None] - 1)) @ sample.rows
        gain = self.favour(at, spread * factor**2) - self.favour(at, spread)
        if sample.held.any():
            fixed = away[:, sample.held]
            gain += _log_normal(fixed, spread * factor**2) - _log_normal(fixed, spread)
        return moved, gain

    def favour(self, at: int, spread: Floats) -> Floats:
        """Return the log of the prior density of the log variance of one sample (K,), but for a constant."""
        typical = self.typical[:, at]
        favour: Floats = np.log(spread / (spread + typical))
        return favour

    def _directions(self, size: int) -> Floats:
        if not self.samples:
            return np.empty((size, 0))
        return np.column_stack([sample.rows.T @ sample.directions for sample in self.samples])

    def _coefficients(self, along: Sequence[Floats], chains: int) -> Floats:
        if not along:
            return np.empty((chains, 0))
        each = [part @ sample.coefficients_of.T for part, sample in zip(along, self.samples, strict=True)]
        return np.concatenate(each, axis=1)


def _beside(columns: Sequence[Floats], chains: int) -> Floats:
    return np.stack(columns, axis=1) if columns else np.empty((chains, 0))


def _shared(amounts: Floats, spread: Floats, far: float, rng: np.random.Generator) -> Floats:
    """Draw what items have in common along its directions (K, p), given where they are on average."""
    known = (far / (spread + far))[:, None]
    drawn: Floats = known * amounts + np.sqrt(known * spread[:, None]) * rng.standard_normal(amounts.shape)
    return drawn


def _log_normal(values: Floats, variance: Floats) -> Floats:
    """Return the log density, less a constant, of values (K, n) normal about 0 with variances (K,)."""
    density: Floats = -0.5 * (values.shape[1] * np.log(variance) + np.sum(values**2, axis=1) / variance)
    return density
