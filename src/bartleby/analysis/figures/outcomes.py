"""How trials ended: outcome counts, with what was left out of the estimates told apart."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes

from bartleby.analysis.figures.labels import clip
from bartleby.analysis.figures.style import (
    INK,
    MUTED,
    Picture,
    Width,
    described,
    inches,
    new_picture,
    redrawable,
    style,
    width_of,
)
from bartleby.analysis.figures.table_rows import choose_models
from bartleby.analysis.tables.accounting import Accounting
from bartleby.errors import DataError, SettingError
from bartleby.outcome import Outcome

__all__ = ["count_outcomes", "draw_outcomes", "left_out_of", "plot_outcomes"]

USED = "#7A93AC"


@redrawable
def plot_outcomes(
    outcomes: pd.DataFrame | Accounting | Mapping[str, float],
    *,
    by: str | None = None,
    left_out: Collection[str] | None = None,
    width: Width | None = None,
    ax: Axes | None = None,
    models: Sequence[str] | None = None,
) -> Picture:
    """Draw how many trials ended in which way.

    Parameters
    ----------
    outcomes
        A trial table with a column `outcome` (and `count`, if rows stand for several trials), the
        accounting of an estimate, or counts by outcome.
    by
        A column of the trial table: one panel for each of its values.
    left_out
        Outcomes that did not enter the estimate: drawn as hatched outlines. Taken from the accounting
        where that is given.
    ax
        Axes to draw into, where there is one panel.

    Raises
    ------
    DataError
        If the trial table lacks a column.
    SettingError
        If `width` is not allowed.
    """
    if isinstance(outcomes, Accounting) and left_out is None:
        left_out = left_out_of(outcomes)
    if isinstance(outcomes, pd.DataFrame):
        outcomes = choose_models(outcomes, models)
    panels = count_outcomes(outcomes, by)
    names = [name for name in _ordered(panels) if any(counts.get(name) for counts in panels.values())]
    description = _told(panels, left_out or ())
    with style():
        if ax is not None:
            width_of(width, ax)
            if len(panels) > 1:
                raise SettingError(
                    f"ax: there are {len(panels)} panels, and axes have room for one; omit `by`"
                )
            draw_outcomes(
                ax, {name: next(iter(panels.values())).get(name, 0) for name in names}, left_out or ()
            )
            return described(ax, description, "")
        picture = new_picture(inches(width or "one"), len(panels) * (0.55 + 0.15 * max(len(names), 1)))
        grid = picture.subplots(len(panels), 1, squeeze=False, sharex=True)
        for axes, (title, counts) in zip(grid[:, 0], panels.items(), strict=True):
            draw_outcomes(axes, {name: counts.get(name, 0) for name in names}, left_out or ())
            axes.set_title(clip(title, 50))
            axes.set_xlabel(axes.get_xlabel() if title == list(panels)[-1] else "")
    return described(picture.axes[0], description, "", picture)


def count_outcomes(
    outcomes: pd.DataFrame | Accounting | Mapping[str, float], by: str | None = None
) -> dict[str, dict[str, float]]:
    """Return counts by outcome, in one dictionary for each value of `by` (one without a name if None)."""
    if isinstance(outcomes, Accounting):
        return {"": dict(outcomes.counts)}
    if not isinstance(outcomes, pd.DataFrame):
        return {"": dict(outcomes)}
    needed = ["outcome", *([by] if by is not None else [])]
    missing = [name for name in needed if name not in outcomes]
    if missing:
        there = ", ".join(map(str, outcomes.columns)) or "none"
        raise DataError([f"trial table: no column {name!r}; columns here: {there}" for name in missing])
    weights = outcomes["count"] if "count" in outcomes else pd.Series(1, index=outcomes.index)
    told = outcomes["outcome"].astype("string").fillna("missing")
    if by is None:
        return {"": _sums(weights, told)}
    values = outcomes[by].astype("string").fillna("missing")
    return {f"{by} = {value}": _sums(weights[values == value], told) for value in sorted(values.unique())}


def draw_outcomes(
    axes: Axes, counts: Mapping[str, float], left_out: Collection[str] = (), font: float = 6.5
) -> None:
    """Draw counts as horizontal bars; those left out of the estimate are hatched outlines."""
    names = [name for name in _ordered({"": counts}) if name in counts]
    for position, name in enumerate(names):
        out = name in left_out
        axes.barh(
            position, counts[name], height=0.68, color="white" if out else USED, edgecolor=INK,
            hatch="//////" if out else None, linewidth=0.5,
        )  # fmt: skip
        axes.annotate(
            f"{counts[name]:,.0f}", (counts[name], position), (2, 0), textcoords="offset points",
            va="center", fontsize=font - 0.5,
        )  # fmt: skip
    most = max(counts.values(), default=0)
    axes.set_xlim(0, 1.25 * most or 1)
    axes.set_ylim(max(len(names), 1) - 0.4, -0.6)
    axes.set_yticks(range(len(names)), [clip(name.replace("_", " "), 24) for name in names], fontsize=font)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("Trials (hatched: excluded)" if set(left_out).intersection(names) else "Trials")
    axes.locator_params(axis="x", nbins=4, integer=True)
    if not names:
        axes.text(0.5, 0, "no trials", ha="center", va="center", color=MUTED)


def left_out_of(accounting: Accounting) -> frozenset[str]:
    """Return the outcomes that an estimate left out."""
    return frozenset(
        name
        for name in accounting.counts
        if str(accounting.counted_as.get(name, "left out")).startswith("left out")
    )


def _ordered(panels: Mapping[str, Mapping[str, float]]) -> Sequence[str]:
    """Return the names of outcomes in the order of the vocabulary, unknown ones last."""
    known = [str(outcome) for outcome in Outcome]
    found = {name for counts in panels.values() for name in counts}
    return [*(name for name in known if name in found), *sorted(found.difference(known))]


def _sums(weights: pd.Series, outcomes: pd.Series) -> dict[str, float]:
    sums = {str(name): float(count) for name, count in weights.groupby(outcomes).sum().items()}
    return {name: sums[name] for name in _ordered({"": sums})}


def _told(panels: Mapping[str, Mapping[str, float]], left_out: Collection[str]) -> str:
    told = []
    for title, counts in panels.items():
        parts = [
            f"{name} {counts[name]:,.0f}{' (left out)' if name in left_out else ''}"
            for name in _ordered({"": counts})
        ]
        told.append(f"{title + ': ' if title else ''}{', '.join(parts) or 'no trials'}")
    return f"How trials ended. {'; '.join(told)}."
