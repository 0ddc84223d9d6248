"""Fitting many reweighted copies of one data set: the numbers behind a bootstrap.

The counts of a replicate are a weighted sum of the counts of clusters, so all replicates of a batch are one
sparse product, and all are fitted together by Newton's method from the estimate of the full data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse, special

from bartleby.analysis.bradley_terry import maximise
from bartleby.analysis.pair_design import PairDesign

__all__ = ["batch_size", "fit_replicates"]

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

PULL_SD = 5.0
"""Logits: standard deviation of the pull towards the estimate of the full data."""
_BATCH_NUMBERS = 6_000_000
_ROUNDS = 60


def fit_replicates(
    design: PairDesign, counts: Iterator[Floats], centre: Floats, *, penalised: bool
) -> tuple[Floats, Booleans]:
    """Fit replicates of a data set.

    Parameters
    ----------
    design
        What was shown.
    counts
        Batches of counts (b, M, A).
    centre
        Estimate of the full data (q,).
    penalised
        Bias-reduced fits, as that of the full data was. Otherwise each replicate is drawn very weakly
        towards the estimate of the full data (a normal with standard deviation 5 logits about it), which
        is nothing where there are data and keeps replicates finite in which an item happens never to win.

    Returns
    -------
    estimates (B, q), converged (B,)
    """
    simple = _binary(design) if len(design.kernel.outcomes) == 2 and not penalised else None
    estimates, converged = [], []
    for batch in counts:
        if simple is not None:
            found, ok = _binary_batch(simple, batch, centre)
        else:
            start = np.repeat(centre[None], len(batch), axis=0)
            # Without a closed form for the pull the penalty is Jeffreys', which serves the same end.
            fit = maximise(design, batch, penalised=True, start=start, tolerance=1e-6)
            found, ok = fit.estimated, fit.converged
        estimates.append(found)
        converged.append(ok)
    return np.concatenate(estimates), np.concatenate(converged)


def batch_size(design: PairDesign) -> int:
    """Return how many replicates fit into memory together."""
    cell_numbers = design.index.shape[0] * (4 if len(design.kernel.outcomes) == 2 else 60)
    return max(1, int(_BATCH_NUMBERS // max(cell_numbers, design.n_parameters**2 * 3, 1)))


@dataclass(frozen=True, eq=False)
class _Binary:
    """A likelihood with two outcomes a cell, its gathering matrices made ready once.

    Parameters
    ----------
    design
        What was shown.
    to_score
        Sparse (q, M): residuals of cells into the score.
    to_information
        Sparse (P P, M): weights of cells into the information of all parameters.
    """

    design: PairDesign
    to_score: sparse.csr_array
    to_information: sparse.csr_array

    def linear_predictor(self, estimated: Floats) -> Floats:
        """Return the logit of the first outcome (B, M)."""
        predictor: Floats = (self.to_score.T @ estimated.T).T
        return predictor

    def information(self, weight: Floats) -> Floats:
        """Return the information of each replicate (B, q, q)."""
        size = self.design.n_parameters
        full = (self.to_information @ weight.T).T.reshape(len(weight), size, size)
        information: Floats = self.design.basis.T @ full @ self.design.basis
        return information


def _binary(design: PairDesign) -> _Binary:
    signs = np.array([1.0, -1.0, 1.0])[: design.kernel.n_local]
    cells = sparse.eye_array(design.index.shape[0])
    score = design.gather_score @ sparse.kron(cells, signs[:, None], format="csr")
    outer = np.outer(signs, signs).ravel()
    information = design.gather_information @ sparse.kron(cells, outer[:, None], format="csr")
    basis = sparse.csr_array(design.basis)
    return _Binary(design, sparse.csr_array(basis.T @ score), sparse.csr_array(information))


def _binary_batch(model: _Binary, counts: Floats, centre: Floats) -> tuple[Floats, Booleans]:
    """Maximise binary likelihoods with a weak normal pull towards `centre`, by Newton's method."""
    total = counts.sum(axis=2)
    now = np.repeat(centre[None], len(counts), axis=0)
    pull = 1 / PULL_SD**2
    converged = np.zeros(len(counts), dtype=bool)
    active = np.arange(len(counts))
    diagonal = np.arange(len(centre))
    for _ in range(_ROUNDS):
        share = special.expit(model.linear_predictor(now[active]))
        residual = counts[active, :, 0] - total[active] * share
        score = (model.to_score @ residual.T).T - pull * (now[active] - centre)
        information = model.information(total[active] * share * (1 - share))
        information[:, diagonal, diagonal] += pull
        step = np.linalg.solve(information, score[..., None])[..., 0]
        length = np.abs(step).max(axis=1, initial=0.0)
        # A step of at most 2 logits keeps Newton's method on a concave function from overshooting.
        now[active] += step * np.minimum(1.0, 2.0 / np.maximum(length, 1e-300))[:, None]
        done = length < 1e-6
        converged[active[done]] = True
        active = active[~done]
        if len(active) == 0:
            break
    return now, converged
