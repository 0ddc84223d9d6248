"""Fitting many reweighted copies of one data set: the numbers behind a bootstrap.

The counts of a replicate are a weighted sum of the counts of clusters, so all replicates of a batch are one
sparse product, and all are fitted together from the estimate of the full data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bartleby.analysis.choice.binary_newton import newton
from bartleby.analysis.choice.binary_replicates import Pull, approach, binary_cells, pulled_inverse
from bartleby.analysis.choice.bradley_terry import Maximum, maximise
from bartleby.analysis.choice.data import ChoiceData
from bartleby.analysis.choice.pair_design import PairDesign
from bartleby.analysis.choice.resampling import Resampling

__all__ = ["fit_replicates"]

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

PULL_SD = 5.0
"""Logits: standard deviation of the pull towards the estimate of the full data."""
_BATCH_NUMBERS = 6_000_000


def fit_replicates(
    design: PairDesign,
    data: ChoiceData,
    drawn: Resampling,
    top: Maximum,
    *,
    replicates: int,
    rng: np.random.Generator,
    penalised: bool,
) -> Iterator[tuple[Floats, Booleans]]:
    """Fit replicates of a data set, a few at a time.

    Parameters
    ----------
    design
        What was shown.
    data
        The full data.
    drawn
        How replicates are drawn.
    top
        The estimate of the full data.
    replicates
        Number of replicates.
    rng
        Where they come from.
    penalised
        Bias-reduced fits, as that of the full data was. Otherwise each replicate of choices between two is
        drawn very weakly towards the estimate of the full data (a normal with standard deviation 5 logits
        about it), which is nothing where there are data and keeps replicates finite in which an item
        happens never to win.

    Returns
    -------
    iterator of estimates (b, q) and whether they converged (b,)
        Replicates are drawn and fitted as they are asked for.
    """
    fits: _Fits
    if len(design.kernel.outcomes) == 2 and not penalised:
        fits = _BinaryFits(design, data, drawn, top)
    else:
        fits = _PenalisedFits(design, data, drawn, top)
    return (fits.fit(min(fits.width, replicates - at), rng) for at in range(0, replicates, fits.width))


class _Fits(Protocol):
    """Fits of replicates, as many at a time as is wanted."""

    @property
    def width(self) -> int:
        """Replicates that are best fitted together."""

    def fit(self, number: int, rng: np.random.Generator) -> tuple[Floats, Booleans]:
        """Draw so many replicates; return estimates (b, q) and whether they converged (b,)."""


class _BinaryFits:
    """Choices between two, with the pull."""

    def __init__(self, design: PairDesign, data: ChoiceData, drawn: Resampling, top: Maximum) -> None:
        self._drawn = drawn
        self._cells, of_cell, swapped = binary_cells(design)
        amounts = _amounts(data, swapped)
        self._won, self._total = drawn.held(of_cell[data.row_cell], amounts, self._cells.n_cells)
        del of_cell, swapped
        self._pull = Pull(top.estimated[0], 1 / PULL_SD**2)
        self._inverse = pulled_inverse(top.information[0], self._pull)

    @property
    def width(self) -> int:
        return self._cells.width

    def fit(self, number: int, rng: np.random.Generator) -> tuple[Floats, Booleans]:
        weights = self._drawn.draw(number, rng)
        score = self._cells.score(self._won @ weights)
        total = self._total @ weights
        del weights
        found, converged = approach(self._cells, score, total, self._pull, self._inverse)
        lost = np.flatnonzero(~converged)
        if lost.size:
            found[:, lost], converged[lost] = newton(
                self._cells.form, score[:, lost], total[:, lost], self._pull
            )
        return found.T, converged


def _amounts(data: ChoiceData, swapped: Booleans) -> Iterator[Floats]:
    """Yield how often each row (N,) chose the item first in its merged cell, and how often it chose."""
    yield np.where(swapped[data.row_cell], data.row_counts[:, 1], data.row_counts[:, 0])
    yield data.row_counts.sum(axis=1)


class _PenalisedFits:
    """Any likelihood with Jeffreys' penalty: without a closed form for the pull it serves the same end."""

    def __init__(self, design: PairDesign, data: ChoiceData, drawn: Resampling, top: Maximum) -> None:
        self._design, self._centre, self._drawn = design, top.estimated[0], drawn
        cells, outcomes = data.counts.shape
        place = (data.row_cell[:, None] * outcomes + np.arange(outcomes)).ravel()
        rows = replace(drawn, unit=np.repeat(drawn.unit, outcomes))
        (self._held,) = rows.held(place, (data.row_counts.ravel(),), cells * outcomes)
        self._shape = (cells, outcomes)

    @property
    def width(self) -> int:
        each = max(len(self._design.index) * 60, self._design.n_parameters**2 * 3, 1)
        return max(1, int(_BATCH_NUMBERS // each))

    def fit(self, number: int, rng: np.random.Generator) -> tuple[Floats, Booleans]:
        counts = (self._held @ self._drawn.draw(number, rng)).T.reshape(-1, *self._shape)
        start = np.repeat(self._centre[None], len(counts), axis=0)
        found = maximise(self._design, counts, penalised=True, start=start, tolerance=1e-6)
        return found.estimated, found.converged
