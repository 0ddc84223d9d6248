"""The choice model of pairs in the form that is fitted: parameters by cell, and the likelihood of counts.

The data are counts of outcomes in *cells* (which item was shown first, which second), so a fit costs the
same for a thousand trials as for ten million. Each cell touches a handful of parameters, and gradients and
information are gathered from cells into parameters by one sparse product.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bartleby.analysis.choice.binary_form import BinaryForm
from bartleby.analysis.choice.bradley_terry import Evaluation
from bartleby.analysis.choice.data import numbered
from bartleby.analysis.choice.pair_likelihood import LocalTerms, PairKernel
from bartleby.analysis.inference.positive import inverses_and_determinants

__all__ = ["PairDesign", "without_order"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class PairDesign:
    """Which parameters bear on which cell, and in which space they are estimated.

    Parameters
    ----------
    kernel
        The likelihood of one cell.
    index
        Number of the parameter that each local parameter of a cell is (M, L).
    n_parameters
        Number of parameters P: utilities, slot effects, tie, neither.
    basis
        Full column rank (P, q): parameters = basis @ estimated. It drops a reference item, or makes
        utilities a regression on attributes.
    """

    kernel: PairKernel
    index: Integers
    n_parameters: int
    basis: Floats

    @cached_property
    def gather_score(self) -> sparse.csr_array:
        """Sparse matrix (P, M L) that adds local scores up into parameters."""
        flat = self.index.ravel()
        ones = np.ones(len(flat))
        shape = (self.n_parameters, len(flat))
        return sparse.csr_array((ones, (flat, np.arange(len(flat)))), shape=shape)

    @cached_property
    def gather_information(self) -> sparse.csr_array:
        """Sparse matrix (P P, M L L) that adds local information up into parameters."""
        flat = (self.index[:, :, None] * self.n_parameters + self.index[:, None, :]).ravel()
        shape = (self.n_parameters**2, len(flat))
        return sparse.csr_array((np.ones(len(flat)), (flat, np.arange(len(flat)))), shape=shape)

    @cached_property
    def binary(self) -> BinaryForm:
        """The same as a logistic regression, where there are two outcomes."""
        return BinaryForm(self.index, sparse.csr_array(self.basis))

    def local(self, estimated: Floats) -> Floats:
        """Return local parameters (B, M, L) of estimated ones (B, q)."""
        return (estimated @ self.basis.T)[:, self.index]

    def local_rows(self, rows: Floats) -> Floats:
        """Return rows of local derivatives (M, L) as derivatives by the estimated parameters (M, q)."""
        gathered = np.zeros((len(rows), self.basis.shape[1]))
        for column in range(rows.shape[1]):
            gathered += rows[:, column, None] * self.basis[self.index[:, column]]
        return gathered

    def sparse_rows(self, rows: Floats) -> sparse.csr_array:
        """Return rows of local derivatives (M, L) by the estimated parameters, sparse (M, q)."""
        starts = np.arange(0, self.index.size + 1, self.index.shape[1])
        shape = (len(self.index), self.n_parameters)
        by_parameter = sparse.csr_array((rows.ravel(), self.index.ravel(), starts), shape=shape)
        return sparse.csr_array(by_parameter @ sparse.csr_array(self.basis))

    @property
    def n_estimated(self) -> int:
        """Number of estimated parameters q."""
        return int(self.basis.shape[1])

    @property
    def numbers(self) -> int:
        """Numbers that one data set of a batch takes while it is evaluated."""
        return int(self.index.size * self.index.shape[1])

    def start(self) -> Floats:
        """Return where to start (q,): zeros, but for a tie threshold, which must be above 0."""
        if self.kernel.ties != "rao-kupper":
            return np.zeros(self.n_estimated)
        start = np.zeros(self.n_parameters)
        start[self.index[0, -1]] = 0.5
        return np.linalg.lstsq(self.basis, start, rcond=None)[0].astype(np.float64)

    def evaluate(self, counts: Floats, estimated: Floats, *, penalised: bool) -> Evaluation:
        """Return the log likelihood with its derivatives, penalised by Jeffreys' prior if wanted.

        Parameters
        ----------
        counts
            Outcomes by cell (B or 1, M, A).
        estimated
            Parameters (B, q).
        penalised
            Add half the logarithm of the determinant of the information (Firth 1993).
        """
        if len(self.kernel.outcomes) == 2:
            return self.binary.evaluate(counts, estimated, penalised=penalised)
        terms = self.kernel.terms(self.local(estimated))
        total = counts.sum(axis=-1)
        weight = total[..., None] * np.exp(terms.log_probability)
        objective = np.sum(counts * terms.log_probability, axis=(1, 2))
        local_score = np.einsum("bma,bmal->bml", np.broadcast_to(counts, weight.shape), terms.gradient)
        weighted = weight[..., None] * terms.gradient
        local_information = np.swapaxes(weighted, -1, -2) @ terms.gradient
        information = curvature = _gather_information(self, local_information)
        if penalised:
            covariance, log_determinant = inverses_and_determinants(information)
            objective = objective + 0.5 * log_determinant
            extra_score, leverage = _penalty_score(self, terms, weight, covariance)
            local_score = local_score + extra_score
            pseudo = leverage / np.where(total > 0, total, 1.0)
            curvature = information + _gather_information(self, pseudo[..., None, None] * local_information)
        return Evaluation(objective, _gather_score(self, local_score), information, curvature)

    def cells(self, keep: npt.NDArray[np.generic]) -> PairDesign:
        """Return the design of some of the cells."""
        return replace(self, index=self.index[keep])


def without_order(design: PairDesign, counts: Floats) -> tuple[PairDesign, Floats]:
    """Return the same likelihood with one cell a pair, where it does not matter which item was shown first.

    Parameters
    ----------
    design, counts
        With outcomes by cell (M, A); returned as they are where there are more than two outcomes or a slot
        effect.
    """
    if design.kernel.slot or len(design.kernel.outcomes) > 2:
        return design, counts
    first, second = design.index.T
    turned = first > second
    key, pair = numbered(np.minimum(first, second) * design.n_parameters + np.maximum(first, second))
    sides = (np.where(turned, counts[:, 1], counts[:, 0]), np.where(turned, counts[:, 0], counts[:, 1]))
    merged: Floats = np.stack([np.bincount(pair, side, len(key)) for side in sides]).T.astype(
        float, copy=False
    )
    return replace(design, index=np.stack(np.divmod(key, design.n_parameters)).T), merged


def _penalty_score(
    design: PairDesign, terms: LocalTerms, weight: Floats, inverse: Floats
) -> tuple[Floats, Floats]:
    """Return local derivatives of half the log determinant (B, M, L), and the leverage of cells (B, M).

    The derivative of the expected information of a cell by local parameter c is the sum over outcomes of
    n p (g_c g_a g_b + h_ca g_b + g_a h_cb), g the gradient and h the curvature of the log probability; the
    terms in h vanish where h is the same for all outcomes.
    """
    basis = design.basis
    covariance = basis @ inverse @ basis.T
    first, second = design.index[:, :, None], design.index[:, None, :]
    local = covariance[:, first, second]
    spread = terms.gradient @ local
    size = np.sum(spread * terms.gradient, axis=-1)
    score: Floats = 0.5 * np.einsum("bma,bmal->bml", weight * size, terms.gradient)
    if terms.curvature is not None:
        score = score + np.einsum("bma,bmalk,bmak->bml", weight, terms.curvature, spread)
    return score, np.sum(weight * size, axis=-1)


def _gather_score(design: PairDesign, local: Floats) -> Floats:
    flat = local.reshape(len(local), -1)
    score: Floats = (design.gather_score @ flat.T).T @ design.basis
    return score


def _gather_information(design: PairDesign, local: Floats) -> Floats:
    flat = local.reshape(len(local), -1)
    size = design.n_parameters
    full = (design.gather_information @ flat.T).T.reshape(len(local), size, size)
    information: Floats = design.basis.T @ full @ design.basis
    return information
