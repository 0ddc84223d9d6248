"""Faults of a table of trials, whichever estimator reads it.

Trials that are there twice, outcomes that are not used, and models that were not asked alike.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from itertools import combinations
from typing import Any

import narwhals as nw
import pandas as pd

from bartleby.analysis.tables.counts import Frame, column_names, declared_categories, distinct_rows
from bartleby.analysis.tables.labels import is_label, label_text, natural_order
from bartleby.analysis.tables.stored import StoredTable
from bartleby.errors import DataError
from bartleby.outcome import Outcome

__all__ = [
    "READ_BY",
    "confounded_models",
    "other_models",
    "partly_confounded",
    "refuse_confounded",
    "refuse_repeats",
    "unused_outcomes",
]

_WITHIN = (
    "turn",
    "sample",
    "log",
    "code",
    "judge",
    "branch",
    "statement",
    "question",
    "condition",
    "arm",
    "position",
)
"""Columns that tell rows of one trial apart, besides those that name things."""
_SHOWN = 5
_LIKE_OUTCOMES = re.compile(
    r"(^|_)(abandoned|errors?|errored|truncated|unparsed|unparseable|timeout|timed_out|finish_reason|stop_reason"
    r"|refus\w*|safety_filtered|content_filter\w*)($|_)",
    re.IGNORECASE,
)
_BESIDE_OUTCOME = ("refused", "refusals", "refusals_before")
"""What a trial table of ours has beside `outcome`, which says what became of these trials."""
_NOTHING = {
    "",
    "0",
    "false",
    "no",
    "none",
    "null",
    "nan",
    "stop",
    "end_turn",
    "completed",
    "tool_use",
    "tool_calls",
}
"""Values of such columns that say nothing out of the ordinary, in lower case."""
READ_BY = ("codebook", "judge", "coder")
"""Columns of how an answer was read."""
_ASKED_BY = ("template", *READ_BY)
"""Columns of how a trial was asked or read: models that differ in them differ for that reason too."""


def refuse_repeats(frame: Frame) -> None:
    """Raise if a trial is there more than once: a table put together twice would count as twice the data.

    Parameters
    ----------
    frame
        From `as_frame`; without a column `trial` there is nothing to check. Rows of one trial that differ in
        what names them (the model, the item, the turn, the run) are different ones: the id of a trial is that
        of its text, which two models have in common, and elsewhere its number within an item.
    """
    names = column_names(frame)
    if "trial" not in names or not len(_twice(frame, ["trial"])):
        return
    twice = _twice(frame, [name for name in names if is_label(name) or name in _WITHIN])
    total = len(twice)
    if not total:
        return
    ids = ", ".join(repr(label_text(value)) for value in natural_order(twice)[:_SHOWN])
    more = f" and {total - _SHOWN} more" if total > _SHOWN else ""
    raise DataError(
        f"column 'trial': {ids}{more} in more than one row; a trial counts once. Drop the repeated rows; for "
        "several runs of the same trials, say which is which in a column 'run'"
    )


def _twice(frame: Frame, keys: Sequence[str]) -> pd.Series[Any]:
    """Return the ids of the trials of which several rows have the same keys."""
    if isinstance(frame, StoredTable):
        return frame.repeated(keys, "trial")
    native = frame.to_native()
    if isinstance(native, pd.DataFrame):
        again = native.duplicated([*keys]) & native["trial"].notna()
        return native.loc[again, "trial"].drop_duplicates()
    counted = frame.filter(~nw.col("trial").is_null()).group_by(*keys).agg(nw.len().alias("_bartleby_count"))
    repeated = counted.filter(nw.col("_bartleby_count") > 1).select("trial").unique()
    found: pd.DataFrame = (repeated.collect() if isinstance(repeated, nw.LazyFrame) else repeated).to_pandas()
    return found["trial"]


def unused_outcomes(frame: Frame, used: Collection[str]) -> list[str]:
    """Name columns that look like outcomes, say something, and were not used.

    Parameters
    ----------
    frame
        From `as_frame`.
    used
        Columns that were.
    """
    names = column_names(frame)
    known = {*used, *(_BESIDE_OUTCOME if "outcome" in used else [])}
    unused = [
        name
        for name in names
        if name not in known
        and _LIKE_OUTCOMES.search(name)
        and not _nothing(distinct_rows(frame, [name])[name])
    ]
    if not unused:
        return []
    return [
        f"columns that look like outcomes were not used: {', '.join(unused)}. Trials that ended in one of "
        "these ways count as any other; if they gave no answer, say so in the column 'outcome' (abandoned, "
        "error, truncated, unparsed, refused) or drop them"
    ]


def other_models(frame: Frame) -> list[str]:
    """Say in which rows another model than the one that was asked has answered.

    Parameters
    ----------
    frame
        From `as_frame`, with some rows whose outcome is `other_model`.
    """
    rows = frame.filter(nw.col("outcome") == str(Outcome.OTHER_MODEL))
    who: list[str] = []
    if "served" in column_names(frame):
        served = distinct_rows(rows, ["served"])["served"].dropna()
        who = sorted(str(label_text(name)) for name in served)
    named = f" ({', '.join(who[:_SHOWN])})" if who else ""
    return [
        f"some trials were answered by another model than the one that was asked{named}: their outcome is "
        "other_model, which is excluded and bounded as a missing one"
    ]


def _nothing(values: Iterable[object]) -> bool:
    return all(str(label_text(value)).lower() in _NOTHING for value in pd.Series(list(values)).dropna())


def confounded_models(frame: Frame, between: str = "model", columns: Sequence[str] = _ASKED_BY) -> list[str]:
    """Say where models have no template, codebook, judge or coder in common, one line a column.

    Parameters
    ----------
    frame
        From `as_frame`.
    between
        The column whose values are compared.
    columns
        Columns that say how trials were asked or read.
    """
    problems = []
    for name, values in _asked(frame, between, columns).items():
        apart = [(one, other) for one, other in combinations(values, 2) if not values[one] & values[other]]
        if apart:
            one, other = apart[0]
            more = f" (and {len(apart) - 1} more pairs)" if len(apart) > 1 else ""
            problems.append(
                f"{between} {one!r} and {other!r}{more} have no {name} in common, so a difference between "
                f"them is also one between {name}s: keep trials of the same {name}, or estimate each "
                f"{between} by itself"
            )
    return problems


def partly_confounded(
    frame: Frame, between: str = "model", columns: Sequence[str] = ("template", "codebook", "judge")
) -> list[str]:
    """Say where all models share a template, codebook or judge and some have others too, one line a column.

    Coders are not among these: that not all of them read everything is how coding is done.
    """
    notes = []
    for name, values in _asked(frame, between, columns).items():
        common, every = set.intersection(*values.values()), set.union(*values.values())
        if common and common != every:
            only = ", ".join(map(repr, natural_order(every - common)[:_SHOWN]))
            keep = ", ".join(map(repr, natural_order(common)[:_SHOWN]))
            notes.append(
                f"not every {between} has {name} {only}, so a difference between {between}s is partly one "
                f"between {name}s: to compare them, keep the trials of what all have ({name} {keep})"
            )
    return notes


def _asked(frame: Frame, between: str, columns: Sequence[str]) -> dict[str, dict[str, set[str]]]:
    """Return which values of each column every model has, where there are two models or more."""
    names = column_names(frame)
    values: dict[str, dict[str, set[str]]] = {}
    if between in names and len(declared_categories(frame, between) or "ab") < 2:
        return values  # the table of a log, of one model: nothing needs to be counted
    for name in (column for column in columns if {column, between} <= {*names} and column != between):
        pairs = distinct_rows(frame, [between, name]).dropna()
        # A column of numbers, such as a judge's scores, names nothing.
        pairs = pairs[[isinstance(value, str) for value in pairs[name]]]
        by_model = {str(model): set(part[name]) for model, part in pairs.groupby(between, observed=True)}
        values |= {name: by_model} if len(by_model) > 1 else {}
    return values


def refuse_confounded(frame: Frame, between: str, columns: Sequence[str] = _ASKED_BY) -> None:
    """Raise if models that are to be compared have no template, judge, coder or codebook in common."""
    problems = confounded_models(frame, between, columns) if between == "model" else []
    if problems:
        raise DataError(problems)
