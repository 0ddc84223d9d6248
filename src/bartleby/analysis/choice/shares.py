"""The headline: the share of items of a class that a model would rather not do than the baseline.

The interval carries the noise of every utility and of the baseline they share, and for `new_items` that
the items are a sample of those that could have been asked about. All that is said of a class follows from
one set of draws: how many of its items are below the baseline, or within a margin of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from bartleby.analysis.choice.fit import GroupFit
from bartleby.analysis.choice.posteriors.checks import population_check
from bartleby.analysis.choice.posteriors.mixtures import Mixture
from bartleby.analysis.choice.posteriors.utilities import UtilityDraws, draw_utilities
from bartleby.analysis.inference.effective_size import effective_size
from bartleby.analysis.tables.grouping import Estimand, split_groups

__all__ = [
    "ClassDraws",
    "class_draws",
    "quantile_noise",
    "share_row",
    "spread_count",
]

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.integer[Any]]

_UNSURE = (0.1, 0.9)
"""An item whose probability of being below lies between these could be either."""


@dataclass(frozen=True, eq=False)
class ClassDraws:
    """The items of a class, drawn from the posterior.

    Parameters
    ----------
    label
        The class: a value for each classifying column.
    items
        Items of the class that can be placed against the baseline.
    utilities
        Of each, against the baseline (draws, items).
    population
        The mixture that they are a sample from, one a draw (draws, components).
    chains
        Number of chains; draw number i is of chain i modulo this.
    lost
        Items of the class that cannot be placed.
    error
        Standard error of the utility of a typical item, in logits.
    check
        Posterior predictive p value of the population; see `population_check`.
    """

    label: tuple[Any, ...]
    items: tuple[str, ...]
    utilities: npt.NDArray[np.floating[Any]]
    population: Mixture
    chains: int = 1
    lost: tuple[str, ...] = ()
    error: float = math.nan
    check: float = math.nan

    @property
    def below(self) -> Booleans:
        """Whether each item is below the baseline (draws, items)."""
        return np.asarray(self.utilities < 0, dtype=np.bool_)

    @property
    def unsure(self) -> int:
        """How many items could be on either side of the baseline."""
        chance = self.below.mean(axis=0)
        return int(((chance > _UNSURE[0]) & (chance < _UNSURE[1])).sum())

    @property
    def effective(self) -> float:
        """How many independent draws these are worth: for the count below, or the population's share."""
        drawn = self.below.sum(axis=1), self.population.below(0.0)
        sizes = [_worth(values, self.chains) for values in drawn if np.ptp(values) > 0]
        return min(sizes, default=float(len(self.utilities)))

    def parts(self, margin: float | None) -> dict[str, Integers]:
        """Return how many items are below; with a margin, below it, within it and above it (draws,)."""
        if margin is None:
            return {"share_below": self.below.sum(axis=1)}
        below, above = (self.utilities < -margin).sum(axis=1), (self.utilities > margin).sum(axis=1)
        within = len(self.items) - below - above
        return {"share_below": below, "share_within": within, "share_above": above}


