"""One logistic regression on counted cells: which fit, which covariance, and its rows of estimates."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, ndtr, stdtr

from bartleby.analysis.formulas import Design
from bartleby.analysis.intervals import critical_value
from bartleby.analysis.logistic import (
    Cells,
    LogisticFit,
    firth_interval,
    fit_firth,
    fit_logistic,
    information_root,
    separated_columns,
)
from bartleby.analysis.marginal import marginal_effects
from bartleby.analysis.mixed import fit_mixed
from bartleby.analysis.sandwich import cluster_covariance
from bartleby.analysis.two_way import TwoWay, two_way_covariance

__all__ = ["Counted", "Regression", "likeness", "regress"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Interval = tuple[float, float, float]


@dataclass(frozen=True)
class Counted:
    """The data of a regression: design, events, trials, clusters (None: independent rows), a second way."""

    design: Design
    events: Floats
    n: Floats
    cluster: Codes | None
    second: Codes | None = None

    def cells(self) -> Cells:
        """Return what the fits take."""
        return Cells(self.design.matrix, self.events, self.n)

    def n_clusters(self) -> float:
        """Return the number of clusters (of the way with fewer), or of rows where these are independent."""
        if self.cluster is None:
            return float(self.n.sum())
        return min(len(np.unique(way)) for way in self.ways())

    def ways(self) -> list[Codes]:
        """Return the codes of clusters by each way of clustering."""
        return [way for way in (self.cluster, self.second) if way is not None]


@dataclass(frozen=True)
class Regression:
    """A fitted regression.

    Parameters
    ----------
    data
        What it was fitted to.
    beta
        Coefficients in logits (p,).
    errors
        Standard errors and degrees of freedom of contrasts (k, p).
    method
        In words.
    profile
        Low, high and p value of a coefficient by its index and a level, for a fit whose intervals are
        not beta plus and minus t standard errors.
    spread
        Standard deviation of the clusters' intercepts, over which marginal effects are averaged; it is then
        the last of the parameters that `errors` takes contrasts of.
    bounded
        Whether the effect of missing trials can be bounded by fits like this one.
    warnings
        What a reader must know.
    """

    data: Counted
    beta: Floats
    errors: Callable[[Floats], tuple[Floats, Floats]] = field(repr=False)
    method: str
    profile: Callable[[int, float], Interval] | None = field(default=None, repr=False)
    spread: float | None = None
    bounded: bool = True
    warnings: tuple[str, ...] = ()

    def rows(self, level: float) -> list[dict[str, Any]]:
        """Return coefficients, odds ratios and average marginal effects as rows of estimates."""
        errors, df = self.errors(np.eye(len(self.beta), len(self.beta) + (self.spread is not None)))
        coefficients = []
        for at, term in enumerate(self.data.design.columns):
            row = self._row("coefficient", term, (self.beta[at], errors[at], df[at]), level)
            if self.profile is not None:
                row["low"], row["high"], row["p_value"] = self.profile(at, level)
            coefficients.append(row)
        odds = [_odds_ratio(row) for row in coefficients if row["term"] != "Intercept"]
        return [*coefficients, *odds, *self._marginal_rows(level)]

    def _marginal_rows(self, level: float) -> list[dict[str, Any]]:
        effects = marginal_effects(self.data.design, self.data.n, self.beta, self.spread)
        if not effects:
            return []
        errors, df = self.errors(np.array([effect.gradient for effect in effects]))
        return [
            self._row("marginal_effect", effect.term, (effect.estimate, error, freedom), level)
            for effect, error, freedom in zip(effects, errors, df, strict=True)
        ]

    def _row(
        self, quantity: str, term: str, numbers: tuple[float, float, float], level: float
    ) -> dict[str, Any]:
        estimate, error, df = (float(number) for number in numbers)
        low, high, p = _t_interval(estimate, error, df, level)
        return {
            "quantity": quantity,
            "term": term,
            "estimate": estimate,
            "std_error": error,
            "low": low,
            "high": high,
            "level": level,
            "n": float(self.data.n.sum()),
            "n_clusters": self.data.n_clusters(),
            "method": self.method,
            "p_value": p,
            "df": df,
        }


def regress(data: Counted, method: str, *, repeats_independent: bool) -> Regression:
    """Fit a logistic regression.

    Parameters
    ----------
    data
        Counted cells.
    method
        `auto`, `logistic`, `firth` or `mixed`.
    repeats_independent
        Whether the trials of a cluster are taken as independent (`these_items`).
    """
    if method == "mixed":
        return _mixed(data)
    clustered = Counted(data.design, data.events, data.n, None) if repeats_independent else data
    if method == "firth":
        return _firth(data, clustered, ())
    fit = fit_logistic(data.cells())
    separated = separated_columns(data.cells(), fit)
    if separated:
        terms = ", ".join(repr(data.design.columns[column]) for column in separated)
        told = f"the data are separated along {terms}: no finite maximum-likelihood estimate exists"
        if method == "auto":
            return _firth(data, clustered, (f"{told}; Firth's bias-reduced fit is shown",))
        return _undefined(data, f"{told}; method='firth' has one")
    if not fit.converged:
        return _undefined(data, "the fit did not converge, so nothing is estimated")
    return _logistic(data, fit, clustered.ways())


def _logistic(data: Counted, fit: LogisticFit, ways: list[Codes]) -> Regression:
    if not ways:
        words = "independent rows" if data.cluster is None else "repeats independent"
        return Regression(data, fit.beta, _normal_errors(fit.covariance), f"logistic, {words}")
    matrix = data.design.matrix
    scores = matrix * (data.events - data.n * expit(matrix @ fit.beta))[:, None]
    root = information_root(data.cells(), fit.beta)
    robust = (
        cluster_covariance(scores, ways[0], root, ways[0])
        if len(ways) == 1
        else two_way_covariance(scores, root, np.stack(ways, axis=1))
    )

    def errors(contrasts: Floats) -> tuple[Floats, Floats]:
        return robust.standard_errors(contrasts), robust.degrees_of_freedom(contrasts)

    unknown = [
        name
        for name, error in zip(data.design.columns, errors(np.eye(matrix.shape[1]))[0], strict=True)
        if math.isnan(error)
    ]
    told = (
        f"{', '.join(map(repr, unknown))}: known from one cluster alone, so there is no interval for new ones"
    )
    warnings = [told] if unknown else []
    if isinstance(robust, TwoWay) and not robust.definite:
        warnings.append(
            "the covariance by clusters in two ways has negative variances, as happens with few clusters; "
            "no standard error is less than by one of the two ways alone"
        )
    words = "logistic, CR2" if len(ways) == 1 else "logistic, CR2, two-way"
    return Regression(data, fit.beta, errors, words, warnings=tuple(warnings))


def _firth(data: Counted, clustered: Counted, warnings: tuple[str, ...]) -> Regression:
    """Return Firth's fit; with clusters, of counts divided by their design effect (Rao & Scott 1992)."""
    cells, df, words = data.cells(), math.inf, "independent rows"
    if clustered.cluster is not None:
        if data.n_clusters() < 2:
            return _undefined(data, "one cluster says nothing about how others differ")
        start, divisor, told = fit_firth(cells).beta, np.ones(len(cells.n)), []
        for way in clustered.ways():
            alike = likeness(cells, start, way)
            divisor += (np.bincount(way, data.n)[way] - 1) * alike
            told.append(f"{alike:.3g}")
        cells = Cells(cells.design, cells.events / divisor, cells.n / divisor)
        df = max(data.n_clusters() - cells.design.shape[1], 1.0)
        words = f"counts divided by their design effect (likeness {' and '.join(told)})"
    fit = fit_firth(cells)
    if not fit.converged:
        return _undefined(data, "Firth's fit did not converge, so nothing is estimated")

    def profile(at: int, level: float) -> Interval:
        low, high = firth_interval(cells, fit, at, critical_value(level, df))
        start = fit.beta.copy()
        start[at] = 0.0
        fall = 2 * (fit.log_likelihood - fit_firth(cells, start=start, fixed=at).log_likelihood)
        return low, high, _p_value(math.sqrt(max(fall, 0.0)), df)

    errors = _normal_errors(fit.covariance, df)
    return Regression(data, fit.beta, errors, f"firth, profile, {words}", profile, warnings=warnings)


