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
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bartleby.analysis.figures.estimates import draw_position, draw_shares, position_rows, share_rows
from bartleby.analysis.figures.forest import (
    Row,
    axis_limits,
    draw_legend,
    draw_rows,
    interval_text,
    notes,
    require_columns,
)
from bartleby.analysis.figures.item_rows import (
    ItemRows,
    Naming,
    attributes_by_id,
    group_rows,
    item_rows,
    rows_of_models,
)
from bartleby.analysis.figures.labels import Labels, clip
from bartleby.analysis.figures.outcomes import draw_outcomes, left_out_of
from bartleby.analysis.figures.panels import Panel, arrange
from bartleby.analysis.figures.style import (
    INK,
    MUTED,
    ONE_COLUMN,
    Look,
    Picture,
    Width,
    described,
    inches,
    looks,
    redrawable,
    style,
    width_of,
)
from bartleby.analysis.figures.table_rows import (
    choose_models,
    is_wide,
    level_of,
    model_looks,
    model_remarks,
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
    legend: tuple[Look, ...] = ()
    remarks: tuple[str, ...] = ()


@redrawable
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
    width: Width | None = None,
    ax: Axes | None = None,
    models: Sequence[str] | None = None,
    labels: Labels = None,
) -> Picture:
    """Draw utilities with intervals by item, coloured by class, with the opt-out line and its band.

    Beside it, as far as they are given: the share below the baseline by class, the position effect, and how
    the trials ended. Of several models, each item has a line with a mark of each model, and nothing is
    drawn beside it.

    Parameters
    ----------
    estimates
        A table of estimates: `term`, `estimate`, `low`, `high`; one row an item, and rows for
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
    ax
        Axes to draw into, in place of a figure of its own; nothing is then drawn beside.
    models
        Which models, in which order.
    labels
        What is written in place of ids of items, names of models and of classes.

    Returns
    -------
    A figure; `figure.description` says in words what is to be seen, `figure.notes` how to read it.

    Raises
    ------
    DataError
        If columns are missing, or an item has two rows for a model (levels of `by`: draw one at a time).
    SettingError
        If a setting is not allowed, or a model is not in the table.
    """
    _check(estimates, order, label)
    estimates = choose_models(estimates, models)
    by_model = model_looks(estimates, labels)
    several = len(by_model) > 1
    _refuse_repeats(estimates)
    attributes = attributes_by_id(items)
    frame = estimates[~estimates["term"].isin(PARAMETERS)] if "slot" not in attributes else estimates
    zero = baseline if baseline is not None else _found_baseline(frame)
    naming = Naming(attributes, label, 40 if is_wide(width, ax) else 28, labels)

    def rows_of(part: pd.DataFrame) -> ItemRows:
        return item_rows(part, naming, colour, zero, set(separated))

    rows = rows_of(frame)
    if several:
        parts = {name: frame[frame["model"].astype(str) == name] for name in by_model}
        rows = rows_of_models(parts, by_model, rows_of)
    own_band = None if several else opt_out_band(frame, attributes, zero)
    drawn_band = band if band is not None else own_band
    limits = axis_limits([row for row, _ in rows], [0.0, *(drawn_band or ())])
    classes = looks(group for _, group in rows)
    arranged = group_rows(rows) if order == "grouped" else [row for row, _ in rows]
    legend = list(by_model.values()) if several else [] if order == "grouped" else list(classes.values())
    forest = _Forest(
        arranged, limits, drawn_band, naming.name(zero) if zero else None, level_of(frame),
        tuple(replace(look, label=look.label if look.label != "other" else "Other items") for look in legend),
        tuple(model_remarks(estimates, labels)),
    )  # fmt: skip
    with style():
        if ax is not None:
            width_of(width, ax)
            _draw_forest(ax, forest)
            return described(ax, _description(forest), _text(forest))
        wide = inches(width or "two")
        beside = [] if several else _side_panels(shares, position_rows(estimates), accounting, wide)
        height = math.ceil(len(arranged) - 0.5 * sum(row.joined for row in arranged))
        picture, axes = arrange(wide, height, beside, legend=bool(legend), text=_text(forest))
        _draw_forest(axes, forest)
    return described(axes, _description(forest), _text(forest), picture)


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


def _refuse_repeats(estimates: pd.DataFrame) -> None:
    keys = ["term", *(["model"] if "model" in estimates else [])]
    twice = estimates.loc[estimates.duplicated(keys), "term"]
    if len(twice):
        raise DataError(
            f"table of estimates: term {twice.iloc[0]!r} has more than one row for a model; "
            "a figure of utilities has one fit a model, so select one value of `by` first"
        )


def _found_baseline(frame: pd.DataFrame) -> str | None:
    if "method" not in frame:
        return None
    found = frame.loc[frame["method"].astype(str) == "baseline", "term"]
    return str(found.iloc[0]) if len(set(found)) == 1 else None


def _side_panels(
    shares: pd.DataFrame | None, position: list[Row], accounting: Accounting | None, width: float
) -> list[Panel]:
    panels = []
    if shares is not None:
        rows, _ = share_rows(shares, length=20 if width > ONE_COLUMN else 30)
        panels.append(Panel("Share below the baseline", len(rows), lambda axes: draw_shares(axes, rows, "")))
    if position:
        panels.append(Panel("Position effect", len(position), lambda axes: draw_position(axes, position)))
    if accounting is not None:
        counts = {name: count for name, count in accounting.counts.items() if count}
        out = left_out_of(accounting)
        panels.append(Panel("Outcomes", len(counts), lambda axes: draw_outcomes(axes, counts, out)))
    return panels


def _draw_forest(axes: Axes, forest: _Forest) -> None:
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
    if forest.legend:
        draw_legend(axes, forest.legend)


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
    texts = notes(forest.rows, forest.level, forest.limits)
    if forest.band is not None:
        texts.append(f"Band: interval for the mean of {_others(forest)}.")
    return " ".join([*texts, *forest.remarks])


def _others(forest: _Forest) -> str:
    return "the other opt-out items" if forest.baseline else "the opt-out items"


def _description(forest: _Forest) -> str:
    zero = f"against {forest.baseline}" if forest.baseline else "without a baseline"
    items = sum(row.kind != "header" and not row.joined for row in forest.rows)
    parts = [f"Utilities in logits {zero} of {items} items."]
    parts += [
        f"{row.label}{f' ({row.look.label})' if forest.legend else ''}: "
        f"{interval_text(row.estimate, row.low, row.high)};"
        for row in forest.rows
        if row.kind == "estimate"
    ]
    if forest.band is not None:
        parts.append(f"The mean of {_others(forest)} lies at {forest.band[0]:.2f} to {forest.band[1]:.2f}.")
    return " ".join(parts)
