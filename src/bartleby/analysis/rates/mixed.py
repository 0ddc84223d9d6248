"""Mixed-effects logistic regression, by the optional package `mixedlm`, with standard errors of our own."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from bartleby.analysis.rates.formulas import Design
from bartleby.errors import SettingError

__all__ = ["MixedFit", "fit_mixed", "laplace_log_likelihood"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

_NOTHING = 1e-4
"""A standard deviation of intercepts below this, in logits, is at the edge: zero."""


@dataclass(frozen=True)
class MixedFit:
    """A fitted logistic regression with a normal intercept for each cluster.

    Parameters
    ----------
    beta
        Coefficients in logits, given the cluster (p,).
    spread
        Standard deviation of the clusters' intercepts in logits.
    covariance
        Of both together (p + 1, p + 1), the spread last.
    warnings
        What a reader must know.
    """

    beta: Floats
    spread: float
    covariance: Floats = field(repr=False)
    warnings: tuple[str, ...] = ()


def fit_mixed(design: Design, events: Floats, n: Floats, cluster: Codes) -> MixedFit:
    """Return the fit of a logistic regression with a normal intercept for each cluster.

    Parameters
    ----------
    design, events, n, cluster
        Counted cells: design, events, trials, and cluster codes (m,).

    Raises
    ------
    SettingError
        `mixedlm` is not installed, or did not converge.

    Notes
    -----
    Laplace approximation. Estimates by `mixedlm`; the covariance is the inverse of the second derivatives of
    the same likelihood in coefficients and spread together, as that of glmmTMB, so that it carries the doubt
    about the spread. Both equal glmmTMB's (`cbpp` of lme4), estimates to six digits and errors to five.
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
    formula = f"share ~ 0 + {' + '.join(names)} + (1 | cluster)"
    with warnings.catch_warnings():
        # It warns of a spread of zero and of a fit that failed: both are said here, in our own words.
        warnings.simplefilter("ignore", UserWarning)
        fitted = glmer(formula, data=data, family=families.Binomial(), weights=n)
    if not fitted.converged:
        raise SettingError("method='mixed': mixedlm did not converge on this data; use method='logistic'")
    beta = np.array([float(fitted.fixef()[name]) for name in names])
    spread = abs(float(fitted.theta[0]))
    rough = np.asarray(fitted.vcov(), dtype=float)
    covariance = np.zeros((len(beta) + 1, len(beta) + 1))
    if spread < _NOTHING:
        covariance[:-1, :-1] = rough
        warning = "clusters differ no more than by chance: the standard deviation of their intercepts is 0"
        return MixedFit(beta, 0.0, covariance, (warning,))
    found = _covariance(
        lambda both: laplace_log_likelihood(design.matrix, events, n, cluster, both),
        np.append(beta, spread),
        np.append(np.sqrt(np.diag(rough)), max(spread / 4, 0.05)),
    )
    if found is None:
        covariance[:-1, :-1] = rough
        warning = (
            "standard errors take the spread of clusters as known: its own is not to be had from this data"
        )
        return MixedFit(beta, spread, covariance, (warning,))
    return MixedFit(beta, spread, found)


def laplace_log_likelihood(
    matrix: Floats, events: Floats, n: Floats, cluster: Codes, parameters: Floats
) -> float:
    """Return the log likelihood by Laplace's approximation, without binomial coefficients.

    Parameters
    ----------
    matrix, events, n, cluster
        Design (m, p), events, trials and cluster codes 0, 1, ... of cells (m,).
    parameters
        Coefficients, then the standard deviation of the intercepts (p + 1,).
    """
    fixed, spread = matrix @ parameters[:-1], float(parameters[-1])
    size = int(cluster.max()) + 1
    mode = np.zeros(size)
    for _ in range(100):
        mean = expit(fixed + spread * mode[cluster])
        score = spread * np.bincount(cluster, events - n * mean, size) - mode
        curvature = 1 + spread**2 * np.bincount(cluster, n * mean * (1 - mean), size)
        step = score / curvature
        mode += np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-12:
            break
    eta = fixed + spread * mode[cluster]
    curvature = 1 + spread**2 * np.bincount(cluster, n * expit(eta) * expit(-eta), size)
    joint = float(events @ eta - n @ np.logaddexp(0.0, eta)) - 0.5 * float(mode @ mode)
    return joint - 0.5 * float(np.log(curvature).sum())


def _covariance(value: Callable[[Floats], float], at: Floats, scale: Floats) -> Floats | None:
    """Return the inverse of minus the second derivatives, None if it is no covariance."""
    near, far = (_second_derivatives(value, at, scale * step) for step in (0.02, 0.04))
    information = -(4 * near - far) / 3
    if np.linalg.eigvalsh(information)[0] <= 0:
        return None
    return np.asarray(np.linalg.inv(information), dtype=np.float64)


def _second_derivatives(value: Callable[[Floats], float], at: Floats, steps: Floats) -> Floats:
    """Return second derivatives by central differences."""
    size = len(at)
    moves = np.diag(steps)
    centre = value(at)
    result = np.zeros((size, size))
    for i in range(size):
        result[i, i] = value(at + moves[i]) - 2 * centre + value(at - moves[i])
        for j in range(i):
            corners = [value(at + s * moves[i] + t * moves[j]) * s * t for s in (1, -1) for t in (1, -1)]
            result[i, j] = result[j, i] = sum(corners) / 4
    curvature: Floats = result / np.outer(steps, steps)
    return curvature
