"""Polya-Gamma variables: what turns a logistic likelihood into a normal one, given them."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = ["polya_gamma"]

Floats = npt.NDArray[np.float64]

_FIRST = np.pi**2 / 2
"""Rate of the first gamma variable of the infinite sum at 0; it has 98.6% of the variance there."""
_FARTHEST, _FINENESS = 128.0, 256
"""Largest logit, and steps a logit, of the table of the rest of the sum."""


def polya_gamma(trials: Floats, eta: Floats, rng: np.random.Generator) -> Floats:
    """Draw from PG(trials, eta) for each logit, `trials` broadcast against `eta`.

    Notes
    -----
    The first gamma variable of the infinite sum is drawn as it is. The rest is nearly a gamma variable with
    its mean and variance, and drawn as the cube of a normal one (Wilson & Hilferty 1931).
    """
    size = np.minimum(np.abs(eta), _FARTHEST)
    mean, spread = (part.take((size * _FINENESS).astype(np.int64)) for part in _rest())
    spread /= 9 * trials
    drawn = np.sqrt(spread)
    drawn *= rng.standard_normal(size.shape)
    drawn += 1 - spread
    np.maximum(drawn, 0.0, out=drawn)
    total: Floats = mean * trials * drawn**3
    size *= size / 2
    total += rng.standard_gamma(trials, size=size.shape) / (size + _FIRST)
    return total


@cache
def _rest() -> tuple[Floats, Floats]:
    """Return mean and squared coefficient of variation of the sum without its first variable, by logit."""
    size = (np.arange(int(_FARTHEST * _FINENESS) + 1) + 0.5) / _FINENESS
    tangent = np.tanh(size / 2)
    first = 1 / (_FIRST + size**2 / 2)
    mean = tangent / (2 * size) - first
    # sinh(x) / cosh(x/2)^2 = 2 tanh(x/2), and 1 / cosh^2 = 1 - tanh^2.
    variance = (2 * tangent - size * (1 - tangent**2)) / (4 * size**3) - first**2
    return mean, np.maximum(variance / mean**2, 1e-4)
