"""Drawing from normal distributions whose precision is known: by factorising it, or by applying it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from bartleby.analysis.choice.posteriors.priors import Prior

__all__ = ["conjugate_gradients", "draw_normals", "solve_normals"]

Floats = npt.NDArray[np.float64]

_SOLVED = 1e-5
"""Relative error that a solution by conjugate gradients may have: far below the spread of what is drawn."""


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


def solve_normals(precision: Floats, shift: Floats, prior: Prior) -> Floats:
    """Return the means of the normal distributions that `draw_normals` draws from (K, q)."""
    found = np.empty_like(prior.diagonal)
    for at, total in enumerate(prior.added_to(precision)):
        found[at], _ = lapack.dpotrs(_root(total), shift, lower=1)
    return found


def _root(precision: Floats) -> Floats:
    root, failed = lapack.dpotrf(precision, lower=1)
    if failed:
        raise np.linalg.LinAlgError("the posterior precision of the utilities is not positive definite")
    return np.asarray(root, dtype=np.float64)
