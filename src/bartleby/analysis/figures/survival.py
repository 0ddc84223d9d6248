"""Who is still there after each turn: curves of staying, with how many they rest on.

Turns are whole, so a curve is a step function: it falls at the turn at which somebody left and is level in
between. Conversations that we ended, at the cap or before, are not "stayed": they leave the number at risk
and are marked on the curve where that happened.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bartleby.analysis.figures.forest import draw_handles, require_columns
from bartleby.analysis.figures.labels import Labels, clip, named, percent_ticks, set_title, words
from bartleby.analysis.figures.panels import write_notes
from bartleby.analysis.figures.style import (
    MUTED,
    PAGE_HEIGHT,
    Picture,
    Width,
    described,
    inches,
    looks,
    new_picture,
    redrawable,
    style,
    width_of,
)
from bartleby.analysis.figures.table_rows import choose_models, model_remarks, several
from bartleby.analysis.tables.labels import natural_order
from bartleby.errors import DataError

__all__ = ["plot_staying"]

TOGETHER = 4
"""Curves that still can be told apart in one frame; of more, each has a frame of its own."""
AFTER = 0.5
"""How far a curve is drawn on behind its last turn, so that what that turn did is seen."""
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)))
FIXED = ("term", "estimate", "std_error", "low", "high", "level", "n", "n_clusters", "method", "quantity")


@dataclass(frozen=True)
class _Curve:
    """One curve: where it stands after each turn, from turn 0 on, and how many it rests on."""

    name: str
    turns: np.ndarray
    staying: np.ndarray
    low: np.ndarray
    high: np.ndarray
    at_risk: dict[int, float] = field(default_factory=dict)
    censored: tuple[int, ...] = ()
    label: str = ""


@redrawable
def plot_staying(
    staying: pd.DataFrame,
    at_risk: pd.DataFrame | None = None,
    *,
    width: Width | None = None,
    ax: Axes | None = None,
    models: Sequence[str] | None = None,
    labels: Labels = None,
) -> Picture:
    """Draw the share of conversations still going on after each turn, with the numbers at risk below.

    Parameters
    ----------
    staying
        A table of estimates: `turn`, `estimate`, `low`, `high`, one row a turn and group; columns before
        `term` (or all others, where there is no `term`) tell the groups apart. Of a table with a column
        `quantity`, the rows that say `staying` are drawn.
    at_risk
        Counts by the same groups: `turn`, `at_risk`, and `censored` if some were.
    ax
        Axes to draw all curves into, without the numbers at risk.

    Raises
    ------
    DataError
        If a column is missing, or a group has two rows for one turn.
    SettingError
        If `width` is not allowed.
    """
    require_columns(staying, "table of staying", ("turn", "estimate", "low", "high"))
    frame = staying[staying["quantity"] == "staying"] if "quantity" in staying else staying
    frame = choose_models(frame, models)
    at_risk = at_risk if at_risk is None or "model" not in at_risk else choose_models(at_risk, models)
    curves = [replace(curve, label=named(curve.name, labels)) for curve in _curves(frame, at_risk)]
    apart = ax is None and len(curves) > TOGETHER
    text = " ".join([*_notes(curves, frame, apart=apart), *_model(frame, labels)])
    with style():
        if ax is not None:
            width_of(width, ax)
            _draw_together(ax, curves)
            ax.set_xlabel("Turn")
            return described(ax, _described(curves), text)
        wide = inches(width or "two")
        picture = _apart(curves, wide) if apart else _together(curves, wide)
        write_notes(picture, text)
    return described(picture.axes[0], _described(curves), text, picture)


def _model(frame: pd.DataFrame, labels: Labels) -> list[str]:
    return [] if "model" in frame and several(frame, "model") else model_remarks(frame, labels)


def _draw_together(axes: Axes, curves: list[_Curve]) -> None:
    look_of = looks(curve.name for curve in curves)
    for position, curve in enumerate(curves):
        _draw_curve(axes, curve, look_of[curve.name].colour, DASHES[position % len(DASHES)], band=0.16)
    _dress(axes, _last(curves))
    if len(curves) > 1:
        draw_handles(axes)


def _curves(frame: pd.DataFrame, at_risk: pd.DataFrame | None) -> list[_Curve]:
    names = _groups(frame)
    if at_risk is not None:
        require_columns(at_risk, "table of numbers at risk", ("turn", "at_risk", *names))
    keys = frame[names].astype(str).agg(", ".join, axis=1) if names else pd.Series("", index=frame.index)
    order = natural_order(keys.unique())
    return [_curve(key, frame[keys == key], _counts_of(at_risk, names, key)) for key in order]


def _groups(frame: pd.DataFrame) -> list[str]:
    columns = [str(name) for name in frame.columns]
    lead = columns[: columns.index("term")] if "term" in columns else columns
    lead = [name for name in lead if name not in (*FIXED, "turn")]
    return [name for name in lead if len(set(frame[name].astype(str))) > 1]


def _counts_of(at_risk: pd.DataFrame | None, names: list[str], key: str) -> pd.DataFrame | None:
    if at_risk is None or not names:
        return at_risk
    return at_risk[at_risk[names].astype(str).agg(", ".join, axis=1) == key]


def _curve(name: str, part: pd.DataFrame, counts: pd.DataFrame | None) -> _Curve:
    part = part.sort_values("turn")
    turns = part["turn"].to_numpy(dtype=float)
    if len(set(turns)) < len(turns):
        place = f"{words(name)!r}, " if name else ""
        twice = part.loc[part["turn"].duplicated(), "turn"].iloc[0]
        raise DataError(
            f"table of staying: {place}turn {twice:g} has more than one row; columns that tell rows apart "
            "must stand before 'term'"
        )
    values = [part[each].to_numpy(dtype=float) for each in ("estimate", "low", "high")]
    if not len(turns) or turns[0] > 0:  # before the first turn everybody is there
        turns = np.concatenate([[0.0], turns])
        values = [np.concatenate([[1.0], each]) for each in values]
    at_risk: dict[int, float] = {}
    censored: list[int] = []
    if counts is not None:
        for row in counts.to_dict(orient="records"):
            at_risk[int(row["turn"])] = float(row["at_risk"])
            if row.get("censored", 0) > 0:
                censored.append(int(row["turn"]))
    estimate, low, high = values
    return _Curve(name, turns, estimate, low, high, at_risk, tuple(censored))


def _together(curves: list[_Curve], wide: float) -> Picture:
    rows = sum(bool(curve.at_risk) for curve in curves)
    heights = [2.1, 0.32 + 0.15 * rows] if rows else [2.1]
    picture = new_picture(wide, sum(heights) + 0.65)
    grid = picture.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    _draw_together(grid[0], curves)
    grid[0].set_xlabel("Turn")
    if rows:
        grid[0].tick_params(labelbottom=True)
        _draw_at_risk(grid[1], [curve for curve in curves if curve.at_risk], _last(curves))
    return picture


def _apart(curves: list[_Curve], wide: float) -> Picture:
    """Draw a frame for each curve, the others faint behind it."""
    across = max(1, min(len(curves), int(wide / 1.7)))
    down = math.ceil(len(curves) / across)
    each = min(1.62, max((PAGE_HEIGHT - 0.5) / down, 1.1))  # as high as a page, as long as it can be read
    picture = new_picture(wide, each * down + 0.45)
    grid = picture.subplots(down, across, squeeze=False, sharey=True)
    last = _last(curves)
    for place, axes in enumerate(grid.flat):
        if place >= len(curves):
            axes.set_visible(False)
            continue
        others = [other for other in curves if other is not curves[place]]
        # All in one line with gaps: drawing costs by the artist.
        turns, heights = (
            np.concatenate([np.append(getattr(other, name), np.nan) for other in others])
            for name in ("turns", "staying")
        )
        axes.step(turns, heights, where="post", color="#d4d4d4", linewidth=0.5, zorder=1)
        _draw_curve(axes, curves[place], "#0072B2", "-", band=0.2)
        _dress(axes, last, small=True)
        label = curves[place].label
        set_title(axes, label[:1].upper() + label[1:], wide / across - 0.35, 6.5)
        _label_turns(axes, curves[place], last)
        axes.set_ylabel("Still there" if place % across == 0 else "")
    return picture


def _label_turns(axes: Axes, curve: _Curve, last: float) -> None:
    """Name the turns that have a tick, with how many reached each below it."""
    ticks = _ticks(axes, last)
    longest = max((len(_reached(curve, tick)) for tick in ticks), default=1)
    if curve.at_risk and longest > 3:
        ticks = ticks[:: math.ceil(longest / 3)]
    texts = [f"{tick}\n{_reached(curve, tick)}" if curve.at_risk else str(tick) for tick in ticks]
    axes.set_xticks(ticks, texts, fontsize=5.8)
    axes.tick_params(labelbottom=True)


def _draw_curve(axes: Axes, curve: _Curve, colour: str, dash: object, *, band: float) -> None:
    turns = np.append(curve.turns, curve.turns[-1] + AFTER)
    low, high, staying = (np.append(each, each[-1]) for each in (curve.low, curve.high, curve.staying))
    known = ~(np.isnan(low) | np.isnan(high))
    axes.fill_between(
        turns, low, high, where=known.tolist(), step="post", color=colour, alpha=band, linewidth=0, zorder=2
    )
    axes.step(
        turns, staying, where="post", color=colour, linestyle=dash, linewidth=1.2, zorder=3,
        label=clip(curve.label, 40),
    )  # fmt: skip
    marks = [turn for turn in curve.censored if turn in set(curve.turns)]
    heights = [float(curve.staying[curve.turns == turn][0]) for turn in marks]
    axes.plot(marks, heights, "|", color=colour, ms=6, mew=0.9, zorder=4, linestyle="none", clip_on=False)


def _dress(axes: Axes, last: float, *, small: bool = False) -> None:
    axes.set_ylim(0, 1.02)
    axes.set_xlim(0, last + AFTER)
    percent_ticks(axes.yaxis)
    axes.set_yticks([0, 0.5, 1] if small else [0, 0.25, 0.5, 0.75, 1])
    axes.xaxis.set_major_locator(MaxNLocator(4 if small else 8, integer=True))
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.4)
    axes.set_axisbelow(True)
    axes.set_ylabel("Still there")


def _draw_at_risk(axes: Axes, curves: list[_Curve], last: float) -> None:
    """Write how many were asked at each turn that has a tick, one row a curve."""
    axes.set_ylim(len(curves) - 0.4, -0.6)
    for position, curve in enumerate(curves):
        for turn in _ticks(axes, last):
            text = _reached(curve, turn)
            axes.text(turn, position, text, ha="center", va="center", fontsize=6, clip_on=False)
    names = [clip(curve.label or "All", 26) for curve in curves]
    axes.set_yticks(range(len(curves)), names, fontsize=6)
    axes.set_title("At risk: conversations that reached this turn", fontsize=6, weight="normal", color=MUTED)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(axis="both", length=0, labelbottom=False, pad=12)


def _ticks(axes: Axes, last: float) -> list[int]:
    ticks = axes.xaxis.get_major_locator().tick_values(0, last)
    return [int(tick) for tick in ticks if 0 <= tick <= last and float(tick).is_integer()]


def _reached(curve: _Curve, turn: int) -> str:
    """Return how many reached a turn; at 0, how many there were."""
    return f"{curve.at_risk.get(max(turn, 1), 0):,.6g}"


def _last(curves: list[_Curve]) -> float:
    return float(max((curve.turns[-1] for curve in curves), default=1.0))


def _notes(curves: list[_Curve], frame: pd.DataFrame, *, apart: bool) -> list[str]:
    levels = set(frame["level"].dropna()) if "level" in frame else set()
    known = any(np.isfinite(curve.low[1:]).any() for curve in curves)
    told = []
    if apart:
        told.append("By turn; below each turn, the conversations that reached it. Grey: the other classes.")
    if known:
        told.append(
            f"Bands are {levels.pop():.0%} intervals." if len(levels) == 1 else "Bands are intervals."
        )
    if any(np.isnan(curve.low).any() for curve in curves):
        told.append("No band: no interval.")
    if any(curve.censored for curve in curves):
        told.append("Ticks: conversations that ended without an exit, at the cap or because we ended them.")
    return told if curves else ["Nothing to show."]


def _described(curves: list[_Curve]) -> str:
    parts = []
    for curve in curves:
        lead = f"{curve.label}: " if curve.name else ""
        end, low, high = curve.staying[-1], curve.low[-1], curve.high[-1]
        if np.isnan(end):
            parts.append(f"{lead}not estimated")
            continue
        said = f" ({low:.0%} to {high:.0%})" if np.isfinite(low) and np.isfinite(high) else " (no interval)"
        parts.append(f"{lead}{end:.0%}{said} after turn {curve.turns[-1]:g}")
    return f"Share of conversations still going on, by turn. {'; '.join(parts) or 'Nothing to show'}."
