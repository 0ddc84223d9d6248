"""Triads of items and how many of them run in a circle: functions of arrays.

A tournament is a matrix X: X[i, j] is 1 where i is taken over j by the majority, 0 where j is, 1/2 where they
are level, and 0 both ways where the pair was not asked; `asked` says which pairs were. A triad counts
if all its three pairs were asked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bartleby.analysis.inference.intervals import RateFit
from bartleby.analysis.inference.unit_means import logit_interval

__all__ = [
    "Tournament",
    "cyclic_share_interval",
    "cyclic_share_variance",
    "cyclic_triads",
    "largest_cyclic_count",
    "largest_cyclic_share",
    "majorities",
    "number_of_triads",
]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer[Any]]
_BATCH = 4_000_000
"""Numbers in one batch of matrices."""
_ROOM = 0.9
"""Up to this part of the largest share that can be, the scale of the interval ends at that share."""


@dataclass(frozen=True, eq=False)
class Tournament:
    """Which pairs were asked, in which cells.

    Parameters
    ----------
    n_items
        Number of items K.
    low, high
        Items of each pair, low < high (P,).
    cell_pair
        Pair of each cell (M,).
    cell_forward
        Whether a cell shows the low item first (M,).
    total
        Choices in each cell (M,), each above 0.
    """

    n_items: int
    low: Integers
    high: Integers
    cell_pair: Integers
    cell_forward: npt.NDArray[np.bool_]
    total: Floats

    @classmethod
    def from_cells(cls, first: Integers, second: Integers, total: Floats, n_items: int) -> Tournament:
        """Return the tournament of cells that show `first` before `second`."""
        low, high = np.minimum(first, second), np.maximum(first, second)
        key, pair = np.unique(low * n_items + high, return_inverse=True)
        return cls(n_items, key // n_items, key % n_items, pair, first < second, total)

    @property
    def asked(self) -> Floats:
        """1 for each pair that was asked (K, K)."""
        matrix = np.zeros((self.n_items, self.n_items))
        matrix[self.low, self.high] = 1.0
        matrix[self.high, self.low] = 1.0
        return matrix

    @property
    def complete(self) -> bool:
        """Whether every pair of items was asked."""
        return len(self.low) == self.n_items * (self.n_items - 1) // 2

    @property
    def one_order(self) -> int:
        """Pairs that were asked in one order only."""
        return int(np.sum(np.bincount(self.cell_pair, minlength=len(self.low)) < 2))

    def shares(self, first: Floats) -> Floats:
        """Return the share of choices of the low item of each pair, orders weighing the same (B, P).

        Parameters
        ----------
        first
            Choices of the item shown first, by data set and cell (B, M).
        """
        share = first / self.total
        low = np.where(self.cell_forward, share, 1 - share)
        orders = np.bincount(self.cell_pair, minlength=len(self.low))
        found = np.zeros((len(first), len(self.low)))
        for forward in (True, False):
            cells = np.flatnonzero(self.cell_forward == forward)
            found[:, self.cell_pair[cells]] += low[:, cells]
        return found / orders

    def cyclic(self, first: Floats) -> Floats:
        """Return the number of cyclic triads of each data set (B,), by its majorities."""
        direction = majorities(self.shares(first))
        size = self.n_items
        step = max(1, _BATCH // size**2)
        found = []
        for begin in range(0, len(direction), step):
            part = direction[begin : begin + step]
            matrix = np.zeros((len(part), size, size))
            matrix[:, self.low, self.high] = part
            matrix[:, self.high, self.low] = 1 - part
            found.append(cyclic_triads(matrix))
        return np.concatenate(found) if found else np.empty(0)

    def matrix(self, first: Floats) -> Floats:
        """Return X of one data set (K, K), from choices of the item shown first by cell (M,)."""
        direction = majorities(self.shares(first[None]))[0]
        matrix = np.zeros((self.n_items, self.n_items))
        matrix[self.low, self.high] = direction
        matrix[self.high, self.low] = 1 - direction
        return matrix


def majorities(share: Floats) -> Floats:
    """Return 1, 0 or, for a share of one half, 1/2."""
    return np.where(np.abs(share - 0.5) < 1e-9, 0.5, np.where(share > 0.5, 1.0, 0.0))


def number_of_triads(asked: Floats) -> float:
    """Return the number of triads all of whose pairs were asked; `asked` is (K, K)."""
    return float(np.sum((asked @ asked) * asked) / 6)


def cyclic_triads(matrix: Floats) -> Floats:
    """Return the number of cyclic triads of each X (B, K, K) or (K, K).

    Notes
    -----
    The trace of X cubed counts each circle of three three times (Kendall & Babington Smith 1940 count
    them from row sums, which needs every pair). Level pairs are as if decided by a coin: a triad
    with one counts with the chance that the coin makes it a circle.
    """
    cubed: Floats = np.einsum("...ij,...ji->...", matrix @ matrix, matrix) / 3
    return cubed


def largest_cyclic_count(n_items: int) -> float:
    """Return the most cyclic triads of n items with all pairs asked (Kendall & Babington Smith 1940)."""
    n = n_items
    return (n**3 - n) / 24 if n % 2 else (n**3 - 4 * n) / 24


def largest_cyclic_share(n_items: int) -> float:
    """Return the largest share of cyclic triads of n items with all pairs asked, which nears 1/4."""
    return largest_cyclic_count(n_items) / math.comb(n_items, 3) if n_items >= 3 else 1.0


def cyclic_share_interval(
    share: float, variance: float, df: float, *, level: float, fallback: float, most: float, method: str
) -> RateFit:
    """Return a t interval of a share of cyclic triads on the logit scale of what part of `most` it is.

    Parameters
    ----------
    share, variance, df
        The share, its variance and degrees of freedom.
    level, fallback, method
        As in `logit_interval`.
    most
        The largest share that can be. With that as the end of the scale as many intervals miss above as
        below; with 1 as its end most miss above. A share close to it, or past it, has no room on
        such a scale, and has 1 for its end.
    """
    end = most if 0 < share <= _ROOM * most else 1.0
    fit = logit_interval(share / end, variance / end**2, df, level=level, fallback=fallback, method=method)
    return replace(fit, estimate=share, std_error=fit.std_error * end, low=fit.low * end, high=fit.high * end)


def cyclic_share_variance(matrix: Floats, asked: Floats) -> tuple[float, float]:
    """Return the variance of the cyclic share of triads over samples of items, and degrees of freedom.

    Parameters
    ----------
    matrix
        X (K, K).
    asked
        Which pairs were asked (K, K).

    Notes
    -----
    Two triads hang together where they share an item. With S_i the sum of residuals of triads at item i,
    S_ij that of triads at a pair, the sum over all dependent pairs of triads is
    sum S_i^2 - sum S_ij^2 + sum e_t^2: by inclusion and exclusion each is counted once. (The jackknife over
    items counts those that share a pair twice and is too wide where answers are noise.) Residuals are
    about the share found, which takes off the variance once for each dependent pair of triads: with all
    pairs asked the sum is (1 - f) of what it estimates, f the part of pairs of triads that are dependent,
    and is divided by that. It is no smaller than if only triads that share a pair hung together.

    Degrees of freedom are the smaller of (K - 1) / 2, chosen by simulation (a triad takes three of K items,
    and the variance is itself a difference of sums), and what the fourth moment of the S_i leaves, as in
    `clustered_variance`. Both are NaN with so few items that every triad shares one with every other.
    """
    triads = number_of_triads(asked)
    share = float(cyclic_triads(matrix)) / triads if triads else math.nan
    through = matrix @ matrix
    triads_at_pair = (asked @ asked) * asked
    cyclic_at_pair = matrix * through.T + matrix.T * through
    squares = float(cyclic_triads(matrix**2)) + _both_ways(matrix) - share**2 * triads
    residual = cyclic_at_pair - share * triads_at_pair
    found = _overlaps(residual, squares)
    every = _overlaps(triads_at_pair, triads)
    scaled = [
        part / (1 - whole / triads**2)
        for part, whole in zip(found, every, strict=True)
        if triads and 1 - whole / triads**2 > 1e-9
    ]
    if len(scaled) < len(found):
        return math.nan, math.nan
    at_item = residual.sum(axis=1)[asked.any(axis=1)] / 2
    return max(scaled) / triads**2, _degrees_of_freedom(at_item)


def _degrees_of_freedom(at_item: Floats) -> float:
    size, square = len(at_item), float(at_item @ at_item)
    most = max((size - 1) / 2, 1.0)
    if square <= 0:
        return most
    peaked = float(np.sum(at_item**4)) / square**2 - 1 / size
    return most if peaked <= 0 else max(1.0, min(most, 2 / peaked))


def _overlaps(at_pair: Floats, squares: float) -> tuple[float, float, float]:
    """Return sums of products over pairs of triads that share an item, that share a pair, and of squares.

    Parameters
    ----------
    at_pair
        Sum over the triads at each pair (K, K).
    squares
        Sum of squares over triads.
    """
    at_item = at_pair.sum(axis=1) / 2
    pairs = float(np.sum(at_pair**2)) / 2
    return float(at_item @ at_item) - pairs + squares, pairs - 2 * squares, squares


def _both_ways(matrix: Floats) -> float:
    """Return the cross part of the sum of squared chances of a circle: of triads level throughout."""
    level = matrix * matrix.T
    return float(np.sum((level @ level) * level) / 3)
