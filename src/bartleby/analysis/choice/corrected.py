"""Estimates that are reported in place of the maximum of the likelihood, where that maximum is biased.

With few choices an item maximum likelihood lies too far from zero: position effects by a tenth where there
are ten choices a parameter. One item that never wins or always wins already makes a fit bias-reduced; so does
a bias that matters beside the standard error. Fits of exact probabilities have no such bias, but that of
averaging, which least squares of log odds do not have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bartleby.analysis.choice.bradley_terry import Maximum, maximise
from bartleby.analysis.choice.covariance import inverse_information, robust_covariance
from bartleby.analysis.choice.data import ChoiceData
from bartleby.analysis.choice.layout import Layout
from bartleby.analysis.choice.log_odds import log_odds_fit
from bartleby.analysis.choice.pair_design import without_order
from bartleby.analysis.inference.sandwich import RobustCovariance

__all__ = ["Corrected", "bias_corrected", "corrected_by_log_odds"]

Floats = npt.NDArray[np.float64]

_MATTERS = 0.25
"""Standard errors: with a bias of this size a 95% interval covers 94.3%."""


@dataclass(frozen=True, eq=False)
class Corrected:
    """Estimates in place of those of maximum likelihood.

    Parameters
    ----------
    name
        Of the estimator.
    maximum
        Where they are, with the information there.
    robust
        Their covariance by clusters, if there are any.
    """

    name: str
    maximum: Maximum
    robust: RobustCovariance | None


def corrected_by_log_odds(data: ChoiceData, layout: Layout, maximum: Maximum) -> Corrected | None:
    """Return the fit of log odds, where all are known."""
    found = log_odds_fit(data, layout)
    if found is None:
        return None
    return Corrected("least squares of log odds", replace(maximum, estimated=found[0][None]), found[1])


def bias_corrected(
    data: ChoiceData, layout: Layout, maximum: Maximum, *, clustered: bool
) -> Corrected | None:
    """Return bias-reduced estimates where the bias of maximum likelihood matters for a position effect.

    Parameters
    ----------
    data, layout
        Choices that are not separated, and the parameters of their fit.
    maximum
        Of the likelihood.
    clustered
        Whether there is a covariance by clusters.

    Notes
    -----
    The first-order bias is minus one step of Firth's (1993) method from the maximum. It is of the order of
    q / n, q the number of items, and the standard error of a position effect of 1 / sqrt(n): it matters until
    there are some q^2 choices. That of a utility is of the order of sqrt(q / n), too large for it to matter.
    """
    n_items = len(layout.nodes)
    slots = [at for at, term in enumerate(layout.terms) if at >= n_items and term.startswith("slot")]
    if not slots:
        return None
    design, counts = without_order(layout.design, data.counts)
    score = design.evaluate(counts[None], maximum.estimated, penalised=True).score[0]
    covariance = inverse_information(maximum.information[0])
    contrasts = layout.contrasts[slots]
    bias = contrasts @ (covariance @ score)
    error = np.sqrt(np.sum((contrasts @ covariance) * contrasts, axis=1))
    if not np.any(np.abs(bias) > _MATTERS * error):
        return None
    reduced = maximise(design, counts[None], penalised=True, start=maximum.estimated)
    if not reduced.converged[0]:
        return None
    robust = robust_covariance(data, layout, reduced) if clustered else None
    return Corrected("bias-reduced (Firth)", reduced, robust)
