"""Codings laid on the turns that they are of: which are, who says what, and where the quoted words stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.report.quotes import spans_of
from bartleby.errors import DataError

__all__ = ["Placed", "placed"]

Place = tuple[int, int, int]
"""Turn, and characters of it from and up to."""

_SETTINGS = re.compile(r"\?[^#]*")
"""Settings of a model in the name of a judge, before the number of its sample."""

SHOWN = 3
"""Units that are named where more are meant."""


@dataclass(frozen=True, eq=False)
class Placed:
    """Codings of turns and conversations that are there.

    Parameters
    ----------
    rows
        `unit`, `conversation`, `turn` (missing where a whole conversation was coded), `code`, `coder`,
        `value` (missing where the coder gave none), `quote`, `places` (of the quoted words), `found` (whether
        all that was quoted is there; missing where nothing was), and what else the codings have.
    warnings
        What a reader must know.
    """

    rows: pd.DataFrame = field(repr=False)
    warnings: tuple[str, ...]

    @cached_property
    def names(self) -> dict[str, str]:
        """Coders by what they are called where there is little room: without settings, if that is enough."""
        full = list(self.rows["coder"].unique())
        short = [_SETTINGS.sub("", name).replace("judge:", "judge ") for name in full]
        return {
            name: each if short.count(each) == 1 else name for name, each in zip(full, short, strict=True)
        }

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """The codes, in the order in which they first stand in the codings."""
        return tuple(self.rows["code"].unique())

    @cached_property
    def machines(self) -> tuple[str, ...]:
        """Coders that are no people: judges, then the lexicon."""
        names = self.rows["coder"].unique()
        return tuple(
            sorted((name for name in names if _is_machine(name)), key=lambda name: name == "lexicon")
        )

    @cached_property
    def people(self) -> tuple[str, ...]:
        """Coders that are people: all whose names are neither `lexicon` nor begin with `judge:`."""
        return tuple(name for name in self.rows["coder"].unique() if not _is_machine(name))


def _is_machine(name: str) -> bool:
    return name == "lexicon" or name.startswith("judge:")


def placed(codings: pd.DataFrame, said: pd.DataFrame) -> Placed:
    """Return codings joined to what was said.

    Parameters
    ----------
    codings
        From any number of coders, one row a unit, code and coder: `code`, `coder`, `value`, and `unit`
        (`conversation` or `conversation:turn`) or `conversation` and `turn`; `quote`, `start` and `end` if
        they are there.
    said
        The turns of the model: `conversation`, `turn`, `text`.

    Raises
    ------
    DataError
        Naming everything that is wrong: columns that are missing, values that are no numbers, a unit coded
        twice by one coder, and codings none of which is of these conversations.
    """
    texts = _texts(said)
    rows = _checked(codings, {name for name, _ in texts})
    own = pd.Series([_is_there(row, texts) for row in _keys(rows)], index=rows.index, dtype=bool)
    warnings = _strangers(rows, own)
    rows = rows[own].reset_index(drop=True)
    quoting = _quoting(rows)
    found = [_found(row, texts) for row in _records(rows[quoting])]
    places: list[tuple[Place, ...]] = [()] * len(rows)
    for number, (spans, _) in zip(np.flatnonzero(quoting), found, strict=True):
        places[number] = spans
    rows["places"] = pd.Series(places, index=rows.index, dtype=object)
    rows["found"] = pd.Series(pd.NA, index=rows.index, dtype="boolean")
    rows.loc[quoting, "found"] = pd.array([there for _, there in found], dtype="boolean")
    if "codebook" in rows and len(set(rows["codebook"].dropna())) > 1:
        books = ", ".join(sorted(map(str, rows["codebook"].dropna().unique())))
        warnings.append(f"codings were made with different codebooks ({books}); what a code means may differ")
    return Placed(rows, tuple(warnings))


def _texts(said: pd.DataFrame) -> dict[tuple[str, int], str]:
    missing = [name for name in ("conversation", "turn", "text") if name not in said]
    if missing:
        raise DataError([f"the table of turns has no column {name!r}" for name in missing])
    names = zip(said["conversation"].astype(str), said["turn"].astype(int), said["text"], strict=True)
    return {(name, turn): text if isinstance(text, str) else "" for name, turn, text in names}


def _checked(codings: pd.DataFrame, conversations: set[str]) -> pd.DataFrame:
    """Return codings with all columns in one form, or say everything that is wrong with them."""
    there = ", ".join(map(str, codings.columns))
    problems = [
        f"codings: no column {name!r}; columns: {there}"
        for name in ("code", "coder", "value")
        if name not in codings
    ]
    if "unit" not in codings and "conversation" not in codings:
        problems.append(f"codings: neither a column 'unit' nor 'conversation'; columns: {there}")
    if problems:
        raise DataError(problems)
    rows = codings.reset_index(drop=True).copy()
    for name in ("code", "coder"):
        empty = rows[name].isna() | (rows[name].astype(str).str.strip() == "")
        if empty.any():
            problems.append(f"codings, row {int(empty.to_numpy().argmax()) + 1}: {name!r} is empty")
    value = pd.to_numeric(rows["value"], errors="coerce").astype("float64")
    wrong = ((value.isna() & rows["value"].notna()) | (value < 0)).to_numpy(dtype=bool)
    if wrong.any():
        row = int(wrong.argmax())
        problems.append(
            f"codings, row {row + 1}: value {rows['value'].iloc[row]!r}; allowed: 0 (absent), 1, 2, ..., "
            "empty"
        )
    if problems:
        raise DataError(problems)
    rows = rows.assign(value=value.astype("Float64"), **{n: rows[n].astype(str) for n in ("code", "coder")})
    rows = _with_places(rows, conversations)
    rows = rows.drop_duplicates(["unit", "code", "coder", "value"])
    twice = rows.duplicated(["unit", "code", "coder"])
    if twice.any():
        one = rows[twice].iloc[0]
        raise DataError(
            f"codings: {int(twice.sum())} units have two values of one coder, such as {one['unit']!r}: "
            f"{one['code']!r} by {one['coder']!r}"
        )
    return rows.reset_index(drop=True)


def _with_places(rows: pd.DataFrame, conversations: set[str]) -> pd.DataFrame:
    """Return codings with `unit`, `conversation` and `turn`, each from the others where it is not given."""
    if "unit" in rows and "conversation" not in rows:
        unit = rows["unit"].astype(str)
        whole = unit.isin(conversations)
        name = unit.where(whole, unit.str.rsplit(":", n=1).str[0])
        turn = unit.str.rsplit(":", n=1).str[-1].where(~whole & (name != unit))
        rows = rows.assign(conversation=name, turn=turn)
    rows = rows.assign(conversation=rows["conversation"].astype(str))
    turn = pd.to_numeric(rows["turn"], errors="coerce") if "turn" in rows else pd.Series(pd.NA, rows.index)
    rows = rows.assign(turn=turn.astype("Float64").round().astype("Int64"))
    made = rows["conversation"].where(
        rows["turn"].isna(), rows["conversation"] + ":" + rows["turn"].astype(str)
    )
    return rows.assign(unit=made)


def _keys(rows: pd.DataFrame) -> Iterator[tuple[str, int | None]]:
    for name, turn in zip(rows["conversation"].tolist(), rows["turn"].tolist(), strict=True):
        yield name, None if turn is pd.NA else int(turn)


def _is_there(key: tuple[str, int | None], texts: Mapping[tuple[str, int], str]) -> bool:
    name, turn = key
    # Turns are numbered from 1, so a conversation that was answered at all has the first.
    return (name, 1 if turn is None else turn) in texts


def _strangers(rows: pd.DataFrame, own: pd.Series[Any]) -> list[str]:
    if own.all() and len(rows):
        return []
    names = [repr(each) for each in dict.fromkeys(rows.loc[~own, "unit"])]
    told = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    if not own.any():
        raise DataError(
            f"codings: none of their {len(names)} units is among these conversations, such as "
            f"{told or 'none'}; are they codings of another log?"
        )
    return [f"{len(names)} coded units are not among these conversations and are left out, such as {told}"]


def _records(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    names = [name for name in ("conversation", "turn", "value", "quote", "start", "end") if name in rows]
    plain = rows[names].astype(object).where(rows[names].notna(), None)
    for row in plain.to_dict(orient="records"):
        yield {str(name): value for name, value in row.items()}


def _quoting(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return which codings found a code and quote words for it: one in twenty, as codings go."""
    if "quote" not in rows:
        return np.zeros(len(rows), dtype=bool)
    some = (rows["value"] > 0).fillna(False).to_numpy(dtype=bool)
    quotes = rows["quote"]
    some[some] = [isinstance(quote, str) and bool(quote.strip()) for quote in quotes[some]]
    return some


def _found(row: Mapping[str, Any], texts: Mapping[tuple[str, int], str]) -> tuple[tuple[Place, ...], bool]:
    """Return where the words stand that a coding quotes, and whether all of them do."""
    quote = row["quote"]
    name, start, end = row["conversation"], row.get("start"), row.get("end")
    at = None if start is None or end is None else (int(start), int(end))
    if row["turn"] is not None:
        turn = int(row["turn"])
        spans, all_there = spans_of(quote, texts[name, turn], at)
        return tuple((turn, *span) for span in spans), all_there
    for turn in _turns(name, texts):
        spans, all_there = spans_of(quote, texts[name, turn])
        if all_there:
            return tuple((turn, *span) for span in spans), True
    return (), False


def _turns(name: str, texts: Mapping[tuple[str, int], str]) -> Iterator[int]:
    turn = 1
    while (name, turn) in texts:
        yield turn
        turn += 1
