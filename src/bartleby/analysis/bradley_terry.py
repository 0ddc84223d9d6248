"""Fitting the choice model from counts: Newton's method for many data sets at once.

The data are counts of outcomes in *cells* (which item was shown first, which second), so a fit costs the
same for a thousand trials as for ten million. Each cell touches a handful of parameters, and gradients and
information are gathered from cells into parameters by one sparse product. A batch of B count arrays is
fitted together: replicates of a bootstrap, points of a profile, or one data set.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bartleby.analysis.pair_likelihood import LocalTerms, PairKernel

__all__ = ["Evaluation", "Likelihood", "Maximum", "PairDesign", "maximise"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

MAX_ITERATIONS = 200
TOLERANCE = 1e-9
_LONGEST_STEP = 5.0
"""Logits: no single Newton step moves any parameter further than this."""


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

    def local(self, estimated: Floats) -> Floats:
        """Return local parameters (B, M, L) of estimated ones (B, q)."""
        return (estimated @ self.basis.T)[:, self.index]

    def local_rows(self, rows: Floats) -> Floats:
        """Return rows of local derivatives (M, L) as derivatives by the estimated parameters (M, q)."""
        gathered = np.zeros((len(rows), self.basis.shape[1]))
        for column in range(rows.shape[1]):
            gathered += rows[:, column, None] * self.basis[self.index[:, column]]
        return gathered

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
        start = np.zeros(self.n_parameters)
        if self.kernel.ties == "rao-kupper":
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
        terms = self.kernel.terms(self.local(estimated))
        total = counts.sum(axis=-1)
        weight = total[..., None] * np.exp(terms.log_probability)
        objective = np.sum(counts * terms.log_probability, axis=(1, 2))
        local_score = np.einsum("bma,bmal->bml", np.broadcast_to(counts, weight.shape), terms.gradient)
        weighted = weight[..., None] * terms.gradient
        local_information = np.swapaxes(weighted, -1, -2) @ terms.gradient
        information = curvature = _gather_information(self, local_information)
        if penalised:
            sign, log_determinant = np.linalg.slogdet(information)
            objective = objective + np.where(sign > 0, 0.5 * log_determinant, -np.inf)
            extra_score, leverage = _penalty_score(self, terms, weight, information)
            local_score = local_score + extra_score
            pseudo = leverage / np.where(total > 0, total, 1.0)
            curvature = information + _gather_information(self, pseudo[..., None, None] * local_information)
        return Evaluation(objective, _gather_score(self, local_score), information, curvature)

    def cells(self, keep: npt.NDArray[np.generic]) -> PairDesign:
        """Return the design of some of the cells."""
        return replace(self, index=self.index[keep])


class Likelihood(Protocol):
    """What `maximise` needs of a model."""

    @property
    def n_estimated(self) -> int:
        """Number of estimated parameters q."""

    @property
    def numbers(self) -> int:
        """Numbers that one data set of a batch takes while it is evaluated."""

    def start(self) -> Floats:
        """Return where to start (q,)."""

    def evaluate(self, counts: Floats, estimated: Floats, *, penalised: bool) -> Evaluation:
        """Return the likelihood with its derivatives at parameters (B, q)."""


@dataclass(frozen=True)
class Evaluation:
    """The objective at some parameters and what a step from there needs.

    Parameters
    ----------
    objective
        (B,).
    score
        Its gradient (B, q).
    information
        Expected information without the penalty (B, q, q).
    curvature
        What a Newton step divides by (B, q, q): the information, or with a penalty that of the data with
        the pseudo-observations to which the penalty amounts.
    """

    objective: Floats
    score: Floats
    information: Floats
    curvature: Floats

    def of(self, keep: Booleans) -> Evaluation:
        """Return those of some data sets."""
        return Evaluation(
            self.objective[keep], self.score[keep], self.information[keep], self.curvature[keep]
        )


@dataclass(frozen=True)
class Maximum:
    """The maximum of a (penalised) likelihood for each data set of a batch.

    Parameters
    ----------
    estimated
        Where it is (B, q).
    objective
        Its height (B,): the log likelihood, with the penalty if there is one.
    information
        Expected information without the penalty (B, q, q).
    converged
        Whether it was reached (B,).
    """

    estimated: Floats
    objective: Floats
    information: Floats
    converged: Booleans


def maximise(
    design: Likelihood,
    counts: Floats,
    *,
    penalised: bool = False,
    start: Floats | None = None,
    fixed: tuple[Floats, Floats] | None = None,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
) -> Maximum:
    """Maximise the likelihood of each data set of a batch.

    Parameters
    ----------
    design
        What was shown, and the likelihood of what came of it.
    counts
        What was chosen: outcomes by cell (B or 1, M, A) of a `PairDesign`.
    penalised
        Bias-reduced by Jeffreys' prior (Firth 1993; Kosmidis & Firth 2021): finite under separation.
    start
        Where to start (B, q); the design's own start without.
    fixed
        Contrasts (B, q) and the values (B,) they are held at: a profile.
    tolerance
        Converged when no parameter moves further than this.
    max_iterations
        The most iterations; what has not converged by then says so.
    """
    size = len(counts) if start is None else len(start)
    now = np.tile(design.start(), (size, 1)) if start is None else np.array(start, dtype=float)
    state = design.evaluate(counts, now, penalised=penalised)
    if fixed is not None:
        now = _onto(now, state.information, *fixed)
        state = design.evaluate(counts, now, penalised=penalised)
    converged = np.zeros(size, dtype=bool)
    objective, information = state.objective.copy(), state.information.copy()
    active = np.arange(size)
    for _ in range(max_iterations):
        part = counts if len(counts) == 1 else counts[active]
        contrast = None if fixed is None else fixed[0][active]
        step = _newton_step(state, contrast)
        moved, state, lost = _climb(design, part, now[active], step, state, penalised=penalised)
        length = np.abs(moved - now[active]).max(axis=1, initial=0.0)
        now[active], objective[active], information[active] = moved, state.objective, state.information
        done = (length < tolerance) & ~lost & np.isfinite(state.objective)
        converged[active[done]] = True
        keep = ~done & ~lost
        active = active[keep]
        state = state.of(keep)
        if len(active) == 0:
            break
    return Maximum(now, objective, information, converged)


def _climb(
    design: Likelihood, counts: Floats, now: Floats, step: Floats, state: Evaluation, *, penalised: bool
) -> tuple[Floats, Evaluation, Booleans]:
    """Take a step, halved for those data sets in which it would go down; tell which are stuck."""
    moved = now + step
    after = design.evaluate(counts, moved, penalised=penalised)
    slack = 1e-10 * (1 + np.abs(state.objective))
    for _ in range(30):
        worse = ~(after.objective >= state.objective - slack)
        if not worse.any():
            break
        step = np.where(worse[:, None], step / 2, step)
        moved = now + step
        after = design.evaluate(counts, moved, penalised=penalised)
    lost = ~(after.objective >= state.objective - slack)
    return np.where(lost[:, None], now, moved), after, lost


def _newton_step(state: Evaluation, contrast: Floats | None) -> Floats:
    """Return the Newton step, of bounded length; with a contrast, the step that leaves it as it is."""
    step = _solve(state.curvature, state.score)
    if contrast is not None:
        along = _solve(state.curvature, contrast)
        gain = np.sum(contrast * step, axis=1) / np.sum(contrast * along, axis=1)
        step = step - gain[:, None] * along
    longest = np.abs(step).max(axis=1, initial=0.0)
    bounded: Floats = step * np.minimum(1.0, _LONGEST_STEP / np.maximum(longest, 1e-300))[:, None]
    return bounded


def _onto(now: Floats, information: Floats, contrast: Floats, value: Floats) -> Floats:
    """Return the nearest parameters, in the metric of the information, at which a contrast has a value."""
    along = _solve(information, contrast)
    lacking = (value - np.sum(contrast * now, axis=1)) / np.sum(contrast * along, axis=1)
    moved: Floats = now + lacking[:, None] * along
    return moved


def _solve(information: Floats, right: Floats) -> Floats:
    """Solve a batch of systems; a singular one gets a little ridge rather than stopping the others."""
    try:
        solved = np.linalg.solve(information, right[..., None])
    except np.linalg.LinAlgError:
        ridge = 1e-10 * (1.0 + np.trace(information, axis1=1, axis2=2))
        eye = np.eye(information.shape[-1])
        solved = np.linalg.solve(information + ridge[:, None, None] * eye, right[..., None])
    return solved[..., 0].astype(np.float64, copy=False)


def _penalty_score(
    design: PairDesign, terms: LocalTerms, weight: Floats, information: Floats
) -> tuple[Floats, Floats]:
    """Return local derivatives of half the log determinant (B, M, L), and the leverage of cells (B, M).

    The derivative of the expected information of a cell by local parameter c is the sum over outcomes of
    n p (g_c g_a g_b + h_ca g_b + g_a h_cb), g the gradient and h the curvature of the log probability; the
    terms in h vanish where h is the same for all outcomes.
    """
    basis = design.basis
    covariance = basis @ _inverse(information) @ basis.T
    first, second = design.index[:, :, None], design.index[:, None, :]
    local = covariance[:, first, second]
    spread = terms.gradient @ local
    size = np.sum(spread * terms.gradient, axis=-1)
    score: Floats = 0.5 * np.einsum("bma,bmal->bml", weight * size, terms.gradient)
    if terms.curvature is not None:
        score = score + np.einsum("bma,bmalk,bmak->bml", weight, terms.curvature, spread)
    return score, np.sum(weight * size, axis=-1)


def _inverse(information: Floats) -> Floats:
    try:
        inverse = np.linalg.inv(information)
    except np.linalg.LinAlgError:
        inverse = np.linalg.pinv(information, hermitian=True)
    return inverse.astype(np.float64, copy=False)


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
