"""Satterthwaite degrees of freedom of many contrasts of a cluster-robust covariance.

For one contrast the variance estimate is a quadratic form whose matrix P has a row and a column for each
cluster. Its diagonal costs little. Its off-diagonal elements are inner products of what the fit absorbed in
two clusters: with a hundred thousand clusters most of these are too small to matter, and how much they could
matter at most is known beforehand.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bartleby.analysis.inference.cluster_directions import Directions

__all__ = ["satterthwaite"]

Floats: TypeAlias = npt.NDArray[np.float64]

TOLERANCE = 1e-3
"""Relative: by how much degrees of freedom may be too large where clusters are many."""
_EXACT_WIDTH = 100
"""Parameters up to which all inner products are taken."""
_FEWEST = 256
"""Clusters with the largest parts that are tried first."""
_MOST = 4096
"""Clusters whose inner products are cheaper than those of all of them by way of the parameters."""
_NUMBERS = 1_000_000


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

    With up to 100 parameters tr(P^2) is exact. With more, only the clusters with the largest |a_g| have
    their inner products taken, so many that the others could add less than 0.1% to tr(P^2): by Cauchy and
    Schwarz, all (a_g a_h)^2 together are at most (sum |a_g|^2)^2. So degrees of freedom are at most 0.1% too
    large, never too small.
    """
    df = np.full(len(contrasts), np.nan)
    leverages = directions.leverages
    weighted = leverages * factor
    summed = _summing(directions, np.ones_like(leverages))
    present = leverages > 0
    undone = _summing(directions, np.where(present, 1.0 / np.where(present, leverages, 1.0), 0.0))
    step = max(1, _NUMBERS // max(len(weighted), 1))
    for begin in range(0, len(contrasts), step):
        amounts = weighted[:, None] * directions.parts(contrasts[begin : begin + step])
        squares = amounts**2
        own, absorbed = undone @ squares, summed @ squares
        trace = np.sum(own - absorbed, axis=0)
        for at in np.flatnonzero(trace > 0):
            square = _trace_square(directions, amounts[:, at], own[:, at], absorbed[:, at])
            df[begin + at] = trace[at] ** 2 / square if square > 0 else np.nan
    return df


def _summing(directions: Directions, values: Floats) -> sparse.csr_array:
    """Return the matrix (G, k) that adds up, within clusters, values (k,) times what it multiplies."""
    starts = np.append(directions.starts, len(values))
    return sparse.csr_array((values, np.arange(len(values)), starts), shape=(len(starts) - 1, len(values)))


def _trace_square(directions: Directions, amounts: Floats, own: Floats, absorbed: Floats) -> float:
    """Return tr(P^2) for one contrast."""
    if directions.width > _EXACT_WIDTH:
        diagonal = float(np.sum((own - absorbed) ** 2))
        largest = _that_matter(absorbed, TOLERANCE * diagonal)
        if largest is not None:
            inner = directions.products(amounts, largest)
            np.fill_diagonal(inner, 0.0)
            return diagonal + float(np.sum(inner**2))
    return float(np.sum(own**2 - 2 * own * absorbed)) + directions.square(amounts)


def _that_matter(absorbed: Floats, most: float) -> npt.NDArray[np.intp] | None:
    """Return clusters without whose inner products at most so much is missed; None if they are too many."""
    total = float(absorbed.sum())
    number = _FEWEST
    while number <= min(_MOST, len(absorbed) - 1):
        largest = np.argpartition(absorbed, -number)[-number:]
        if total**2 - float(absorbed[largest].sum()) ** 2 <= most:
            return largest
        number *= 2
    return None
