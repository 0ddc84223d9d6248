"""Satterthwaite degrees of freedom of many contrasts of a cluster-robust covariance.

For one contrast the variance estimate is a quadratic form whose matrix P has a row and a column for each
cluster. Its diagonal costs little, and is added up for all contrasts at once. Its off-diagonal elements are
inner products of what the fit absorbed in two clusters: with a hundred thousand clusters most of these are
too small to matter, and how much they could matter at most is known beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bartleby.analysis.inference.cluster_directions import Directions, members

__all__ = ["satterthwaite"]

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]

TOLERANCE = 1e-3
"""Relative: by how much degrees of freedom may be too large where clusters are many."""
_EXACT_WIDTH = 100
"""Parameters up to which all inner products are taken."""
_CANDIDATE = 5e-5
"""Of a contrast's variance: clusters with less than this share of it seldom matter."""
_MOST = 4096
"""Clusters whose inner products are cheaper than those of all of them by way of the parameters."""
_NUMBERS = 1_000_000
_IN_CACHE = 500_000
"""Numbers looked at together where they are looked at several times."""
_NONE: Integers = np.zeros(0, dtype=np.int64)


def satterthwaite(directions: Directions, factor: Floats, coordinates: Floats, lengths: Floats) -> Floats:
    """Return degrees of freedom tr(P)^2 / tr(P^2) of contrasts.

    Parameters
    ----------
    directions
        Each cluster's information, taken apart (k directions).
    factor
        What scores are multiplied by along each direction: (1 - leverage)^(-1/2) for CR2 (k,).
    coordinates
        Of contrasts, as `Directions.coordinates` returns them (p, c).
    lengths
        The model's variances of contrasts (c,).

    Returns
    -------
    array (c,)
        NaN where P is zero.

    Notes
    -----
    Pustejovsky & Tipton (2018), section 2.3, the fitted information being the working model. With h the part
    of the contrast along direction v of cluster g, l its leverage and f its factor, P = D - A A' where
    D_gg = sum (f h)^2 l and row g of A is a_g = sum l f h v; as the v of one cluster are orthonormal,
    |a_g|^2 = sum (l f h)^2.

    With up to 100 parameters tr(P^2) is exact. With more, inner products are taken between those clusters
    only whose D_gg is above some t. As a_g a_g' is at most D_gg times the information of cluster g, and the
    information of all clusters adds up to the identity, the sum of (a_g'a_h)^2 over all h with D_hh <= t is
    at most t |a_g|^2; so tr(P^2) lacks at most 2 t sum |a_g|^2. With t such that this is 0.1% of the sum of
    P_gg^2, degrees of freedom are at most 0.1% too large, never too small.
    """
    weighted = directions.leverages * factor
    if directions.width <= _EXACT_WIDTH:
        return _exact(directions, weighted, coordinates)
    sums = _sums(directions, weighted, coordinates, _CANDIDATE * lengths)
    df = np.full(len(lengths), np.nan)
    for at in np.flatnonzero(sums.trace > 0).tolist():
        coordinate = np.ascontiguousarray(coordinates[:, at])
        chosen = sums.chosen(at)
        if chosen is None:
            chosen = _above(directions, weighted, coordinate, sums.least[at])
        if len(chosen) <= _MOST:
            direction, owner = members(directions, chosen)
            amounts = weighted[direction] * directions.along(coordinate[:, None], direction)[:, 0]
            missing = directions.square(amounts, direction, owner)
        else:
            amounts = weighted * directions.along(coordinate[:, None])[:, 0]
            missing = directions.square(amounts)
        square = sums.square[at] + missing
        df[at] = sums.trace[at] ** 2 / square
    return df


