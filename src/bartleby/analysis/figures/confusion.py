"""Judge by people: how often each said what of the units that both have seen."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes

from bartleby.analysis.figures.forest import require_columns
from bartleby.analysis.figures.panels import write_notes
from bartleby.analysis.figures.style import (
    INK,
    Picture,
    Width,
    described,
    inches,
    new_picture,
    redrawable,
    style,
    width_of,
)
from bartleby.errors import DataError, SettingError

__all__ = ["confusion", "plot_confusion"]

SHADE = "#0072B2"


def confusion(
    units: pd.DataFrame, *, judge: str = "judge", label: str = "label", threshold: float = 0.5
) -> pd.DataFrame:
    """Return labelled units by what the judge and people say.

    Parameters
    ----------
    units
        From `units_table`: one row a unit.
    judge, label
        Columns: 0, 1 or a score; and 0, 1 or missing.
    threshold
        A score of this and above is a positive verdict.

    Returns
    -------
    DataFrame
        `label` and `judge` (`present`, `absent`), `units`, and `share` of the units that people labelled so.

    Raises
    ------
    DataError
        A column is missing, or no unit has both.
    SettingError
        A threshold outside 0 to 1.
    """
    if not 0 < threshold <= 1:
        raise SettingError(f"threshold={threshold!r}: must lie above 0 and not above 1")
    require_columns(units, "table of units", (judge, label))
    both = units[[judge, label]].dropna().astype(float)
    if both.empty:
        raise DataError("no unit has both a verdict of the judge and a label")
    wrong = both[~both[label].isin([0.0, 1.0])]
    if len(wrong):
        raise DataError(f"column {label!r}: {wrong[label].iloc[0]:g}; allowed: 0, 1 or empty")
    verdict = both[judge] >= threshold
    rows = []
    for said, value in (("present", 1.0), ("absent", 0.0)):
        mine = verdict[both[label] == value]
        for name, count in (("present", int(mine.sum())), ("absent", int((~mine).sum()))):
            share = count / len(mine) if len(mine) else float("nan")
            rows.append({"label": said, "judge": name, "units": count, "share": share})
    return pd.DataFrame(rows)


@redrawable
def plot_confusion(
    units: pd.DataFrame,
    *,
    judge: str = "judge",
    label: str = "label",
    threshold: float = 0.5,
    width: Width | None = None,
    ax: Axes | None = None,
) -> Picture:
    """Draw the judge's verdicts of labelled units against people's labels.

    Parameters
    ----------
    units, judge, label, threshold
        As for `confusion`.

    Raises
    ------
    DataError, SettingError
        As `confusion`, or if `width` is not allowed.
    """
    table = confusion(units, judge=judge, label=label, threshold=threshold)
    rows = table.to_dict("records")
    said = [f"people {row['label']}, judge {row['judge']} {row['units']:,}" for row in rows]
    description = f"Labelled units by judge and people: {'; '.join(said)}."
    text = "Shares are of each row: sensitivity top left, specificity bottom right."
    with style():
        if ax is not None:
            width_of(width, ax)
            _draw(ax, table)
            return described(ax, description, text)
        wide = inches(width or "one")
        picture = new_picture(wide, min(0.8 * wide, 2.6))
        _draw(picture.subplots(), table)
        write_notes(picture, text)
    return described(picture.axes[0], description, text, picture)


def _draw(axes: Axes, table: pd.DataFrame) -> None:
    for at, row in enumerate(table.to_dict("records")):
        _draw_cell(axes, (at % 2, at // 2), int(row["units"]), float(row["share"]))
    axes.set_xlim(-0.5, 1.5)
    axes.set_ylim(1.5, -0.5)
    axes.set_xticks([0, 1], ["judge: present", "judge: absent"])
    sums = table.groupby("label", sort=False)["units"].sum()
    axes.set_yticks([0, 1], [f"people: {name}\nn = {count:,}" for name, count in sums.items()])
    axes.tick_params(length=0)
    axes.xaxis.tick_top()
    axes.spines[:].set_visible(False)


def _draw_cell(axes: Axes, place: tuple[int, int], count: int, share: float) -> None:
    x, y = place
    known = not math.isnan(share)
    axes.fill_between(
        [x - 0.48, x + 0.48],
        y - 0.48,
        y + 0.48,
        color=SHADE,
        alpha=0.08 + 0.62 * share if known else 0.0,
        linewidth=0,
    )
    dark = known and share > 0.7
    text = f"{count:,}\n{share:.0%}" if known else f"{count:,}\nno such unit"
    axes.text(x, y, text, ha="center", va="center", fontsize=8, color="white" if dark else INK)
