"""One step of a sampler: new parameters of a choice model, given a normal prior of them and the choices.

Many chains step together, so that the cost of a step is that of its numbers. Choices between two items
have a step that draws independently of where the chain is, but for the Polya-Gamma variables; models with
ties by Rao and Kupper or with an outcome `neither` have none, and are sampled by slices of ellipses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import lapack

from bartleby.analysis.choice.pair_design import PairDesign
from bartleby.analysis.choice.posteriors.priors import Choose, Prior, SparsePrior

__all__ = ["PairSlices", "Step", "WinSteps", "slices_of", "win_steps"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_GAMMAS = 1
"""Gammas of the infinite sum that is a Polya-Gamma variable that are drawn one by one: the first has 98.6%
of its variance at 0, and the rest together is nearly a gamma variable."""
_STEPS = 2 * np.pi**2 * (np.arange(1, _GAMMAS + 1) - 0.5) ** 2
_LARGEST = 700.0
_DENSE = 64
"""Parameters from which on solving by conjugate gradients is quicker than factorising."""
_MOST_PARTS = 30
"""Parts that parameters may fall into for it to be worth drawing them one by one."""
_SMALL = 20_000
"""Numbers in a matrix up to which it is kept dense."""
_SOLVED = 1e-7
"""Relative error that a solution may have."""


class Step(Protocol):
    """Draws the parameters of all chains, given the prior of each."""

    def draw(self, now: Floats, prior: Prior, rng: np.random.Generator) -> Floats:
        """Return the next parameters (K, q)."""
        ...

    def log_likelihood(self, now: Floats) -> Floats:
        """Return the log likelihood of parameters (K, q), but for a constant (K,)."""
        ...

    def one_by_one(self, now: Floats, columns: Integers, choose: Choose) -> Floats:
        """Return parameters of which some are drawn given all others; as they are where that is slow."""
        ...

    def settle(self, now: Floats) -> None:
        """Learn from parameters (K, q) drawn so far; called before any draw is kept."""
        ...


@dataclass(frozen=True, eq=False)
class _Part:
    """Parameters without a cell in common: which of them, their cells, and their features in these."""

    at: Integers
    cells: Integers
    rows: Any
    turned: Any
    squares: Any


def _part(at: Integers, cells: Integers, rows: sparse.csr_array) -> _Part:
    # Sparse products cost more to begin with than small dense ones do in all.
    features: Any = rows.toarray() if rows.shape[0] * rows.shape[1] < _SMALL else rows
    turned = features.T if isinstance(features, np.ndarray) else sparse.csr_array(rows.T)
    return _Part(at, cells, features, turned, turned * turned)


@dataclass(eq=False)
class WinSteps:
    """Wins and losses in cells, a logistic regression: Gibbs steps by Polya-Gamma augmentation.

    Parameters
    ----------
    X
        Features of each cell in the estimated parameters (M, q): its logit is X @ parameters.
    trials
        Choices in each cell, for all chains or for each (1 or K, M).
    excess
        Wins of the first item less half the trials, likewise.

    Notes
    -----
    Polson, Scott & Windle (2013): given omega ~ PG(n, eta) for each cell, the likelihood of wins is that of
    a normal regression with precision omega.
    """

    X: Floats
    trials: Floats
    excess: Floats
    _weight: Floats = field(default_factory=lambda: np.empty((0, 0)), repr=False)
    _parts: list[_Part] | None = field(default=None, repr=False)

    def draw(self, now: Floats, prior: Prior, rng: np.random.Generator) -> Floats:
        """Return the next parameters."""
        eta = self._logits(now)
        weight = self._weight = polya_gamma(np.broadcast_to(self.trials, eta.shape), eta, rng)
        size = self.X.shape[1]
        if size > _DENSE and isinstance(prior, SparsePrior):
            return self._solved(now, weight, prior, rng)
        precision = (self._outer @ weight.T).T.reshape(len(now), size, size)
        return draw_normals(precision, self._shift, prior, rng)

    def _solved(self, now: Floats, weight: Floats, prior: SparsePrior, rng: np.random.Generator) -> Floats:
        """Draw by solving for a right-hand side with the noise of prior and likelihood in it.

        Papandreou & Yuille (2010): the solution then has the wanted distribution, and conjugate gradients
        need the matrix only to be applied, so that a step costs what the cells cost.
        """
        noise = np.sqrt(weight) * rng.standard_normal(weight.shape)
        wanted = self._shift + (self._columns @ noise.T).T + prior.noise(rng)

        def times(vectors: Floats) -> Floats:
            seen = weight * np.asarray(self._rows @ vectors.T).T
            return np.asarray(self._columns @ seen.T).T + prior.times(vectors)

        scale = np.asarray(self._squares @ weight.T).T + prior.diagonal
        return conjugate_gradients(times, wanted, scale, now)

    def one_by_one(self, now: Floats, columns: Integers, choose: Choose) -> Floats:
        """Return parameters of which some are drawn given all others, those without a cell in common at once.

        Parameters
        ----------
        now
            Parameters (K, q).
        columns
            Those that are drawn.
        choose
            Draws some of them, given where they are among `columns` (c,), the precision that the choices
            give each of them, and their linear term (K, c).

        Notes
        -----
        The Polya-Gamma variables are those of the last draw, so this is one more Gibbs step after it.
        """
        parts = self._apart(columns)
        if len(parts) > _MOST_PARTS:
            return now
        now, eta = now.copy(), self._logits(now)
        for part in parts:
            own, seen = columns[part.at], self._weight[:, part.cells]
            precision = (part.squares @ seen.T).T
            linear = self._shift[:, own] - (part.turned @ (seen * eta[:, part.cells]).T).T
            drawn = choose(part.at, precision, linear + precision * now[:, own])
            eta[:, part.cells] += (part.rows @ (drawn - now[:, own]).T).T
            now[:, own] = drawn
        return now

    def _apart(self, columns: Integers) -> list[_Part]:
        """Return parts of some parameters, those of each without a cell in common."""
        if self._parts is None:
            own = self._rows[:, columns]
            near = sparse.csr_array(own.T @ own)
            part = np.full(len(columns), -1)
            for item in range(len(columns)):
                taken = part[near.indices[near.indptr[item] : near.indptr[item + 1]]]
                part[item] = int(np.setdiff1d(np.arange(len(taken) + 1), taken)[0])
            self._parts = []
            for number in range(int(part.max(initial=-1)) + 1):
                at = np.flatnonzero(part == number).astype(np.int64)
                cells = np.flatnonzero(np.diff(sparse.csr_array(own[:, at]).indptr)).astype(np.int64)
                self._parts.append(_part(at, cells, sparse.csr_array(own[cells][:, at])))
        return self._parts

    def log_likelihood(self, now: Floats) -> Floats:
        """Return the log likelihood, but for a constant (K,)."""
        eta = self._logits(now)
        size = np.abs(eta)
        found: Floats = np.sum(self.excess * eta - self.trials * (size / 2 + np.log1p(np.exp(-size))), axis=1)
        return found

    def settle(self, now: Floats) -> None:
        """Learn nothing: there is nothing to be tuned."""

    def _logits(self, now: Floats) -> Floats:
        if self.X.shape[1] <= _DENSE:
            return now @ self.X.T
        return np.asarray(self._rows @ now.T, dtype=np.float64).T

    @cached_property
    def _rows(self) -> sparse.csr_array:
        return sparse.csr_array(self.X)

    @cached_property
    def _columns(self) -> sparse.csr_array:
        return sparse.csr_array(self.X.T)

    @cached_property
    def _squares(self) -> sparse.csr_array:
        return sparse.csr_array(self.X.T**2)

    @cached_property
    def _shift(self) -> Floats:
        shift: Floats = self.excess @ self.X
        return shift

    @cached_property
    def _outer(self) -> sparse.csr_array:
        """Sparse (q q, M): weights of cells into the information."""
        rows = sparse.csr_array(self.X)
        count = np.diff(rows.indptr)
        cell = np.repeat(np.arange(len(count)), count**2)
        left = np.concatenate([np.repeat(np.arange(a, b), b - a) for a, b in _spans(rows.indptr)])
        right = np.concatenate([np.tile(np.arange(a, b), b - a) for a, b in _spans(rows.indptr)])
        at = rows.indices[left].astype(np.int64) * self.X.shape[1] + rows.indices[right]
        shape = (self.X.shape[1] ** 2, len(self.X))
        return sparse.csr_array((rows.data[left] * rows.data[right], (at, cell)), shape=shape)


def win_steps(design: PairDesign, wins: Floats) -> WinSteps:
    """Return the steps for who won, given that one of two items was taken.

    Parameters
    ----------
    design
        What was shown. Given that one of the two was taken, which one is a logistic choice, with or without
        Davidson's ties.
    wins
        Of the first and of the second item in each cell, for each data set or for one (B, M, 2).
    """
    signs = np.zeros(design.kernel.n_local)
    signs[: 2 + design.kernel.slot] = [1.0, -1.0, 1.0][: 2 + design.kernel.slot]
    X = design.local_rows(np.tile(signs, (len(design.index), 1)))
    trials = wins.sum(axis=-1)
    used = trials.any(axis=0)
    return WinSteps(X[used], trials[:, used], (wins[..., 0] - trials / 2)[:, used])


@dataclass(eq=False)
class PairSlices:
    """Any likelihood of pairs: elliptical slice sampling about a normal approximation of it.

    Parameters
    ----------
    design, counts
        What was shown, and the outcomes in each cell (M, A), divided by the overdispersion.
    precision, shift
        The approximation: exp(shift'x - x' precision x / 2).

    Notes
    -----
    Murray, Adams & MacKay (2010) for a normal prior, which here is the prior times the approximation, and a
    likelihood, which here is what the approximation leaves over: exact whatever the approximation, and the
    quicker to forget the better it is. `settle` takes the mean score and information over draws so far, so
    that the approximation is right on average over the posterior and not only at its top, which matters
    where an item never won.
    """

    design: PairDesign
    counts: Floats
    precision: Floats
    shift: Floats
    _seen: list[Floats] = field(default_factory=list, repr=False)

    def draw(self, now: Floats, prior: Prior, rng: np.random.Generator) -> Floats:
        """Return the next parameters."""
        total = np.broadcast_to(self.precision, (len(now), *self.precision.shape))
        mean = _solve(total, self.shift, prior)
        turned = draw_normals(total, np.zeros_like(self.shift), prior, rng)
        away = now - mean
        level = self._left(now) + np.log(rng.random(len(now)))
        angle = rng.uniform(0, 2 * np.pi, len(now))
        low, high = angle - 2 * np.pi, angle.copy()
        result = now.copy()
        open_ = np.arange(len(now))
        while len(open_):
            cosine, sine = np.cos(angle[open_])[:, None], np.sin(angle[open_])[:, None]
            tried = mean[open_] + cosine * away[open_] + sine * turned[open_]
            fine = self._left(tried) >= level[open_]
            result[open_[fine]] = tried[fine]
            open_ = open_[~fine]
            negative = angle[open_] < 0
            low[open_[negative]], high[open_[~negative]] = angle[open_[negative]], angle[open_[~negative]]
            angle[open_] = rng.uniform(low[open_], high[open_])
        return result

    def one_by_one(self, now: Floats, columns: Integers, choose: Choose) -> Floats:
        """Return parameters as they are: nothing is normal given all others."""
        return now

    def settle(self, now: Floats) -> None:
        """Learn the approximation from parameters drawn so far."""
        self._seen.append(now)
        seen = np.concatenate(self._seen[-8:])
        found = self.design.evaluate(self.counts[None], seen, penalised=False)
        self.precision = found.information.mean(axis=0)
        self.shift = found.score.mean(axis=0) + self.precision @ seen.mean(axis=0)

    def log_likelihood(self, now: Floats) -> Floats:
        """Return the log likelihood (K,); minus infinity where a parameter is not allowed."""
        local = self.design.local(now)
        exact: Floats = np.einsum("ma,kma->k", self.counts, self.design.kernel.log_probability(local))
        if self.design.kernel.ties == "rao-kupper":
            exact = np.where(local[..., -1].min(axis=1) > 0, exact, -np.inf)
        return exact

    def _left(self, estimated: Floats) -> Floats:
        """Return the log likelihood less that of the approximation (K,)."""
        near = estimated @ self.shift - 0.5 * np.einsum(
            "kp,pq,kq->k", estimated, self.precision, estimated, optimize=True
        )
        left: Floats = self.log_likelihood(estimated) - near
        return left


def slices_of(design: PairDesign, counts: Floats, estimated: Floats) -> PairSlices:
    """Return the steps for any likelihood of pairs, beginning with the normal approximation at an estimate.

    Parameters
    ----------
    design, counts
        As in `PairSlices`.
    estimated
        Parameters (q,).
    """
    found = design.evaluate(counts[None], estimated[None], penalised=False)
    precision = found.information[0]
    return PairSlices(design, counts, precision, found.score[0] + precision @ estimated)


def conjugate_gradients(
    times: Callable[[Floats], Floats], wanted: Floats, scale: Floats, start: Floats
) -> Floats:
    """Solve symmetric positive definite systems of many chains at once.

    Parameters
    ----------
    times
        The matrices applied to vectors (K, q).
    wanted
        Right-hand sides (K, q).
    scale
        About the diagonals of the matrices (K, q).
    start
        Where to start (K, q).
    """
    solution = start.copy()
    left = wanted - times(solution)
    near = left / scale
    along, size = near, np.sum(left * near, axis=1, keepdims=True)
    least = _SOLVED**2 * np.sum(wanted**2 / scale, axis=1, keepdims=True)
    for _ in range(10 * wanted.shape[1]):
        product = times(along)
        curve = np.sum(along * product, axis=1, keepdims=True)
        step = size / np.where(curve > 0, curve, 1.0)
        solution += step * along
        left = left - step * product
        near = left / scale
        before, size = size, np.sum(left * near, axis=1, keepdims=True)
        if (size <= least).all():
            break
        along = near + size / np.where(before > 0, before, 1.0) * along
    return solution


def draw_normals(precision: Floats, shift: Floats, prior: Prior, rng: np.random.Generator) -> Floats:
    """Draw from normal distributions with mean = P^-1 shift, P = `precision` plus that of the prior.

    Parameters
    ----------
    precision
        (K, q, q).
    shift
        For all chains (q,) or for each (1 or K, q).
    prior
        About zero.
    """
    drawn = rng.standard_normal(prior.diagonal.shape)
    shift = np.broadcast_to(shift, drawn.shape)
    total = prior.added_to(precision)
    for at, noise in enumerate(drawn):
        # The routines of LAPACK themselves: checks of arguments would cost more than few items' algebra.
        root = _root(total[at])
        half, _ = lapack.dtrtrs(root, shift[at], lower=1)
        drawn[at], _ = lapack.dtrtrs(root, half + noise, lower=1, trans=1)
    return drawn


def _solve(precision: Floats, shift: Floats, prior: Prior) -> Floats:
    found = np.empty_like(prior.diagonal)
    for at, total in enumerate(prior.added_to(precision)):
        found[at], _ = lapack.dpotrs(_root(total), shift, lower=1)
    return found


def _root(precision: Floats) -> Floats:
    root, failed = lapack.dpotrf(precision, lower=1)
    if failed:
        raise np.linalg.LinAlgError("the posterior precision of the utilities is not positive definite")
    return np.asarray(root, dtype=np.float64)


def polya_gamma(trials: Floats, eta: Floats, rng: np.random.Generator) -> Floats:
    """Draw from PG(trials, eta): the first gammas of its sum, then one with mean and variance of the rest."""
    size = np.clip(np.abs(eta), 1e-2, _LARGEST)
    tangent = np.tanh(size / 2)
    mean = trials * tangent / (2 * size)
    # sinh(x) / cosh(x/2)^2 = 2 tanh(x/2), and 1 / cosh^2 = 1 - tanh^2.
    variance = trials * (2 * tangent - size * (1 - tangent**2)) / (4 * size**3)
    total = np.zeros_like(mean)
    for step in _STEPS:
        scale = 1 / (step + size**2 / 2)
        total += rng.standard_gamma(trials) * scale
        mean, variance = mean - trials * scale, variance - trials * scale**2
    variance = np.maximum(variance, 1e-4 * mean**2)
    rest = variance / mean
    total += rng.standard_gamma(mean / rest) * rest
    return np.asarray(total, dtype=np.float64)


def _spans(starts: npt.NDArray[np.integer]) -> list[tuple[int, int]]:
    return list(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True))
