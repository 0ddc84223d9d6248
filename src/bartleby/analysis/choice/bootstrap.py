"""The cluster bootstrap of a choice model: by pair, by item, by any column, or by two at once.

Replicates are made from counts, never from rows, and fitted in batches; a million trials cost no more than
a thousand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bartleby.analysis.choice.fit import GroupFit
from bartleby.analysis.choice.replicate import fit_replicates
from bartleby.analysis.choice.resampling import resampling
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.errors import SettingError

if TYPE_CHECKING:
    from bartleby.analysis.choice.result import ChoiceFit

__all__ = ["bootstrap_rows", "replicate_estimates"]

Floats = npt.NDArray[np.float64]

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
    """Return estimated parameters of each replicate (B, q), NaN where not converged, and the clusters."""
    drawn = resampling(group.data, clusters)
    found, converged = fit_replicates(
        group.layout.design,
        group.data,
        drawn,
        group.maximum,
        replicates=replicates,
        rng=rng,
        penalised=group.penalised,
    )
    found[~converged] = math.nan
    return found, drawn.n_clusters


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
    told = len(known) > 1
    tail = (1 - level) / 2
    nothing = np.full(reported.shape[1], math.nan)
    spread = known.std(axis=0, ddof=1) if told else nothing
    low, high = np.quantile(known, [tail, 1 - tail], axis=0) if told else (nothing, nothing)
    rows = []
    for at, row in enumerate(group.rows(fit.options, intervals=False)):
        if row["method"] != "baseline" and row["term"] not in group.reasons:
            row |= {
                "std_error": float(spread[at]),
                "low": float(low[at]),
                "high": float(high[at]),
                "method": f"cluster bootstrap by {' and '.join(clusters)}, percentile",
            }
        row |= {"level": level, "n_clusters": n_clusters}
        row.pop("df", None)
        rows.append(row)
    return rows
