"""One logistic regression on counted cells: which fit, which covariance, and its rows of estimates."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import expit, ndtr, stdtr

from bartleby.analysis.inference.few_clusters import TOO_FEW, FewClusters, widened
from bartleby.analysis.inference.intervals import critical_value, p_from_interval
from bartleby.analysis.inference.logistic import (
    Cells,
    LogisticFit,
    firth_interval,
    fit_firth,
    fit_logistic,
    information_root,
    separated_columns,
)
from bartleby.analysis.inference.sandwich import RobustCovariance, cluster_covariance
from bartleby.analysis.rates.counted import Counted
from bartleby.analysis.rates.marginal import Link, marginal_effects
from bartleby.analysis.rates.mixed import fit_mixed
from bartleby.analysis.rates.two_way import TwoWay, two_way_covariance

__all__ = [
    "Regression",
    "clustered_regression",
    "likeness",
    "normal_errors",
    "regress",
    "robust_errors",
    "undefined_regression",
]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Interval = tuple[float, float, float]
Errors: TypeAlias = Callable[[Floats], tuple[Floats, Floats]]


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
    ratio
        What the exponential of a coefficient is called.
    marginal
        Whether there are average marginal effects.
    link
        `logit`, or `identity` for least squares, whose coefficients have no exponentials.
    warnings
        What a reader must know.
    few
        What few clusters do not show of a contrast (p,), for intervals that allow for it.
    """

    data: Counted
    beta: Floats
    errors: Errors = field(repr=False)
    method: str
    profile: Callable[[int, float], Interval] | None = field(default=None, repr=False)
    spread: float | None = None
    bounded: bool = True
    ratio: str = "odds_ratio"
    marginal: bool = True
    link: Link = "logit"
    warnings: tuple[str, ...] = ()
    few: Callable[[Floats], FewClusters] | None = field(default=None, repr=False)

    def rows(self, level: float) -> list[dict[str, Any]]:
        """Return coefficients, their exponentials and average marginal effects as rows of estimates."""
        errors, df = self.errors(np.eye(len(self.beta), len(self.beta) + (self.spread is not None)))
        coefficients = []
        for index, term in enumerate(self.data.design.columns):
            contrast = np.eye(len(self.beta))[index]
            row = self._row(
                "coefficient", term, (self.beta[index], errors[index], df[index]), level, contrast
            )
            if self.profile is not None:
                row["low"], row["high"], row["p_value"] = self.profile(index, level)
            coefficients.append(row)
        of_ratio = coefficients if self.link == "logit" else []
        ratios = [_ratio(row, self.ratio) for row in of_ratio if row["term"] != "Intercept"]
        return [*coefficients, *ratios, *(self._marginal_rows(level) if self.marginal else [])]

    def _marginal_rows(self, level: float) -> list[dict[str, Any]]:
        effects = marginal_effects(self.data.design, self.data.n, self.beta, self.spread, link=self.link)
        if not effects:
            return []
        errors, df = self.errors(np.array([effect.gradient for effect in effects]))
        return [
            self._row(
                "marginal_effect", effect.term, (effect.estimate, error, freedom), level, effect.gradient
            )
            for effect, error, freedom in zip(effects, errors, df, strict=True)
        ]

    def _row(
        self, quantity: str, term: str, numbers: Interval, level: float, contrast: Floats
    ) -> dict[str, Any]:
        estimate, error, df = (float(number) for number in numbers)
        (low, high, p), method = _t_interval(estimate, error, df, level), self.method
        if self.few is not None and error > 0 and df > 0:
            low, high, p = _widened_interval(estimate, error, df, level, self.few(contrast))
            method = f"undefined, {TOO_FEW}" if math.isnan(low) else method
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
            "method": method,
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
    fit = fit_logistic(data.merged())
    separated = separated_columns(data.merged(), fit)
    if separated:
        terms = ", ".join(repr(data.design.columns[column]) for column in separated)
        warning = f"the data are separated along {terms}: no finite maximum-likelihood estimate exists"
        if method == "auto":
            return _firth(data, clustered, (f"{warning}; Firth's bias-reduced fit is shown",))
        return undefined_regression(data, f"{warning}; method='firth' has one")
    if not fit.converged:
        return undefined_regression(data, "the fit did not converge, so nothing is estimated")
    return _logistic(data, fit, clustered.ways())


def _logistic(data: Counted, fit: LogisticFit, ways: list[Codes]) -> Regression:
    if not ways:
        words = "independent rows" if data.cluster is None else "repeats independent"
        return Regression(data, fit.beta, normal_errors(fit.covariance), f"logistic, {words}")
    matrix = data.design.matrix
    scores = matrix * (data.events - data.n * expit(matrix @ fit.beta))[:, None]
    root = information_root(data.cells(), fit.beta)
    clustered = replace(data, cluster=ways[0], second=ways[1] if len(ways) > 1 else None)
    return clustered_regression(clustered, fit.beta, (scores, root), "logistic, CR2")


