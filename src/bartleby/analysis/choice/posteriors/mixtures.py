"""The utilities of a class of items as a sample from a mixture of normals: right for any population of items.

One normal distribution draws a few clearly unwanted tasks and many wanted ones together, and the share below
the baseline then is in the wrong place however many choices there are. A mixture in which most weights are
next to nothing needs one component for a normal population and finds as many more as there is reason for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from bartleby.analysis.choice.posteriors.priors import WIDE, LogLikelihood, State, StepLike

__all__ = ["ClassMixtures", "GroupedPrior", "Mixture"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Labels: TypeAlias = npt.NDArray[np.int8]

COMPONENTS = 5
SPARSITY = 0.1
"""Parameter of the Dirichlet prior of the weights: next to nothing, so that few components are used."""
MEANS = 9.0
"""Prior variance of the means of components (logits squared)."""
_VARIANCES = np.geomspace(0.002, 16.0, 48)
"""Variances that a component can have (logits squared)."""
_LEAST = 1e-9
"""Precision below which choices say nothing of an item."""
_STRETCH = 0.5
"""Standard deviation of the log of what the spread of a component is multiplied by, to be tried."""


@dataclass(frozen=True, eq=False)
class GroupedPrior:
    """A normal prior about zero where parameters of one group have a mean in common, integrated out.

    Parameters
    ----------
    diagonal
        Precision of each parameter given the means, for each of K chains (K, q).
    columns
        Parameters that are in groups (n,).
    group
        Number of the group of each of these (K, n).
    less
        What the precision of two parameters of one group is less by (K, groups).
    """

    diagonal: Floats
    columns: Integers
    group: Integers
    less: Floats

    def added_to(self, precision: Floats) -> Floats:
        """Return the sum of the precisions of all chains (K, q, q) and those of the prior."""
        total = np.array(precision)
        same = self.group[:, :, None] == self.group[:, None]
        shared = same * np.take_along_axis(self.less, self.group, axis=1)[:, None]
        total[:, self.columns[:, None], self.columns] -= shared
        np.einsum("kqq->kq", total)[...] += self.diagonal
        return total

    @cached_property
    def _flat(self) -> Integers:
        """Number of the group and chain of each parameter (K q,), 0 for those that are in none."""
        chains, groups = self.less.shape
        flat = np.zeros(self.diagonal.shape, dtype=np.int64)
        flat[:, self.columns] = self.group + (np.arange(chains) * groups + 1)[:, None]
        return flat.ravel()

    @cached_property
    def _less(self) -> Floats:
        return np.append(0.0, self.less)

    def times(self, vectors: Floats) -> Floats:
        """Return the precision of each chain times a vector (K, q)."""
        total = np.bincount(self._flat, vectors.ravel(), len(self._less)) * self._less
        product: Floats = self.diagonal * vectors - total[self._flat].reshape(vectors.shape)
        return product

    def noise(self, rng: np.random.Generator) -> Floats:
        """Return a normal vector for each chain whose covariance is that precision (K, q)."""
        drawn = rng.standard_normal(self.diagonal.shape) / np.sqrt(self.diagonal)
        means = np.append(0.0, np.sqrt(MEANS) * rng.standard_normal(self.less.size))
        return self.times(drawn + means[self._flat].reshape(drawn.shape))


@dataclass(frozen=True, eq=False)
class Mixture:
    """Mixtures of normals that classes are a sample from, as drawn.

    Parameters
    ----------
    weights, means, variances
        Of each component of each class (..., G, C).
    """

    weights: Floats
    means: Floats
    variances: Floats

    def below(self, threshold: Floats | float) -> Floats:
        """Return the share of each population below a threshold (..., G)."""
        share: Floats = np.sum(
            self.weights * special.ndtr((threshold - self.means) / np.sqrt(self.variances)), axis=-1
        )
        return share

    def of_class(self, at: int) -> Mixture:
        """Return the mixture of one class."""
        return Mixture(self.weights[..., at, :], self.means[..., at, :], self.variances[..., at, :])

    def at(self, draws: Integers) -> Mixture:
        """Return some of the draws."""
        return Mixture(self.weights[draws], self.means[draws], self.variances[draws])

    def sample(self, size: int, rng: np.random.Generator) -> Floats:
        """Return a sample from the mixture of one class for each draw (draws, size)."""
        level = rng.random((len(self.weights), size, 1))
        chosen = np.minimum((self.weights.cumsum(axis=-1)[:, None] < level).sum(axis=-1), COMPONENTS - 1)
        means, variances = (np.take_along_axis(part, chosen, axis=1) for part in (self.means, self.variances))
        drawn: Floats = means + np.sqrt(variances) * rng.standard_normal(means.shape)
        return drawn


@dataclass(frozen=True, eq=False)
class ClassMixtures:
    """Classes of items, each a sample from a sparse mixture of normals.

    Parameters
    ----------
    groups
        Estimated parameters of each class, without a parameter in common; one that is in none has a wide
        prior of its own.
    typical
        s: the sampling variance of an estimate of each class, for all chains or for each (1 or K, G).

    Notes
    -----
    Weights are Dirichlet(`SPARSITY`), means N(0, `MEANS`), and the variance v of a component has p(v)
    proportional to s / (v + s)^2 up to 16: proper, as empty components draw from it. One sweep draws, given
    utilities: means, the component of each item, variances with the mean integrated out, means again,
    weights. Utilities are drawn with the means integrated out (`normal`), so that items move together.
    """

    groups: tuple[Integers, ...]
    typical: Floats

    @cached_property
    def columns(self) -> Integers:
        """Parameters of all classes (n,)."""
        return np.concatenate([np.empty(0, dtype=np.int64), *self.groups]).astype(np.int64)

    @cached_property
    def owner(self) -> Integers:
        """Class of each of these (n,)."""
        return np.repeat(np.arange(len(self.groups)), [len(group) for group in self.groups]).astype(np.int64)

    def start(self, now: Floats) -> State:
        """Return labels (K, n), weights, means and variances (K, G, C) to begin with: quantiles."""
        u = now[:, self.columns]
        labels: Labels = np.zeros(u.shape, dtype=np.int8)
        for at in range(len(self.groups)):
            own = self.owner == at
            rank = u[:, own].argsort(axis=1).argsort(axis=1)
            labels[:, own] = rank * COMPONENTS // max(int(own.sum()), 1)
        count, mean, _ = self._sums(u, labels)
        shape = count.shape
        return labels, np.full(shape, 1 / COMPONENTS), np.where(count > 0, mean, 0.0), np.full(shape, 0.5)

    def normal(self, state: State, size: int) -> GroupedPrior:
        """Return the prior of the parameters given components and variances, the means integrated out."""
        labels, _, _, variances = state
        group = self.owner * COMPONENTS + labels
        flat = variances.reshape(len(labels), -1)
        diagonal = np.full((len(labels), size), 1 / WIDE)
        cells = self._cells(labels)
        diagonal[:, self.columns] = 1 / flat.take(cells)
        count = np.bincount(cells.ravel(), minlength=flat.size).reshape(flat.shape)
        return GroupedPrior(diagonal, self.columns, group, 1 / flat**2 / (count / flat + 1 / MEANS))

    def draw(self, now: Floats, state: State, rng: np.random.Generator) -> State:
        """Draw components, weights, means and variances, given the parameters."""
        labels, weights, _, variances = state
        u = now[:, self.columns]
        count, mean, squares = self._sums(u, labels)
        means = _means(count, mean, variances, rng)
        labels = _labels(u, None, Mixture(weights, means, variances), self.owner, rng)
        count, mean, squares = self._sums(u, labels)
        variances = self._spreads(count, mean, squares, rng)
        means = _means(count, mean, variances, rng)
        gammas = rng.standard_gamma(SPARSITY + count)
        weights = gammas / np.maximum(gammas.sum(axis=-1, keepdims=True), 1e-300)
        return labels, weights, means, variances

    def moved(
        self, now: Floats, state: State, steps: StepLike, rng: np.random.Generator
    ) -> tuple[Floats, State]:
        """Move items between components, then those of one component from their mean or to it."""
        return self._stretched(*self._moved_between(now, state, steps, rng), steps.log_likelihood, rng)

    def _moved_between(
        self, now: Floats, state: State, steps: StepLike, rng: np.random.Generator
    ) -> tuple[Floats, State]:
        """Draw component and utility of each item together, given all others.

        A utility holds its item in its component and the component the utility: apart, they move slowly.
        """
        labels, weights, means, variances = state
        labels, mixture = labels.copy(), Mixture(weights, means, variances)

        def choose(at: Integers, precision: Floats, linear: Floats) -> Floats:
            owner = self.owner[at]
            noise = 1 / np.maximum(precision, _LEAST)
            labels[:, at] = drawn = _labels(linear * noise, noise, mixture, owner, rng)
            cells = self._cells(drawn, owner)
            mean, spread = means.take(cells), variances.take(cells)
            total = precision + 1 / spread
            centre: Floats = (linear + mean / spread) / total
            return centre + rng.standard_normal(centre.shape) / np.sqrt(total)

        now = steps.one_by_one(now, self.columns, choose)
        return now, (labels, weights, means, variances)

    def _stretched(
        self, now: Floats, state: State, log_likelihood: LogLikelihood, rng: np.random.Generator
    ) -> tuple[Floats, State]:
        """Try to move the items of one component of each class from their mean, or to it, and its spread."""
        labels, weights, means, variances = state
        height = log_likelihood(now)
        chain = np.arange(len(now))
        variances = variances.copy()
        for at, columns in enumerate(self.groups):
            own = labels[:, self.owner == at]
            chosen = own[chain, rng.integers(own.shape[1], size=len(now))]
            factor = np.exp(_STRETCH * rng.standard_normal(len(now)))
            spread = variances[chain, at, chosen]
            inside = own == chosen[:, None]
            centre = means[chain, at, chosen][:, None]
            moved = now.copy()
            moved[:, columns] += inside * (now[:, columns] - centre) * (factor[:, None] - 1)
            gain = self._favour(at, spread * factor**2) - self._favour(at, spread)
            reached = log_likelihood(moved)
            taken = np.log(rng.random(len(now))) <= reached - height + gain
            now, height = np.where(taken[:, None], moved, now), np.where(taken, reached, height)
            variances[chain[taken], at, chosen[taken]] *= factor[taken] ** 2
        return now, (labels, weights, means, variances)

    def _favour(self, at: int, spread: Floats) -> Floats:
        """Return the log of the prior density of the log variance of a component (K,), but for a constant."""
        favour = _spread_prior(spread, self.typical[:, at])
        return np.where((spread >= _VARIANCES[0]) & (spread <= _VARIANCES[-1]), favour, -np.inf)

    def _spreads(self, count: Floats, mean: Floats, squares: Floats, rng: np.random.Generator) -> Floats:
        """Draw variances on a grid even in their log, means integrated out."""
        v, n = _VARIANCES, count[..., None]
        some = np.maximum(n - 1, 0) / 2 * np.log(v) + squares[..., None] / (2 * v)
        wide = n * MEANS + v
        some += 0.5 * np.log(wide) + n * mean[..., None] ** 2 / (2 * wide)
        height = _spread_prior(v, self.typical[..., None, None]) - np.where(n > 0, some, 0.0)
        chance = np.exp(height - height.max(axis=-1, keepdims=True)).cumsum(axis=-1)
        level = rng.random(count.shape)[..., None] * chance[..., -1:]
        drawn: Floats = v[(chance < level).sum(axis=-1)]
        return drawn

    def _sums(self, u: Floats, labels: Labels) -> tuple[Floats, Floats, Floats]:
        """Return count, mean, and sum of squares about it, of the items of each component (K, G, C)."""
        shape = (len(labels), len(self.groups), COMPONENTS)
        flat, size = self._cells(labels).ravel(), int(np.prod(shape))
        count = np.bincount(flat, minlength=size)
        mean: Floats = np.bincount(flat, u.ravel(), size) / np.maximum(count, 1)
        squares: Floats = np.bincount(flat, (u.ravel() - mean[flat]) ** 2, size).astype(np.float64)
        return count.reshape(shape).astype(float), mean.reshape(shape), squares.reshape(shape)

    def _cells(self, labels: Labels, owner: Integers | None = None) -> Integers:
        """Return where the component of each item is in arrays (K, G, C) (K, n)."""
        begin = np.arange(len(labels))[:, None] * len(self.groups)
        owner = self.owner if owner is None else owner
        return np.asarray((begin + owner) * COMPONENTS + labels, dtype=np.int64)


def _spread_prior(spread: Floats, typical: Floats) -> Floats:
    """Return the log of the prior density of the log of a variance, but for a constant."""
    density: Floats = np.log(spread) - 2 * np.log(spread + typical)
    return density


def _labels(
    u: Floats, noise: Floats | None, mixture: Mixture, owner: Integers, rng: np.random.Generator
) -> Labels:
    """Draw the component of items (K, n), their utilities measured with noise of some variance."""
    one = mixture.weights.shape[1] == 1
    # Components come first: NumPy works along long axes, and these are few.
    parts = (mixture.weights, mixture.means, mixture.variances)
    by_component = (part.transpose(2, 0, 1) for part in parts)
    weights, means, variances = (part if one else part[..., owner] for part in by_component)
    spread = variances if noise is None else variances + noise
    chance = u - means
    chance *= chance
    chance /= -2 * spread
    with np.errstate(divide="ignore"):
        chance += np.log(weights)
    chance -= chance.max(axis=0)
    np.exp(chance, out=chance)
    chance /= np.sqrt(spread)
    np.cumsum(chance, axis=0, out=chance)
    level = rng.random(u.shape) * chance[-1]
    return np.asarray((chance[:-1] < level).sum(axis=0), dtype=np.int8)


def _means(count: Floats, mean: Floats, variances: Floats, rng: np.random.Generator) -> Floats:
    precision = count / variances + 1 / MEANS
    drawn: Floats = count * mean / variances / precision
    return drawn + rng.standard_normal(count.shape) / np.sqrt(precision)
