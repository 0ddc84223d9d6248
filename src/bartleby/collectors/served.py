"""Who answered: whether the model that a reply names is the one that was asked.

Providers serve a request that one model will not take by another, and routers by whatever is free. An alias
and its dated snapshots are one model, as are the names that several hosts have for it.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from bartleby.exchange import Exchange

__all__ = [
    "BETWEEN",
    "SERVED",
    "asked_names",
    "is_other",
    "names_in_log",
    "other_models",
    "others",
    "others_text",
    "served_by",
    "served_in_log",
    "short_name",
]

SERVED = "served"
"""Column, and key among the columns of an outcome, of the models that answered."""
BETWEEN = " + "
"""Stands between the names of several models that answered in one trial."""
_SERVED = """SELECT json_extract(columns, '$.served'), count(*) FROM outcomes
    WHERE columns LIKE '%"served":%' GROUP BY 1"""
_STATE = re.compile(
    r"(?:-(?:preview|exp))?[-@](?:\d{8}|\d{6}|\d{3,4}|\d{4}-\d\d-\d\d|\d\d-\d\d-\d{4}|\d\d-\d\d)$"
)
"""What names one state of a model after its name: a date or a number of three or four digits."""
_ALIAS = re.compile(r"(?:[-:]latest|:[a-z]+)$")


def asked_names(model: str, description: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the model that was asked.

    Parameters
    ----------
    model
        Its name in the record.
    description
        What it says of itself: its id at the provider, and the name under which it answered when it was
        opened, which for a server of one model may be any.
    """
    told = (description.get(name) for name in ("id", "api_id", "answered_by"))
    return tuple(dict.fromkeys([short_name(model), *(each for each in told if isinstance(each, str))]))


def names_in_log(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Return the names of the model that the trials of a log were to be asked of."""
    meta = dict(connection.execute("SELECT key, value FROM meta WHERE key IN ('model', 'description')"))
    return asked_names(meta["model"], json.loads(meta["description"]))


def served_in_log(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the trials of a log by the other models that answered in them."""
    return other_models(connection.execute(_SERVED), names_in_log(connection))


def other_models(counts: Iterable[tuple[str | None, int]], asked: Sequence[str]) -> dict[str, int]:
    """Return the trials by the other models that answered in them.

    Parameters
    ----------
    counts
        Who answered in trials, and in how many.
    asked
        From `names_in_log`.
    """
    found: dict[str, int] = {}
    for served, count in counts:
        for name in others(served, asked):
            found[name] = found.get(name, 0) + count
    return found


def others_text(model: str, found: Mapping[str, int]) -> str:
    """Say in which trials another model has answered, and what became of them."""
    names = ", ".join(f"{name} in {count:,}" for name, count in found.items())
    return f"another model than {short_name(model)} has answered in some trials ({names})"


def short_name(model: str) -> str:
    """Return the provider's name of a model: without our prefix, options and the address of a server."""
    return re.split(r"[?]|@https?://", model.partition("/")[2] or model)[0]


def served_by(exchanges: Iterable[Exchange]) -> str | None:
    """Return the names of the models that answered as the subject; None where none is named."""
    names = dict.fromkeys(each.reply.model for each in exchanges if each.request.to == "subject")
    return BETWEEN.join(name for name in names if name) or None


def others(served: str | None, asked: Iterable[str]) -> list[str]:
    """Return those of the models that answered which are others than the one that was asked."""
    names = served.split(BETWEEN) if served else []
    known = tuple(asked)
    return [name for name in names if is_other(name, known)]


def is_other(served: str, asked: Iterable[str]) -> bool:
    """Return whether a model that answered is another one than the one asked, by all names it has."""
    return not any(_same(served, name) for name in asked)


@lru_cache(256)
def _same(one: str, other: str) -> bool:
    """Return whether two names are of one model: equal, or one of them names a state of the other."""
    left, right = _plain(one), _plain(other)
    return left == right or left == _STATE.sub("", right) or right == _STATE.sub("", left)


def _plain(name: str) -> str:
    """Return a name without hosts and folders before it, and without `latest` or a tier after it."""
    return _ALIAS.sub("", name.strip().lower().rstrip("/").rpartition("/")[2])
