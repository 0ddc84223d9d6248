"""A table of trials that could be left: what counts as an exit, and how long each trial went.

The exit is read from `outcome` (or a column of 0 and 1), the time from `turn` where the model left and from
`turns` where it did not. What we ended ourselves is censored there: it is known to have stayed that long,
and of what would have come then nothing is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from bartleby.analysis.exits.survival import Stays
from bartleby.analysis.tables.counts import Frame, as_frame, column_names, count_rows
from bartleby.analysis.tables.labels import natural_order
from bartleby.analysis.tables.outcomes import EventTable, Refusals, read_events
from bartleby.errors import DataError, SettingError
from bartleby.outcome import Outcome

__all__ = ["EXIT", "ExitTable", "column_values", "exclude", "exit_outcome", "keep_values", "read_exits"]

EXIT = str(Outcome.OPTED_OUT)
_FLAGS = ("exited", "stopped", "left", "bailed")
"""Columns of 0 and 1 that are taken for the exit where a table has no `outcome`."""
_UNREAD = ("truncated", "unparsed")


@dataclass(frozen=True)
class ExitTable:
    """Trials, counted, with their exits and times.

    Parameters
    ----------
    events
        The trials as `read_events` reads them; its cells have also `_time` (NaN if no turn was had).
    outcome
        What was taken for the exit: an outcome word, or a column.
    timed
        Whether the table says how long trials went.
    warnings
        What a reader must know.
    """

    events: EventTable = field(repr=False)
    outcome: str | tuple[str, ...]
    timed: bool
    warnings: tuple[str, ...] = ()

    def stays(self, part: pd.DataFrame, cluster: str | None) -> Stays | None:
        """Return how long the trials of some of the cells went; None if no turn was had."""
        had = part[part["_time"] >= 1]
        if not self.timed or had.empty:
            return None
        codes = None if cluster is None else pd.factorize(had[cluster])[0].astype(np.int64)
        return Stays(
            had["_time"].to_numpy(dtype=np.int64),
            (had["_event"] == 1).to_numpy(),
            had["count"].to_numpy(dtype=float),
            codes,
        )

    def extremes(self, part: pd.DataFrame, cluster: str | None, last: int) -> tuple[Stays, Stays]:
        """Return how long trials went had those with no known end left at once, or stayed to the last turn.

        Parameters
        ----------
        part, cluster
            As in `stays`.
        last
            The last turn; who was seen that long is known to have stayed so long either way.
        """
        seen = part["_time"].fillna(0.0)
        missing = part["_event"].isna() & (seen < last)
        left, stayed = part.copy(), part.copy()
        left.loc[missing, "_time"], left.loc[missing, "_event"] = seen[missing] + 1, 1.0
        stayed.loc[missing, "_time"] = float(last)
        worst = [self.stays(each, cluster) for each in (left, stayed)]
        return worst[0], worst[1]  # type: ignore[return-value]  # some trial had a turn


def exclude(table: EventTable, rows: pd.Series[bool], status: str) -> EventTable:
    """Return a table of events in which some rows say nothing of the event, under a status of their own.

    Rows of which the event was not known before keep their status.
    """
    cells = table.cells.copy()
    lost = rows & cells["_event"].notna()
    if not lost.any():
        return table
    cells.loc[lost, "_status"] = status
    cells.loc[lost, "_event"] = np.nan
    return replace(table, cells=cells, counted_as={**table.counted_as, status: "excluded"})


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


def column_values(frame: Frame, column: str) -> list[Any]:
    """Return the values of a column that are not empty, each once and in order."""
    return natural_order(count_rows(frame, [column])[column].dropna().unique())


def keep_values(frame: Frame, column: str, values: Sequence[object]) -> Frame:
    """Return the rows in which a column has one of some values; these are compared as text."""
    wanted = {str(value) for value in values}
    return frame.filter(nw.col(column).is_in([v for v in column_values(frame, column) if str(v) in wanted]))


def read_exits(
    trials: object,
    outcome: str | Sequence[str] | None,
    *,
    keys: Sequence[str],
    may_be_empty: Sequence[str] = (),
    times: tuple[str, str] = ("turn", "turns"),
    refusals: Refusals = "counted",
) -> ExitTable:
    """Count trials by some columns, by whether they ended in an exit, and by how long they went.

    Parameters
    ----------
    trials, outcome, keys, may_be_empty, refusals
        As in `read_events`; `outcome` None takes `opted_out`, or a column named after exits.
    times
        The columns that say at which turn the model left, and how many turns were had.

    Raises
    ------
    DataError
        All that is wrong with the table.
    SettingError
        There is nothing that says whether the model left.
    """
    frame = as_frame(trials)
    names = column_names(frame)
    asked = exit_outcome(frame, outcome)
    there = [name for name in times if name in names]
    every = list(dict.fromkeys([*keys, *there]))
    events = read_events(frame, asked, keys=every, may_be_empty=[*may_be_empty, *there], refusals=refusals)
    timed = bool(there) and not events.cells[there].isna().all(axis=None)
    if not timed:
        which = " nor ".join(map(repr, times))
        told = (f"no column {which} says how long trials went, so there is only the rate",)
        return ExitTable(_with_times(events, np.full(len(events.cells), np.nan)), asked, False, told)
    if len(there) < len(times):
        missing = next(name for name in times if name not in names)
        raise DataError(
            f"column {missing!r} is missing: the time of a trial is {times[0]!r} where the model left and "
            f"{times[1]!r} where it did not; columns here: {', '.join(names)}"
        )
    cells = events.cells
    problems = _time_problems(cells, times)
    if problems:
        raise DataError(problems)
    left = cells["_event"] == 1
    turn, turns = (pd.to_numeric(cells[name]).astype(float) for name in times)
    return ExitTable(_with_times(events, np.where(left, turn, turns)), asked, True, _told(cells, turns))


def _with_times(events: EventTable, time: np.ndarray[Any, np.dtype[np.float64]]) -> EventTable:
    cells = events.cells.assign(_time=time)
    return EventTable(cells, events.event, events.counted_as, events.warnings)


def _time_problems(cells: pd.DataFrame, times: tuple[str, str]) -> list[str]:
    """Return all that is wrong with the times, one line for each kind of it."""
    turn, turns = times
    problems = []
    number = {name: pd.to_numeric(cells[name], errors="coerce").astype(float) for name in times}
    for name, values in number.items():
        bad = cells[name].notna() & (values.isna() | (values != np.floor(values)) | (values < 0))
        if bad.any():
            shown = ", ".join(map(repr, cells.loc[bad, name].unique()[:3]))
            problems.append(f"column {name!r}: {shown}: must be a whole number of turns, or empty")
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


def _told(cells: pd.DataFrame, turns: pd.Series[Any]) -> tuple[str, ...]:
    """Return what must be known of trials whose time says less than it seems to."""
    told = []
    ended = cells["_event"].isna()
    never = float(cells.loc[ended & ~(turns >= 1), "count"].sum())
    total = float(cells["count"].sum())
    if never:
        told.append(f"{never:g} of {total:g} trials ended before a turn was had: they say nothing of staying")
    unread = float(cells.loc[cells["_status"].isin(_UNREAD) & (turns >= 1), "count"].sum())
    if unread >= 0.05 * total:
        told.append(
            f"{unread:g} of {total:g} trials ended in a reply that could not be read; they are censored "
            "after it, so at that turn they count as not having left"
        )
    return tuple(told)
