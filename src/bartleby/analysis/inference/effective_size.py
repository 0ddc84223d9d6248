"""How many independent draws the draws of several chains are worth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["effective_size"]


def effective_size(draws: npt.ArrayLike) -> float:
    """Return how many independent draws have as little noise in their mean.

    Parameters
    ----------
    draws
        Of one quantity, by chain (K, n).

    Returns
    -------
    float
        At most K n; NaN with fewer than four draws a chain, or where nothing varies.

    Notes
    -----
    Autocorrelations over all chains with the variance between chains in the denominator, so that chains
    which have not met count as dependent; summed by pairs while these are positive and falling (Geyer
    1992; Vehtari et al. 2021, without splitting or ranks).
    """
    values = np.asarray(draws, dtype=float)
    chains, size = values.shape
    if size < 4:
        return float("nan")
    centred = values - values.mean(axis=1, keepdims=True)
    spectrum = np.abs(np.fft.rfft(centred, 2 * size, axis=1)) ** 2
    covariance = np.fft.irfft(spectrum, axis=1)[:, :size].mean(axis=0) / size
    within = covariance[0] * size / (size - 1)
    between = values.mean(axis=1).var(ddof=1) if chains > 1 else 0.0
    total = covariance[0] + between
    if not total > 0:
        return float("nan")
    correlation = 1 - (within - covariance) / total
    correlation[0] = 1.0
    pairs = correlation[: size - size % 2].reshape(-1, 2).sum(axis=1)
    positive = np.minimum.accumulate(pairs[: int(np.argmax(pairs < 0)) if (pairs < 0).any() else len(pairs)])
    time = max(2 * float(positive.sum()) - 1, 1.0)
    return float(chains * size / time)
