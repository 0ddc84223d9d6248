"""A table of trials that could be left: what counts as an exit, and how long each trial went.

The exit is read from `outcome` (or a column of 0 and 1), the time from `turn` where the model left and from
`turns` where it did not. What we ended ourselves is censored there: it is known to have stayed that long,
and of what would have come then nothing is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bartleby.analysis.exits.survival import Stays
from bartleby.analysis.sample.columns import Column
from bartleby.analysis.sample.sample import Sample, read_sample
from bartleby.analysis.tables.counts import Frame, as_frame, column_names
from bartleby.analysis.tables.grouping import Estimand
from bartleby.errors import DataError, SettingError
from bartleby.outcome import Outcome

__all__ = ["EXIT", "exit_outcome", "extremes", "read_exits", "stays"]

EXIT = str(Outcome.OPTED_OUT)
_FLAGS = ("exited", "stopped", "left", "bailed")
"""Columns of 0 and 1 that are taken for the exit where a table has no `outcome`."""
_UNREAD = ("truncated", "unparsed")


def exit_outcome(frame: Frame, outcome: str | Sequence[str] | None) -> str | tuple[str, ...]:
    """Return what is taken for the exit: what was asked for, `opted_out`, or a column named after it.

    Raises
    ------
    SettingError
        Nothing was asked for and nothing found.
    """
    if outcome is not None:
        return outcome if isinstance(outcome, str) else tuple(outcome)
    names = column_names(frame)
    if "outcome" in names:
        return EXIT
    found = [name for name in _FLAGS if name in names]
    if found:
        return found[0]
    raise SettingError(
        f"outcome: no column 'outcome', nor one of {', '.join(map(repr, _FLAGS))}; name the column of 0 and "
        f"1 that says whether the model left; columns here: {', '.join(names)}"
    )


def read_exits(
    trials: object,
    outcome: str | Sequence[str] | None,
    *columns: Column,
    times: tuple[str, str],
    by: str | Sequence[str] | None,
    cluster: str | bool | None,
    level: float,
    estimand: Estimand,
) -> Sample:
    """Read trials with whether they ended in an exit, and how long they went.

    Parameters
    ----------
    trials, columns, by, cluster, level, estimand
        As in `read_sample`.
    outcome
        What counts as an exit; None takes `opted_out`, or a column named after exits.
    times
        The columns that say at which turn the model left, and how many turns were had.

    Returns
    -------
    Sample
        With `_time`: the turns that were had, NaN where none was and where the table has no times.

    Raises
    ------
    DataError
        All that is wrong with the table.
    SettingError
        There is nothing that says whether the model left.
    """
    frame = as_frame(trials)
    names = column_names(frame)
    clocks = [Column(name, name, empty="keep", optional=True) for name in times]
    sample = read_sample(
        frame,
        exit_outcome(frame, outcome),
        *columns,
        *clocks,
        by=by,
        cluster=cluster,
        level=level,
        estimand=estimand,
    )
    cells = sample.cells
    there = [name for name in times if name in names]
    if not there or cells[there].isna().all(axis=None):
        which = " nor ".join(map(repr, times))
        return sample.having(_time=np.nan).warning(
            f"no column {which} says how long trials went, so there is only the rate"
        )
    if len(there) < len(times):
        missing = next(name for name in times if name not in names)
        raise DataError(
            f"column {missing!r} is missing: the time of a trial is {times[0]!r} where the model left and "
            f"{times[1]!r} where it did not; columns here: {', '.join(names)}"
        )
    problems = _time_problems(cells, times)
    if problems:
        raise DataError(problems)
    turn, turns = (pd.to_numeric(cells[name]).astype(float) for name in times)
    timed = sample.having(_time=np.where(sample.happened, turn, turns))
    return timed.warning(*_unseen(cells, turns))


def stays(part: Sample) -> Stays | None:
    """Return how long trials went; None if no turn was had."""
    had = part.where(part["_time"] >= 1)
    if had.cells.empty:
        return None
    cluster = had.clusters.first.column
    codes = None if cluster is None else pd.factorize(had.cells[cluster])[0].astype(np.int64)
    return Stays(
        had["_time"].to_numpy(dtype=np.int64),
        had.happened.to_numpy(),
        had.cells["count"].to_numpy(dtype=float),
        codes,
    )


def extremes(part: Sample, last: int) -> tuple[Stays, Stays]:
    """Return how long trials went had those with no known end left at once, or stayed to the last turn.

    Parameters
    ----------
    part
        Some of which had a turn.
    last
        The last turn; who was seen that long is known to have stayed so long either way.
    """
    seen = part["_time"].fillna(0.0)
    missing = part.cells["_event"].isna() & (seen < last)
    left = part.having(
        _time=part["_time"].mask(missing, seen + 1), _event=part.cells["_event"].mask(missing, 1.0)
    )
    stayed = part.having(_time=part["_time"].mask(missing, float(last)))
    worst = [stays(one) for one in (left, stayed)]
    return worst[0], worst[1]  # type: ignore[return-value]  # some trial had a turn


def _time_problems(cells: pd.DataFrame, times: tuple[str, str]) -> list[str]:
    """Return all that is wrong with the times, one line for each kind of it."""
    turn, turns = times
    problems = []
    number = {name: pd.to_numeric(cells[name], errors="coerce").astype(float) for name in times}
    for name, values in number.items():
        bad = cells[name].notna() & (values.isna() | (values != np.floor(values)) | (values < 0))
        if bad.any():
            listed = ", ".join(map(repr, cells.loc[bad, name].unique()[:3]))
            problems.append(f"column {name!r}: {listed}: must be a whole number of turns, or empty")
    left, count = cells["_event"] == 1, cells["count"]
    checks = (
        (left & cells[turn].isna(), f"column {turn!r}: empty in {{}} that ended in an exit"),
        (left & (number[turn] < 1), f"column {turn!r}: below 1 in {{}}: turns count from 1"),
        (left & (number[turn] > number[turns]), f"column {turn!r}: above {turns!r} in {{}} that left"),
        (
            (cells["_event"] == 0) & cells[turns].isna(),
            f"column {turns!r}: empty in {{}} without an exit; it is the number of turns that were had",
        ),
        (
            (cells["_event"] == 0) & (number[turns] < 1),
            f"column {turns!r}: below 1 in {{}} that say the model stayed",
        ),
    )
    problems += [text.format(f"{count[wrong].sum():g} trials") for wrong, text in checks if wrong.any()]
    return problems


def _unseen(cells: pd.DataFrame, turns: pd.Series[Any]) -> tuple[str, ...]:
    """Return what must be known of trials whose time says less than it seems to."""
    notes = []
    ended = cells["_event"].isna()
    never = float(cells.loc[ended & ~(turns >= 1), "count"].sum())
    total = float(cells["count"].sum())
    if never:
        notes.append(
            f"{never:g} of {total:g} trials ended before a turn was had: they say nothing of staying"
        )
    unread = float(cells.loc[cells["_status"].isin(_UNREAD) & (turns >= 1), "count"].sum())
    if unread >= 0.05 * total:
        notes.append(
            f"{unread:g} of {total:g} trials ended in a reply that could not be read; they are censored "
            "after it, so at that turn they count as not having left"
        )
    return tuple(notes)
