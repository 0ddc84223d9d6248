"""The headline: the share of items of a class that a model would rather not do than the baseline.

The interval carries the noise of every utility and of the baseline they share, and for `new_items` that
the items are a sample of those that could have been asked about.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from bartleby.analysis.choice.fit import GroupFit
from bartleby.analysis.choice.posteriors.utilities import draw_utilities
from bartleby.analysis.tables.grouping import Estimand, split_groups

__all__ = ["ClassDraws", "Population", "class_draws", "paired_shares", "share_row", "spread_share"]

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Population: TypeAlias = Literal["normal", "any"]


@dataclass(frozen=True, eq=False)
class ClassDraws:
    """Which items of a class are below the baseline, drawn from the posterior.

    Parameters
    ----------
    label
        The class: a value for each classifying column.
    items
        Items of the class that can be placed against the baseline.
    below
        Whether each is below it (draws, items).
    population
        Share below in a normal population of such items (draws,); NaN with fewer than two items.
    lost
        Items of the class that cannot be placed.
    effective
        How many independent draws the draws are worth; NaN if that is not known.
    """

    label: tuple[Any, ...]
    items: tuple[str, ...]
    below: Booleans
    population: Floats
    lost: tuple[str, ...] = ()
    effective: float = math.nan


def class_draws(
    fit: GroupFit, classes: pd.DataFrame, baseline: str, draws: int, rng: np.random.Generator
) -> list[ClassDraws]:
    """Draw which items of each class are below the baseline.

    Parameters
    ----------
    fit
        A fitted model.
    classes
        Classifying columns by item (the index); items in which one is missing are in no class.
    baseline
        Belongs to no class.
    draws
        Number of draws.
    rng
        Random numbers.
    """
    nodes = pd.Index(fit.layout.nodes)
    known = classes.dropna().drop(index=baseline, errors="ignore")
    known = known[known.index.isin(nodes)]
    parts = split_groups(known, list(known.columns)) if len(known) else []
    labels = [tuple(key.values()) for key, _ in parts]
    keys = list(map(tuple, known.to_numpy(dtype=object).tolist()))
    placed = dict(zip(fit.layout.nodes, fit.layout.placed, strict=False))
    members = [
        sorted(i for i, key in zip(known.index, keys, strict=True) if key == label) for label in labels
    ]
    inside = [[item for item in group if placed[item]] for group in members]
    codes = [nodes.get_indexer(pd.Index(group)).astype(np.int64) for group in inside]
    drawn = draw_utilities(fit, codes, draws, rng)
    population = special.ndtr(-drawn.means / drawn.deviations)
    return [
        ClassDraws(
            label=label,
            items=tuple(group),
            below=drawn.utilities[:, codes[at]] < 0,
            population=population[:, at],
            lost=tuple(sorted(set(members[at]) - set(group))),
            effective=float(drawn.effective[at]),
        )
        for at, (label, group) in enumerate(zip(labels, inside, strict=True))
    ]


def share_row(
    drawn: ClassDraws, estimand: Estimand, population: Population, level: float, rng: np.random.Generator
) -> dict[str, Any]:
    """Return estimate, standard error and interval of the share of a class.

    Parameters
    ----------
    drawn
        Draws of a class.
    estimand
        `these_items`: the share among exactly these, so many of n. `new_items`: the share of the
        population they were taken from.
    population
        How that population is thought of; see `spread_share`.
    level
        Level of the interval.
    rng
        Random numbers.

    Notes
    -----
    However far a class lies from the baseline, its bounds for `new_items` are never closer to 0 or 1 than
    those of a binomial share with all n items surely on one side (Jeffreys): n items cannot say more
    about the rest.
    """
    size = len(drawn.items)
    if size == 0:
        return {"estimate": math.nan, "std_error": math.nan, "low": math.nan, "high": math.nan, "n": 0}
    shares = spread_share(drawn, estimand, population, rng)
    low, high = map(float, np.quantile(shares, [(1 - level) / 2, (1 + level) / 2]))
    counted = float(drawn.below.mean())
    estimate = counted
    if estimand == "new_items":
        sharpest = float(special.betaincinv(size + 0.5, 0.5, (1 - level) / 2))
        low, high = min(low, sharpest), max(high, 1 - sharpest)
        low = 0.0 if counted < 0.5 / size else low
        high = 1.0 if counted > 1 - 0.5 / size else high
        estimate = float(np.median(shares))
    return {
        "estimate": estimate,
        "std_error": float(shares.std()),
        "low": min(low, estimate),
        "high": max(high, estimate),
        "n": size,
    }


def spread_share(
    drawn: ClassDraws, estimand: Estimand, population: Population, rng: np.random.Generator
) -> Floats:
    """Return draws of the share below the baseline.

    Notes
    -----
    `these_items`: a share of n items is a multiple of 1/n; the drawn count is smeared by half an item, so
    that no interval has width zero. `new_items` with `normal`: the share of a normal population below the
    baseline, given drawn mean and spread. With `any`: nothing is assumed but that the items are a sample,
    so each drawn count k of n is spread over Beta(k + 1/2, n - k + 1/2), Jeffreys' posterior; wider, and
    covers more than its level where utilities are noisy.
    """
    size = len(drawn.items)
    count = drawn.below.sum(axis=1)
    if estimand == "these_items":
        smeared: Floats = np.clip(count + rng.uniform(-0.5, 0.5, len(count)), 0, size) / size
        return smeared
    if population == "any" or np.isnan(drawn.population).any():
        return np.asarray(rng.beta(count + 0.5, size - count + 0.5), dtype=np.float64)
    return drawn.population


def paired_shares(
    one: ClassDraws, other: ClassDraws, shared: Sequence[str], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return draws of two population shares of which some items were asked about in both.

    Notes
    -----
    The shared items fall into four groups (below in both, in one, in neither), whose shares are drawn
    from a Dirichlet distribution with 1/4 added to each count: its margins are the Beta draws of
    `spread_share`. Items that only one has are added to its own margin.
    """
    mine = one.below[:, [one.items.index(item) for item in shared]]
    theirs = other.below[:, [other.items.index(item) for item in shared]]
    groups = [mine & theirs, mine & ~theirs, ~mine & theirs, ~mine & ~theirs]
    gammas = np.stack([rng.standard_gamma(group.sum(axis=1) + 0.25) for group in groups])
    found = []
    for drawn, members in ((one, (0, 1)), (other, (0, 2))):
        alone = drawn.below[:, [at for at, item in enumerate(drawn.items) if item not in shared]]
        # Gammas without a half: 0 items alone add nothing.
        below = gammas[list(members)].sum(axis=0) + rng.standard_gamma(alone.sum(axis=1))
        above = gammas.sum(axis=0) - gammas[list(members)].sum(axis=0)
        above = above + rng.standard_gamma((~alone).sum(axis=1))
        found.append(below / (below + above))
    return found[0], found[1]
