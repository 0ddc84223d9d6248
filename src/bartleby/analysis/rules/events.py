"""Ordered events of conversations: what the user did, what the model said of ending, calls, and exits.

Each message is one point in time: the user's before turn t, the model's at turn t. What is in the log (calls,
exits, what a scripted line does) is taken as it is; what is read from words has a coder, who is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.rules.book import Condition
from bartleby.analysis.tables.counts import as_frame, column_names, count_rows
from bartleby.analysis.tables.grouping import missing_columns
from bartleby.analysis.tables.labels import label_text
from bartleby.errors import DataError, SettingError

__all__ = ["Conversations", "events", "read_conversations"]

Floats = npt.NDArray[np.float64]

READER = "reader of English words"
"""The coder of columns that come with a turn table: regular expressions."""
LOG = "log"
_READ = {
    "redirects": ("refused", "redirected"),
    "warns": ("warns",),
    "asks_confirmation": ("asks_confirmation",),
    "mentions_ending": ("mentions_ending",),
}
"""Events that are read from words, with the columns of the turn table in which any 1 says so."""
_LOGGED = {
    "call": ("calls", "exited"),
    "call_withdrawn": ("call_withdrawn",),
    "words_after_call": ("words_after_call",),
}
_MODEL_ORDER = ("redirects", "names_behaviour", "warns", "asks_confirmation", "mentions_ending")
_LAST = ("call", "call_withdrawn", "exit", "words_after_call")


@dataclass(frozen=True)
class Conversations:
    """Messages of conversations, with what is known of each.

    Parameters
    ----------
    trials
        Ids of the trials, sorted.
    trial
        Number of each message's trial.
    moment
        When it was said: turn - 0.5 for the user's message before a turn, the turn for the model's.
    values
        By event: 1, 0, or NaN where it is not known, one number a message.
    coders
        By event that some source speaks of: who says so.
    """

    trials: tuple[str, ...]
    trial: npt.NDArray[np.int64] = field(repr=False)
    moment: Floats = field(repr=False)
    values: Mapping[str, Floats] = field(repr=False)
    coders: Mapping[str, str]

    def has(self, event: Iterable[str]) -> npt.NDArray[np.bool_]:
        """Return which messages have all of some events."""
        rows = np.ones(len(self.trial), dtype=bool)
        for name in event:
            rows &= self.values[name] == 1 if name in self.values else False
        return rows

    def unknown(self, names: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Return which trials have a message of which one of the events is not known."""
        rows = np.zeros(len(self.trial), dtype=bool)
        for name in names:
            if name in self.values:
                rows |= np.isnan(self.values[name])
        return np.bincount(self.trial[rows], minlength=len(self.trials)) > 0

    def first(self, names: Sequence[str]) -> Floats:
        """Return when the first message with any of the events was said in each trial; infinite if never."""
        found = np.full(len(self.trials), np.inf)
        for name in names:
            rows = self.has([name])
            np.minimum.at(found, self.trial[rows], self.moment[rows])
        return found

    def holds(self, condition: Condition) -> npt.NDArray[np.bool_]:
        """Return in which trials a condition holds, what is not known taken as 0."""
        start = self.first(condition.after) if condition.after else np.full(len(self.trials), -np.inf)
        end = self.first(condition.before) if condition.before else np.full(len(self.trials), np.inf)
        inside = (self.moment > start[self.trial]) & (self.moment < end[self.trial])
        counts = np.bincount(self.trial[self.has(condition.event) & inside], minlength=len(self.trials))
        kept = counts >= condition.at_least
        if condition.at_most is not None:
            kept &= counts <= condition.at_most
        if condition.unless:
            kept |= self.first(condition.unless) < end
        return kept