def _mixed(data: Counted) -> Regression:
    if data.cluster is None or data.n_clusters() < 2:
        return _undefined(data, "method='mixed' needs two clusters or more")
    if data.second is not None:
        return _undefined(data, "method='mixed' takes clusters in one way only")
    fit = fit_mixed(data.design, data.events, data.n, data.cluster)
    told = (
        f"coefficients are given the cluster, whose intercepts have standard deviation {fit.spread:.4g} "
        "logits; marginal effects are averages over clusters"
    )
    method = "mixed logistic, Laplace, Wald z"
    errors = _normal_errors(fit.covariance)
    return Regression(
        data, fit.beta, errors, method, spread=fit.spread, bounded=False, warnings=(told, *fit.warnings)
    )


def _undefined(data: Counted, reason: str) -> Regression:
    beta = np.full(data.design.matrix.shape[1], np.nan)
    return Regression(
        data, beta, _normal_errors(np.full((len(beta), len(beta)), np.nan)), "undefined", warnings=(reason,)
    )


def likeness(cells: Cells, beta: Floats, cluster: Codes) -> float:
    """Return the mean correlation of two trials of a cluster, by moments of Pearson residuals, 0 to 1."""
    mean = expit(cells.design @ beta)
    spread = np.sqrt(mean * (1 - mean))
    sums = np.bincount(cluster, (cells.events - cells.n * mean) / spread)
    squares = np.bincount(
        cluster, (cells.events * (1 - mean) ** 2 + (cells.n - cells.events) * mean**2) / spread**2
    )
    size = np.bincount(cluster, cells.n)
    pairs = float(np.sum(size * (size - 1)))
    if pairs <= 0:
        return 0.0
    return float(np.clip(np.sum(sums**2 - squares) / pairs, 0.0, 1.0))


def _normal_errors(covariance: Floats, df: float = math.inf) -> Callable[[Floats], tuple[Floats, Floats]]:
    def errors(contrasts: Floats) -> tuple[Floats, Floats]:
        variance = np.einsum("kp,pq,kq->k", contrasts, covariance, contrasts)
        return np.sqrt(variance), np.full(len(contrasts), df)

    return errors


def _p_value(statistic: float, df: float) -> float:
    return float(2 * (ndtr(-statistic) if math.isinf(df) else stdtr(df, -statistic)))


def _t_interval(estimate: float, error: float, df: float, level: float) -> Interval:
    if not (error > 0 and df > 0):
        return math.nan, math.nan, math.nan
    half = critical_value(level, df) * error
    return estimate - half, estimate + half, _p_value(abs(estimate) / error, df)


def _odds_ratio(row: dict[str, Any]) -> dict[str, Any]:
    """Return the odds ratio of a coefficient: bounds carried over, standard error by the delta method."""
    ratio = _exp(row["estimate"])
    ends = {"low": _exp(row["low"]), "high": _exp(row["high"])}
    return {**row, **ends, "quantity": "odds_ratio", "estimate": ratio, "std_error": ratio * row["std_error"]}


def _exp(value: float) -> float:
    return math.inf if value > 700 else math.exp(value)
