"""Steps for choices between two items: independent of where the chain is, but for Polya-Gamma variables."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bartleby.analysis.choice.pair_design import PairDesign
from bartleby.analysis.choice.posteriors.information import Information, cell_information
from bartleby.analysis.choice.posteriors.normals import conjugate_gradients, draw_normals
from bartleby.analysis.choice.posteriors.polya_gamma import polya_gamma
from bartleby.analysis.choice.posteriors.priors import Choose, Prior, SparsePrior

__all__ = ["WinSteps", "win_steps"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_SETTLED = 60
"""Steps until the count of items below zero is within a tenth of its standard deviation of where it stays, in
all of eight kinds of data."""
_DENSE = 64
"""Parameters from which on solving by conjugate gradients is quicker than factorising."""
_MOST_PARTS = 30
"""Parts that parameters may fall into for it to be worth drawing them one by one."""
_SMALL = 20_000
"""Numbers in a matrix up to which it is kept dense."""


@dataclass(eq=False)
class WinSteps:
    """Wins and losses in cells, a logistic regression: Gibbs steps by Polya-Gamma augmentation.

    Parameters
    ----------
    X
        Features of each cell in the estimated parameters (M, q): its logit is X @ parameters.
    trials
        Choices in each cell, for all chains or for each (M, 1 or K).
    excess
        Wins of the first item less half the trials, likewise.

    Notes
    -----
    Polson, Scott & Windle (2013): given omega ~ PG(n, eta) for each cell, the likelihood of wins is that of
    a normal regression with precision omega.
    """

    X: sparse.csr_array
    trials: Floats
    excess: Floats
    _weight: Floats = field(default_factory=lambda: np.empty((0, 0)), repr=False)
    _parts: list[_Part] | None = field(default=None, repr=False)

    @property
    def settled(self) -> int:
        """Steps after which draws are worth keeping."""
        return _SETTLED

    def draw(self, now: Floats, prior: Prior, rng: np.random.Generator) -> Floats:
        """Return the next parameters."""
        weight = self._weight = polya_gamma(self.trials, self._logits(now), rng)
        size = self.X.shape[1]
        if size > _DENSE and isinstance(prior, SparsePrior):
            return self._solved(now, weight, prior, rng)
        precision = np.asarray(self._outer @ weight).T.reshape(len(now), size, size)
        return draw_normals(precision, self._shift, prior, rng)

    def _solved(self, now: Floats, weight: Floats, prior: SparsePrior, rng: np.random.Generator) -> Floats:
        """Draw by solving for a right-hand side with the noise of prior and likelihood in it.

        Papandreou & Yuille (2010): the solution then has the wanted distribution, and conjugate gradients
        need the matrix only to be applied, so that a step costs what the cells cost.
        """
        noise = np.sqrt(weight) * rng.standard_normal(weight.shape)
        wanted = self._shift + np.asarray(self._columns @ noise).T + prior.noise(rng)
        scale = np.asarray(self._squares @ weight).T + prior.diagonal
        information = self._information.of(weight)
        return conjugate_gradients(lambda v: information(v) + prior.times(v), wanted, scale, now)

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
            own, seen, near = columns[part.at], self._weight[part.cells], eta[part.cells]
            precision = (part.squares @ seen).T
            linear = self._shift[:, own] - (part.turned @ (seen * near)).T
            drawn = choose(part.at, precision, linear + precision * now[:, own])
            eta[part.cells] = near + part.rows @ (drawn - now[:, own]).T
            now[:, own] = drawn
        return now

    def _apart(self, columns: Integers) -> list[_Part]:
        """Return parts of some parameters, those of each without a cell in common."""
        if self._parts is None:
            own = self.X[:, columns]
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
        height = np.exp(-np.abs(eta))
        height += 1
        np.log(height, out=height)
        height += np.abs(eta) / 2
        height *= -self.trials
        height += self.excess * eta
        found: Floats = height.sum(axis=0)
        return found

    def settle(self, now: Floats, step: int) -> None:
        """Learn nothing: there is nothing to be tuned."""

    def _logits(self, now: Floats) -> Floats:
        """Return the logit of each cell in each chain (M, K)."""
        return np.asarray(self.X @ now.T, dtype=np.float64)

    @cached_property
    def _columns(self) -> sparse.csr_array:
        return sparse.csr_array(self.X.T)

    @cached_property
    def _squares(self) -> sparse.csr_array:
        return sparse.csr_array(self._columns * self._columns)

    @cached_property
    def _information(self) -> Information:
        return cell_information(self.X)

    @cached_property
    def _shift(self) -> Floats:
        return np.asarray(self._columns @ self.excess, dtype=np.float64).T

    @cached_property
    def _outer(self) -> sparse.csr_array:
        """Sparse (q q, M): weights of cells into the information."""
        rows = self.X
        count = np.diff(rows.indptr)
        cell = np.repeat(np.arange(len(count)), count**2)
        left = np.concatenate([np.repeat(np.arange(a, b), b - a) for a, b in _spans(rows.indptr)])
        right = np.concatenate([np.tile(np.arange(a, b), b - a) for a, b in _spans(rows.indptr)])
        at = rows.indices[left].astype(np.int64) * self.X.shape[1] + rows.indices[right]
        shape = (self.X.shape[1] ** 2, self.X.shape[0])
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
    X = design.sparse_rows(np.tile(signs, (len(design.index), 1)))
    X.eliminate_zeros()
    trials = wins.sum(axis=-1)
    used = trials.any(axis=0)
    excess = wins[..., 0] - trials / 2
    by_cell = [np.ascontiguousarray(part[:, used].T) for part in (trials, excess)]
    return WinSteps(X[np.flatnonzero(used)], by_cell[0], by_cell[1])


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


def _spans(starts: npt.NDArray[np.integer]) -> list[tuple[int, int]]:
    return list(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True))
