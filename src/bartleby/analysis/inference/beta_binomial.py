"""The mean rate of a population of items from a few of them: a beta-binomial posterior.

With ten items of which one or two ever do it, the spread between items is itself hardly known, and a
variance that is estimated from those ten is small exactly where the rate came out too small. So the rate
of an item is taken to be a draw from a Beta distribution, and how alike the answers to one item are is
averaged over all it could be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import expit, gammaln

__all__ = ["MeanPosterior", "mean_posterior"]

Floats = npt.NDArray[np.float64]
Limits = tuple[tuple[float, float], tuple[float, float]]

_RATES, _LIKENESSES = 81, 25
_WIDEST: Limits = (-40.0, 40.0), (-25.0, 9.0)
"""Logits of the rate and of the likeness within which the likelihood is looked at."""
_FAR = 45.0
"""Logarithms below the top that are as good as nothing: 3e-20."""
_ROUNDS = 12


@dataclass(frozen=True, eq=False)
class MeanPosterior:
    """What is known of the mean rate.

    Parameters
    ----------
    logits
        Logits of the mean rate, evenly spaced (P,).
    log_likelihood
        Logarithm of the likelihood of each, averaged over the likeness of trials (P,).
    likeness
        Correlation of two trials of a cluster: posterior mean.
    end
        0 or 1 where all trials ended alike, otherwise None.
    """

    logits: Floats
    log_likelihood: Floats
    likeness: float
    end: float | None = None

    def bounds(self, level: float) -> tuple[float, float]:
        """Return a lower and an upper bound, each passed with probability (1 - level) / 2.

        Notes
        -----
        As in the binomial intervals between Clopper & Pearson's and the mid-p one, each bound is taken with
        the doubt on its own side: the lower with prior density 1 / p near 0, the upper with 1 / (1 - p)
        near 1, and both with Jeffreys' at the other end.
        """
        tail = (1 - level) / 2
        low = 0.0 if self.end == 0 else expit(self._quantile(tail, np.log(expit(-self.logits)) / 2))
        high = 1.0 if self.end == 1 else expit(-self._quantile(tail, np.log(expit(self.logits)) / 2, -1))
        return float(low), float(high)

    def _quantile(self, tail: float, log_prior: Floats, side: int = 1) -> float:
        """Return the logit below which so much lies (above which, and mirrored, with side -1)."""
        log_density = (self.log_likelihood + log_prior)[::side]
        density = np.exp(log_density - log_density.max())
        middle = (density[1:] + density[:-1]) / 2
        below = np.concatenate([[0.0], np.cumsum(middle)])
        return float(np.interp(tail * below[-1], below, self.logits[::side] * side))


def mean_posterior(events: Floats, n: Floats) -> MeanPosterior:
    """Return the posterior of the mean rate of the population that clusters are a sample of.

    Parameters
    ----------
    events, n
        Events and trials of each cluster (G,), G at least 1.

    Notes
    -----
    Beta-binomial likelihood (Skellam 1948) in the mean p and the likeness rho, the correlation of two trials
    of a cluster, a = p (1 - rho) / rho and b = (1 - p) (1 - rho) / rho; rho is uniform between 0 and 1 and
    summed out on a grid that closes in on what is likely. As rho goes to 1 a cluster is worth one answer, as
    it goes to 0 as many as it has trials.
    """
    pairs, times = np.unique(np.stack([events, n]), axis=1, return_counts=True)
    posterior = _posterior(tuple(map(float, pairs[0])), tuple(map(float, pairs[1])), tuple(map(int, times)))
    total = float(events.sum())
    end = 0.0 if total <= 0 else 1.0 if total >= float(n.sum()) else None
    return replace(posterior, end=end)


@lru_cache(256)
def _posterior(events: tuple[float, ...], n: tuple[float, ...], number: tuple[int, ...]) -> MeanPosterior:
    """Return the posterior given distinct clusters and how many there are of each.

    Curves and tables by group ask for the same few counts again and again.
    """
    pairs, times = np.array([events, n]), np.array(number)
    limits = _WIDEST
    for _ in range(_ROUNDS):
        rates, likenesses = _grid(limits, _RATES, _LIKENESSES)
        joint = _log_likelihood(rates, likenesses, pairs, times)
        joint += np.log(expit(likenesses)) + np.log(expit(-likenesses))
        closer = _near(rates, joint.max(axis=1), limits[0]), _near(likenesses, joint.max(axis=0), limits[1])
        shrunk = max((b[1] - b[0]) / (a[1] - a[0]) for a, b in zip(limits, closer, strict=True))
        limits = closer
        if shrunk > 0.7:
            break
    rates, likenesses = _grid(limits, 4 * _RATES, 2 * _LIKENESSES)
    joint = _log_likelihood(rates, likenesses, pairs, times)
    joint += np.log(expit(likenesses)) + np.log(expit(-likenesses))
    top = joint.max(axis=1)
    marginal = top + np.log(np.exp(joint - top[:, None]).sum(axis=1))
    likeness = float(np.average(expit(likenesses), weights=np.exp(joint - top.max()).sum(axis=0)))
    return MeanPosterior(rates, marginal, likeness)


def _grid(limits: Limits, rates: int, likenesses: int) -> tuple[Floats, Floats]:
    (low, high), (least, most) = limits
    return np.linspace(low, high, rates), np.linspace(least, most, likenesses)


def _near(values: Floats, profile: Floats, limits: tuple[float, float]) -> tuple[float, float]:
    """Return limits around what is not as good as nothing, one step beyond it."""
    near = np.flatnonzero(profile > profile.max() - _FAR)
    step = values[1] - values[0]
    return max(float(values[near[0]] - step), limits[0]), min(float(values[near[-1]] + step), limits[1])


def _log_likelihood(rates: Floats, likenesses: Floats, pairs: Floats, times: npt.NDArray[np.int64]) -> Floats:
    """Return the log likelihood by logit of the rate and of the likeness (P, R)."""
    precision = np.exp(-likenesses)
    a, b = expit(rates)[:, None] * precision, expit(-rates)[:, None] * precision
    (events, n), number = pairs, times.astype(float)
    longest = float(n.max())
    if longest <= 4 * len(n) and np.all(pairs == np.round(pairs)):
        return _rising(events, number, a) + _rising(n - events, number, b) - _rising(n, number, precision)
    total = times.sum() * (gammaln(precision) - gammaln(a) - gammaln(b))
    for (happened, trials), count in zip(pairs.T, number, strict=True):
        total += count * (
            gammaln(happened + a) + gammaln(trials - happened + b) - gammaln(trials + precision)
        )
    return np.asarray(total, dtype=np.float64)


def _rising(counts: Floats, number: Floats, start: Floats) -> Floats:
    """Return the sum over clusters of log(start (start + 1) ... (start + count - 1)).

    The difference of two gamma functions whose arguments are whole numbers apart: logarithms of few factors
    take a tenth of the time, and lose nothing where `start` is large.
    """
    total = np.zeros_like(start)
    for factor in range(int(counts.max())):
        total += float(number[counts > factor].sum()) * np.log(start + factor)
    return total
