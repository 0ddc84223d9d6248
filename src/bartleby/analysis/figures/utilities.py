"""Utilities by task, with the opt-out line: what a model would rather do, and rather not.

Every interval is of the difference between an item and the baseline, so it already carries the baseline's
own noise and the line at zero has no width: a band drawn around it for that noise would count it twice.
What the line does lack is that *another* way of opting out might have been taken as the zero. Where there
are other opt-out items, the band is an interval for their mean utility, from the mean of their lower ends
to the mean of their upper ends. That is at least as wide as an interval of this level has to be however the
items are correlated, because the standard error of a mean is never above the mean of the standard errors.
A band that covers zero says that the chosen baseline is like the other ways of opting out.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bartleby.analysis.figures.forest import (
    Row,
    axis_limits,
    draw_rows,
    interval_text,
    notes,
    require_columns,
)
from bartleby.analysis.figures.item_rows import Naming, attributes_by_id, group_rows, item_rows
from bartleby.analysis.figures.labels import clip
from bartleby.analysis.figures.outcomes import draw_outcomes, left_out_of
from bartleby.analysis.figures.panels import Panel, arrange
from bartleby.analysis.figures.shares import draw_shares, share_rows
from bartleby.analysis.figures.slot import draw_slot, slot_rows
from bartleby.analysis.figures.style import (
    INK,
    MUTED,
    ONE_COLUMN,
    Look,
    Picture,
    Width,
    inches,
    looks,
    style,
)
from bartleby.analysis.tables.accounting import Accounting
from bartleby.errors import DataError, SettingError

__all__ = ["opt_out_band", "plot_utilities"]

BAND = "#F1E8D2"
PARAMETERS = ("slot", "log_nu", "log_theta")
CHANCES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@dataclass(frozen=True)
class _Forest:
    """All that is drawn in the main panel."""

    rows: list[Row]
    limits: tuple[float, float]
    band: tuple[float, float] | None
    baseline: str | None
    level: float | None


def plot_utilities(
    estimates: pd.DataFrame,
    *,
    items: pd.DataFrame | Mapping[str, Mapping[str, Any]] | None = None,
    colour: str = "impact",
    shares: pd.DataFrame | None = None,
    accounting: Accounting | None = None,
    baseline: str | None = None,
    order: Literal["grouped", "sorted"] = "grouped",
    label: Literal["title", "id"] = "title",
    separated: Collection[str] = (),
    band: tuple[float, float] | None = None,
    width: Width = "two",
) -> Picture:
    """Draw utilities with intervals by item, coloured by class, with the opt-out line and its band.

    Beside it, as far as they are given: the share below the baseline by class, the slot effect, and how
    the trials ended.

    Parameters
    ----------
    estimates
        A table of estimates of one model: `term`, `estimate`, `low`, `high`; one row an item, and rows for
        `slot` and other parameters, which are not drawn as items.
    items
        Attributes of items by id (a frame whose index or column `id` is the id, or a mapping): `kind`,
        `title`, and the one that decides the colour. Without it all items look the same.
    colour
        The attribute that decides colour and marker. Items whose `kind` is `opt_out` or `free_choice` are
        classes of their own.
    shares
        Shares below the baseline by class, as a table of estimates.
    accounting
        How outcomes were counted.
    baseline
        The item that is the zero; by default the row whose `method` is `baseline`, if there is one.
    order
        `grouped` by class with the highest first in each, or `sorted` through all classes.
    label
        Whether items are named by their title, where they have one, or always by their id.
    separated
        Items that won or lost every comparison that could place them; also taken from a column
        `separated` of `estimates`.
    band
        Limits of the band around the opt-out line; by default see the module's text.
    width
        `one` or `two` journal columns, or inches.

    Returns
    -------
    A figure; `figure.description` says in words what is to be seen.

    Raises
    ------
    DataError
        If columns are missing, or an item has two rows (several models: draw one at a time).
    SettingError
        If a setting is not allowed.
    """
    wide = inches(width)
    _check(estimates, order, label)
    attributes = attributes_by_id(items)
    frame = estimates[~estimates["term"].isin(PARAMETERS)] if "slot" not in attributes else estimates
    zero = baseline if baseline is not None else _found_baseline(frame)
    naming = Naming(attributes, label, 40 if wide > ONE_COLUMN else 28)
    rows = item_rows(frame, naming, colour, zero, set(separated))
    level = _level(frame)
    shown_band = band if band is not None else opt_out_band(frame, attributes, zero)
    limits = axis_limits([row for row, _ in rows], [0.0, *(shown_band or ())])
    arranged = group_rows(rows) if order == "grouped" else [row for row, _ in rows]
    forest = _Forest(arranged, limits, shown_band, naming.name(zero) if zero else None, level)
    legend = [] if order == "grouped" else list(looks(group for _, group in rows).values())
    panels = _side_panels(shares, slot_rows(estimates), accounting, wide)
    with style():
        picture, axes = arrange(wide, len(forest.rows), panels, legend=bool(legend), text=_text(forest))
        _draw_forest(axes, forest, legend)
    picture.description = _description([row for row, _ in rows], forest)
    return picture


def opt_out_band(
    estimates: pd.DataFrame, attributes: Mapping[str, Mapping[str, Any]], baseline: str | None
) -> tuple[float, float] | None:
    """Return an interval for the mean utility of the opt-out items other than the baseline.

    Parameters
    ----------
    estimates
        A table of estimates against the baseline.
    attributes
        Attributes of items by id; those whose `kind` is `opt_out` count.
    baseline
        The item that is the zero.

    Returns
    -------
    The mean of their lower and the mean of their upper ends: conservative whatever their correlation. None
    if there are none, or if one has no finite interval.
    """
    chosen = [
        term
        for term in estimates["term"].astype(str)
        if attributes.get(term, {}).get("kind") == "opt_out" and term != baseline
    ]
    found = estimates[estimates["term"].astype(str).isin(chosen)]
    ends = found[["low", "high"]].to_numpy(dtype=float)
    if not len(ends) or not np.isfinite(ends).all():
        return None
    low, high = ends.mean(axis=0)
    return float(low), float(high)


def _check(estimates: pd.DataFrame, order: str, label: str) -> None:
    require_columns(estimates, "table of estimates")
    problems = []
    if order not in ("grouped", "sorted"):
        problems.append(f"order is {order!r}; allowed: 'grouped', 'sorted'")
    if label not in ("title", "id"):
        problems.append(f"label is {label!r}; allowed: 'title', 'id'")
    if problems:
        raise SettingError("\n".join(problems))
    twice = estimates.loc[estimates["term"].duplicated(), "term"]
    if len(twice):
        raise DataError(
            f"table of estimates: term {twice.iloc[0]!r} has more than one row; "
            "a figure of utilities shows one fit, so select one model (or one value of `by`) first"
        )


def _found_baseline(frame: pd.DataFrame) -> str | None:
    if "method" not in frame:
        return None
    found = frame.loc[frame["method"].astype(str) == "baseline", "term"]
    return str(found.iloc[0]) if len(found) == 1 else None


def _level(frame: pd.DataFrame) -> float | None:
    levels = set(frame["level"].dropna()) if "level" in frame else set()
    return float(levels.pop()) if len(levels) == 1 else None


def _side_panels(
    shares: pd.DataFrame | None, slot: list[Row], accounting: Accounting | None, width: float
) -> list[Panel]:
    panels = []
    if shares is not None:
        rows = share_rows(shares, length=20 if width > ONE_COLUMN else 30)
        panels.append(Panel("Share below the baseline", len(rows), lambda axes: draw_shares(axes, rows, "")))
    if slot:
        panels.append(Panel("Slot effect", len(slot), lambda axes: draw_slot(axes, slot)))
    if accounting is not None:
        counts = {name: count for name, count in accounting.counts.items() if count}
        out = left_out_of(accounting)
        title = "Outcomes (hatched: left out)" if out.intersection(counts) else "Outcomes"
        panels.append(Panel(title, len(counts), lambda axes: draw_outcomes(axes, counts, out)))
    return panels


def _draw_forest(axes: Axes, forest: _Forest, legend: list[Look]) -> None:
    if forest.band is not None:
        axes.axvspan(*forest.band, color=BAND, linewidth=0, zorder=0)
    axes.axvline(0, color=INK, linewidth=0.8, zorder=1)
    axes.grid(axis="y", color="#ececec", linewidth=0.4, zorder=-1)
    axes.set_axisbelow(True)
    draw_rows(axes, forest.rows, limits=forest.limits, font=6.5 if len(forest.rows) < 40 else 6.0)
    if forest.baseline is None:
        axes.set_xlabel("Utility (logits)")
    else:
        axes.set_xlabel(f"Utility against \N{LEFT DOUBLE QUOTATION MARK}{clip(forest.baseline, 30)}"
                        "\N{RIGHT DOUBLE QUOTATION MARK} (logits)")  # fmt: skip
        _chance_axis(axes)
    if not forest.rows:
        axes.text(0, 0, "no items", ha="center", va="center", color=MUTED)
    if legend:
        marks = [
            Line2D([], [], marker=each.marker, color=each.colour, linestyle="none", ms=4) for each in legend
        ]
        names = [each.label if each.label != "other" else "Other items" for each in legend]
        figure = axes.get_figure(root=True)
        across = int(figure.get_figwidth() / 1.15) if figure is not None else len(names)
        axes.figure.legend(
            handles=marks, labels=names, loc="outside upper left", ncols=min(len(names), across)
        )


def _chance_axis(axes: Axes) -> None:
    """Put the chance of being chosen over the baseline along the top."""
    top = axes.twiny()
    low, high = axes.get_xlim()
    chances = [p for p in CHANCES if low <= math.log(p / (1 - p)) <= high]
    if high - low > 7:
        chances = [p for p in chances if p not in (0.25, 0.75)]
    top.set_xlim(low, high)
    top.set_xticks([math.log(p / (1 - p)) for p in chances], [f"{p:.0%}" for p in chances], fontsize=6)
    top.set_xlabel("Chance of being chosen over it", fontsize=6.5)
    top.spines[["left", "right"]].set_visible(False)
    top.spines["top"].set_visible(True)


def _text(forest: _Forest) -> str:
    """Return what a reader must know, for the margin of the figure."""
    told = notes(forest.rows, forest.level, forest.limits)
    if forest.band is not None:
        told.append(f"Band: interval for the mean of {_others(forest)}.")
    return " ".join(told)


def _others(forest: _Forest) -> str:
    return "the other opt-out items" if forest.baseline else "the opt-out items"


def _description(rows: list[Row], forest: _Forest) -> str:
    zero = f"against {forest.baseline}" if forest.baseline else "without a baseline"
    parts = [f"Utilities in logits {zero} of {len(rows)} items, from the highest to the lowest."]
    parts += [
        f"{row.label}: {interval_text(row.estimate, row.low, row.high)};"
        for row in rows
        if row.kind == "estimate"
    ]
    if forest.band is not None:
        parts.append(f"The mean of {_others(forest)} lies at {forest.band[0]:.2f} to {forest.band[1]:.2f}.")
    return " ".join(parts)
