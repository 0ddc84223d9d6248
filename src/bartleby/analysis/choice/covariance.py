"""How far clusters make the estimates of a choice model vary: robust covariance and overdispersion."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bartleby.analysis.choice.bradley_terry import Maximum
from bartleby.analysis.choice.data import ChoiceData
from bartleby.analysis.choice.layout import Layout
from bartleby.analysis.inference.positive import firm_inverse
from bartleby.analysis.inference.sandwich import RobustCovariance, cluster_covariance

__all__ = ["inverse_information", "overdispersion", "robust_covariance", "root_rows", "score_rows"]

Floats = npt.NDArray[np.float64]

_LEAST_DISPERSION = 1e-4
"""Of fractional counts that follow the model almost exactly."""


def inverse_information(information: Floats) -> Floats:
    """Return the inverse of an information matrix (q, q), generalised where it hardly has one."""
    found = firm_inverse(information)
    if found is None:
        found = np.asarray(np.linalg.pinv(information, hermitian=True), dtype=np.float64)
    return found


def robust_covariance(data: ChoiceData, layout: Layout, maximum: Maximum) -> RobustCovariance:
    """Return the cluster-robust covariance (CR2) of the estimated parameters."""
    estimated = maximum.estimated[0]
    scores = score_rows(data, layout, estimated)
    roots, root_cluster = root_rows(data, layout, estimated)
    return cluster_covariance(scores, data.row_cluster, roots, root_cluster, kind="CR2")


def overdispersion(robust: RobustCovariance, maximum: Maximum, data: ChoiceData) -> float:
    """Return the mean variance by clusters over that of the model, in the directions clusters can tell.

    Draws cannot vary less than the model says, so for them it is at least 1. Fractional counts are exact
    probabilities in place of draws and vary much less.
    """
    if robust.n_clusters < 2:
        return 1.0
    alone = int(np.sum(robust.leverages > 1 - 1e-9))
    directions = maximum.estimated.shape[1] - alone
    if directions <= 0:
        return 1.0
    drawn = not data.exact and bool(np.all(data.counts == np.round(data.counts)))
    least = 1.0 if drawn else _LEAST_DISPERSION
    return float(max(least, robust.dispersion() / directions))


def score_rows(data: ChoiceData, layout: Layout, estimated: Floats) -> sparse.csr_array:
    """Return the score of each row (a cell within a cluster) by the estimated parameters (N, q), sparse."""
    terms = layout.design.kernel.terms(layout.design.local(estimated[None]))
    gradient = terms.gradient[0][data.row_cell]
    local = np.einsum("na,nal->nl", data.row_counts, gradient)
    return layout.design.cells(data.row_cell).sparse_rows(local)


def root_rows(
    data: ChoiceData, layout: Layout, estimated: Floats
) -> tuple[sparse.csr_array, npt.NDArray[np.int64]]:
    """Return rows R with R'R = information, sparse, and the cluster of each."""
    terms = layout.design.kernel.terms(layout.design.local(estimated[None]))
    probability = np.exp(terms.log_probability[0])
    gradient = terms.gradient[0]
    if probability.shape[1] == 2:
        # Two outcomes have one root a cell, since p (g1 g1') + (1 - p) (g2 g2') has rank one.
        gradient = gradient[:, :1] - gradient[:, 1:]
        probability = probability[:, :1] * probability[:, 1:]
    total = data.row_counts.sum(axis=1)
    design = layout.design.cells(data.row_cell)
    blocks = [
        design.sparse_rows(
            np.sqrt(total * probability[data.row_cell, outcome])[:, None] * gradient[data.row_cell, outcome]
        )
        for outcome in range(probability.shape[1])
    ]
    return sparse.csr_array(sparse.vstack(blocks)), np.tile(data.row_cluster, len(blocks))
