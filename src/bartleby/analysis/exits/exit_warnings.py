"""What a reader of exit rates must know: errors that published studies of exits have made."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from bartleby.analysis.sample.events import MUCH_MISSING, read_events
from bartleby.analysis.tables.counts import Frame, column_names, count_rows
from bartleby.analysis.tables.grouping import CLUSTER_COLUMNS, Cluster
from bartleby.analysis.tables.labels import group_label, natural_order

__all__ = ["abandoned_warnings", "exit_warnings", "same_text_warnings", "thanks_warnings"]

_CLASSES = ("scenario_class", "meta_category", "scenario_category", "category", "class")
_THANKS = re.compile(r"thank|praise|grat(eful|itude)|finished|farewell|goodbye", re.IGNORECASE)
_WORDINGS = ("wording", "exit_channel", "order", "effect", "tool_name")
_SHOWN = 5


def exit_warnings(
    frame: Frame,
    outcome: str | Sequence[str],
    *,
    cluster: Cluster,
    asked: str | bool | None,
    thanks: Sequence[str] | None = None,
) -> list[str]:
    """Return what must be known of a table of exits.

    Parameters
    ----------
    frame
        From `as_frame`.
    outcome
        What counts as an exit.
    cluster, asked
        The clusters taken, and what was asked for.
    thanks
        Scenario classes in which the user is done and thankful.
    """
    return [
        *thanks_warnings(frame, outcome, thanks),
        *_repeat_warnings(frame, cluster, asked),
        *same_text_warnings(frame),
    ]


def abandoned_warnings(rates: pd.DataFrame, groups: Sequence[str]) -> list[str]:
    """Say what the rate would be if trials that were not seen to their end were counted as stayed.

    Parameters
    ----------
    rates
        Rows of `rate`.
    groups
        The columns that tell them apart.
    """
    much = rates[
        (rates["missing"] > 0) & (rates["missing"] >= MUCH_MISSING * (rates["n"] + rates["missing"]))
    ]
    much = much[(much["n"] > 0) & (much["events"] > 0)].sort_values("missing", ascending=False)
    notes = [
        f"{group_label('leaving', {name: row[name] for name in groups})}: counting the {row['missing']:g} "
        f"missing trials as stayed would make "
        f"{row['events'] / (row['n'] + row['missing']):.1%} of {row['estimate']:.1%}"
        for row in much.head(_SHOWN).to_dict("records")
    ]
    return notes


def thanks_warnings(frame: Frame, outcome: str | Sequence[str], thanks: Sequence[str] | None) -> list[str]:
    """Name exits where the user was done: they say that the conversation was, not that it was disliked."""
    names = column_names(frame)
    column = next((name for name in _CLASSES if name in names), None)
    notes = []
    if column is not None:
        models = ["model"] if "model" in names else []
        keys = [column, *models]
        cells = read_events(frame, outcome, keys=keys, may_be_empty=keys).cells
        named = [str(name) for name in thanks] if thanks is not None else None
        done = pd.Series([_is_done(value, named) for value in cells[column]], index=cells.index)
        here = cells[done & cells["_event"].notna()]
        left = here[here["_event"] == 1]
        if not left.empty:
            exits, every = left["count"].sum(), cells.loc[cells["_event"] == 1, "count"].sum()
            notes.append(
                f"{exits:g} of {every:g} exits came where the user was done or thankful ({column}="
                f"{_some(natural_order(left[column].unique()))}; {_by_model(here, models)}): there an exit "
                "means 'done', not aversion"
            )
    if "exit_reason" in names:
        reasons = count_rows(frame, ["exit_reason"], "count" if "count" in names else None)
        reasons = reasons[reasons["exit_reason"].notna()]
        done_count = float(reasons.loc[reasons["exit_reason"].astype(str) == "completion", "count"].sum())
        stated = float(reasons["count"].sum())
        if done_count:
            notes.append(
                f"{done_count:g} of {stated:g} exits with a reason gave completion: the task was done"
            )
    return notes


def _is_done(value: object, named: Sequence[str] | None) -> bool:
    return str(value) in named if named is not None else bool(_THANKS.search(str(value)))


def _by_model(here: pd.DataFrame, models: list[str]) -> str:
    """Return how many of the trials ended in an exit, of the models that leave most such trials first."""
    sums = here.assign(_left=here["_event"] * here["count"], _all="all")
    table = sums.groupby(models or ["_all"])[["_left", "count"]].sum()
    table = table[table["_left"] > 0].assign(share=lambda each: each["_left"] / each["count"])
    rows = table.sort_values("share", ascending=False).head(_SHOWN)
    each = zip(rows.index, rows["_left"], rows["count"], strict=True)
    return ", ".join(f"{name}: {left:g} of {total:g} such trials" for name, left, total in each)


def _repeat_warnings(frame: Frame, cluster: Cluster, asked: str | bool | None) -> list[str]:
    """Name rows taken as independent though some column shows that they repeat each other."""
    if asked is not False and cluster.column is not None:
        return []
    names = column_names(frame)
    weight = "count" if "count" in names else None
    for name in CLUSTER_COLUMNS:
        if name not in names:
            continue
        counts = count_rows(frame, [name], weight)
        counts = counts[counts[name].notna()]
        if len(counts) and counts["count"].max() > 1:
            total, values = float(counts["count"].sum()), len(counts)
            return [
                f"{total:g} trials of {values} values of {name!r} were taken as independent: repeats of one "
                f"are alike, so intervals are too narrow for new ones; cluster={name!r} respects that"
            ]
    return []


def same_text_warnings(frame: Frame) -> list[str]:
    """Name conditions meant to differ that were shown one text: one `template` under several values."""
    names = column_names(frame)
    if "template" not in names:
        return []
    notes = []
    wordings = [column for column in _WORDINGS if column in names]
    for name in wordings:
        others = [column for column in wordings if column != name]
        pairs = count_rows(frame, ["template", name, *others])
        pairs = pairs[pairs["template"].notna() & pairs[name].notna()]
        values = pairs.groupby(["template", *others], dropna=False)[name].unique()
        same = [natural_order(found) for found in values if len(found) > 1]
        if same:
            notes.append(
                f"{name}: {_some(same[0])} were sent one identical text (one template): they are not "
                "different conditions, and differences between them are chance"
            )
    return notes


def _some(values: Sequence[object]) -> str:
    listed = ", ".join(map(str, values[:_SHOWN]))
    return listed if len(values) <= _SHOWN else f"{listed} and {len(values) - _SHOWN} more"
