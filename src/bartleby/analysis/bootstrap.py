"""The cluster bootstrap of a choice model: by pair, by item, by any column, or by two at once.

Replicates are made from counts, never from rows, and fitted in batches; a million trials cost no more than
a thousand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bartleby.analysis.choice_fit import GroupFit
from bartleby.analysis.estimates import Estimates, estimate_frame
from bartleby.analysis.replicate import batch_size, fit_replicates
from bartleby.errors import SettingError

if TYPE_CHECKING:
    from bartleby.analysis.choice_result import ChoiceFit

__all__ = ["bootstrap_rows", "replicate_estimates"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_LOST_SHARE = 0.01


def bootstrap_rows(
    fit: ChoiceFit, clusters: Sequence[str], *, replicates: int, level: float, seed: int
) -> Estimates:
    """Return bootstrap standard errors and percentile intervals; see `ChoiceFit.bootstrap`."""
    problems = []
    allowed = ("pair", "item", *fit.options.clusters)
    problems += [
        f"cluster={name!r}: must be of {', '.join(dict.fromkeys(allowed))}; for another column, fit the "
        "model with it"
        for name in clusters
        if name not in allowed
    ]
    if not 1 <= len(clusters) <= 2:
        problems.append("cluster: one or two names")
    if replicates < 20:
        problems.append(f"replicates={replicates!r}: must be 20 or more")
    if problems:
        raise SettingError("\n".join(problems))
    rows, notes = [], list(fit.warnings)
    for at, group in enumerate(fit.groups):
        if not group.converged:
            continue
        rng = np.random.default_rng([seed, at])
        drawn, n_clusters = replicate_estimates(group, clusters, replicates, rng)
        lost = np.isnan(drawn).any(axis=1).mean()
        if lost > _LOST_SHARE:
            notes.append(f"{lost:.1%} of replicates did not converge and are left out")
        if n_clusters < 2:
            notes.append(f"one cluster ({', '.join(clusters)}): a bootstrap of it says nothing, no interval")
            drawn = np.full_like(drawn, np.nan)
        rows += _rows(group, fit, drawn, n_clusters=n_clusters, level=level, clusters=clusters)
    settings = {**fit.settings, "cluster": list(clusters), "replicates": replicates}
    settings |= {"level": level, "seed": seed}
    return Estimates(
        estimate_frame(rows, tuple(fit.groups[0].key)), fit.accounting, tuple(dict.fromkeys(notes)), settings
    )


def replicate_estimates(
    group: GroupFit, clusters: Sequence[str], replicates: int, rng: np.random.Generator
) -> tuple[Floats, int]:
    """Return estimated parameters of each replicate (B, q), NaN where not converged, and the clusters.

    Notes
    -----
    One column of clusters is resampled with replacement. Items, and two columns, get independent weights
    from an exponential distribution for each of their levels, multiplied for a trial (the pigeonhole
    bootstrap of Owen & Eckles 2012): a trial belongs to both its items, and no item is ever lost.
    """
    size = batch_size(group.layout.design)
    factors = [_levels(group, name) for name in clusters]
    smooth = len(clusters) > 1 or "item" in clusters

    def batches() -> Iterator[Floats]:
        for begin in range(0, replicates, size):
            number = min(size, replicates - begin)
            yield _weighted(group, factors, number, rng, smooth=smooth)

    centre = group.maximum.estimated[0]
    found, converged = fit_replicates(group.layout.design, batches(), centre, penalised=group.penalised)
    found[~converged] = math.nan
    return found, min(int(levels.max(initial=-1)) + 1 for levels in factors)


def _levels(group: GroupFit, name: str) -> Integers:
    """Return the levels of a cluster column that each row belongs to (N, 1), or its two items (N, 2)."""
    data = group.data
    if name == "item":
        return np.stack([data.first[data.row_cell], data.second[data.row_cell]], axis=1)
    if name == "pair":
        return np.unique(data.pairs[data.row_cell], return_inverse=True)[1][:, None]
    return data.row_cluster[:, None]


def _weighted(
    group: GroupFit, factors: Sequence[Integers], number: int, rng: np.random.Generator, *, smooth: bool
) -> Floats:
    """Return the counts of so many replicates (b, M, A)."""
    data = group.data
    cells, outcomes = data.counts.shape
    if smooth:
        weight = np.ones((number, len(data.row_cell)))
        for levels in factors:
            drawn = rng.standard_exponential((number, int(levels.max()) + 1))
            for column in levels.T:
                weight *= drawn[:, column]
        source, columns = weight, data.row_cell
        matrix = _by_level(np.arange(len(columns)), data.row_cell, data.row_counts, len(columns), cells)
        flat = (matrix.T @ source.T).T
    else:
        levels = factors[0][:, 0]
        n_levels = int(levels.max()) + 1
        drawn = rng.multinomial(n_levels, np.full(n_levels, 1 / n_levels), size=number).astype(float)
        matrix = _by_level(levels, data.row_cell, data.row_counts, n_levels, cells)
        flat = (matrix.T @ drawn.T).T
    return np.asarray(flat).reshape(number, cells, outcomes)


def _by_level(
    level: Integers, cell: Integers, counts: Floats, n_levels: int, n_cells: int
) -> sparse.csr_array:
    """Return counts by level and by cell and outcome (levels, M A)."""
    outcomes = counts.shape[1]
    rows = np.repeat(level, outcomes)
    columns = (cell[:, None] * outcomes + np.arange(outcomes)).ravel()
    return sparse.csr_array((counts.ravel(), (rows, columns)), shape=(n_levels, n_cells * outcomes))


def _rows(
    group: GroupFit,
    fit: ChoiceFit,
    drawn: Floats,
    *,
    n_clusters: int,
    level: float,
    clusters: Sequence[str],
) -> list[dict[str, Any]]:
    """Return the rows of the fit with intervals of the bootstrap."""
    reported = drawn @ group.layout.contrasts.T
    known = reported[~np.isnan(reported).any(axis=1)]
    tail = (1 - level) / 2
    rows = []
    for at, row in enumerate(group.rows(fit.options, intervals=False)):
        if row["method"] != "baseline" and row["term"] not in group.reasons:
            values = known[:, at]
            told = len(values) > 1
            row |= {
                "std_error": float(values.std(ddof=1)) if told else math.nan,
                "low": float(np.quantile(values, tail)) if told else math.nan,
                "high": float(np.quantile(values, 1 - tail)) if told else math.nan,
                "method": f"cluster bootstrap by {' and '.join(clusters)}, percentile",
            }
        row |= {"level": level, "n_clusters": n_clusters}
        row.pop("df", None)
        rows.append(row)
    return rows