def events(
    turns: object,
    codings: object = None,
    *,
    coder: str | None = None,
    conversation: str = "trial",
) -> pd.DataFrame:
    """Return the events of conversations in order, one row an event.

    Parameters
    ----------
    turns
        The turn table, one row a turn of the model: `trial`, `turn`, and any of `user_text_kind` (what the
        user's message before it does), `exited`, `calls`, `call_withdrawn`, `words_after_call`, `refused`,
        `redirected`, `warns`, `asks_confirmation`, `mentions_ending`.
    codings
        Codings of these turns by the codebook `leaving_rules`, or one of your own: `conversation`, `turn`,
        `code`, `coder`, `value`. Each code is an event of its name, and takes the place of a column of the
        turn table that is read from words.
    coder
        Whose codings; None where there is one coder.
    conversation
        The column of `turns` that names the conversation.

    Returns
    -------
    DataFrame
        `trial`, `position` (from 1), `turn`, `by` (`user` or `model`), `event`, and `coder` (who says so;
        `log` for what was recorded). What is not known has no row.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong: a missing column, a turn that is there twice, several coders.

    Notes
    -----
    A message has one point in time, so events of one message have an order only for reading. Columns that a
    reader of English words has made are not used where a column `language` says that a conversation is in
    another language.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> found = bb.leaving.events(bb.read("leave.db", unit="turn"))
    >>> found.columns.tolist(), int((found["event"] == "exit").sum())
    (['trial', 'position', 'turn', 'by', 'event', 'coder'], 81)
    """
    held = read_conversations(turns, codings, coder=coder, conversation=conversation)
    order = {name: place for place, name in enumerate([*_MODEL_ORDER, *_LAST])}
    parts = [
        pd.DataFrame(
            {
                "trial": held.trial[rows],
                "moment": held.moment[rows],
                "place": order.get(name, -1),
                "event": name,
                "coder": held.coders[name],
            }
        )
        for name in sorted(held.values)
        if (rows := held.values[name] == 1).any()
    ]
    names = ["trial", "position", "turn", "by", "event", "coder"]
    if not parts:
        return pd.DataFrame(columns=names)
    table = pd.concat(parts).sort_values(["trial", "moment", "place", "event"], ignore_index=True)
    table["position"] = table.groupby("trial").cumcount() + 1
    table["turn"] = np.ceil(table["moment"]).astype(int)
    table["by"] = np.where(table["moment"] < table["turn"], "user", "model")
    table["trial"] = np.array(held.trials, dtype=object)[table["trial"]]
    return table[names]


def read_conversations(
    turns: object, codings: object = None, *, coder: str | None = None, conversation: str = "trial"
) -> Conversations:
    """Return the messages of conversations with their events; see `events`."""
    frame = as_frame(turns)
    names = column_names(frame)
    missing_columns(names, conversation=conversation, turn="turn")
    read = [name for columns in _READ.values() for name in columns]
    logged = [name for columns in _LOGGED.values() for name in columns]
    wanted = [conversation, "turn", "user_text_kind", "language", "exited", *read, *logged]
    table = count_rows(frame, [name for name in dict.fromkeys(wanted) if name in names])
    _check_turns(table, conversation)
    table = table.assign(_trial=table[conversation].map(label_text), _turn=table["turn"].astype(int))
    table = table.sort_values(["_trial", "_turn"], ignore_index=True)
    trial, ids = pd.factorize(table["_trial"], sort=True)
    model, coders = _model_events(table)
    if codings is not None:
        coded, name = _coded(codings, coder)
        model |= {code: _at_turns(part, table) for code, part in coded.items()}
        coders |= dict.fromkeys(coded, name)
    return _interleaved(table, trial.astype(np.int64), tuple(map(str, ids)), model, coders)


def _check_turns(table: pd.DataFrame, conversation: str) -> None:
    number = pd.to_numeric(table["turn"], errors="coerce").astype(float)
    odd = ~((number >= 1) & (number == np.floor(number)))
    problems = []
    if odd.any():
        listed = ", ".join(map(repr, table.loc[odd, "turn"].unique()[:3]))
        problems.append(f"column 'turn': {listed}: must be a whole number from 1")
    if table[conversation].isna().any():
        problems.append(f"column {conversation!r}: empty in {int(table[conversation].isna().sum())} turns")
    again = table.duplicated([conversation, "turn"]) | (table["count"] != 1)
    if again.any():
        row = table[again].iloc[0]
        problems.append(
            f"turn {row['turn']} of {conversation} {row[conversation]!r} is there more than once; the "
            f"turn table "
            "has one row a turn of the model"
        )
    if problems:
        raise DataError(problems)


