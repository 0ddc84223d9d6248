"""Logistic regression on counted cells: Newton, separation, and Firth's reduction of bias.

A cell is a row of the design matrix with `n` trials of which `events` had the event: ten million trials of a
study are a few thousand cells. Every function takes arrays; tables and formulas are elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit

__all__ = [
    "Cells",
    "LogisticFit",
    "firth_interval",
    "fit_firth",
    "fit_logistic",
    "information_root",
    "separated_columns",
]

Floats = npt.NDArray[np.float64]
_ITERATIONS = 200
_SUSPECT = 15.0
"""A log-odds beyond this in some cell makes it worth asking whether the data are separated."""


@dataclass(frozen=True)
class Cells:
    """Counted data of a logistic regression.

    Parameters
    ----------
    design
        One row a cell (m, p), of full column rank.
    events, n
        Events and trials of each cell (m,).
    """

    design: Floats
    events: Floats
    n: Floats


@dataclass(frozen=True)
class LogisticFit:
    """A fitted logistic regression.

    Parameters
    ----------
    beta
        Coefficients in logits (p,).
    log_likelihood
        At `beta`; penalised, if Firth's.
    covariance
        Inverse of the information (p, p).
    converged
        Whether the scores vanish at `beta`.
    """

    beta: Floats
    log_likelihood: float
    covariance: Floats = field(repr=False)
    converged: bool


def information_root(cells: Cells, beta: Floats) -> Floats:
    """Return rows R with R'R = the information: sqrt(n p (1 - p)) x."""
    mean = expit(cells.design @ beta)
    root: Floats = cells.design * np.sqrt(cells.n * mean * (1 - mean))[:, None]
    return root


def fit_logistic(cells: Cells) -> LogisticFit:
    """Return the maximum-likelihood fit; not converged if there is none (separation)."""
    design, events, n = cells.design, cells.events, cells.n
    beta = np.zeros(design.shape[1])
    value = _log_likelihood(design @ beta, events, n)
    for _ in range(_ITERATIONS):
        mean = expit(design @ beta)
        score = design.T @ (events - n * mean)
        information = (design * (n * mean * (1 - mean))[:, None]).T @ design
        step = _solve(information, score)
        if step is None:
            break
        decrement = float(score @ step)
        if decrement < 1e-18 * max(1.0, abs(value)):
            finite = bool(np.max(np.abs(design @ beta)) < 40)
            return LogisticFit(beta, value, _inverse(information), finite)
        scale = 1.0
        while scale > 1e-8:
            tried = _log_likelihood(design @ (beta + scale * step), events, n)
            if tried >= value - 1e-12 * abs(value):
                break
            scale /= 2
        beta, value = beta + scale * step, tried
    return LogisticFit(beta, value, np.full((len(beta), len(beta)), np.nan), False)


def separated_columns(cells: Cells, fit: LogisticFit) -> list[int]:
    """Return the coefficients that have no finite estimate, exactly; empty if all have.

    Notes
    -----
    Data are separated (completely or in part) if some direction never lowers the log-odds of an event nor
    raises those of a non-event, and changes some: a linear programme finds the direction that does so
    most (Albert & Anderson 1984; Konis 2007). It is only solved where the fit looks like it.
    """
    design, events, n = cells.design, cells.events, cells.n
    if fit.converged and np.max(np.abs(design @ fit.beta), initial=0.0) < _SUSPECT:
        return []
    from scipy.optimize import linprog

    scale = np.sqrt(np.mean(design**2, axis=0))
    signed = np.vstack([(design / scale)[events > 0], -(design / scale)[events < n]])
    signed = np.unique(signed, axis=0)
    # Every row may gain nothing or something, and the gains are bounded so that a largest one exists.
    bounds = [(-1.0, 1.0)] * design.shape[1]
    solved = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=bounds)
    if solved.x is None or np.max(signed @ solved.x, initial=0.0) < 1e-7:
        return []
    return [int(column) for column in np.flatnonzero(np.abs(solved.x) > 1e-7)]


