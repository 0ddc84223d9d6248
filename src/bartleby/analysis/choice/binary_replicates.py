"""Replicates of choices between two, fitted from one factored information: a bootstrap's many fits at once.

A replicate differs little from the full data, so the information of the full data, inverted once, takes it
nearly to its maximum; a few secant pairs of its own (limited-memory BFGS) do the rest. One iteration then
costs one look at every cell and no matrix of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse

from bartleby.analysis.choice.binary_form import SIGNS, BinaryForm
from bartleby.analysis.choice.data import numbered
from bartleby.analysis.choice.pair_design import PairDesign
from bartleby.analysis.tables.counts import narrowest

__all__ = ["BinaryCells", "Pull", "approach", "binary_cells", "pulled_inverse"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer[Any]]
Booleans = npt.NDArray[np.bool_]

_ITERATIONS = 30
_TRIAL = 12
"""Iterations after which steps must have become short for it to be worth going on."""
_SHORT = 1e-3
"""Logits."""
_PAIRS = 5
"""Secant pairs that are remembered."""
_TOLERANCE = 1e-8
"""Logits: the last step. What is left after it is smaller by the rate of convergence, 0.1 to 0.3."""
_LONGEST_STEP = 2.0
_BATCH = 100_000
"""Numbers in one batch of cells by replicates; of more cells, one replicate is fitted at a time."""
_BLOCK = 32_768
"""Numbers in one block of a batch: what stays in the cache between two operations."""
_FARTHEST = 300.0
"""Logits whose exponential and all ratios of two of them are still numbers."""


@dataclass(frozen=True, eq=False)
class Pull:
    """A normal pull towards an estimate: its centre (q,) and its weight, 1 over the variance in logits."""

    centre: Floats
    weight: float

    def score(self, now: Floats) -> Floats:
        """Return what it adds to the score at parameters (q, b)."""
        added: Floats = self.weight * (self.centre[:, None] - now)
        return added

    def start(self, number: int) -> Floats:
        """Return its centre as parameters of so many replicates (q, b)."""
        return np.repeat(self.centre[:, None], number, axis=1)


@dataclass(frozen=True, eq=False)
class BinaryCells:
    """The likelihood of C cells with two outcomes, in blocks of cells that stay in the cache."""

    form: BinaryForm

    @property
    def n_cells(self) -> int:
        """Number of cells C."""
        return len(self.form.index)

    @property
    def width(self) -> int:
        """Replicates that are best fitted together."""
        return max(1, _BATCH // max(self.n_cells, 1))

    @property
    def step(self) -> int:
        """Cells in a block."""
        return max(1, min(self.n_cells, _BLOCK // self.width))

    def expected(self, estimated: Floats, total: Floats) -> Floats:
        """Return what is expected of choices of the first item in the score (q, b), of choices (C, b)."""
        parameters = self.form.basis @ estimated
        odds = np.exp(np.clip(parameters, -_FARTHEST, _FARTHEST))
        score = np.zeros_like(parameters)
        room = np.empty((2, self.step, estimated.shape[1]))
        for cells, gather in self.blocks:
            index = self.form.index[cells]
            expected, against = room[:, : len(index)]
            # "clip" spares a check, and a copy, that the codes do not need.
            np.take(odds, index[:, 0], axis=0, out=expected, mode="clip")
            if index.shape[1] == 3:
                expected *= np.take(odds, index[:, 2], axis=0, out=against, mode="clip")
            np.take(odds, index[:, 1], axis=0, out=against, mode="clip")
            against += expected
            expected /= against
            expected *= total[cells]
            score += gather @ expected
        return np.asarray(self.form.basis.T @ score)

    def score(self, won: Floats) -> Floats:
        """Return what choices of the first item (C, b) add to the score (q, b)."""
        score = np.zeros((self.form.basis.shape[0], won.shape[1]))
        for cells, gather in self.blocks:
            score += gather @ won[cells]
        return np.asarray(self.form.basis.T @ score)

    @cached_property
    def blocks(self) -> list[tuple[slice, sparse.csc_array]]:
        """Blocks of cells, each with the matrix (P, cells) that adds it up into parameters."""
        local = self.form.index.shape[1]
        signs = np.tile(SIGNS[:local], self.step)
        starts = np.arange(0, len(signs) + 1, local, dtype=np.int32)
        blocks = []
        for at in range(0, self.n_cells, self.step):
            index = self.form.index[at : at + self.step]
            # Signs and starts are the same in every block, and stand in memory once.
            entries = (signs[: index.size], index.ravel(), starts[: len(index) + 1])
            shape = (self.form.basis.shape[0], len(index))
            blocks.append((slice(at, at + len(index)), sparse.csc_array(entries, shape=shape)))
        return blocks


def binary_cells(design: PairDesign) -> tuple[BinaryCells, Codes, Booleans]:
    """Return the cells of a design whose likelihood has two outcomes.

    Where the order has no effect both orders of a pair become one cell.

    Returns
    -------
    cells
        C of them.
    of_cell (M,)
        Which of them each cell of the design is.
    swapped (M,)
        Whether that shows the two items in the other order.
    """
    first, second, *slot = design.index.T
    swapped = np.zeros(len(first), dtype=bool)
    if not design.kernel.slot:
        swapped = first > second
        first, second = np.minimum(first, second), np.maximum(first, second)
    size = design.n_parameters
    key = first.astype(narrowest(size ** design.index.shape[1]))
    for column in (second, *slot):
        key *= size
        key += column
    distinct, of_cell = numbered(key)
    index = np.empty((len(distinct), design.index.shape[1]), dtype=np.int32)
    for at in reversed(range(index.shape[1])):
        distinct, index[:, at] = np.divmod(distinct, size)
    return BinaryCells(BinaryForm(index, sparse.csr_array(design.basis))), of_cell, swapped


def pulled_inverse(information: Floats, pull: Pull) -> Floats:
    """Return the inverse of an information with that of a pull (q, q), made in no more room than it takes."""
    found = information.copy(order="F")
    found[np.diag_indices_from(found)] += pull.weight
    factor, _ = linalg.cho_factor(found, overwrite_a=True)
    inverse: Floats = linalg.lapack.dpotri(factor, overwrite_c=1)[0]
    for at in range(len(inverse)):
        # Only the upper triangle was made.
        inverse[at:, at] = inverse[at, at:]
    return inverse


def approach(
    cells: BinaryCells, won: Floats, total: Floats, pull: Pull, inverse: Floats
) -> tuple[Floats, Booleans]:
    """Maximise the likelihoods of replicates, with a weak normal pull, from the estimate of the full data.

    Parameters
    ----------
    cells
        What was shown.
    won
        What choices of the first item add to the score, by parameter and replicate (q, b).
    total
        Choices by cell and replicate (C, b).
    pull
        Towards the estimate of the full data.
    inverse
        Inverse of the information of the full data and of the pull (q, q).

    Returns
    -------
    estimates (q, b), converged (b,)
        Replicates that did not converge want Newton's method with their own information.

    Notes
    -----
    Nocedal & Wright (2006), algorithm 7.4, the initial matrix being `inverse` and all steps whole, bounded
    at 2 logits.
    """
    now = pull.start(won.shape[1])
    score = won - cells.expected(now, total)
    pairs: list[tuple[Floats, Floats, Floats]] = []
    length = np.full(won.shape[1], np.inf)
    for iteration in range(_ITERATIONS):
        step = _direction(score, pairs, inverse)
        length = np.abs(step).max(axis=0, initial=0.0)
        step *= np.minimum(1.0, _LONGEST_STEP / np.maximum(length, 1e-300))
        now += step
        if np.all(length < _TOLERANCE) or (iteration == _TRIAL and np.median(length) > _SHORT):
            break
        after = won - cells.expected(now, total) + pull.score(now)
        pairs = [*pairs[1 - _PAIRS :], _secant(step, score - after)]
        score = after
    return now, length < _TOLERANCE


def _secant(step: Floats, change: Floats) -> tuple[Floats, Floats, Floats]:
    """Return a step, the change of the score along it, and one over their product (0 if not positive)."""
    product = np.einsum("qb,qb->b", step, change)
    return step, change, np.where(product > 0, 1.0 / np.where(product > 0, product, 1.0), 0.0)


def _direction(score: Floats, pairs: list[tuple[Floats, Floats, Floats]], inverse: Floats) -> Floats:
    """Return the two-loop product of the approximate inverse information with the score."""
    direction = score.copy()
    along = []
    for step, change, weight in reversed(pairs):
        along.append(weight * np.einsum("qb,qb->b", step, direction))
        direction -= along[-1] * change
    direction = inverse @ direction
    for (step, change, weight), part in zip(pairs, reversed(along), strict=True):
        direction += (part - weight * np.einsum("qb,qb->b", change, direction)) * step
    return direction
