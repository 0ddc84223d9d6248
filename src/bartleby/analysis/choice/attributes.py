"""What makes an item unwanted? Utilities regressed on attributes of items, all attributes at once.

Ratings such as harm and difficulty go together, so a correlation of each alone says little of either.
These are partial effects. For `new_items` the items are a sample: what attributes leave unexplained is
estimated too and adds to every interval, and adding repeats of the same items cannot take it away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.choice.contrast_intervals import t_quantile
from bartleby.analysis.choice.fit import GroupFit
from bartleby.analysis.choice.fitted import FittedChoices
from bartleby.analysis.choice.layout import outcome_contrasts
from bartleby.analysis.choice.posteriors.attributes import SlopeDraws, draw_slopes
from bartleby.analysis.choice.separation import open_sides
from bartleby.analysis.inference.sandwich import RobustCovariance
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import Estimand
from bartleby.analysis.tables.labels import group_prefix, natural_order
from bartleby.errors import SettingError

__all__ = ["Regression", "attribute_effects", "dose_rows", "regress_items", "regress_utilities"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_MOST_LEVELS = 12
_LEAST_EFFECTIVE = 100


@dataclass(frozen=True)
class Regression:
    """A regression of the utilities of exactly these items on attributes.

    Parameters
    ----------
    coefficients
        (p,).
    covariance
        Their covariance (p, p).
    between
        NaN: nothing is said of other items.
    weights
        What makes the coefficients of the estimated parameters of a choice model (p, q), where there is one.
    robust
        Covariance of these parameters that is robust to clusters, where there is one.
    """

    coefficients: Floats
    covariance: Floats
    between: float = math.nan
    weights: Floats | None = None
    robust: RobustCovariance | None = None

    def row(self, contrast: Floats, level: float) -> dict[str, Any]:
        """Return estimate and interval of a contrast of the coefficients."""
        estimate = float(contrast @ self.coefficients)
        error, df, method = self._precision(contrast)
        half = float(t_quantile(level, df)) * error
        return {
            "estimate": estimate,
            "std_error": error,
            "low": estimate - half,
            "high": estimate + half,
            "level": level,
            "method": f"least squares, these items, {method}",
            "df": df,
        }

    def _precision(self, contrast: Floats) -> tuple[float, float, str]:
        """Return standard error, degrees of freedom and method: by clusters where these can tell."""
        if self.robust is not None and self.weights is not None:
            row = (contrast @ self.weights)[None]
            error = float(self.robust.standard_errors(row)[0])
            if math.isfinite(error):
                return error, float(self.robust.degrees_of_freedom(row)[0]), "CR2, Satterthwaite t"
        return math.sqrt(max(float(contrast @ self.covariance @ contrast), 0.0)), math.inf, "z"


def regress_utilities(utilities: Floats, noise: Floats, X: Floats) -> Regression:
    """Regress estimated utilities of exactly these items on their attributes.

    Parameters
    ----------
    utilities
        Estimates (n,).
    noise
        Their covariance (n, n), with whatever noise of the baseline they share.
    X
        Attributes (n, p).

    Notes
    -----
    Least squares without weights: an extreme estimate is a noisy one too, and weights by precision would
    draw slopes towards zero.
    """
    pseudo = np.linalg.pinv(X)
    return Regression(pseudo @ utilities, pseudo @ noise @ pseudo.T)


def regress_items(group: GroupFit, nodes: Integers, X: Floats) -> Regression:
    """Regress the utilities of exactly these items of a fit on their attributes (n, p)."""
    rows = group.layout.contrasts[nodes]
    noise = rows @ group.model_covariance @ rows.T
    found = regress_utilities(rows @ group.estimated, noise, X)
    return replace(found, weights=np.linalg.pinv(X) @ rows, robust=group.robust)


@dataclass(frozen=True, eq=False)
class OpenSlopes:
    """Slopes of which some have no bound on one side or both, since no choice speaks against larger ones.

    Parameters
    ----------
    drawn
        Draws of the coefficients, for the sides that have a bound.
    middle
        The regression of these items' bias-reduced utilities, for estimates: the mean of draws whose tail has
        no end is only that of the tail which they reached.
    rows
        What makes each kind of outcome that occurred likely, in the coefficients and other parameters (m, q).
    reported
        What turns a contrast of the coefficients into one of the columns of `rows` (p, q).
    """

    drawn: SlopeDraws
    middle: Regression
    rows: Floats
    reported: Floats

    @property
    def between(self) -> float:
        """As in `SlopeDraws`."""
        return self.drawn.between

    @property
    def draws(self) -> int:
        """As in `SlopeDraws`."""
        return self.drawn.draws

    @property
    def effective(self) -> float:
        """As in `SlopeDraws`."""
        return self.drawn.effective

    def row(self, contrast: Floats, level: float) -> dict[str, Any]:
        """Return estimate and interval of a contrast, infinite where it is open."""
        row = self.drawn.row(contrast, level)
        low, high = open_sides(self.rows, contrast @ self.reported)
        if not (low or high):
            return row
        row["low"], row["high"] = -np.inf if low else row["low"], np.inf if high else row["high"]
        estimate = float(np.clip(contrast @ self.middle.coefficients, row["low"], row["high"]))
        return {**row, "estimate": estimate, "std_error": math.nan}


def _open_rows(group: GroupFit, nodes: Integers, X: Floats) -> tuple[Floats, Floats] | None:
    """Return what `OpenSlopes` takes, for utilities that are exactly a regression; None if none is open."""
    if not group.separation.separated:
        return None
    layout, counts = group.layout, group.data.counts
    own = layout.design.basis[nodes]
    held = ~own.any(axis=1)
    others = np.flatnonzero(~own.any(axis=0))
    # Estimated parameters are those of the regression, and what does not belong to it.
    made = np.zeros((own.shape[1], X.shape[1] + len(others)))
    made[:, : X.shape[1]] = own.T @ X
    made[others, X.shape[1] + np.arange(len(others))] = 1.0
    cells = np.flatnonzero(counts.sum(axis=1) > 0)
    rows = outcome_contrasts(layout.design, counts, cells) @ made
    fixed = np.pad(X[held], ((0, 0), (0, len(others))))
    rows = np.unique(np.concatenate([rows, fixed, -fixed]).round(9), axis=0)
    constant = np.linalg.pinv(X) @ np.ones(len(X))
    zero = (layout.contrasts[nodes[0]] - own[0]) @ made
    reported = np.eye(len(constant), made.shape[1]) + constant[:, None] * zero
    if not any(any(open_sides(rows, each)) for each in reported):
        return None
    return rows, reported


def _regressed(
    group: GroupFit, known: pd.Index[Any], X: Floats, fit: FittedChoices, estimand: Estimand
) -> Regression | SlopeDraws | OpenSlopes:
    """Return the regression of the utilities of some items that the question calls for."""
    nodes = pd.Index(group.layout.nodes).get_indexer(known).astype(np.int64)
    found = regress_items(group, nodes, X)
    if estimand == "new_items" and len(known) > X.shape[1]:
        at = [each.key for each in fit.groups].index(group.key)
        rng = np.random.default_rng([fit.options.seed, at, 3])
        open_rows = _open_rows(group, nodes, X)
        drawn = draw_slopes(group, nodes, X, rng, open_ended=open_rows is not None)
        return drawn if open_rows is None else OpenSlopes(drawn, found, *open_rows)
    if estimand == "these_items":
        return found
    # With as many levels as items nothing says how items of one level differ.
    return replace(found, covariance=np.full_like(found.covariance, np.nan), robust=None)


def attribute_effects(
    fit: FittedChoices, names: Sequence[str], estimand: Estimand, level: float
) -> Estimates:
    """Return partial effects of attributes on utility; see `ChoiceFit.attributes`."""
    table = fit.item_classes(names)
    rows, notes = [], list(fit.warnings)
    for group in fit.groups:
        known = _usable(group, table, fit.options.baseline)
        columns, labels, problems = _design(known)
        notes += [f"{group_prefix(group.key)}{problem}" for problem in problems]
        X = np.column_stack([np.ones(len(known)), *columns])
        if len(known) <= X.shape[1] or np.linalg.matrix_rank(X) < X.shape[1]:
            notes.append(
                f"{group_prefix(group.key)}{len(known)} items cannot tell these attributes apart: no estimate"
            )
            continue
        found = _regressed(group, known.index, X, fit, estimand)
        notes += _rough(found, group)
        for at, (attribute, term) in enumerate(labels, 1):
            rows.append(
                {
                    **group.key,
                    "attribute": attribute,
                    "term": term,
                    **found.row(np.eye(X.shape[1])[at], level),
                    "n": len(known),
                    "n_clusters": group.data.n_clusters,
                    "sd_between_items": found.between,
                }
            )
    notes += _unbounded(rows)
    settings = {**fit.settings, "attributes": list(names), "estimand": estimand, "level": level}
    lead = (*fit.groups[0].key, "attribute")
    return Estimates(estimate_frame(rows, lead), fit.accounting, tuple(dict.fromkeys(notes)), settings)


def dose_rows(fit: FittedChoices, name: str, estimand: Estimand, level: float) -> Estimates:
    """Return mean utilities over the levels of an attribute; see `ChoiceFit.dose_response`."""
    table = fit.item_classes([name])
    rows, notes = [], list(fit.warnings)
    for group in fit.groups:
        known = _usable(group, table, fit.options.baseline)[name]
        levels = _levels(known)
        if not 2 <= len(levels) <= _MOST_LEVELS:
            raise SettingError(
                f"dose_response of {name!r}: {len(levels)} levels among the items; give an attribute with 2 "
                f"to {_MOST_LEVELS}, or use attributes([{name!r}]) for a slope"
            )
        X = np.column_stack([(known == each).to_numpy(dtype=float) for each in levels])
        found = _regressed(group, known.index, X, fit, estimand)
        notes += _rough(found, group)
        shared = {**group.key, "n_clusters": group.data.n_clusters, "sd_between_items": found.between}
        for at, (quantity, term, contrast) in enumerate(_dose_contrasts(name, levels)):
            n = X.sum() if at >= len(levels) else X[:, at].sum()
            rows.append(
                {**shared, "quantity": quantity, "term": term, **found.row(contrast, level), "n": int(n)}
            )
    notes += _unbounded(rows)
    settings = {**fit.settings, "attribute": name, "estimand": estimand, "level": level}
    lead = (*fit.groups[0].key, "quantity")
    return Estimates(estimate_frame(rows, lead), fit.accounting, tuple(notes), settings)


def _dose_contrasts(name: str, levels: Sequence[Any]) -> list[tuple[str, str, Floats]]:
    """Return means of levels, steps between neighbours, and the trend a step."""
    eye = np.eye(len(levels))
    means = [("mean", f"{name}[{each}]", eye[at]) for at, each in enumerate(levels)]
    steps = [
        ("step", f"{name}[{levels[at]}] - {name}[{levels[at - 1]}]", eye[at] - eye[at - 1])
        for at in range(1, len(levels))
    ]
    numeric = all(isinstance(each, (int, float)) for each in levels)
    place = np.array(levels, dtype=float) if numeric else np.arange(len(levels), dtype=float)
    centred = place - place.mean()
    trend = ("trend", f"{name} per {'unit' if numeric else 'step'}", centred / (centred @ centred))
    return [*means, *steps, trend]


def _rough(found: Regression | SlopeDraws | OpenSlopes, group: GroupFit) -> list[str]:
    if isinstance(found, Regression) or found.effective >= _LEAST_EFFECTIVE:
        return []
    return [
        f"{group_prefix(group.key)}{found.draws} posterior draws are worth "
        f"{found.effective:.0f} independent ones, so the bounds are rough"
    ]


def _unbounded(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Name the contrasts that have no bound on some side."""
    sides = {(True, False): "no lower bound", (False, True): "no upper bound", (True, True): "no bounds"}
    terms: dict[str, list[str]] = {}
    for row in rows:
        side = (math.isinf(row["low"]), math.isinf(row["high"]))
        if any(side):
            terms.setdefault(sides[side], []).append(str(row["term"]))
    return [
        f"{', '.join(dict.fromkeys(names))}: {side}, because no choice contradicts ever larger "
        "values or too few posterior draws lie beyond it"
        for side, names in terms.items()
    ]


