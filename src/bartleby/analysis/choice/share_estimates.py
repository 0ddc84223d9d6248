"""Shares below the baseline as tables of estimates: by class, by model, and their differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.choice.fit import GroupFit, fit_group
from bartleby.analysis.choice.options import ChoiceOptions, unknown_words
from bartleby.analysis.choice.shares import (
    ClassDraws,
    Population,
    class_draws,
    paired_shares,
    share_row,
    spread_share,
)
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import Estimand
from bartleby.errors import SettingError

if TYPE_CHECKING:
    from bartleby.analysis.choice.result import ChoiceFit

__all__ = ["ShareSettings", "pair_of_shares", "share_difference", "share_differences", "shares_below"]

Floats = npt.NDArray[np.float64]

_BOUND_DRAWS = 400
_FEW = 5
"""A class of fewer items says little of items like them; fewer draws beyond a bound say little of it."""
_LEAST_EFFECTIVE = 100
"""Fewer independent draws leave the noise of the sampler in the bounds of an interval."""


@dataclass(frozen=True)
class ShareSettings:
    """How shares are estimated; `ChoiceFit.share_below` says what each means."""

    estimand: Estimand
    population: Population
    level: float
    draws: int
    seed: int

    @classmethod
    def of(
        cls, options: ChoiceOptions, *, population: Population = "normal", draws: int = 2000
    ) -> ShareSettings:
        """Return settings with the estimand, level and seed of a fit."""
        return cls(options.estimand, population, options.level, draws, options.seed)

    def check(self) -> None:
        """Raise SettingError for whatever is not allowed, all of it at once."""
        problems = unknown_words(estimand=self.estimand, population=self.population)
        if not 0 < self.level < 1:
            problems.append(f"level={self.level!r}: must be between 0 and 1, such as 0.95")
        if self.draws < 1:
            problems.append(f"draws={self.draws!r}: must be 1 or more")
        if problems:
            raise SettingError("\n".join(problems))

    def warnings(self) -> list[str]:
        """Return a warning where so few draws lie beyond each bound that it is one of them, or nearly."""
        if self.draws * (1 - self.level) / 2 >= _FEW:
            return []
        return [f"level={self.level:g} is more than {self.draws} draws can tell: ask for more with draws="]

    def method(self, drawn: ClassDraws) -> str:
        """Return how a share was estimated, in words."""
        if self.estimand == "these_items":
            return "hierarchical posterior, these items"
        normal = self.population == "normal" and len(drawn.items) > 1
        return f"hierarchical posterior, {'normal' if normal else 'any'} population of items"


def shares_below(
    fit: ChoiceFit, by: tuple[str, ...], settings: ShareSettings, *, bounds: bool = True
) -> Estimates:
    """Return the share of items below the baseline; see `ChoiceFit.share_below`.

    Parameters
    ----------
    fit, by, settings
        As there.
    bounds
        Whether the accounting bounds each share by what the uncounted trials could have been: two more
        fits and posteriors a class.
    """
    settings.check()
    rows, notes = [], [*fit.warnings, *settings.warnings()]
    bounded = dict(fit.accounting.bounds)
    for drawn, key, at in draw_groups(fit, by, settings):
        group = fit.groups[at]
        rng = np.random.default_rng([settings.seed, at, 1])
        for each in drawn:
            label = dict(zip(by, each.label, strict=True))
            rows.append(
                {
                    **key,
                    **label,
                    "term": "share_below",
                    **share_row(each, settings.estimand, settings.population, settings.level, rng),
                    "level": settings.level,
                    "n_clusters": group.data.n_clusters,
                    "method": settings.method(each),
                }
            )
            notes += _notes({**key, **label}, each, settings.estimand)
            if bounds and group.data.uncounted.any() and each.items:
                bounded[f"share_below ({_label({**key, **label})})"] = _bounds(fit, group, each, settings)
    return Estimates(
        estimate_frame(rows, (*(fit.groups[0].key), *by)),
        replace(fit.accounting, bounds=bounded),
        tuple(dict.fromkeys(notes)),
        {**fit.settings, "by_items": list(by), **asdict(settings)},
    )


def share_differences(
    fit: ChoiceFit,
    by: tuple[str, ...],
    settings: ShareSettings,
    *,
    between: str | None,
    reference: object,
) -> Estimates:
    """Return differences of shares; see `ChoiceFit.compare_shares`."""
    settings.check()
    between = between or by[0]
    names = (*fit.groups[0].key, *by)
    if between not in names:
        raise SettingError(f"between={between!r}: must be one of {', '.join(names)}")
    cells = [
        (dict(zip(by, each.label, strict=True)) | key, each, at)
        for drawn, key, at in draw_groups(fit, by, settings)
        for each in drawn
        if each.items
    ]
    values = list(dict.fromkeys(label[between] for label, _, _ in cells))
    reference = values[0] if reference is None and values else reference
    if reference not in values:
        raise SettingError(f"reference={reference!r}: must be one of {', '.join(map(repr, values))}")
    rng = np.random.default_rng([settings.seed, 2])
    ends = [_ends(fit, fit.groups[at], each, settings) for _, each, at in cells]
    rows, bounded = [], dict(fit.accounting.bounds)
    for (label, one, at), mine in zip(cells, ends, strict=True):
        rest = {name: value for name, value in label.items() if name != between}
        for (other_label, other, place), theirs in zip(cells, ends, strict=True):
            if label[between] == reference or other_label != {**rest, between: reference}:
                continue
            shares, method = pair_of_shares(one, other, settings, rng, same_fit=at == place)
            term = f"{label[between]} - {reference}"
            bounded[f"{term} ({_label(rest)})" if rest else term] = mine[0] - theirs[1], mine[1] - theirs[0]
            rows.append(
                {
                    **rest,
                    between: label[between],
                    "reference": reference,
                    "term": term,
                    **share_difference(*shares, settings.level),
                    "n": len(set(one.items) | set(other.items)),
                    "n_clusters": fit.groups[at].data.n_clusters,
                    "method": method,
                }
            )
    lead = (*[name for name in names if name != between], between, "reference")
    told = {**fit.settings, "between": between, "reference": reference, **asdict(settings)}
    accounting = replace(fit.accounting, bounds=bounded)
    return Estimates(estimate_frame(rows, lead), accounting, (*fit.warnings, *settings.warnings()), told)


def pair_of_shares(
    one: ClassDraws, other: ClassDraws, settings: ShareSettings, rng: np.random.Generator, *, same_fit: bool
) -> tuple[tuple[Floats, Floats], str]:
    """Return draws of two shares together, and the method.

    Parameters
    ----------
    one, other
        Two classes.
    settings, rng
        How shares are estimated, and random numbers.
    same_fit
        Whether the draws of both come from one fit, and so belong together as they are.
    """
    shared = [item for item in one.items if item in other.items]
    if same_fit or settings.estimand == "these_items" or not shared:
        drawn = [spread_share(each, settings.estimand, settings.population, rng) for each in (one, other)]
        return (drawn[0], drawn[1]), settings.method(one)
    method = f"hierarchical posterior, any population of items, {len(shared)} items paired"
    return paired_shares(one, other, shared, rng), method


def share_difference(one: Floats, other: Floats, level: float) -> dict[str, float]:
    """Return estimate and interval of the difference of two shares of which there are draws."""
    difference = one - other
    low, high = np.quantile(difference, [(1 - level) / 2, (1 + level) / 2])
    return {
        "estimate": float(np.median(difference)),
        "std_error": float(difference.std()),
        "low": float(low),
        "high": float(high),
        "level": level,
        "share": float(np.median(one)),
        "reference_share": float(np.median(other)),
        "probability_above": float((difference > 0).mean()),
    }


def draw_groups(
    fit: ChoiceFit, by: Sequence[str], settings: ShareSettings
) -> list[tuple[list[ClassDraws], dict[str, object], int]]:
    """Return draws of each class, the key and the number of each group that converged."""
    classes = fit.item_classes(by)
    baseline = fit.options.baseline
    if baseline is None:
        raise SettingError("share below what? fit the model with baseline=ITEM, such as an opt-out task")
    found = []
    for at, group in enumerate(fit.groups):
        if group.converged and baseline not in group.reasons:
            rng = np.random.default_rng([settings.seed, at])
            found.append((class_draws(group, classes, baseline, settings.draws, rng), dict(group.key), at))
    return found


def _ends(fit: ChoiceFit, group: GroupFit, drawn: ClassDraws, settings: ShareSettings) -> tuple[float, float]:
    """Return the bounds of a share, which is both of them where no trial is uncounted."""
    if group.data.uncounted.any():
        return _bounds(fit, group, drawn, settings)
    return float(drawn.below.mean()), float(drawn.below.mean())


def _bounds(
    fit: ChoiceFit, group: GroupFit, drawn: ClassDraws, settings: ShareSettings
) -> tuple[float, float]:
    """Return the share had all uncounted trials gone to the items of a class, or all against them.

    Trials between two items of the class, or two others, are split evenly.
    """
    data, baseline = group.data, str(fit.options.baseline)
    inside = np.isin(np.array(data.items, dtype=object), drawn.items)
    one, other = inside[data.first], inside[data.second]
    to_first = np.where(one == other, 0.5, one.astype(float))
    shares = []
    for share in (to_first, 1 - to_first):
        counts = data.counts.copy()
        counts[:, 0] += data.uncounted * share
        counts[:, 1] += data.uncounted * (1 - share)
        options = replace(fit.options, clusters=())
        filled = fit_group(group.key, replace(data, counts=counts), options)
        classes = pd.DataFrame({"class": "one"}, index=pd.Index(drawn.items))
        rng = np.random.default_rng(settings.seed)
        again = class_draws(filled, classes, baseline, min(settings.draws, _BOUND_DRAWS), rng)
        shares.append(float(again[0].below.mean()) if again and again[0].items else math.nan)
    return shares[0], shares[1]


def _label(label: dict[str, object]) -> str:
    return ", ".join(f"{key}={value}" for key, value in label.items()) or "all items"


def _notes(label: dict[str, object], drawn: ClassDraws, estimand: Estimand) -> list[str]:
    name = _label(label)
    notes = []
    if drawn.lost:
        notes.append(
            f"{name}: not counted, as they cannot be placed against the baseline: {', '.join(drawn.lost)}"
        )
    if estimand == "new_items" and len(drawn.items) < _FEW:
        notes.append(f"{name}: {len(drawn.items)} items say little about items like them")
    if drawn.effective < min(_LEAST_EFFECTIVE, len(drawn.below) / 2):
        notes.append(
            f"{name}: {len(drawn.below)} posterior draws are worth {drawn.effective:.0f} independent ones, "
            "so the bounds are rough: ask for more with draws="
        )
    return notes
