"""Estimates that are reported in place of the maximum of the likelihood, where that maximum is biased.

Averaged probabilities of answers lie nearer to one half than those of the mean log odds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bartleby.analysis.choice.bradley_terry import Maximum
from bartleby.analysis.choice.data import ChoiceData
from bartleby.analysis.choice.layout import Layout
from bartleby.analysis.choice.log_odds import log_odds_fit
from bartleby.analysis.inference.sandwich import RobustCovariance

__all__ = ["Corrected", "corrected_by_log_odds"]

Floats = npt.NDArray[np.float64]


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
