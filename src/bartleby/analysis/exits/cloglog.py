"""Regression with the complementary log-log link on counted cells: proportional hazards over whole turns."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy

from bartleby.analysis.inference.logistic import Cells, LogisticFit, separated_columns
from bartleby.analysis.inference.sandwich import RobustCovariance, cluster_covariance
from bartleby.analysis.rates.counted import Counted
from bartleby.analysis.rates.regression import Regression, normal_errors, robust_errors, undefined_regression

__all__ = ["cloglog_covariance", "fit_cloglog", "regress_cloglog"]

Floats = npt.NDArray[np.float64]
_ITERATIONS = 200
_CLOSE = 1e-11
_SMALLEST, _LARGEST = -600.0, 6.0
"""exp(6) = 403 is a chance of 1 to the last bit; beyond it nothing changes but the risk of overflow."""


def regress_cloglog(data: Counted, *, repeats_independent: bool) -> Regression:
    """Fit a regression with the complementary log-log link; its exponentials are hazard ratios.

    Parameters
    ----------
    data
        Counted cells.
    repeats_independent
        Whether the trials of a cluster are taken as independent (`these_items`).
    """
    cells = data.cells()
    fit = fit_cloglog(cells)
    separated = separated_columns(cells, fit)
    columns = data.design.columns
    if separated or not fit.converged:
        terms = ", ".join(repr(columns[column]) for column in separated)
        why = f"the data are separated along {terms}" if separated else "the fit did not converge"
        reason = f"{why}, so nothing is estimated; link='logit' has Firth's bias-reduced fit"
        return replace(undefined_regression(data, reason), ratio="hazard_ratio", marginal=False)
    if data.cluster is None or repeats_independent:
        errors, words = normal_errors(fit.covariance), "independent rows"
    else:
        errors, words = robust_errors(cloglog_covariance(cells, fit.beta, data.cluster)), "CR2"
    unknown = [
        repr(name)
        for name, error in zip(columns, errors(np.eye(len(columns)))[0], strict=True)
        if math.isnan(error)
    ]
    reason = f"{', '.join(unknown)}: known from one cluster alone, so there is no interval"
    return Regression(
        data,
        fit.beta,
        errors,
        f"cloglog, {words}",
        ratio="hazard_ratio",
        marginal=False,
        warnings=(reason,) if unknown else (),
    )


def fit_cloglog(cells: Cells) -> LogisticFit:
    """Return the maximum-likelihood fit of 1 - exp(-exp(x'b)); not converged if there is none.

    Parameters
    ----------
    cells
        Counted data; see `Cells`.

    Notes
    -----
    Fisher scoring with step halving (McCullagh & Nelder 1989, 4.3). Coefficients are logs of hazard ratios
    of the continuous-time model of which turns are a grouping (Prentice & Gloeckler 1978).
    """
    design, events, n = cells.design, cells.events, cells.n
    beta = np.zeros(design.shape[1])
    value = _log_likelihood(design @ beta, events, n)
    nothing = np.full((len(beta), len(beta)), np.nan)
    for _ in range(_ITERATIONS):
        residual, weight = _working(cells, beta)
        information = (design * weight[:, None]).T @ design
        score = design.T @ residual
        try:
            step = np.linalg.solve(information, score)
        except np.linalg.LinAlgError:
            break
        if not np.all(np.isfinite(step)):
            break
        # Fisher scoring comes closer by a factor only, so the step itself must vanish, not its square.
        if float(np.max(np.abs(step))) < _CLOSE * max(1.0, float(np.max(np.abs(beta)))):
            finite = bool(np.max(np.abs(design @ beta)) < 30)
            return LogisticFit(beta, value, np.asarray(np.linalg.inv(information), dtype=np.float64), finite)
        scale, tried = 1.0, -math.inf
        while scale > 1e-8:
            tried = _log_likelihood(design @ (beta + scale * step), events, n)
            if tried >= value - 1e-12 * abs(value):
                break
            scale /= 2
        beta, value = beta + scale * step, tried
    return LogisticFit(beta, value, nothing, False)


def cloglog_covariance(cells: Cells, beta: Floats, cluster: npt.NDArray[np.int64]) -> RobustCovariance:
    """Return the CR2 covariance of `fit_cloglog` over clusters; see `cluster_covariance`."""
    residual, weight = _working(cells, beta)
    return cluster_covariance(
        cells.design * residual[:, None], cluster, cells.design * np.sqrt(weight)[:, None], cluster
    )


def _working(cells: Cells, beta: Floats) -> tuple[Floats, Floats]:
    """Return (y - n p) p' / (p (1 - p)) and n p'^2 / (p (1 - p)) of each cell."""
    rate = np.exp(np.clip(cells.design @ beta, _SMALLEST, _LARGEST))
    mean = -np.expm1(-rate)
    # p' = exp(eta) (1 - p), so p' / (p (1 - p)) = exp(eta) / p, which is 1 where the rate is tiny.
    ratio = rate / mean
    residual: Floats = (cells.events - cells.n * mean) * ratio
    weight: Floats = cells.n * ratio * rate * (1 - mean)
    return residual, weight


def _log_likelihood(eta: Floats, events: Floats, n: Floats) -> float:
    rate = np.exp(np.clip(eta, _SMALLEST, _LARGEST))
    with np.errstate(divide="ignore"):
        return float(np.sum(xlogy(events, -np.expm1(-rate))) - (n - events) @ rate)
