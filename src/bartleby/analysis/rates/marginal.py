"""Average marginal effects: what a predictor does to the probability, on average over the trials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from bartleby.analysis.rates.formulas import Design

__all__ = ["Link", "MarginalEffect", "marginal_effects"]

Floats = npt.NDArray[np.float64]

Link: TypeAlias = Literal["logit", "identity"]

_NODES = 60
_ROWS_AT_ONCE = 200_000
"""Rows of changed predictors of which a design is made at once: its making costs most where there are few."""


@dataclass(frozen=True)
class _Change:
    """A change of a predictor from one value, or one value a row, to another, and what to divide by."""

    name: str
    term: str
    upper: Any
    lower: Any
    width: float


@dataclass(frozen=True)
class MarginalEffect:
    """An average marginal effect.

    Parameters
    ----------
    term
        `x` for a slope, `x[b - a]` for a change from a to b.
    estimate
        In units of probability (for each unit of x).
    gradient
        Its derivative with respect to the coefficients (p,), for the delta method.
    """

    term: str
    estimate: float
    gradient: Floats


def marginal_effects(
    design: Design, n: Floats, beta: Floats, spread: float | None = None, *, link: Link = "logit"
) -> list[MarginalEffect]:
    """Return the average marginal effect of every predictor.

    Parameters
    ----------
    design
        The design of counted cells.
    n
        Trials of each cell (m,), the weights of the average.
    beta
        Coefficients in logits (p,).
    spread
        Standard deviation in logits of normal intercepts of clusters, over which the probability is
        averaged; the gradient then ends with the derivative by it (p + 1,). None without such intercepts.
    link
        `logit`, or `identity`: effects are then on a mean and not on a probability.

    Notes
    -----
    A number's effect is the mean slope of the probability, one of 0 and 1 the mean change from 0 to 1,
    and a category's the mean change from the first category, all else as it is in each trial. The trials'
    predictors are taken as given; one that was left out, as it does not vary, has no effect. Averages over
    intercepts by Gauss-Hermite quadrature.
    """
    data, weights = _profiles(design.data, n / n.sum())
    changes = [
        change
        for name in design.data.columns
        if not (design.left_out and (design.data[name] == design.data[name].iloc[0]).all())
        for change in _changes(name, design.data[name], data[name])
    ]
    sides = [(change.name, value) for change in changes for value in (change.upper, change.lower)]
    outcomes = [
        _mean_outcome(matrix, weights, beta, spread, link) for matrix in _changed(design, data, sides)
    ]
    return [
        MarginalEffect(change.term, (high - low) / change.width, (up - down) / change.width)
        for change, (high, up), (low, down) in zip(changes, outcomes[::2], outcomes[1::2], strict=True)
    ]


def _profiles(data: pd.DataFrame, weights: Floats) -> tuple[pd.DataFrame, Floats]:
    """Return the distinct rows of predictors with their weights: cells also differ by cluster."""
    if not len(data.columns):
        return data.iloc[:1], np.array([weights.sum()])
    grouped = data.groupby(list(data.columns), sort=False, observed=True)
    sums = np.bincount(grouped.ngroup().to_numpy(), weights).astype(np.float64)
    return data[~data.duplicated().to_numpy()].reset_index(drop=True), sums


def _changes(name: str, values: pd.Series[Any], distinct: pd.Series[Any]) -> list[_Change]:
    """Return the changes of a predictor: to each category, from 0 to 1, or by a small step."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        first, *others = values.cat.categories
        return [_Change(name, f"{name}[{other} - {first}]", other, first, 1.0) for other in others]
    if set(distinct.unique()) <= {0.0, 1.0}:
        return [_Change(name, name, 1.0, 0.0, 1.0)]
    step = 1e-5 * max(float(values.std()), 1e-8)
    return [_Change(name, name, distinct + step, distinct - step, 2 * step)]


def _changed(design: Design, data: pd.DataFrame, sides: Sequence[tuple[str, Any]]) -> Iterator[Floats]:
    """Yield the design matrix of each side of a change; several are made at once while they are small."""
    at_once = max(1, _ROWS_AT_ONCE // max(len(data), 1))
    for start in range(0, len(sides), at_once):
        part = sides[start : start + at_once]
        parts = [data.assign(**{name: _as_column(data[name], value)}) for name, value in part]
        yield from np.split(design.of(pd.concat(parts, ignore_index=True)), len(parts))


def _as_column(values: pd.Series[Any], value: Any) -> pd.Series[Any]:  # noqa: ANN401 - a label or numbers
    """Return a column that has another value in every row, with the categories that it has."""
    if isinstance(value, pd.Series):
        return value
    return pd.Series([value] * len(values), index=values.index).astype(values.dtype)


def _mean_outcome(
    matrix: Floats, weights: Floats, beta: Floats, spread: float | None, link: Link
) -> tuple[float, Floats]:
    """Return the mean probability or mean over trials (and over intercepts), and its gradient."""
    eta = matrix @ beta
    if link == "identity":
        return float(weights @ eta), np.asarray(matrix.T @ weights, dtype=np.float64)
    if spread is None:
        mean = expit(eta)
        return float(weights @ mean), np.asarray(matrix.T @ (weights * mean * (1 - mean)), dtype=np.float64)
    nodes, share = np.polynomial.hermite_e.hermegauss(_NODES)
    share = share / share.sum()
    each = expit(eta[:, None] + spread * nodes)
    slope = each * (1 - each)
    by_beta = matrix.T @ (weights * (slope @ share))
    by_spread = float(weights @ (slope @ (share * nodes)))
    return float(weights @ (each @ share)), np.append(by_beta, by_spread)
