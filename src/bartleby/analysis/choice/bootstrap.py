"""The cluster bootstrap of a choice model: by pair, by item, by any column, or by two at once.

Replicates are made from counts, never from rows, and fitted in batches; a million trials cost no more than
a thousand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from bartleby.analysis.choice.contrast_intervals import t_quantile
from bartleby.analysis.choice.fit import GroupFit
from bartleby.analysis.choice.fitted import FittedChoices
from bartleby.analysis.choice.replicate import fit_replicates
from bartleby.analysis.choice.resampling import Resampling, resampling
from bartleby.analysis.choice.tails import Tails
from bartleby.analysis.choice.warnings import announce, slow_bootstrap
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.errors import SettingError
from bartleby.progress import steps

__all__ = ["bootstrap_rows", "expanded_tail", "reported_replicates"]

Floats = npt.NDArray[np.float64]
Kind: TypeAlias = Literal["expanded", "percentile"]

_LOST_SHARE = 0.01
_NAMES = {"expanded": "expanded percentile", "percentile": "percentile"}
_FEW_BEYOND = 1
"""Replicates beyond each bound, with fewer than which it is the lowest or the highest of them."""
_ROUNDING = 1e-9
"""Logits: replicates that differ by less are the same, as where every cluster is fitted exactly."""


def bootstrap_rows(
    fit: FittedChoices, clusters: Sequence[str], *, replicates: int, level: float, seed: int, kind: Kind
) -> Estimates:
    """Return bootstrap standard errors and intervals; see `ChoiceFit.bootstrap`."""
    problems = []
    if kind not in ("expanded", "percentile"):
        problems.append(f"kind={kind!r}: must be one of expanded, percentile")
    allowed = ("pair", "item", *fit.options.clusters)
    problems += [
        f"cluster={name!r}: must be of {', '.join(dict.fromkeys(allowed))}; for another column, fit the "
        "model with it"
        for name in clusters
        if name not in allowed
    ]
    if not 1 <= len(clusters) <= 2:
        problems.append("cluster: one or two names")
    if not isinstance(replicates, int) or replicates < 20:
        problems.append(f"replicates={replicates!r}: must be a whole number, 20 or more")
    if problems:
        raise SettingError("\n".join(problems))
    announce(slow_bootstrap([(g.data, g.penalised) for g in fit.groups if g.converged], replicates))
    rows, notes = [], list(fit.warnings)
    if replicates * (1 - level) / 2 < _FEW_BEYOND:
        notes.append(f"level={level:g} is more than {replicates} replicates can tell: ask for more")
    for at, group in enumerate(fit.groups):
        if not group.converged:
            continue
        rng = np.random.default_rng([seed, at])
        drawn = resampling(group.data, clusters)
        tail = (1 - level) / 2
        tails = Tails(
            len(group.layout.terms),
            replicates,
            tail if kind == "percentile" else expanded_tail(tail, group, clusters, drawn.n_clusters),
        )
        if drawn.n_clusters < 2:
            notes.append(f"one cluster ({', '.join(clusters)}): a bootstrap of it says nothing, no interval")
        else:
            for batch in reported_replicates(group, drawn, replicates, rng):
                tails.add(batch)
            lost = 1 - tails.number / replicates
            if lost > _LOST_SHARE:
                notes.append(f"{lost:.1%} of replicates did not converge and are left out")
        if tails.number > 1 and not (tails.std_error() > _ROUNDING).any():
            notes.append("replicates do not vary: nothing says how clusters differ, no interval")
        rows += _rows(
            group, fit, tails, n_clusters=drawn.n_clusters, level=level, clusters=clusters, kind=kind
        )
    settings = {**fit.settings, "cluster": list(clusters), "replicates": replicates}
    settings |= {"level": level, "seed": seed, "kind": kind}
    return Estimates(
        estimate_frame(rows, tuple(fit.groups[0].key)), fit.accounting, tuple(dict.fromkeys(notes)), settings
    )


def expanded_tail(tail: float, group: GroupFit, clusters: Sequence[str], n_clusters: int) -> float:
    """Return the share beyond each percentile that makes up for few clusters (Hesterberg 2015)."""
    if n_clusters < 2:
        return tail
    quantile = float(t_quantile(1 - 2 * tail, _freedom(group, clusters, n_clusters)))
    return float(special.ndtr(-quantile * math.sqrt(n_clusters / (n_clusters - 1))))


def _freedom(group: GroupFit, clusters: Sequence[str], n_clusters: int) -> float:
    """Return Satterthwaite's degrees of freedom of a typical term, or one less than there are clusters."""
    if group.robust is not None and group.robust.n_clusters == n_clusters and "item" not in clusters:
        contrasts = group.layout.contrasts
        df = group.robust.degrees_of_freedom(contrasts[np.abs(contrasts).max(axis=1) > 0])
        if np.isfinite(df).any():
            return float(np.nanmedian(df))
    return float(n_clusters - 1)


def reported_replicates(
    group: GroupFit, drawn: Resampling, replicates: int, rng: np.random.Generator
) -> Iterator[Floats]:
    """Yield the reported terms (b, T) of those replicates that converged, a few at a time."""
    batches = fit_replicates(
        group.layout.design,
        group.data,
        drawn,
        group.maximum,
        replicates=replicates,
        rng=rng,
        penalised=group.penalised,
    )
    contrasts = group.layout.contrasts
    # Replicates are fits of the likelihood, about the estimate that is reported.
    moved = contrasts @ (group.estimated - group.maximum.estimated[0])
    going = steps(batches, "bootstrap", replicates, unit="replicate", size=lambda batch: len(batch[1]))
    for found, converged in going:
        reported = found[converged] @ contrasts.T + moved
        yield reported[~np.isnan(reported).any(axis=1)]


def _rows(
    group: GroupFit,
    fit: FittedChoices,
    tails: Tails,
    *,
    n_clusters: int,
    level: float,
    clusters: Sequence[str],
    kind: Kind,
) -> list[dict[str, Any]]:
    """Return the rows of the fit with intervals of the bootstrap."""
    varies = tails.std_error() > _ROUNDING
    spread, low, high = (np.where(varies, each, np.nan) for each in (tails.std_error(), *tails.interval()))
    rows = []
    for at, row in enumerate(group.rows(fit.options, intervals=False)):
        if row["method"] != "baseline" and row["term"] not in group.reasons:
            row |= {
                "std_error": float(spread[at]),
                "low": float(low[at]),
                "high": float(high[at]),
                "method": f"cluster bootstrap by {' and '.join(clusters)}, {_NAMES[kind]}",
            }
        row |= {"level": level, "n_clusters": n_clusters}
        row.pop("df", None)
        rows.append(row)
    return rows
