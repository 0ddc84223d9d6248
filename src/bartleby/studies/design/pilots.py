"""A pilot: a few trials of a design, spread evenly over its conditions and items."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from bartleby.studies.trial import Trial

__all__ = ["pilot_of"]

LOOKED_AT = 64
"""Trials of a cell among which the one is taken whose items were taken least."""

Cell = tuple[tuple[str, str], ...]


def pilot_of(trials: Sequence[Trial], limit: int) -> list[Trial]:
    """Return the first trials of a design when every level and every item has its turn.

    Parameters
    ----------
    trials
        All trials of the design, in its random order.
    limit
        How many are wanted. A larger pilot holds all of a smaller one.

    Returns
    -------
    list of Trial
        In the order of the design.
    """
    if limit >= len(trials):
        return list(trials)
    cells: dict[Cell, list[Trial]] = defaultdict(list)
    for trial in trials:
        cells[tuple(trial.conditions.items())].append(trial)
    for waiting in cells.values():
        waiting.reverse()  # the next one is at the end
    order = {cell: number for number, cell in enumerate(cells)}
    had, levels, items = Counter[Cell](), Counter[tuple[str, str]](), Counter[str]()
    chosen = set()
    for _ in range(limit):
        cell = min(cells, key=lambda one: (had[one], sum(levels[level] for level in one), order[one]))
        trial = _least_shown(cells[cell], items)
        chosen.add(trial.id)
        had[cell] += 1
        levels.update(cell)
        items.update(item.id for item in trial.items)
        if not cells[cell]:
            del cells[cell]
    return [trial for trial in trials if trial.id in chosen]


def _least_shown(waiting: list[Trial], items: Mapping[str, int]) -> Trial:
    """Take the trial whose items were shown least, among the next few."""
    first = max(0, len(waiting) - LOOKED_AT)
    places = range(len(waiting) - 1, first - 1, -1)
    best = min(places, key=lambda place: sum(items[item.id] for item in waiting[place].items))
    return waiting.pop(best)
