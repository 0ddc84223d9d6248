"""Standard deviations and quantiles near both ends of numbers that come a few at a time and are not kept.

A bootstrap reports of each parameter how much its replicates vary and where their lowest and highest few
per cent begin. Nothing else of them has to stand in memory.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["Tails"]

Floats = npt.NDArray[np.float64]


class Tails:
    """What a bootstrap reports of T parameters.

    Parameters
    ----------
    size
        Parameters T.
    most
        Replicates that will come, or more.
    tail
        Share of replicates beyond each of the two quantiles, below a half.
    """

    def __init__(self, size: int, most: int, tail: float) -> None:
        self._tail = tail
        # The quantile lies between two order statistics, of which this many are enough however few come.
        self._kept = math.floor((most - 1) * tail) + 2
        self._low, self._high = np.empty((0, size)), np.empty((0, size))
        self._waiting: list[Floats] = []
        self._mean, self._squares = np.zeros(size), np.zeros(size)
        self.number = 0
        """Replicates that came."""

    def add(self, values: Floats) -> None:
        """Take replicates (b, T) into account."""
        if len(values) == 0:
            return
        self._add_moments(values)
        self._waiting.append(values)
        if sum(map(len, self._waiting)) >= self._kept:
            self._sort_out()

    def _add_moments(self, values: Floats) -> None:
        # Chan, Golub & LeVeque (1983), equation 1.5.
        number, mean = len(values), values.mean(axis=0)
        shift = mean - self._mean
        both = self.number + number
        self._squares += np.square(values - mean).sum(axis=0) + shift**2 * (self.number * number / both)
        self._mean += shift * (number / both)
        self.number = both

    def _sort_out(self) -> None:
        """Keep of what was kept and what waits the lowest and the highest."""
        self._low = _lowest(np.concatenate([self._low, *self._waiting]), self._kept)
        self._high = -_lowest(-np.concatenate([self._high, *self._waiting]), self._kept)
        self._waiting = []

    def std_error(self) -> Floats:
        """Return standard deviations (T,), NaN of fewer than two replicates."""
        if self.number < 2:
            return np.full_like(self._mean, math.nan)
        spread: Floats = np.sqrt(self._squares / (self.number - 1))
        return spread

    def interval(self) -> tuple[Floats, Floats]:
        """Return the two quantiles (T,), interpolated as `numpy.quantile` does; NaN of fewer than two."""
        if self.number < 2:
            nothing = np.full_like(self._mean, math.nan)
            return nothing, nothing
        self._sort_out()
        place = (self.number - 1) * self._tail
        below, part = math.floor(place), place - math.floor(place)
        low, high = np.sort(self._low, axis=0), np.sort(self._high, axis=0)[::-1]
        return (
            (1 - part) * low[below] + part * low[below + 1],
            (1 - part) * high[below] + part * high[below + 1],
        )


def _lowest(values: Floats, number: int) -> Floats:
    """Return the lowest numbers of each column, in any order."""
    return values if len(values) <= number else np.partition(values, number - 1, axis=0)[:number]
