"""A likelihood with two outcomes a cell as a logistic regression: its sums, for one data set or many at once.

With two outcomes all that matters of a cell is the logit of the first, and that depends on at most three
parameters, each with a sign. Arrays here have cells in rows and data sets in columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bartleby.analysis.choice.bradley_terry import Evaluation
from bartleby.analysis.inference.positive import inverses_and_determinants, mirrored

__all__ = ["SIGNS", "BinaryForm", "logistic"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer[Any]]
Booleans = npt.NDArray[np.bool_]

SIGNS = np.array([1.0, -1.0, 1.0])
"""How the logit of taking the first item depends on its utility, that of the second, and the slot effect."""
_FARTHEST = 700.0
"""Logits whose exponential is still a number."""
_FEW = 4
"""Data sets up to which matrices of cells by pairs of parameters are not worth making."""
_BLOCK = 32_768
"""Cells that are looked at together where nothing needs all of them at once."""


@dataclass(frozen=True, eq=False)
class BinaryForm:
    """Which parameters bear on the logit of which cell.

    Parameters
    ----------
    index
        Parameters of the first and the second item and, if there is one, of the slot effect (M, 2 or 3).
    basis
        Parameters = basis @ estimated, (P, q).
    """

    index: Codes
    basis: sparse.csr_array

    @cached_property
    def squares(self) -> sparse.csr_array:
        """Matrix (q q, M) that adds weights of cells up into the information."""
        cells, local = self.index.shape
        size = self.basis.shape[0]
        place = self.index[:, :, None] * size + self.index[:, None, :]
        signs = np.tile(np.outer(SIGNS[:local], SIGNS[:local]).ravel(), cells)
        starts = np.arange(0, place.size + 1, local * local)
        by_cell = sparse.csr_array((signs, place.ravel(), starts), shape=(cells, size**2))
        twice = sparse.kron(self.basis, self.basis, format="csr")
        return sparse.csr_array((by_cell @ twice).T)

    def logits(self, estimated: Floats) -> Floats:
        """Return logits (M, B) at parameters (B, q)."""
        parameters = np.asarray(self.basis @ estimated.T)
        first, second, *slot = self._columns
        logits = np.take(parameters, first, axis=0)
        logits -= np.take(parameters, second, axis=0)
        for each in slot:
            logits += np.take(parameters, each, axis=0)
        return logits

    def score(self, residual: Floats) -> Floats:
        """Return the score (B, q) from residuals (M, B)."""
        if residual.shape[1] > _FEW:
            return np.asarray(self.gathering @ residual).T
        size = self.basis.shape[0]
        full = [
            sum(
                sign * np.bincount(place, column, size)
                for sign, place in zip(SIGNS, self._columns, strict=False)
            )
            for column in residual.T
        ]
        return np.asarray(self._basis_across @ np.stack(full, axis=1)).T

    def information(self, weight: Floats) -> Floats:
        """Return the information (B, q, q) from weights (M, B)."""
        size, number = self.basis.shape[1], weight.shape[1]
        if number > _FEW:
            return np.asarray(self.squares @ weight).T.reshape(number, size, size)
        found = []
        for column in weight.T:
            sums = self._empty()
            self._add(column, sums)
            found.append(self._whole(sums))
        return _together(found)

    def spread(self, covariance: Floats) -> Floats:
        """Return the variances of logits (M, B) from covariances of the parameters (B, q, q)."""
        if len(covariance) > _FEW:
            return np.asarray(self._squares_across @ covariance.reshape(len(covariance), -1).T)
        return np.stack([self._spread(each) for each in covariance], axis=1)

    def evaluate(self, counts: Floats, estimated: Floats, *, penalised: bool) -> Evaluation:
        """Return the log likelihood with its derivatives; see `PairDesign.evaluate`.

        With p = L(logit) the information is that of a logistic regression, weights n p (1 - p), and Firth's
        penalty adds h (1/2 - p) to the score, h the leverage of a cell (Heinze & Schemper 2002).
        """
        if not penalised and len(estimated) <= _FEW and len(self.index) > _BLOCK:
            return self._by_blocks(counts, estimated)
        terms = _terms(counts, self.logits(estimated))
        objective, residual = terms.objective, terms.residual
        information = curvature = self.information(terms.weight)
        if penalised:
            covariance, log_determinant = inverses_and_determinants(information)
            objective = objective + 0.5 * log_determinant
            leverage = terms.weight * self.spread(covariance)
            del covariance
            residual = residual + leverage * (0.5 - terms.chance)
            pseudo = leverage / np.where(terms.total > 0, terms.total, 1.0)
            curvature = self.information(terms.weight * (1.0 + pseudo))
        return Evaluation(objective, self.score(residual), information, curvature)

    def _by_blocks(self, counts: Floats, estimated: Floats) -> Evaluation:
        """Evaluate the likelihood as a sum over blocks of cells, none of which takes much memory."""
        number = len(estimated)
        objective, score = np.zeros(number), np.zeros(estimated.shape)
        sums = [self._empty() for _ in range(number)]
        for start in range(0, len(self.index), _BLOCK):
            block = replace(self, index=self.index[start : start + _BLOCK])
            terms = _terms(counts[:, start : start + _BLOCK], block.logits(estimated))
            objective += terms.objective
            score += block.score(terms.residual)
            for at, each in enumerate(sums):
                block._add(terms.weight[:, at], each)
        information = _together([self._whole(each) for each in sums])
        return Evaluation(objective, score, information, information)

    @cached_property
    def gathering(self) -> sparse.csr_array:
        """Matrix (q, M) that adds residuals of cells up into the score."""
        cells, local = self.index.shape
        place = (self.index.ravel(), np.repeat(np.arange(cells), local))
        by_cell = sparse.csr_array((np.tile(SIGNS[:local], cells), place), shape=(self.basis.shape[0], cells))
        return sparse.csr_array(self._basis_across @ by_cell)

    @cached_property
    def _squares_across(self) -> sparse.csr_array:
        return sparse.csr_array(self.squares.T)

    @cached_property
    def _basis_across(self) -> sparse.csr_array:
        return sparse.csr_array(self.basis.T)

    @cached_property
    def _columns(self) -> list[Codes]:
        return [np.ascontiguousarray(column) for column in self.index.T]

    @cached_property
    def _position(self) -> npt.NDArray[np.intp] | None:
        """Number among the estimated ones of each parameter (P,), -1 for one held at zero.

        None where what is estimated is not some of the parameters, such as effects of attributes.
        """
        size, estimated = self.basis.shape
        rows = np.repeat(np.arange(size), np.diff(self.basis.indptr))
        position = np.full(size, -1, dtype=np.intp)
        position[rows] = self.basis.indices
        alone = len(rows) == estimated == len(np.unique(rows)) == len(np.unique(self.basis.indices))
        return position if alone and np.all(self.basis.data == 1.0) else None

    @cached_property
    def _placed(self) -> list[tuple[npt.NDArray[np.intp], Booleans | None]]:
        """Columns as they are placed in matrices of parameters, and which cells have such a parameter."""
        if self._position is None:
            return [(column.astype(np.intp), None) for column in self._columns]
        placed = [self._position[column] for column in self._columns]
        return [(column, None if column.min(initial=0) >= 0 else column >= 0) for column in placed]

    def _empty(self) -> Floats:
        """Return zeros by pair of parameters: those estimated, where they are some of all parameters."""
        return np.zeros([self.basis.shape[0 if self._position is None else 1]] * 2)

    def _add(self, weight: Floats, sums: Floats) -> None:
        """Add sums of weights (M,) by pair of parameters to the lower triangle of a matrix."""
        size = len(sums)
        flat = sums.reshape(-1)
        for one, (left, in_left) in enumerate(self._placed):
            some: slice | Booleans = slice(None) if in_left is None else in_left
            flat[:: size + 1] += np.bincount(left[some], weight[some], size)
            for other, (right, in_right) in enumerate(self._placed[:one]):
                both = in_left if in_right is None else in_right if in_left is None else in_left & in_right
                some = slice(None) if both is None else both
                place = np.maximum(left[some], right[some]) * size + np.minimum(left[some], right[some])
                # Adds in place, where `bincount` would make a matrix of its own.
                np.add.at(flat, place, SIGNS[one] * SIGNS[other] * weight[some])

    def _whole(self, sums: Floats) -> Floats:
        """Return the information of estimated parameters (q, q) from sums in a lower triangle."""
        whole = mirrored(sums)
        if self._position is not None:
            return whole
        rows = np.asarray(self._basis_across @ whole)
        return np.asarray(self._basis_across @ rows.T)

    def _spread(self, covariance: Floats) -> Floats:
        if self._position is None:
            covariance = np.asarray(self.basis @ np.asarray(self.basis @ covariance).T)
        spread = np.zeros(len(self.index))
        for one, (left, in_left) in enumerate(self._placed):
            for other, (right, in_right) in enumerate(self._placed[: one + 1]):
                part = covariance[left, right]
                if in_left is not None:
                    part *= in_left
                if in_right is not None:
                    part *= in_right
                spread += (1.0 if one == other else 2.0) * SIGNS[one] * SIGNS[other] * part
        return spread


@dataclass(frozen=True, eq=False)
class _Terms:
    """The log likelihood of data sets (B,), and what its derivatives need of each cell (M, B)."""

    objective: Floats
    total: Floats
    chance: Floats
    residual: Floats
    weight: Floats


def _together(matrices: list[Floats]) -> Floats:
    """Return matrices as one array (B, q, q), without a copy if there is only one."""
    return matrices[0][None] if len(matrices) == 1 else np.stack(matrices)


def _terms(counts: Floats, logits: Floats) -> _Terms:
    """Return the likelihood of counts (B or 1, M, 2) at logits (M, B)."""
    won = counts[:, :, 0].T
    total = won + counts[:, :, 1].T
    chance = logistic(logits)
    # log(1 + exp(logit)), from the larger of the two probabilities, which is a half at least.
    normaliser = np.maximum(logits, 0.0) - np.log(np.maximum(chance, 1 - chance))
    objective = np.sum(won * logits - total * normaliser, axis=0)
    expected = total * chance
    return _Terms(objective, total, chance, won - expected, expected * (1 - chance))


def logistic(logits: Floats) -> Floats:
    """Return probabilities; quicker than `scipy.special.expit`, which is not vectorised."""
    chance: Floats = 1 / (1 + np.exp(-np.clip(logits, -_FARTHEST, _FARTHEST)))
    return chance
