"""Where a main panel with many rows and its small panels go on a journal page."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from bartleby.analysis.figures.style import MUTED, ONE_COLUMN, PAGE_HEIGHT, Picture, new_picture

__all__ = ["Panel", "arrange", "write_notes"]

BESIDE = 24
"""Rows from which the small panels stand beside the main one rather than below it."""
OVERHEAD = 0.85
"""Inches that a panel needs for its title and axes."""


@dataclass(frozen=True)
class Panel:
    """A small panel: its title, how many rows it has, and what draws it."""

    title: str
    rows: int
    draw: Callable[[Axes], None]


def arrange(
    width: float, rows: int, panels: Sequence[Panel], *, legend: bool = False, text: str = ""
) -> tuple[Picture, Axes]:
    """Return a figure with its small panels drawn, and the axes of the main panel.

    With many rows and two columns the small panels stand in a column at the right; else below.

    Parameters
    ----------
    width
        Of the figure, in inches.
    rows
        Of the main panel. Rows come closer together as they grow more, until a page is full; beyond that
        the figure grows higher than a page rather than become unreadable.
    panels
        The small panels.
    legend
        Whether room for a legend is needed.
    text
        Notes on how to read the figure.
    """
    main = _main_height(rows) + (0.25 if legend else 0.0)
    if not panels:
        picture = new_picture(width, main + 0.2)
        return picture, _noted(picture, picture.add_subplot(), text)
    if width > 1.4 * ONE_COLUMN and rows >= BESIDE:
        return _beside(width, main, panels, text)
    return _below(width, main, panels, text)


def _beside(width: float, main: float, panels: Sequence[Panel], text: str) -> tuple[Picture, Axes]:
    heights = [_small_height(panel) for panel in panels]
    height = max(main, sum(heights) + 0.6)
    picture = new_picture(width, height)
    left, right = picture.subfigures(1, 2, squeeze=False, width_ratios=(0.66, 0.34))[0]
    axes = left.add_subplot()
    rest = max(height - sum(heights), 0.1)
    parts = right.subfigures(len(panels) + 1, 1, height_ratios=[*heights, rest], squeeze=False)[:, 0]
    for part, panel in zip(parts, panels, strict=False):
        _fill(part.add_subplot(), panel)
    lines = "\n".join(textwrap.wrap(text, max(int(13.5 * 0.34 * width), 20)))
    parts[-1].text(0.06, 0.97, lines, va="top", fontsize=6, color=MUTED)
    return picture, axes


def _below(width: float, main: float, panels: Sequence[Panel], text: str) -> tuple[Picture, Axes]:
    across = len(panels) if width > 1.4 * ONE_COLUMN else 1
    small = [_small_height(panel) for panel in panels]
    heights = [main, max(small)] if across > 1 else [main, *small]
    picture = new_picture(width, sum(heights) + 0.2)
    parts = picture.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    axes = parts[0].add_subplot()
    small_parts = parts[1].subfigures(1, across, squeeze=False)[0] if across > 1 else parts[1:]
    for part, panel in zip(small_parts, panels, strict=True):
        _fill(part.add_subplot(), panel)
    return picture, _noted(picture, axes, text)


def _fill(axes: Axes, panel: Panel) -> None:
    panel.draw(axes)
    said = axes.get_title(loc="left")
    if said:  # what a panel says of itself goes below it, so that its title stays short
        axes.set_xlabel("\n".join([axes.get_xlabel(), *textwrap.wrap(said, 34)]), fontsize=6)
    axes.set_title(panel.title, fontsize=7, weight="bold")


def _noted(picture: Picture, axes: Axes, text: str) -> Axes:
    write_notes(picture, text)
    return axes


def write_notes(picture: Picture, text: str) -> None:
    """Write how to read a figure below it, broken into lines that fit."""
    if text:
        lines = textwrap.wrap(text, max(int(19 * picture.get_figwidth()), 20))
        picture.supxlabel("\n".join(lines), fontsize=6, color=MUTED, x=0.01, ha="left")


def _main_height(rows: int) -> float:
    each = min(0.155, max((PAGE_HEIGHT - OVERHEAD) / max(rows, 1), 0.098))
    return OVERHEAD + each * max(rows, 3)


def _small_height(panel: Panel) -> float:
    return 0.75 + 0.15 * max(panel.rows, 2)
