"""Drawing from normal distributions whose precision is known: by factorising it, or by applying it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from bartleby.analysis.choice.posteriors.priors import Prior

__all__ = ["conjugate_gradients", "draw_normals", "normal_parts"]

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
    mean, noise = normal_parts(precision, shift, prior, rng)
    return mean + noise


def normal_parts(
    precision: Floats, shift: Floats, prior: Prior, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return the means of the distributions that `draw_normals` draws from, and draws less these (K, q)."""
    noise = rng.standard_normal(prior.diagonal.shape)
    mean = np.empty_like(noise)
    shift = np.broadcast_to(shift, noise.shape)
    for at, total in enumerate(prior.added_to(precision)):
        # The routines of LAPACK themselves: checks of arguments would cost more than few items' algebra.
        # A symmetric matrix is its own transpose, which is in the order that they work on in place.
        root, failed = lapack.dpotrf(total.T, lower=1, clean=0, overwrite_a=1)
        if failed:
            raise np.linalg.LinAlgError("the posterior precision of the utilities is not positive definite")
        mean[at], _ = lapack.dpotrs(root, shift[at], lower=1)
        noise[at], _ = lapack.dtrtrs(root, noise[at], lower=1, trans=1)
    return mean, noise