def _usable(group: GroupFit, table: pd.DataFrame, baseline: str | None) -> pd.DataFrame:
    """Return attributes of items that have all of them and a utility on the common scale."""
    layout = group.layout
    home = layout.component[layout.nodes.index(baseline)] if baseline in layout.nodes else 0
    here = [
        item
        for at, item in enumerate(layout.nodes)
        if layout.component[at] == home and item != baseline and item not in group.reasons
    ]
    return table[table.index.isin(here)].dropna().sort_index()


def _design(known: pd.DataFrame) -> tuple[list[Floats], list[tuple[str, str]], list[str]]:
    """Return a column for each numeric attribute, and for each level of a word but the first."""
    columns: list[Floats] = []
    labels, problems = [], []
    for name in map(str, known.columns):
        levels = _levels(known[name])
        if len(levels) < 2:
            problems.append(f"{name} is the same for all items: it has no effect to estimate")
        elif all(isinstance(each, (int, float)) for each in levels):
            columns.append(known[name].to_numpy(dtype=float))
            labels.append((name, name))
        else:
            for each in levels[1:]:
                columns.append((known[name] == each).to_numpy(dtype=float))
                labels.append((name, f"{name}[{each}]"))
    return columns, labels, problems


def _levels(values: pd.Series[Any]) -> list[Any]:
    """Return the levels of an attribute in their order, as Python values."""
    return natural_order(
        value.item() if isinstance(value, np.generic) else value for value in values.unique()
    )
