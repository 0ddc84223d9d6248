"""What a table of shares is made of: its settings, the draws of each class, and the classes at worst."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from bartleby.analysis.choice.fit import GroupFit, fit_group
from bartleby.analysis.choice.fitted import FittedChoices
from bartleby.analysis.choice.options import ChoiceOptions, unknown_words
from bartleby.analysis.choice.posteriors.utilities import MOST_DRAWS
from bartleby.analysis.choice.shares import ClassDraws, class_draws, share_row, spread_count
from bartleby.analysis.choice.warnings import announce, slow_shares
from bartleby.analysis.tables.accounting import WorstCase
from bartleby.analysis.tables.grouping import Estimand
from bartleby.errors import SettingError

__all__ = [
    "AT_BASELINE",
    "FEW",
    "NOISE",
    "ShareSettings",
    "class_extremes",
    "class_name",
    "draw_groups",
    "own_row",
    "tails",
    "worst_case",
]

AT_BASELINE = "items at the baseline count half"
"""What an estimate of the share below makes of items that are no better and no worse than the baseline."""
_BOUND_DRAWS = 800
FEW = 5
"""A class of fewer items says little of items like them; fewer draws beyond a bound say little of it."""
NOISE = 0.005
"""Monte Carlo standard error that a bound may have: half of the last digit of a percentage."""


@dataclass(frozen=True)
class ShareSettings:
    """How shares are estimated; `ChoiceFit.share_below` says what each means."""

    estimand: Estimand
    level: float
    draws: int | None
    seed: int
    margin: float | None = None

    @classmethod
    def of(
        cls, options: ChoiceOptions, *, draws: int | None = None, margin: float | None = None
    ) -> ShareSettings:
        """Return settings with the estimand, level and seed of a fit."""
        return cls(options.estimand, options.level, draws, options.seed, margin)

    def check(self) -> None:
        """Raise SettingError for whatever is not allowed, all of it at once."""
        problems = unknown_words(estimand=self.estimand)
        if not 0 < self.level < 1:
            problems.append(f"level={self.level!r}: must be between 0 and 1, such as 0.95")
        if self.draws is not None and self.draws < 1:
            problems.append(f"draws={self.draws!r}: must be 1 or more, or None for as many as are needed")
        if self.margin is not None and not 0 < self.margin < math.inf:
            problems.append(f"margin={self.margin!r}: must be a number of logits above 0, such as 0.75")
        if problems:
            raise SettingError("\n".join(problems))

    def warnings(self, draws: int) -> list[str]:
        """Return a warning where so few draws lie beyond each bound that it is one of them, or nearly."""
        if draws * (1 - self.level) / 2 >= FEW:
            return []
        return [f"{draws} draws are too few for an interval of level {self.level:g}: increase draws="]

    @property
    def method(self) -> str:
        """How a share is estimated, in words."""
        items = "items as a random sample" if self.estimand == "new_items" else "these items"
        return f"hierarchical posterior, mixture of normals, {items}; {AT_BASELINE}"

    def enough(self, drawn: ClassDraws) -> bool:
        """Return whether the bounds of all parts of a class have little Monte Carlo error."""
        return not self.warnings(len(drawn.utilities)) and self.noise(drawn) <= NOISE

    def noise(self, drawn: ClassDraws) -> float:
        """Return the largest Monte Carlo standard error of the bounds of a class."""
        if not drawn.items:
            return 0.0
        parts = drawn.parts(self.margin)
        return max(
            spread_count(count, len(drawn.items), self.estimand, of=max(2, len(parts))).noise(
                level, drawn.chains
            )
            for count in parts.values()
            for level in tails(self.level)
        )


def own_row(drawn: ClassDraws, settings: ShareSettings) -> dict[str, Any]:
    """Return estimate, standard error and interval of the share of a class below the baseline."""
    count = drawn.below.sum(axis=1)
    return share_row(count, len(drawn.items), settings.estimand, settings.level)


def draw_groups(
    fit: FittedChoices, by: Sequence[str], settings: ShareSettings
) -> list[tuple[list[ClassDraws], dict[str, object], int]]:
    """Return draws of each class, the key and the number of each group that converged.

    Draws are kept with the fit, so that its next table of these classes and settings costs nothing more.
    """
    classes = fit.item_classes(by)
    baseline = fit.options.baseline
    if baseline is None:
        raise SettingError("share below what? fit the model with baseline=ITEM, such as an opt-out task")
    usable = [
        (at, group, (at, tuple(by), settings))
        for at, group in enumerate(fit.groups)
        if group.converged and baseline not in group.reasons
    ]
    new = [group.data for _, group, name in usable if name not in fit.class_draws]
    announce(slow_shares(new, fit.options, settings.draws, len(classes.drop_duplicates())))
    kept = []
    for at, group, name in usable:
        drawn = fit.class_draws.get(name)
        if drawn is None:
            rng = np.random.default_rng([settings.seed, at])
            drawn = class_draws(group, classes, baseline, settings.draws, rng, enough=settings.enough)
            fit.class_draws[name] = drawn
        kept.append((drawn, dict(group.key), at))
    return kept


def class_extremes(
    fit: FittedChoices, group: GroupFit, drawn: ClassDraws, settings: ShareSettings
) -> tuple[ClassDraws, ClassDraws]:
    """Return a class had all uncounted trials gone to its items, or all against them.

    Trials between two items of the class, or two others, are split evenly. Without uncounted trials both
    are the class as it is.
    """
    data, baseline = group.data, str(fit.options.baseline)
    if not data.uncounted.any():
        return drawn, drawn
    inside = np.isin(np.array(data.items, dtype=object), drawn.items)
    one, other = inside[data.first], inside[data.second]
    to_first = np.where(one == other, 0.5, one.astype(float))
    ends = []
    for share in (to_first, 1 - to_first):
        counts = data.counts.copy()
        counts[:, 0] += data.uncounted * share
        counts[:, 1] += data.uncounted * (1 - share)
        options = replace(fit.options, clusters=())
        filled = fit_group(group.key, replace(data, counts=counts), options)
        classes = pd.DataFrame({"class": "one"}, index=pd.Index(drawn.items))
        rng = np.random.default_rng(settings.seed)
        draws = min(settings.draws or MOST_DRAWS, _BOUND_DRAWS)
        ends.append(class_draws(filled, classes, baseline, draws, rng)[0])
    return ends[0], ends[1]


def worst_case(
    name: str, row: Mapping[str, Any], extremes: Sequence[Mapping[str, Any]], *groups: GroupFit
) -> WorstCase:
    """Return a row with what its estimate would be had all uncounted trials gone one way."""
    missing = float(sum(group.data.uncounted.sum() for group in groups))
    total = missing + sum(group.data.used for group in groups)
    ends = float(extremes[0]["estimate"]), float(extremes[1]["estimate"])
    return WorstCase(name, row["low"], row["high"], ends, missing, total)


def tails(level: float) -> tuple[float, float]:
    """Return how much of a posterior lies below each bound of an interval."""
    return (1 - level) / 2, (1 + level) / 2


def class_name(label: Mapping[str, object]) -> str:
    """Return what a class is called in warnings."""
    return ", ".join(f"{key}={value}" for key, value in label.items()) or "all items"
