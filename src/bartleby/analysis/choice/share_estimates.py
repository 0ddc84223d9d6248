"""Shares below the baseline as tables of estimates: by class, by model, and their differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.choice.fit import GroupFit, fit_group
from bartleby.analysis.choice.options import ChoiceOptions, unknown_words
from bartleby.analysis.choice.posteriors.utilities import MOST_DRAWS
from bartleby.analysis.choice.shares import (
    ClassDraws,
    class_draws,
    paired_shares,
    quantile_noise,
    share_row,
    spread_count,
)
from bartleby.analysis.inference.families import Adjustment, adjust_p
from bartleby.analysis.tables.accounting import WorstCase, bound_warnings
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import Estimand
from bartleby.errors import DataError, SettingError

if TYPE_CHECKING:
    from bartleby.analysis.choice.result import ChoiceFit

__all__ = ["ShareSettings", "share_difference", "share_differences", "shares_below"]

Floats = npt.NDArray[np.float64]

AT_BASELINE = "items at the baseline count half"
"""What an estimate of the share below makes of items that are no better and no worse than the baseline."""
CHECK = (
    "posterior predictive p value of the shape of the population of items; a large one proves nothing, as "
    "the population bends to its items and noise hides its shape"
)
_BOUND_DRAWS = 800
_FEW = 5
"""A class of fewer items says little of items like them; fewer draws beyond a bound say little of it."""
_NOISE = 0.005
"""Monte Carlo standard error that a bound may have: half of the last digit of a percentage."""
_MANY_UNSURE = 0.25
"""From this share of items that could be either on, more comparisons are worth a sentence."""
_DOUBTFUL = 0.05
"""A population check below this is worth a warning."""


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
        if draws * (1 - self.level) / 2 >= _FEW:
            return []
        return [f"{draws} draws are too few for an interval of level {self.level:g}: increase draws="]

    @property
    def method(self) -> str:
        """How a share is estimated, in words."""
        items = "items as a random sample" if self.estimand == "new_items" else "these items"
        return f"hierarchical posterior, mixture of normals, {items}; {AT_BASELINE}"

    def enough(self, drawn: ClassDraws) -> bool:
        """Return whether the bounds of all parts of a class have little Monte Carlo error."""
        return not self.warnings(len(drawn.utilities)) and self.noise(drawn) <= _NOISE

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
            for level in _tails(self.level)
        )


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
    classes = [
        ({**key, **dict(zip(by, drawn.label, strict=True))}, drawn, fit.groups[at])
        for group, key, at in draw_groups(fit, by, settings)
        for drawn in group
    ]
    rows, notes = [], list(fit.warnings)
    bounded, worst = dict(fit.accounting.bounds), []
    for label, drawn, group in classes:
        parts = part_rows(drawn, settings)
        notes += _notes(_label(label), drawn, settings)
        notes += _advice(_label(label), group, drawn, str(fit.options.baseline))
        if bounds and group.data.uncounted.any() and drawn.items:
            name = f"share_below ({_label(label)})"
            extremes = [_row(end, settings) for end in _extremes(fit, group, drawn, settings)]
            bounded[name] = extremes[0]["low"], extremes[1]["high"]
            parts[0] |= dict(zip(("bound_low", "bound_high"), bounded[name], strict=True))
            worst.append(_worst_case(name, parts[0], extremes, group))
        rows += [{**label, **row, "n_clusters": group.data.n_clusters} for row in parts]
    return Estimates(
        estimate_frame(rows, (*(fit.groups[0].key), *by)),
        replace(fit.accounting, bounds=bounded),
        tuple(dict.fromkeys([*notes, *bound_warnings(worst)])),
        {
            **fit.settings,
            "by_items": list(by),
            **asdict(settings),
            **_sampling([drawn for _, drawn, _ in classes], settings),
            "at_baseline": AT_BASELINE,
            "population_check": CHECK,
        },
    )


def _sampling(classes: Sequence[ClassDraws], settings: ShareSettings) -> dict[str, float]:
    """Return how many draws there are, what they are worth, and the noise they leave, for the worst class."""
    return {
        "draws": max((len(drawn.utilities) for drawn in classes), default=0),
        "effective_draws": min((drawn.effective for drawn in classes), default=math.nan),
        "monte_carlo_error": max((settings.noise(drawn) for drawn in classes), default=math.nan),
    }


def part_rows(drawn: ClassDraws, settings: ShareSettings) -> list[dict[str, Any]]:
    """Return the row of the share below, and with a margin those of the shares below, within and above it."""
    rows: list[dict[str, Any]] = [{"term": "share_below", **_row(drawn, settings)}]
    if settings.margin is not None:
        rows[0]["margin"] = math.nan
        for name, count in drawn.parts(settings.margin).items():
            row = share_row(count, len(drawn.items), settings.estimand, settings.level, of=3)
            rows.append({"term": f"{name}_margin", **row, "margin": settings.margin})
    own = {"level": settings.level, "method": settings.method}
    own |= {"n_unsure": drawn.unsure, "population_check": drawn.check}
    return [{**row, **own} for row in rows]


def _row(drawn: ClassDraws, settings: ShareSettings) -> dict[str, Any]:
    count = drawn.below.sum(axis=1)
    return share_row(count, len(drawn.items), settings.estimand, settings.level)


def share_differences(
    fit: ChoiceFit,
    by: tuple[str, ...],
    settings: ShareSettings,
    *,
    between: str | None,
    reference: object,
    adjust: Adjustment | None,
) -> Estimates:
    """Return differences of shares; see `ChoiceFit.compare_shares`."""
    settings.check()
    adjust_p([], adjust)
    names = (*fit.groups[0].key, *by)
    between = between or next(iter((*by, *names)), None)
    if between not in names:
        listed = ", ".join(names) or "none: fit several models, or name classes of items with by="
        raise SettingError(f"between={between!r}: must be one of {listed}")
    if between == "model" and fit.confounded:
        raise DataError(list(fit.confounded))
    cells = [
        (dict(zip(by, drawn.label, strict=True)) | key, drawn, at)
        for classes, key, at in draw_groups(fit, by, settings)
        for drawn in classes
        if drawn.items
    ]
    values = list(dict.fromkeys(label[between] for label, _, _ in cells))
    if not values:
        raise SettingError("no class has an item that can be compared with the baseline: nothing to compare")
    reference = values[0] if reference is None else reference
    if reference not in values:
        raise SettingError(f"reference={reference!r}: must be one of {', '.join(map(repr, values))}")
    rng = np.random.default_rng([settings.seed, 2])
    ends = [_extremes(fit, fit.groups[at], drawn, settings) for _, drawn, at in cells]
    rows, notes = [], list(fit.warnings)
    bounded, worst = dict(fit.accounting.bounds), []
    for (label, one, at), mine in zip(cells, ends, strict=True):
        rest = {name: value for name, value in label.items() if name != between}
        for (other_label, other, place), theirs in zip(cells, ends, strict=True):
            if label[between] == reference or other_label != {**rest, between: reference}:
                continue
            row = share_difference(one, other, settings, rng)
            term = f"{label[between]} - {reference}"
            name = f"{term} ({_label(rest)})" if rest else term
            if mine[0] is not one or theirs[0] is not other:
                pairs = ((mine[0], theirs[1]), (mine[1], theirs[0]))
                extremes = [share_difference(*pair, settings, rng) for pair in pairs]
                bounded[name] = extremes[0]["low"], extremes[1]["high"]
                row |= dict(zip(("bound_low", "bound_high"), bounded[name], strict=True))
                worst.append(_worst_case(name, row, extremes, *{fit.groups[at], fit.groups[place]}))
            notes += _difference_notes(name, one, other, settings, row)
            lead = {**rest, between: label[between], "reference": reference, "term": term}
            rows.append({**lead, **row, "n_clusters": fit.groups[at].data.n_clusters})
    for row, p in zip(rows, adjust_p([row["p_value"] for row in rows], adjust), strict=True):
        row["p_adjusted"] = p
    lead_names = (*[name for name in names if name != between], between, "reference")
    told = {**fit.settings, "between": between, "reference": reference, **asdict(settings), "adjust": adjust}
    told |= {"p_resolution": min((row.pop("p_resolution") for row in rows), default=math.nan)}
    told |= {"at_baseline": AT_BASELINE}
    accounting = replace(fit.accounting, bounds=bounded)
    warnings = tuple(dict.fromkeys([*notes, *bound_warnings(worst)]))
    return Estimates(estimate_frame(rows, lead_names), accounting, warnings, told)


def share_difference(
    one: ClassDraws, other: ClassDraws, settings: ShareSettings, rng: np.random.Generator
) -> dict[str, Any]:
    """Return estimate, interval and p value of the difference of two shares.

    Notes
    -----
    The p value is twice the posterior probability of the less likely sign, never below 2 / (draws + 1).
    """
    shares = paired_shares(one, other, settings.estimand, rng)
    difference = shares[0] - shares[1]
    low, high = np.quantile(difference, [(1 - settings.level) / 2, (1 + settings.level) / 2])
    own = [_row(drawn, settings)["estimate"] for drawn in (one, other)]
    estimate = own[0] - own[1]
    less = min(int((difference <= 0).sum()), int((difference >= 0).sum()))
    shared = len(set(one.items) & set(other.items))
    paired = f", {shared} items paired" if shared else ""
    return {
        "estimate": estimate,
        "std_error": float(difference.std()),
        "low": min(float(low), estimate),
        "high": max(float(high), estimate),
        "level": settings.level,
        "n": len(set(one.items) | set(other.items)),
        "method": f"{settings.method}{paired}",
        "share": own[0],
        "reference_share": own[1],
        "p_value": min(1.0, 2 * (less + 1) / (len(difference) + 1)),
        "p_resolution": 2 / (len(difference) + 1),
        "noise": max(quantile_noise(difference, tail, one.chains) for tail in _tails(settings.level)),
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
            drawn = class_draws(group, classes, baseline, settings.draws, rng, enough=settings.enough)
            found.append((drawn, dict(group.key), at))
    return found


def _extremes(
    fit: ChoiceFit, group: GroupFit, drawn: ClassDraws, settings: ShareSettings
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


def _worst_case(
    name: str, row: Mapping[str, Any], extremes: Sequence[Mapping[str, Any]], *groups: GroupFit
) -> WorstCase:
    """Return a row with what its estimate would be had all uncounted trials gone one way."""
    missing = float(sum(group.data.uncounted.sum() for group in groups))
    total = missing + sum(group.data.used for group in groups)
    ends = float(extremes[0]["estimate"]), float(extremes[1]["estimate"])
    return WorstCase(name, row["low"], row["high"], ends, missing, total)


def _tails(level: float) -> tuple[float, float]:
    return (1 - level) / 2, (1 + level) / 2


def _label(label: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={value}" for key, value in label.items()) or "all items"


def _notes(name: str, drawn: ClassDraws, settings: ShareSettings) -> list[str]:
    """Return what limits the share of a class: its items, and the draws."""
    notes = [f"{name}: {text}" for text in settings.warnings(len(drawn.utilities))]
    if drawn.lost:
        notes.append(
            f"{name}: not counted, as they cannot be compared with the baseline: {', '.join(drawn.lost)}"
        )
    if settings.estimand == "new_items" and 0 < len(drawn.items) < _FEW:
        notes.append(f"{name}: {len(drawn.items)} items say little about items like them")
    noise = settings.noise(drawn)
    if noise > _NOISE:
        notes.append(
            f"{name}: bounds have a Monte Carlo standard error of {noise:.3f}, as {len(drawn.utilities):,} "
            f"draws are worth {drawn.effective:.0f} independent ones: increase draws="
        )
    if settings.margin is not None and settings.margin < drawn.error:
        notes.append(
            f"{name}: the margin of {settings.margin:g} logits is smaller than the standard error of a "
            f"typical item ({drawn.error:.2f}), so the shares within and beyond it say little"
        )
    return notes


def _advice(name: str, group: GroupFit, drawn: ClassDraws, baseline: str) -> list[str]:
    """Return what more data would help, and a doubt about the population."""
    notes = []
    if drawn.unsure > _MANY_UNSURE * len(drawn.items):
        nodes = np.isin(np.array(group.data.items, dtype=object), drawn.items)
        asked = np.median(_with_baseline(group, baseline)[nodes])
        notes.append(
            f"{name}: {drawn.unsure} of {len(drawn.items)} items could be on either side of {baseline!r} "
            f"(posterior probability between 0.1 and 0.9), with a median of {asked:g} comparisons with it: "
            "more comparisons with it would tell"
        )
    if drawn.check < _DOUBTFUL:
        notes.append(
            f"{name}: the utilities do not look like a sample from the fitted mixture of normals (posterior "
            f"predictive p = {drawn.check:.3f}): the interval may be in the wrong place"
        )
    return notes


def _with_baseline(group: GroupFit, baseline: str) -> Floats:
    """Return how many trials of each item were comparisons with the baseline."""
    data = group.data
    node = data.items.index(baseline)
    total = data.observed
    asked = np.bincount(data.first, total * (data.second == node), data.n_items)
    back = np.bincount(data.second, total * (data.first == node), data.n_items)
    both: Floats = np.asarray(asked + back, dtype=np.float64)
    return both


def _difference_notes(
    name: str, one: ClassDraws, other: ClassDraws, settings: ShareSettings, row: dict[str, Any]
) -> list[str]:
    draws = min(len(one.utilities), len(other.utilities))
    notes = [f"{name}: {text}" for text in settings.warnings(draws)]
    noise = row.pop("noise")
    if noise > 2 * _NOISE:
        notes.append(
            f"{name}: bounds have a Monte Carlo standard error of {noise:.3f} with {draws:,} draws: "
            "increase draws="
        )
    return notes
