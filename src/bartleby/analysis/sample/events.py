"""Which trials count as the event, which as its absence, and which say nothing.

A rate is only as good as its denominator. A trial that we abandoned is not a trial in which the model
stayed; here what is missing is excluded, counted and bounded, and never becomes a "no" in silence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import narwhals as nw
import numpy as np
import pandas as pd

from bartleby.analysis.tables.checks import (
    confounded_models,
    other_models,
    partly_confounded,
    refuse_repeats,
    unused_outcomes,
)
from bartleby.analysis.tables.counts import (
    Frame,
    as_frame,
    column_names,
    count_rows,
    distinct_rows,
    first_row,
)
from bartleby.analysis.tables.grouping import ITEM_PAIR, as_names
from bartleby.errors import DataError, SettingError
from bartleby.outcome import MISSING, Outcome

__all__ = [
    "MUCH_MISSING",
    "EventTable",
    "Refusals",
    "missing_warnings",
    "read_events",
]

Refusals: TypeAlias = Literal["counted", "left_out", "as_event"]

MUCH_MISSING = 0.05
"""The share of missing trials from which a warning is given."""
_WORDS = tuple(str(outcome) for outcome in Outcome)
_MISSING_WORDS = tuple(str(outcome) for outcome in Outcome if outcome in MISSING)


@dataclass(frozen=True)
class EventTable:
    """Trials, counted, with the event read.

    Parameters
    ----------
    cells
        One row a combination of the key columns and of how the trial ended: `_event` is 1, 0 or NaN
        (missing), `_status` its name in the accounting, `count` the trials.
    event
        The event in words.
    counted_as
        What each status was taken for.
    warnings
        What a reader must know about how the outcome was read.
    numeric
        Whether `_event` holds numbers other than 0 and 1: values to take means of.
    """

    cells: pd.DataFrame = field(repr=False)
    event: str
    counted_as: dict[str, str]
    warnings: tuple[str, ...] = ()
    numeric: bool = False


def read_events(
    trials: object,
    outcome: str | Sequence[str],
    *,
    keys: Sequence[str] = (),
    may_be_empty: Sequence[str] = (),
    refusals: Refusals = "counted",
    numbers: bool = False,
) -> EventTable:
    """Count trials by some columns and by whether the event happened.

    Parameters
    ----------
    trials
        Any frame that narwhals reads.
    outcome
        One or several of Bartleby's outcome words, or a column of 0 and 1. With a column, trials that
        a column `outcome`, or a column of 0 and 1 named `abandoned`, `error`, `truncated` or `unparsed`, says
        are missing are excluded unless the event was seen.
    keys
        Columns to keep apart (`ITEM_PAIR` for pairs).
    may_be_empty
        Those of the keys in which a missing value is allowed.
    refusals
        Whether trials that ended with `refused` count as trials without the event, are excluded,
        or count as the event. For outcome words.
    numbers
        Whether a column may hold other numbers than 0 and 1: it is then `numeric`, and a trial is missing
        where the number is, or where another column says that the trial is.

    Raises
    ------
    DataError
        All that is wrong with the table.
    SettingError
        The outcome is neither a word nor a column.
    """
    frame = as_frame(trials)
    names = column_names(frame)
    refuse_repeats(frame)
    words = as_names(outcome)
    by_words = "outcome" in names and all(word in _WORDS for word in words)
    if not by_words and (len(words) != 1 or words[0] not in names):
        raise SettingError(
            f"outcome={outcome!r}: must be outcome words ({', '.join(_WORDS)}) of a column 'outcome', or one "
            f"column of 0 and 1; columns here: {', '.join(names)}"
        )
    flags = [] if by_words else [name for name in _MISSING_WORDS if name in names and name != words[0]]
    status = ["outcome"] if by_words else [words[0], *(["outcome"] if "outcome" in names else []), *flags]
    cells = _counted(frame, names, keys, status)
    notes = unused_outcomes(frame, [*keys, *status, *words])
    if "outcome" in status and (cells["outcome"] == Outcome.OTHER_MODEL).any():
        notes += other_models(frame)
    notes += [*confounded_models(frame), *partly_confounded(frame)] if "model" in keys else []
    _check_keys(cells, [key for key in keys if key not in may_be_empty])
    if by_words:
        both = tuple(
            f"{word!r} is read from the column 'outcome'; a column {word!r} is there too and is not used: "
            "rename it to ask about it"
            for word in words
            if word in names
        )
        _check_words(frame, cells)
        return replace(_from_words(cells, words, refusals), warnings=(*both, *notes))
    return replace(_from_column(cells, words[0], flags, numbers=numbers), warnings=tuple(notes))


def _counted(frame: Frame, names: Sequence[str], keys: Sequence[str], status: Sequence[str]) -> pd.DataFrame:
    pair = ITEM_PAIR in keys
    wanted = [key for key in keys if key != ITEM_PAIR] + (["first", "second"] if pair else [])
    columns = list(dict.fromkeys([*wanted, *status]))
    missing = [
        f"no column {name!r}; columns here: {', '.join(names)}" for name in columns if name not in names
    ]
    if missing:
        raise DataError(missing)
    weight = "count" if "count" in names else None
    if weight is not None:
        _check_counts(frame)
    cells = count_rows(frame, columns, weight)
    cells = cells[cells["count"] > 0].reset_index(drop=True)
    if cells.empty:
        raise DataError("trials: the table has no rows, so there is nothing to estimate")
    if pair:
        names_of = zip(cells["first"].astype(str), cells["second"].astype(str), strict=True)
        cells[ITEM_PAIR] = [" | ".join(sorted(pair)) for pair in names_of]
    return cells


def _check_counts(frame: Frame) -> None:
    dtype = frame.collect_schema()["count"]
    if not dtype.is_numeric():
        raise DataError(f"column 'count': must be numbers of trials, 0 or more, and holds {dtype}")
    column = nw.col("count")
    wrong = column.is_null() | (column < 0) | (~column.is_null() & (column - column != 0))
    values = distinct_rows(frame.select("count").filter(wrong), ["count"])["count"].head(3)
    if len(values):
        listed = ", ".join("empty" if pd.isna(value) else f"{value:g}" for value in values)
        raise DataError(
            f"{_place(frame, wrong)}column 'count': {listed}: must be a number of trials, 0 or more"
        )


def _place(frame: Frame, wrong: nw.Expr) -> str:
    row = first_row(frame, wrong)
    return "" if row is None else f"row {row}, "


def _check_keys(cells: pd.DataFrame, keys: Sequence[str]) -> None:
    problems = [
        f"column {key!r}: empty in {cells.loc[cells[key].isna(), 'count'].sum():g} rows, where it is needed"
        for key in keys
        if cells[key].isna().any()
    ]
    if problems:
        raise DataError(problems)


def _check_words(frame: Frame, cells: pd.DataFrame) -> None:
    unknown = [value for value in cells["outcome"].unique() if not pd.isna(value) and value not in _WORDS]
    wrong = [(repr(value), nw.col("outcome") == value) for value in unknown]
    if cells["outcome"].isna().any():
        wrong.append(("empty", nw.col("outcome").is_null()))
    allowed = ", ".join(_WORDS)
    if wrong:
        raise DataError(
            [
                f"{_place(frame, index)}column 'outcome': {listed}: must be one of {allowed}"
                for listed, index in wrong
            ]
        )


def _from_words(cells: pd.DataFrame, words: Sequence[str], refusals: Refusals) -> EventTable:
    event = " or ".join(words)
    value: dict[str, float] = {word: 1.0 if word in words else 0.0 for word in _WORDS}
    value |= {word: np.nan for word in _MISSING_WORDS if word not in words}
    if "refused" not in words and refusals != "counted":
        value["refused"] = np.nan if refusals == "left_out" else 1.0
    meaning = {1.0: f"counted as {event}", 0.0: f"counted as not {event}"}
    counted_as = {word: meaning.get(number, "left out: missing") for word, number in value.items()}
    if np.isnan(value["refused"]):
        counted_as["refused"] = "left out, as asked"
    done = cells.assign(
        _event=cells["outcome"].map(value).astype(float), _status=cells["outcome"].astype(str)
    )
    return EventTable(done, event, counted_as)


def _from_column(cells: pd.DataFrame, name: str, flags: Sequence[str], *, numbers: bool) -> EventTable:
    problems, allowed = [], {name: "a finite number or empty"} if numbers else {}
    for column in (name, *flags):
        values = [value for value in cells[column].unique() if not pd.isna(value)]
        fits = _is_number if column in allowed else (0, 1).__contains__
        not_allowed = [value for value in values if not fits(value)]
        if not_allowed:
            must = allowed.get(column, "0, 1 or empty")
            problems.append(f"column {column!r}: {', '.join(map(repr, not_allowed[:5]))}: must be {must}")
    if problems:
        raise DataError(problems)
    event = pd.to_numeric(cells[name]).astype(float)
    numeric = not set(event.dropna()) <= {0.0, 1.0}
    # An event that was seen was seen, however the trial ended; of a number that is not so certain.
    certain = (event == 1) & (not numeric)
    status = pd.Series(np.where((event == 1) | numeric, name, f"not {name}"), index=cells.index, dtype=object)
    status[event.isna()] = "empty"
    if "outcome" in cells:
        ended = cells["outcome"].isin(_MISSING_WORDS) & ~certain
        status[ended] = cells.loc[ended, "outcome"].astype(str)
    for flag in flags:
        status[(pd.to_numeric(cells[flag]) == 1) & ~certain] = flag
    event[~status.isin([name, f"not {name}"])] = np.nan
    counted_as = {name: "used" if numeric else f"counted as {name}", f"not {name}": f"counted as not {name}"}
    counted_as |= dict.fromkeys((*_MISSING_WORDS, "empty"), "left out: missing")
    return EventTable(cells.assign(_event=event, _status=status), name, counted_as, numeric=numeric)


def _is_number(value: object) -> bool:
    try:
        return math.isfinite(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def missing_warnings(table: EventTable, groups: Sequence[str], most: int = 8) -> list[str]:
    """Return the table's warnings, and one for each group in which much is missing, the worst first."""
    cells = table.cells.assign(_missing=table.cells["count"].where(table.cells["_event"].isna(), 0.0))
    parts = list(cells.groupby(list(groups), dropna=False)) if groups else [((), cells)]
    notes = []
    for key, part in parts:
        total, lost = part["count"].sum(), part["_missing"].sum()
        if lost < MUCH_MISSING * total or not lost:
            continue
        kinds = part[part["_missing"] > 0].groupby("_status")["count"].sum()
        reasons = ", ".join(f"{count:g} {status}" for status, count in kinds.items())
        where = ", ".join(f"{name}={value}" for name, value in zip(groups, key, strict=True))
        not_none = "" if table.numeric else f"; they are not counted as not {table.event}"
        text = (
            f"{where + ': ' if where else ''}{lost / total:.0%} of {total:g} trials are missing ({reasons}) "
            f"and left out{not_none}: see bound_low and bound_high"
        )
        notes.append((lost / total, text))
    notes.sort(key=lambda pair: -pair[0])
    more = [f"{len(notes) - most} further groups have 5% or more missing"] if len(notes) > most else []
    return [*table.warnings, *(text for _, text in notes[:most]), *more]
