"""Least squares on counted cells: what attributes do to a number such as a rating."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from bartleby.analysis.inference.few_clusters import few_clusters
from bartleby.analysis.rates.counted import Counted
from bartleby.analysis.rates.regression import Regression, clustered_regression

__all__ = ["least_squares", "regress_linear"]

Floats = npt.NDArray[np.float64]


def least_squares(data: Counted) -> tuple[Floats, Floats]:
    """Return coefficients (p,) and the inverse information, (X' N X)^-1, of one variance of 1 (p, p)."""
    root = data.design.matrix * np.sqrt(data.n)[:, None]
    inverse = np.asarray(np.linalg.inv(root.T @ root), dtype=np.float64)
    beta = np.asarray(np.linalg.lstsq(root, _scaled(data), rcond=None)[0], dtype=np.float64)
    return beta, inverse


def regress_linear(data: Counted, *, independent: bool, bounded: bool = False) -> Regression:
    """Fit a linear regression by least squares.

    Parameters
    ----------
    data
        Counted cells with clusters, in which `events` are sums of a number.
    independent
        Whether clusters are single rows: said in the method.
    bounded
        Whether the outcome has a stated scale.

    Notes
    -----
    Standard errors are CR2 with the degrees of freedom of R's clubSandwich, those of independent rows HC2;
    intervals by one way of clustering allow for what few clusters do not show (`few_clusters.widened`).
    Coefficients are in units of the outcome; a marginal effect is the average slope or change, and differs
    from a coefficient where the formula has interactions or transformations.
    """
    beta, inverse = least_squares(data)
    scores = data.design.matrix * (data.events - data.n * (data.design.matrix @ beta))[:, None]
    root = data.design.matrix * np.sqrt(data.n)[:, None]
    words = "least squares, HC2, independent rows" if independent else "least squares, CR2"
    fit = clustered_regression(data, beta, (scores, root), words, link="identity")
    if len(data.ways()) != 1:
        return fit
    residual = data.events - data.n * (data.design.matrix @ beta)
    sums = _by_cluster(data, scores, residual)
    return replace(fit, few=partial(few_clusters, sums, inverse, bounded=bounded))


def _by_cluster(data: Counted, scores: Floats, residual: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return sums by cluster of scores, of the design (G, p), of rows and of residuals (G,)."""
    names, code = np.unique(data.ways()[0], return_inverse=True)
    columns = np.column_stack([scores, data.design.matrix * data.n[:, None], data.n, residual])
    sums = np.stack([np.bincount(code, column, len(names)) for column in columns.T], axis=1).astype(float)
    sums = sums[sums[:, -2] > 0]
    width = scores.shape[1]
    return sums[:, :width], sums[:, width:-2], sums[:, -2], sums[:, -1]


def _scaled(data: Counted) -> Floats:
    """Return cell means times the root of their number, 0 for cells with no value."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled: Floats = np.where(data.n > 0, data.events / np.sqrt(data.n), 0.0)
    return scaled
