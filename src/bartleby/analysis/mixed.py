"""Mixed-effects logistic regression, by the optional package `mixedlm`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.formulas import Design
from bartleby.errors import SettingError

__all__ = ["fit_mixed"]

Floats = npt.NDArray[np.float64]


def fit_mixed(
    design: Design, events: Floats, n: Floats, cluster: npt.NDArray[np.int64]
) -> tuple[Floats, Floats, float]:
    """Return the fixed effects of a logistic regression with a normal intercept for each cluster.

    Parameters
    ----------
    design, events, n, cluster
        Counted cells: design, events, trials, and cluster codes (m,).

    Returns
    -------
    tuple
        Coefficients in logits (p,), given the cluster; their covariance (p, p); the standard deviation of the
        clusters' intercepts in logits.

    Raises
    ------
    SettingError
        `mixedlm` is not installed.

    Notes
    -----
    Laplace approximation; the coefficients are those of glmmTMB to six digits (`cbpp` of lme4). The standard
    errors take the standard deviation of the clusters as known, and are some percent smaller than glmmTMB's.
    """
    try:
        from mixedlm import families, glmer
    except ImportError as error:
        raise SettingError(
            "method='mixed': the package mixedlm is not installed; pip install mixedlm, or use "
            "method='logistic'"
        ) from error
    names = [f"x{index}" for index in range(design.matrix.shape[1])]
    data = pd.DataFrame(design.matrix, columns=names)
    data["share"], data["cluster"] = events / n, cluster.astype(str)
    fitted = glmer(
        f"share ~ 0 + {' + '.join(names)} + (1 | cluster)", data=data, family=families.Binomial(), weights=n
    )
    if not fitted.converged:
        raise SettingError("method='mixed': mixedlm did not converge on this data; use method='logistic'")
    beta = np.array([float(fitted.fixef()[name]) for name in names])
    return beta, np.asarray(fitted.vcov(), dtype=float), float(fitted.theta[0])