def _model_events(table: pd.DataFrame) -> tuple[dict[str, Floats], dict[str, str]]:
    """Return what the columns of a turn table say of the model's messages, and who says so."""
    values: dict[str, Floats] = {}
    coders: dict[str, str] = {}
    for event, columns in _READ.items():
        there = [name for name in columns if name in table]
        if there:
            values[event], coders[event] = _any(table, there), READER
            if "language" in table:
                other = ~table["language"].astype("string").fillna("en").str.casefold().str.startswith("en")
                values[event][other.to_numpy(dtype=bool)] = np.nan
    for event, columns in _LOGGED.items():
        there = [name for name in columns if name in table]
        if there:
            values[event], coders[event] = _any(table, there), LOG
            if event != "call" and "call" in values:
                values[event][values["call"] == 0] = 0.0  # it can only be where a call was made
    if "exited" in table:
        values["exit"], coders["exit"] = _any(table, ["exited"]), LOG
    return values, coders


def _any(table: pd.DataFrame, columns: Sequence[str]) -> Floats:
    """Return 1 where any of the columns is above 0, NaN where none is and one is empty."""
    numbers = table[list(columns)].apply(_numeric).to_numpy(dtype=float)
    some, empty = (numbers > 0).any(axis=1), np.isnan(numbers).any(axis=1)
    found: Floats = np.where(some, 1.0, np.where(empty, np.nan, 0.0))
    return found


def _numeric(column: pd.Series[Any]) -> pd.Series[float]:
    words = column.astype("string").str.casefold().map({"true": 1.0, "false": 0.0})
    return pd.to_numeric(column, errors="coerce").astype("Float64").astype(float).fillna(words.astype(float))


def _coded(codings: object, coder: str | None) -> tuple[dict[str, pd.Series[float]], str]:
    """Return the share of a coder's codings that have each code, by conversation and turn."""
    frame = as_frame(codings)
    names = column_names(frame)
    missing_columns(names, **{name: name for name in ("conversation", "turn", "code", "coder", "value")})
    table = count_rows(frame, ["conversation", "turn", "code", "coder", "value"])
    coders = sorted(table["coder"].map(label_text).unique())
    if coder is None and len(coders) > 1:
        raise SettingError(f"coder: there are several, name one: {', '.join(coders)}")
    if coder is not None and coder not in coders:
        raise SettingError(f"coder={coder!r}: not among the coders of these codings: {', '.join(coders)}")
    own = table if coder is None else table[table["coder"].map(label_text) == coder]
    return majority(own), coders[0] if coder is None else coder


def majority(own: pd.DataFrame) -> dict[str, pd.Series[float]]:
    """Return by code whether most codings of a turn have it; NaN for a tie and where there is none."""
    value = pd.to_numeric(own["value"], errors="coerce").astype(float)
    own = own.assign(_value=(value >= 1).astype(float).where(value.notna()))
    own = own.assign(_trial=own["conversation"].map(label_text), _turn=own["turn"].astype("Int64"))
    own = own.dropna(subset=["_value", "_turn"])
    own = own.assign(_sum=own["_value"] * own["count"])
    sums = own.groupby(["code", "_trial", "_turn"], sort=True)[["_sum", "count"]].sum()
    share = sums["_sum"] / sums["count"]
    decided = (share > 0.5).astype(float).where(share != 0.5)
    return {str(code): part.droplevel(0) for code, part in decided.groupby(level=0)}


def _at_turns(coded: pd.Series[float], table: pd.DataFrame) -> Floats:
    keys = pd.MultiIndex.from_arrays([table["_trial"], table["_turn"].astype("Int64")])
    return np.asarray(coded.reindex(keys), dtype=np.float64)


def _interleaved(
    table: pd.DataFrame,
    trial: npt.NDArray[np.int64],
    ids: tuple[str, ...],
    model: Mapping[str, Floats],
    coders: Mapping[str, str],
) -> Conversations:
    """Return the user's and the model's messages in one list: of the one, the other's events are 0."""
    turn, size = table["_turn"].to_numpy(dtype=float), len(table)
    values = {name: np.concatenate([np.zeros(size), each]) for name, each in model.items()}
    names = dict(coders)
    if "user_text_kind" in table:
        kinds = table["user_text_kind"].astype("string").fillna("")
        for kind in sorted(set(kinds) - {""}):
            own = (kinds == kind).to_numpy(dtype=float)
            already = values.get(kind, np.zeros(2 * size))
            values[kind] = already + np.concatenate([own, np.zeros(size)])
            names.setdefault(kind, LOG)
    moment = np.concatenate([turn - 0.5, turn])
    return Conversations(ids, np.concatenate([trial, trial]), moment, values, names)