def _exact(directions: Directions, weighted: Floats, coordinates: Floats) -> Floats:
    """Return degrees of freedom from all inner products."""
    number = coordinates.shape[1]
    df = np.full(number, np.nan)
    gathering = _gathering(_undone(directions) - 1.0, directions.starts)
    step = max(1, _NUMBERS // max(len(weighted), 1))
    for begin in range(0, number, step):
        amounts = weighted[:, None] * directions.along(coordinates[:, begin : begin + step])
        left = gathering @ amounts**2
        trace = left.sum(axis=0)
        some = np.flatnonzero(trace > 0)
        squares = np.einsum("gc,gc->c", left, left)[some] + directions.squares(amounts[:, some])
        defined = squares > 0
        df[begin + some[defined]] = trace[some[defined]] ** 2 / squares[defined]
    return df


@dataclass(frozen=True, eq=False)
class _Sums:
    """What is added up over clusters for each contrast (c,), and the clusters that may matter to it.

    Parameters
    ----------
    trace, square
        Of the diagonal of P, and of its squares.
    absorbed
        Sum of |a_g|^2.
    floor
        Clusters with a D_gg above it were kept.
    starts, clusters, own
        Where those of each contrast start (c + 1,), which they are, and their D_gg.
    """

    trace: Floats
    square: Floats
    absorbed: Floats
    floor: Floats
    starts: Integers
    clusters: Integers
    own: Floats

    @property
    def least(self) -> Floats:
        """The D_gg up to which clusters do not matter (c,)."""
        least: Floats = TOLERANCE * self.square / np.maximum(2 * self.absorbed, 1e-300)
        return least

    def chosen(self, at: int) -> Integers | None:
        """Return the clusters that matter to a contrast; None if some of them were not kept."""
        if self.least[at] < self.floor[at]:
            return None
        part = slice(self.starts[at], self.starts[at + 1])
        chosen: Integers = self.clusters[part][self.own[part] > self.least[at]]
        return chosen


def _sums(directions: Directions, weighted: Floats, coordinates: Floats, floor: Floats) -> _Sums:
    """Add up over clusters: the squares of P_gg a few clusters at a time, so that they stay in the cache."""
    number, n_clusters = coordinates.shape[1], len(directions.starts)
    left = weighted**2 * (_undone(directions) - 1.0)
    # D_gg is P_gg with each part over what its leverage leaves, so at most P_gg over the least that is left.
    leaves = np.where(left > 0, 1.0 - directions.leverages, 1.0)
    least = np.minimum.reduceat(leaves, directions.starts)
    gathering = _gathering(left, directions.starts)
    ends = np.append(directions.starts, len(weighted))
    square = np.zeros(number)
    kept: list[tuple[Integers, Integers, Floats]] = [(_NONE, _NONE, np.zeros(0))]
    step = max(1, int(_IN_CACHE * n_clusters / (max(len(weighted), 1) * max(number, 1))))
    for begin in range(0, n_clusters, step):
        part = slice(ends[begin], ends[min(begin + step, n_clusters)])
        lengths = directions.along(coordinates, part)
        lengths *= lengths
        own = gathering[begin : begin + step, part] @ lengths
        square += np.einsum("gc,gc->c", own, own)
        large = np.flatnonzero(own > least[begin : begin + step].min() * floor)
        if len(large):
            cluster, contrast = np.divmod(large, number)
            direction, owner = members(directions, cluster + begin)
            amounts = lengths[direction - part.start, contrast[owner]] * (left / leaves)[direction]
            whole = np.bincount(owner, amounts, len(cluster)).astype(np.float64)
            above = whole > floor[contrast]
            kept.append((contrast[above], cluster[above] + begin, whole[above]))
    contrast, clusters, whole = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    order = np.argsort(contrast, kind="stable")
    starts = np.searchsorted(contrast[order], np.arange(number + 1))
    trace = directions.added_squares(coordinates, left)
    absorbed = directions.added_squares(coordinates, weighted**2)
    return _Sums(trace, square, absorbed, floor, starts, clusters[order], whole[order])


def _above(directions: Directions, weighted: Floats, coordinate: Floats, least: float) -> Integers:
    """Return the clusters whose D_gg is above a threshold, for one contrast."""
    amounts = weighted * directions.along(coordinate[:, None])[:, 0]
    return np.flatnonzero(np.add.reduceat(_undone(directions) * amounts**2, directions.starts) > least)


def _gathering(weights: Floats, starts: Integers) -> sparse.csr_array:
    """Return a matrix (G, k) that adds weighted rows of directions that lie together."""
    shape = (len(starts), len(weights))
    return sparse.csr_array((weights, np.arange(shape[1]), np.append(starts, shape[1])), shape)


def _undone(directions: Directions) -> Floats:
    """Return 1 over the leverages (k,), 0 where there is no such direction."""
    present = directions.leverages > 0
    return np.where(present, 1.0 / np.where(present, directions.leverages, 1.0), 0.0)
