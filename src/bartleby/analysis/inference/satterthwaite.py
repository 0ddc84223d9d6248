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
_ALIKE = 8
"""Directions of a cluster up to which they are added one after the other, where all have as many."""
_NUMBERS = 1_000_000
_IN_CACHE = 200_000
"""Numbers looked at together where they are looked at several times."""


def satterthwaite(directions: Directions, factor: Floats, contrasts: Floats) -> Floats:
    """Return degrees of freedom tr(P)^2 / tr(P^2) of contrasts.

    Parameters
    ----------
    directions
        Each cluster's information, taken apart (k directions).
    factor
        What scores are multiplied by along each direction: (1 - leverage)^(-1/2) for CR2 (k,).
    contrasts
        One a row (c, p).

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
        return _exact(directions, weighted, contrasts)
    coordinates = directions.coordinates(contrasts)
    sums = _sums(directions, weighted, coordinates, _CANDIDATE * directions.lengths(contrasts))
    df = np.full(len(contrasts), np.nan)
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


def _exact(directions: Directions, weighted: Floats, contrasts: Floats) -> Floats:
    """Return degrees of freedom from all inner products."""
    df = np.full(len(contrasts), np.nan)
    undone = _undone(directions)[:, None]
    step = max(1, _NUMBERS // max(len(weighted), 1))
    for begin in range(0, len(contrasts), step):
        coordinates = directions.coordinates(contrasts[begin : begin + step])
        amounts = weighted[:, None] * directions.along(coordinates)
        left = _added((undone - 1.0) * amounts**2, directions.starts)
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
    """Add up over clusters, a few at a time so that what is made of them stays in the cache."""
    number = coordinates.shape[1]
    trace, square, total = np.zeros(number), np.zeros(number), np.zeros(number)
    ends = np.append(directions.starts, len(weighted))
    undone = _undone(directions)
    kept: list[tuple[Integers, Integers, Floats]] = []
    step = max(1, int(_IN_CACHE * len(directions.starts) / (max(len(weighted), 1) * max(number, 1))))
    for begin in range(0, len(directions.starts), step):
        starts = ends[begin : begin + step + 1]
        part, inside = slice(starts[0], starts[-1]), starts[:-1] - starts[0]
        amounts = directions.along(coordinates, part)
        amounts *= weighted[part, None]
        amounts *= amounts
        absorbed = _added(amounts, inside)
        own = _added(amounts * undone[part, None], inside)
        total += absorbed.sum(axis=0)
        if np.any(own > floor):
            cluster, contrast = np.nonzero(own > floor)
            kept.append((contrast, cluster + begin, own[cluster, contrast]))
        own -= absorbed
        trace += own.sum(axis=0)
        square += np.einsum("gc,gc->c", own, own)
    nothing = np.zeros(0, dtype=np.int64)
    kept.append((nothing, nothing, np.zeros(0)))
    contrast, clusters, large = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    order = np.argsort(contrast, kind="stable")
    starts = np.searchsorted(contrast[order], np.arange(number + 1))
    return _Sums(trace, square, total, floor, starts, clusters[order], large[order])


def _above(directions: Directions, weighted: Floats, coordinate: Floats, least: float) -> Integers:
    """Return the clusters whose D_gg is above a threshold, for one contrast."""
    amounts = weighted * directions.along(coordinate[:, None])[:, 0]
    return np.flatnonzero(np.add.reduceat(_undone(directions) * amounts**2, directions.starts) > least)


def _added(amounts: Floats, starts: Integers) -> Floats:
    """Return sums (G, c) of rows (k, c) that lie together."""
    sizes = np.diff(starts, append=len(amounts))
    if sizes.min() == sizes.max() <= _ALIKE:
        sums: Floats = sum((amounts[at :: sizes[0]] for at in range(1, sizes[0])), start=amounts[:: sizes[0]])
        return sums
    shape = (len(starts), len(amounts))
    places = np.append(starts, len(amounts))
    return np.asarray(sparse.csr_array((np.ones(shape[1]), np.arange(shape[1]), places), shape) @ amounts)


def _undone(directions: Directions) -> Floats:
    """Return 1 over the leverages (k,), 0 where there is no such direction."""
    present = directions.leverages > 0
    return np.where(present, 1.0 / np.where(present, directions.leverages, 1.0), 0.0)
