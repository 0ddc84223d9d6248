"""Utilities and the position effect from log odds that are known exactly: least squares, each prompt once.

An answer that is drawn shows only how likely it was; averaged over pairs that differ, such likelihoods lie
nearer to one half than the mean of their log odds does. Where the probabilities themselves are known, so are
the log odds, and their mean over pairs is what a position effect in logits is taken to be.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bartleby.analysis.choice.contrast_intervals import ContrastIntervals, t_quantile
from bartleby.analysis.choice.covariance import inverse_information
from bartleby.analysis.choice.data import ChoiceData
from bartleby.analysis.choice.layout import Layout
from bartleby.analysis.inference.few_clusters import FEWEST
from bartleby.analysis.inference.means import skewed_bounds, tails
from bartleby.analysis.inference.sandwich import RobustCovariance, cluster_covariance

__all__ = ["log_odds_fit", "skewed_positions", "unknown_log_odds"]

Floats = npt.NDArray[np.float64]


def log_odds_fit(data: ChoiceData, layout: Layout) -> tuple[Floats, RobustCovariance] | None:
    """Fit log odds = utility of the first item - utility of the second + position effect.

    Every ordered pair counts once in each cluster, however often it was asked: its probability has no noise
    of draws. Where each pair was asked in both orders, the position effect is the mean over pairs of half the
    sum of the two log odds of the item shown first.

    Parameters
    ----------
    data
        Choices with exact probabilities.
    layout
        Parameters of their fit.

    Returns
    -------
    estimated (q,), and their covariance by clusters (CR2)
        None where `unknown_log_odds` has a reason.
    """
    if data.log_odds is None or unknown_log_odds(data):
        return None
    features = layout.design.kernel.features
    local = np.broadcast_to(features[0] - features[1], (len(data.row_cell), features.shape[1]))
    rows = layout.design.cells(data.row_cell).sparse_rows(np.ascontiguousarray(local))
    inverse = inverse_information((rows.T @ rows).toarray())
    estimated = inverse @ (rows.T @ data.log_odds)
    scores = rows.multiply((data.log_odds - rows @ estimated)[:, None]).tocsr()
    return estimated, cluster_covariance(scores, data.row_cluster, rows, data.row_cluster)


def skewed_positions(
    found: ContrastIntervals, robust: RobustCovariance, layout: Layout, estimated: Floats, level: float
) -> ContrastIntervals:
    """Return intervals of which those of position effects allow for pairs with a skewed distribution.

    Parameters
    ----------
    found
        Intervals of the layout's contrasts.
    robust
        The covariance by clusters that they rest on.
    layout, estimated
        Parameters of the fit, and their estimates (q,).
    level
        Of the intervals.

    Notes
    -----
    A position effect is a mean over pairs, and a few pairs may have most of it. How a pair leans to one of
    its items has no such side: the sign depends on which of both is named first. The interval reaches as
    far as t and as Hall's transformation of it (`bartleby.analysis.inference.means.skewed_bounds`), with
    `FEWEST` clusters and more: of fewer, the skewness is hardly known.
    """
    low, high, method = found.low.copy(), found.high.copy(), list(found.method)
    for at in range(len(layout.nodes), len(layout.terms)):
        if not (layout.terms[at].startswith("slot") and np.isfinite(found.low[at])):
            continue
        contrast = layout.contrasts[at]
        parts = robust.contributions(contrast)[:, 0]
        clusters = np.count_nonzero(parts)
        if clusters < FEWEST:
            continue
        _, skew = tails(parts[None], np.full(len(parts), float(clusters)), found.df[at])
        critical = t_quantile(level, found.df[at])
        bounds = skewed_bounds(float(contrast @ estimated), found.std_error[at], critical, skew)
        low[at], high[at] = min(low[at], bounds[0][0]), max(high[at], bounds[1][0])
        method[at] += " with skewness"
    return replace(found, low=low, high=high, method=tuple(method))


def unknown_log_odds(data: ChoiceData) -> str:
    """Return why exact probabilities are fitted as shares of answers and not by their log odds; or nothing.

    An infinite log odds has no mean with others, and without it the mean would be of the pairs that are
    nearer to even alone.
    """
    if data.log_odds is None:
        return ""
    unknown = int(np.sum(~np.isfinite(data.log_odds)))
    if not unknown:
        return ""
    return (
        f"{unknown} of {len(data.log_odds)} ordered pairs have a probability of exactly 0 or 1, or none at "
        "all, so that their log odds are not known: the model is fitted to the average answers. Where pairs "
        "differ, utilities and the position effect are then nearer to zero than the mean of log odds over "
        "pairs, and their intervals do not hold that mean"
    )