def class_draws(
    fit: GroupFit,
    classes: pd.DataFrame,
    baseline: str,
    draws: int | None,
    rng: np.random.Generator,
    *,
    enough: Callable[[ClassDraws], bool] = lambda _: True,
) -> list[ClassDraws]:
    """Draw utilities of the items of each class.

    Parameters
    ----------
    fit
        A fitted model.
    classes
        Classifying columns by item (the index); items in which one is missing are in no class.
    baseline
        Belongs to no class.
    draws, rng
        As in `draw_utilities`.
    enough
        Whether there are draws enough of one class.
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
    some = [at for at, group in enumerate(codes) if len(group)]

    def split(drawn: UtilityDraws) -> list[ClassDraws]:
        every = []
        for at, label in enumerate(labels):
            lost = tuple(sorted(set(members[at]) - set(inside[at])))
            if at not in some:
                every.append(ClassDraws(label, (), drawn.parameters[:, :0], _NOTHING, drawn.chains, lost))
                continue
            number = some.index(at)
            population, error = drawn.mixture.of_class(number), float(drawn.errors[number])
            utilities = drawn.parameters[:, drawn.columns[number]]
            every.append(
                ClassDraws(label, tuple(inside[at]), utilities, population, drawn.chains, lost, error)
            )
        return every

    wanted = [codes[at] for at in some]
    drawn = draw_utilities(fit, wanted, draws, rng, lambda drawn: all(map(enough, split(drawn))))
    return [
        replace(own, check=population_check(fit, nodes, drawn.parameters, own.population, rng))
        if len(nodes)
        else own
        for own, nodes in zip(split(drawn), codes, strict=True)
    ]


_NOTHING = Mixture(*np.empty((3, 1, 0)))


def share_row(count: Integers, size: int, estimand: Estimand, level: float, *, of: int = 2) -> dict[str, Any]:
    """Return estimate, standard error and interval of the share of a class on which there are draws.

    Parameters
    ----------
    count
        How many items of the class (draws,).
    size
        Items of the class.
    estimand
        `these_items`: the share among exactly these, so many of n. `new_items`: the share of the
        population they were taken from.
    level
        Level of the interval.
    of
        Into how many parts the class is taken apart.

    Notes
    -----
    `new_items`: nothing is assumed but that the items are a sample, so each drawn count k of n has
    Jeffreys' posterior Beta(k + 1/2, n - k + (of - 1)/2), and the bounds are quantiles of the mixture of
    these. They are never closer to 0 or 1 than those of a binomial share with all n items surely on one
    side: n items cannot say more about the rest. `these_items`: a share of n items is a multiple of 1/n; a
    count is smeared by half an item, so that no interval has width zero.
    """
    if size == 0:
        return {"estimate": math.nan, "std_error": math.nan, "low": math.nan, "high": math.nan, "n": 0}
    spread = spread_count(count, size, estimand, of=of)
    low, high = (spread.quantile(each) for each in ((1 - level) / 2, (1 + level) / 2))
    estimate = float(count.mean()) / size
    if estimand == "new_items":
        low = 0.0 if estimate < 0.5 / size else low
        high = 1.0 if estimate > 1 - 0.5 / size else high
    return {
        "estimate": estimate,
        "std_error": spread.deviation,
        "low": min(low, estimate),
        "high": max(high, estimate),
        "n": size,
    }


@dataclass(frozen=True, eq=False)
class CountSpread:
    """The posterior of a share, from draws of how many of n items it is.

    Parameters
    ----------
    count
        Draws of the count (draws,).
    size
        n.
    extra
        What is added to counts of items in the share and of the others; None for exactly these items.
    """

    count: Integers
    size: int
    extra: tuple[float, float] | None

    def quantile(self, level: float) -> float:
        """Return the share below which so much of the posterior lies."""
        chance = np.bincount(self.count, minlength=self.size + 1) / len(self.count)
        if self.extra is None:
            edges: Floats = np.arange(self.size + 2, dtype=np.float64) - 0.5
            smeared = _inverse(level, np.append(0.0, chance.cumsum()), edges)
            return float(np.clip(smeared, 0, self.size)) / self.size
        drawn = np.flatnonzero(chance)
        low, high = 0.0, 1.0
        for _ in range(40):
            middle = (low + high) / 2
            below = float(chance[drawn] @ self._below(middle, drawn))
            low, high = (middle, high) if below < level else (low, middle)
        return (low + high) / 2

    @property
    def deviation(self) -> float:
        """Standard deviation of the posterior."""
        if self.extra is None:
            return float(np.sqrt(self.count.var() + 1 / 12)) / self.size
        a, b = self.count + self.extra[0], self.size - self.count + self.extra[1]
        mean = a / (a + b)
        return float(np.sqrt(np.mean(mean * (1 - mean) / (a + b + 1)) + mean.var()))

    def noise(self, level: float, chains: int) -> float:
        """Return the Monte Carlo standard error of a quantile."""
        at, counts = self.quantile(level), np.arange(self.size + 1)
        below = self._below(at, counts)[self.count]
        near = np.clip([at - 1e-4, at + 1e-4], 0, 1)
        rise = (self._below(near[1], counts) - self._below(near[0], counts))[self.count].mean()
        if rise <= 0 or np.ptp(below) == 0:
            return 0.0
        return float(below.std() / math.sqrt(_worth(below, chains)) * (near[1] - near[0]) / rise)

    def _below(self, share: float, count: Integers) -> Floats:
        """Return the probability that the share is below a value, given each count."""
        if self.extra is None:
            smeared: Floats = np.clip(share * self.size - count + 0.5, 0.0, 1.0)
            return smeared
        a, b = self.extra
        found: Floats = np.asarray(special.betainc(count + a, self.size - count + b, share), dtype=np.float64)
        return found


def spread_count(count: Integers, size: int, estimand: Estimand, *, of: int = 2) -> CountSpread:
    """Return the posterior of a share from draws of the count; see `share_row`."""
    return CountSpread(count, size, (0.5, (of - 1) / 2) if estimand == "new_items" else None)


def quantile_noise(drawn: Floats, level: float, chains: int) -> float:
    """Return the Monte Carlo standard error of a quantile of draws."""
    tail = min(level, 1 - level)
    low, at, high = np.quantile(drawn, [level - tail / 2, level, level + tail / 2])
    below = drawn <= at
    return float(below.std() / math.sqrt(_worth(below, chains)) * (high - low) / tail)


def _worth(drawn: npt.NDArray[Any], chains: int) -> float:
    """Return how many independent draws the draws of a number are worth; all of them if that is not known."""
    whole = len(drawn) - len(drawn) % chains
    size = effective_size(drawn[:whole].astype(float).reshape(-1, chains).T)
    return float(len(drawn)) if math.isnan(size) else size


def _inverse(level: float, heights: Floats, edges: Floats) -> float:
    """Return where a distribution function that rises in straight lines reaches a level."""
    at = min(int(np.searchsorted(heights, level)), len(heights) - 1)
    low, high = heights[at - 1], heights[at]
    return float(edges[at - 1] + (edges[at] - edges[at - 1]) * (level - low) / (high - low))