def fit_firth(cells: Cells, *, start: Floats | None = None, fixed: int | None = None) -> LogisticFit:
    """Return Firth's bias-reduced fit, which is finite for any data.

    Parameters
    ----------
    cells
        The data.
    start
        Where to begin; zeros by default.
    fixed
        A coefficient that keeps its starting value: for profiles.

    Notes
    -----
    Firth (1993); Heinze & Schemper (2002): the likelihood penalised by the root of the determinant
    of the information (Jeffreys' prior), whose scores are x'(y - n p + h (1/2 - p)) with h the leverages.
    """
    design, events, n = cells.design, cells.events, cells.n
    width = design.shape[1]
    beta = np.zeros(width) if start is None else start.astype(float)
    free = np.array([column for column in range(width) if column != fixed], dtype=int)
    value = _penalised(cells, beta)
    converged = False
    for _ in range(_ITERATIONS):
        root = information_root(cells, beta)
        covariance = _inverse(root.T @ root)
        mean = expit(design @ beta)
        leverage = np.einsum("ip,pq,iq->i", root, covariance, root)
        score = design.T @ (events - n * mean + leverage * (0.5 - mean))
        partial = (root.T @ root)[np.ix_(free, free)]
        step = np.zeros(width)
        step[free] = np.linalg.solve(partial, score[free]) if len(free) else 0.0
        if len(free) == 0 or float(np.abs(step * score).sum()) < 1e-18:
            converged = True
            break
        step *= min(1.0, 5.0 / float(np.max(np.abs(step))))
        scale, tried = 1.0, -math.inf
        while scale > 1e-10:
            tried = _penalised(cells, beta + scale * step)
            if tried >= value - 1e-13 * abs(value):
                break
            scale /= 2
        beta, value = beta + scale * step, tried
    root = information_root(cells, beta)
    return LogisticFit(beta, value, _inverse(root.T @ root), converged)


def firth_interval(cells: Cells, fit: LogisticFit, column: int, critical: float) -> tuple[float, float]:
    """Return the profile penalised-likelihood interval of a coefficient (Heinze & Schemper 2002).

    Parameters
    ----------
    cells, fit
        The data and `fit_firth` of them.
    column
        The coefficient.
    critical
        Two-sided critical value of the signed root of twice the fall in penalised likelihood.

    Returns
    -------
    tuple
        Bounds in logits; infinite where the profile never falls so far.
    """
    reach = max(math.sqrt(float(fit.covariance[column, column])), 1e-8) * max(critical, 1.0)
    return (
        _profile_bound(cells, fit, column, critical**2, -reach),
        _profile_bound(cells, fit, column, critical**2, reach),
    )


def _profile_bound(cells: Cells, fit: LogisticFit, column: int, drop: float, reach: float) -> float:
    """Return where twice the profile has fallen by `drop`, going from the fit in the direction of `reach`."""
    last = fit.beta

    def excess(value: float) -> float:
        nonlocal last
        start = last.copy()
        start[column] = value
        constrained = fit_firth(cells, start=start, fixed=column)
        last = constrained.beta
        return 2 * (fit.log_likelihood - constrained.log_likelihood) - drop

    inner = float(fit.beta[column])
    for _ in range(12):
        outer = inner + reach
        if excess(outer) > 0:
            return float(brentq(excess, inner, outer, xtol=1e-10, rtol=1e-12))
        inner, reach = outer, 2 * reach
    return math.copysign(math.inf, reach)


def _log_likelihood(eta: Floats, events: Floats, n: Floats) -> float:
    return float(events @ eta - n @ np.logaddexp(0.0, eta))


def _penalised(cells: Cells, beta: Floats) -> float:
    root = information_root(cells, beta)
    sign, logarithm = np.linalg.slogdet(root.T @ root)
    if sign <= 0:
        return -math.inf
    return _log_likelihood(cells.design @ beta, cells.events, cells.n) + 0.5 * float(logarithm)


def _inverse(information: Floats) -> Floats:
    inverse: Floats = np.asarray(np.linalg.inv(information), dtype=np.float64)
    return inverse


def _solve(information: Floats, score: Floats) -> Floats | None:
    """Return the Newton step, None where the information has run out, as it does under separation."""
    try:
        step: Floats = np.asarray(np.linalg.solve(information, score), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
    return step if np.all(np.isfinite(step)) else None