def clustered_regression(
    data: Counted, beta: Floats, parts: tuple[Floats, Floats], words: str, *, link: Link = "logit"
) -> Regression:
    """Return a regression with standard errors over clusters.

    Parameters
    ----------
    data
        With clusters.
    beta
        Coefficients (p,).
    parts
        Scores of cells and a root of their information, as in `cluster_covariance`.
    words
        The method.
    link
        As in `Regression`.
    """
    ways = data.ways()
    robust = (
        cluster_covariance(parts[0], ways[0], parts[1], ways[0])
        if len(ways) == 1
        else two_way_covariance(*parts, np.stack(ways, axis=1))
    )
    errors = robust_errors(robust)
    unknown = [
        name
        for name, error in zip(data.design.columns, robust.standard_errors(np.eye(len(beta))), strict=True)
        if math.isnan(error)
    ]
    warning = (
        f"{', '.join(map(repr, unknown))}: known from one cluster alone, or the same in all of them, so that "
        "nothing says how clusters differ and there is no interval for new ones"
    )
    warnings = [warning] if unknown else []
    if isinstance(robust, TwoWay) and not robust.definite:
        warnings.append(
            "the two-way clustered covariance has negative variances, as happens with few clusters; "
            "no standard error is less than by one of the two ways alone"
        )
    words += "" if len(ways) == 1 else ", two-way"
    return Regression(data, beta, errors, words, link=link, warnings=tuple(warnings))


def _firth(data: Counted, clustered: Counted, warnings: tuple[str, ...]) -> Regression:
    """Return Firth's fit; with clusters, of counts divided by their design effect (Rao & Scott 1992)."""
    cells, df, words = data.cells(), math.inf, "independent rows"
    if clustered.cluster is not None:
        if data.n_clusters() < 2:
            return undefined_regression(data, "one cluster says nothing about how others differ")
        start, divisor = fit_firth(cells).beta, np.ones(len(cells.n))
        factors: list[str] = []
        for way in clustered.ways():
            alike = likeness(cells, start, way)
            divisor += (np.bincount(way, data.n)[way] - 1) * alike
            factors.append(f"{alike:.3g}")
        cells = Cells(cells.design, cells.events / divisor, cells.n / divisor)
        df = max(data.n_clusters() - cells.design.shape[1], 1.0)
        words = f"counts divided by their design effect (likeness {' and '.join(factors)})"
    fit = fit_firth(cells)
    if not fit.converged:
        return undefined_regression(data, "Firth's fit did not converge, so nothing is estimated")

    def profile(at: int, level: float) -> Interval:
        start = fit.beta.copy()
        start[at] = 0.0
        try:
            low, high = firth_interval(cells, fit, at, critical_value(level, df))
            fall = 2 * (fit.log_likelihood - fit_firth(cells, start=start, fixed=at).log_likelihood)
        except np.linalg.LinAlgError:
            # A fit that rests on very little runs out of information far from the estimate, before its
            # likelihood has fallen enough for a bound.
            return math.nan, math.nan, math.nan
        return low, high, _p_value(math.sqrt(max(fall, 0.0)), df)

    errors = normal_errors(fit.covariance, df)
    return Regression(data, fit.beta, errors, f"firth, profile, {words}", profile, warnings=warnings)


def _mixed(data: Counted) -> Regression:
    if data.cluster is None or data.n_clusters() < 2:
        return undefined_regression(data, "method='mixed' needs two clusters or more")
    if data.second is not None:
        return undefined_regression(data, "method='mixed' takes clusters in one way only")
    fit = fit_mixed(data.design, data.events, data.n, data.cluster)
    warning = (
        f"coefficients are given the cluster, whose intercepts have standard deviation {fit.spread:.4g} "
        "logits; marginal effects are averages over clusters"
    )
    method = "mixed logistic, Laplace, Wald z"
    errors = normal_errors(fit.covariance)
    return Regression(
        data, fit.beta, errors, method, spread=fit.spread, bounded=False, warnings=(warning, *fit.warnings)
    )


def undefined_regression(data: Counted, reason: str) -> Regression:
    """Return a regression of which nothing is known, and why."""
    beta = np.full(data.design.matrix.shape[1], np.nan)
    return Regression(
        data, beta, normal_errors(np.full((len(beta), len(beta)), np.nan)), "undefined", warnings=(reason,)
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


def normal_errors(covariance: Floats, df: float = math.inf) -> Errors:
    """Return standard errors and degrees of freedom of contrasts from a covariance."""

    def errors(contrasts: Floats) -> tuple[Floats, Floats]:
        variance = np.einsum("kp,pq,kq->k", contrasts, covariance, contrasts)
        return np.sqrt(variance), np.full(len(contrasts), df)

    return errors


def robust_errors(robust: RobustCovariance | TwoWay) -> Errors:
    """Return standard errors and degrees of freedom of contrasts from a covariance over clusters."""

    def errors(contrasts: Floats) -> tuple[Floats, Floats]:
        return robust.standard_errors(contrasts), robust.degrees_of_freedom(contrasts)

    return errors


def _p_value(statistic: float, df: float) -> float:
    return float(2 * (ndtr(-statistic) if math.isinf(df) else stdtr(df, -statistic)))


def _t_interval(estimate: float, error: float, df: float, level: float) -> Interval:
    if not (error > 0 and df > 0):
        return math.nan, math.nan, math.nan
    half = critical_value(level, df) * error
    return estimate - half, estimate + half, _p_value(abs(estimate) / error, df)


def _widened_interval(estimate: float, error: float, df: float, level: float, few: FewClusters) -> Interval:
    """Return the t interval widened by what few clusters do not show, and its p value."""

    def interval(level: float) -> tuple[float, float]:
        low, high, _ = _t_interval(estimate, error, df, level)
        low, high = widened((low, high), estimate, (error, df), few, level)
        return float(low), float(high)

    return *interval(level), p_from_interval(interval)


def _ratio(row: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the exponential of a coefficient: bounds carried over, standard error by the delta method."""
    ratio = _exp(row["estimate"])
    ends = {"low": _exp(row["low"]), "high": _exp(row["high"])}
    return {**row, **ends, "quantity": name, "estimate": ratio, "std_error": ratio * row["std_error"]}


def _exp(value: float) -> float:
    return math.inf if value > 700 else math.exp(value)
