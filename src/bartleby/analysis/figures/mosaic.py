"""Declining in words and leaving, measured on the same trials: a mosaic whose areas are trials.

The width of a column is how often the model declined or did not, the height of its dark part how often it
then left. The dashed line is how often it left over all: if declining and leaving had nothing to do with each
other, both columns would end there. Multiplying two marginal rates assumes just that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from bartleby.analysis.figures.forest import require_columns
from bartleby.analysis.figures.labels import Labels, named, set_title, words
from bartleby.analysis.figures.panels import write_notes
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
from bartleby.analysis.figures.table_rows import choose_models, model_remarks
from bartleby.analysis.tables.labels import natural_order
from bartleby.errors import DataError, SettingError

__all__ = ["Mosaic", "mosaics", "plot_refusal_by_exit"]

LEFT, STAYED = "#56789A", "#FFFFFF"
SMALL = 0.055
"""Share of a side below which a tile has no room for its own count."""


@dataclass(frozen=True)
class Mosaic:
    """Trials by whether the model declined in words, and whether it left.

    Parameters
    ----------
    name
        Of the panel.
    counts
        `counts[declined][left]`, each 0 or 1.
    """

    name: str
    counts: tuple[tuple[float, float], tuple[float, float]]

    @property
    def total(self) -> float:
        """All trials."""
        return sum(map(sum, self.counts))


@redrawable
def plot_refusal_by_exit(
    cells: pd.DataFrame,
    *,
    by: Sequence[str] = (),
    association: Mapping[str, str] | None = None,
    width: Width | None = None,
    ax: Axes | None = None,
    models: Sequence[str] | None = None,
    labels: Labels = None,
) -> Picture:
    """Draw declining by leaving as mosaics, one for each value of `by`.

    Parameters
    ----------
    cells
        Trials or counts of them: `refused` and `exited` (true or false), `count` where rows stand for
        several trials, and the columns of `by`. Rows where either is missing are not drawn, and counted.
    by
        Columns, such as `exit_channel`.
    association
        What is written below each panel, by its name (the values of `by`, joined by commas).
    ax
        Axes to draw into, where there is one panel.

    Raises
    ------
    DataError
        If a column is missing, or holds what is neither true nor false.
    SettingError
        If `width` is not allowed.
    """
    cells = choose_models(cells, models)
    panels, missing = mosaics(cells, by)
    text = "Areas are trials. Hatched: left. Dashed: left over all."
    text += f" {missing:,.6g} trials in which either is unknown are not drawn." if missing else ""
    text = " ".join([text, *([] if "model" in by else model_remarks(cells, labels))])

    def draw(axes: Axes, panel: Mosaic, wide: float, *, first: bool) -> None:
        set_title(axes, _capital(named(panel.name, labels)), wide)
        _draw(axes, panel, (association or {}).get(panel.name, ""), first=first)

    with style():
        if ax is not None:
            width_of(width, ax)
            if len(panels) > 1:
                raise SettingError(
                    f"ax: there are {len(panels)} panels, and axes have room for one; omit `by`"
                )
            for panel in panels:
                draw(ax, panel, width_of(None, ax), first=True)
            return described(ax, _described(panels), text)
        wide = inches(width or "two")
        across = max(1, min(len(panels), int(wide / 1.75)))
        down = math.ceil(len(panels) / across) if panels else 1
        picture = new_picture(wide, 2.05 * down + 0.35)
        grid = picture.subplots(down, across, squeeze=False)
        for place, axes in enumerate(grid.flat):
            if place < len(panels):
                draw(axes, panels[place], wide / across - 0.35, first=place % across == 0)
            else:
                axes.set_visible(False)
        write_notes(picture, text)
    return described(grid[0, 0], _described(panels), text, picture)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def mosaics(cells: pd.DataFrame, by: Sequence[str] = ()) -> tuple[list[Mosaic], float]:
    """Return the counts of each panel, and the trials in which either answer is missing."""
    require_columns(cells, "table of declining and leaving", ("refused", "exited", *by))
    frame = cells.reset_index(drop=True)
    weights = frame["count"].astype(float) if "count" in frame else pd.Series(1.0, index=frame.index)
    flags = {name: _flag(frame[name], name) for name in ("refused", "exited")}
    known = flags["refused"].notna() & flags["exited"].notna()
    keys = frame[list(by)].astype(str).agg(", ".join, axis=1) if by else pd.Series("", index=frame.index)
    panels = []
    for key in natural_order(keys.unique()):
        here = known & (keys == key)
        declined, left = (flags[name][here].astype(int) for name in ("refused", "exited"))
        at = weights[here].groupby([declined, left]).sum().to_dict()
        counts = tuple(tuple(float(at.get((i, j), 0.0)) for j in (0, 1)) for i in (0, 1))
        panels.append(Mosaic(key, counts))  # type: ignore[arg-type]
    return panels, float(weights[~known].sum())


def _flag(values: pd.Series, name: str) -> pd.Series:
    odd = [value for value in values.dropna().unique() if value not in (0, 1)]
    if odd:
        raise DataError(f"column {name!r}: {', '.join(map(repr, odd[:5]))}: must be true, false or empty")
    return values


def _draw(axes: Axes, panel: Mosaic, said: str, *, first: bool) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.5, 1], ["0%", "50%", "100%"] if first else ["", "", ""])
    axes.set_ylabel("Left" if first else "")
    axes.spines[["top", "right"]].set_visible(True)
    if not panel.total:
        axes.text(0.5, 0.5, "no trials", ha="center", va="center", color=MUTED)
        axes.set_xticks([])
        return
    start = 0.0
    for row in panel.counts:
        wide = sum(row) / panel.total
        if wide:
            _tiles(axes, start, wide, row)
        start += wide
    overall = sum(row[1] for row in panel.counts) / panel.total
    axes.plot([0, 1], [overall, overall], color=INK, linestyle=(0, (3, 2)), linewidth=0.8, zorder=4)
    # At the edges, and not below the middle of their columns, where those of a narrow one would overlap.
    names = zip(("not declined", "declined"), panel.counts, strict=True)
    axes.set_xticks([0, 1], [f"{name}\n{sum(row):,.6g}" for name, row in names])
    axes.get_xticklabels()[0].set_horizontalalignment("left")
    axes.get_xticklabels()[1].set_horizontalalignment("right")
    axes.tick_params(axis="x", length=0, labelsize=5.8)
    axes.set_xlabel(said, fontsize=5.8, color=MUTED)


def _tiles(axes: Axes, start: float, wide: float, row: tuple[float, float]) -> None:
    share = row[1] / sum(row)
    parts = ((0.0, share, row[1], True), (share, 1 - share, row[0], False))
    for bottom, high, count, left in parts:
        if not high:
            continue
        axes.add_patch(
            Rectangle(
                (start, bottom), wide, high, facecolor="#C9D5E3" if left else STAYED, edgecolor=INK,
                hatch="////" if left else None, linewidth=0.6, zorder=2,
            )
        )  # fmt: skip
        if wide > 2 * SMALL and high > SMALL:
            axes.text(
                start + wide / 2, bottom + high / 2, f"{count:,.6g}", ha="center", va="center", fontsize=6,
                zorder=5, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85},
            )  # fmt: skip


def _described(panels: Sequence[Mosaic]) -> str:
    parts = []
    for panel in panels:
        (stay, left), (declined_stay, declined_left) = panel.counts
        lead = f"{words(panel.name)}: " if panel.name else ""
        parts.append(
            f"{lead}declined and left {declined_left:,.6g}, declined and stayed {declined_stay:,.6g}, left "
            f"without declining {left:,.6g}, neither {stay:,.6g}"
        )
    return f"Trials by declining in words and leaving. {'; '.join(parts) or 'Nothing to show'}."
