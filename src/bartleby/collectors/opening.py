"""How a log is begun: its lock is taken, the study is frozen in it or compared, its trials are planned."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bartleby.collectors.environment import versions
from bartleby.collectors.frozen import Frozen, list_some
from bartleby.collectors.schema import create, empty, in_order, is_new, storable
from bartleby.errors import LogError
from bartleby.exchange import canonical_json
from bartleby.storage import Held, transaction
from bartleby.studies.trial import Trial

__all__ = [
    "ENDING",
    "Design",
    "begin_session",
    "no_name_of_a_log",
    "obstacle",
    "plan_trials",
    "scalar",
    "take_lock",
]


ENDING = ".db"
"""How the name of a log ends: by it folders of logs are read, and files are told from tables."""


def take_lock(path: Path) -> Held:
    """Make the directories of a log and hold it against other runs.

    Raises
    ------
    LogError
        If its name is not one of a log, another run holds it, or it cannot be written.
    """
    problem = no_name_of_a_log(path)
    if problem is not None:
        raise LogError(problem)
    return Held(path)


def no_name_of_a_log(path: Path) -> str | None:
    """Return why a path cannot be that of a log, in words; None where it can."""
    if path.is_dir():
        return f"log {path}: this is a directory; name a file in it"
    if path.suffix == ENDING:
        return None
    return (
        f"log {path}: the name ends in {path.suffix!r}; the name of a log ends in {ENDING}, as in "
        f"{path.with_suffix(ENDING)}"
    )


def begin_session(path: Path, connection: sqlite3.Connection, frozen: Frozen) -> tuple[int, float]:
    """Freeze the study in a new log, or compare it with an old one's.

    Returns
    -------
    int, float
        The number of the session, and when it started (seconds since 1970).
    """
    started = time.time()
    with transaction(connection):
        if is_new(connection):
            create(connection)
            _freeze(connection, frozen)
        else:
            _compare(path, connection, frozen)
        about = in_order({**versions(), "model": frozen.description, **_of_user(frozen)})
        row = connection.execute("INSERT INTO sessions (started, versions) VALUES (?, ?)", (started, about))
    # At once in the file itself, also what a killed run had left beside it.
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    return int(row.lastrowid or 0), started


def _of_user(frozen: Frozen) -> dict[str, Mapping[str, Any]]:
    return {} if frozen.user is None else {"user": frozen.user_description}


def _freeze(connection: sqlite3.Connection, frozen: Frozen) -> None:
    told = {
        "study": in_order(frozen.study),
        "fingerprint": frozen.fingerprint,
        "model": frozen.model,
        "description": in_order(frozen.description),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if frozen.user is not None:
        told |= {"user": frozen.user, "user_description": in_order(frozen.user_description)}
    connection.executemany("INSERT INTO meta VALUES (?, ?)", list(told.items()))
    items = ((storable(item["id"]), in_order(item)) for item in frozen.study["items"])
    connection.executemany("INSERT INTO items (id, attributes) VALUES (?, ?)", list(items))


def _compare(path: Path, connection: sqlite3.Connection, frozen: Frozen) -> None:
    """Refuse another study or model, unless nothing was asked yet: then the log becomes theirs.

    A study that has grown, or is part of the one before, goes into the same log, whose record then has the
    items, levels and samples of both.
    """
    problem = obstacle(path, connection, frozen)
    if problem is not None:
        raise LogError(problem)
    before = _recorded(connection)
    if not before.differences(frozen):
        return
    if _asked(connection):
        _grow(connection, before.together_with(frozen) or frozen)
    else:
        empty(connection)
        _freeze(connection, frozen)


def obstacle(path: Path, connection: sqlite3.Connection, frozen: Frozen) -> str | None:
    """Return why a log cannot take a run of this study and model, in words; None where it can."""
    before = _recorded(connection)
    differences = before.differences(frozen)
    if not differences or not _asked(connection) or before.together_with(frozen) is not None:
        return None
    return (
        f"log {path}: it belongs to another run ({list_some(differences)}); "
        "give this run a log of its own with --log"
    )


def _asked(connection: sqlite3.Connection) -> bool:
    return bool(scalar(connection, "SELECT count(*) FROM (SELECT 1 FROM attempts LIMIT 1)"))


def _recorded(connection: sqlite3.Connection) -> Frozen:
    """Return the study and models that a log is of."""
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    described, of_user = (json.loads(meta.get(name, "{}")) for name in ("description", "user_description"))
    study, user = json.loads(meta["study"]), meta.get("user")
    return Frozen(study, meta["fingerprint"], meta["model"], described, user, of_user)


def _grow(connection: sqlite3.Connection, frozen: Frozen) -> None:
    """Replace the record of the study by a larger one, and add its new items."""
    record = (("study", in_order(frozen.study)), ("fingerprint", frozen.fingerprint))
    connection.executemany("UPDATE meta SET value = ? WHERE key = ?", [(text, key) for key, text in record])
    known = {row[0] for row in connection.execute("SELECT id FROM items")}
    new = [(storable(item["id"]), in_order(item)) for item in frozen.study["items"]]
    rows = [row for row in new if row[0] not in known]
    connection.executemany("INSERT INTO items (id, attributes) VALUES (?, ?)", rows)


@dataclass(frozen=True)
class Design:
    """What a study would show, beyond the trials of one session.

    Parameters
    ----------
    identify
        Returns the id of a trial of some items (by id), conditions and sample, as the study would show it
        now; None where the study lacks one of them.
    whole
        Ids of all trials of the design; None where later ones depend on answers.
    """

    identify: Callable[[Sequence[str], Mapping[str, str], int], str | None]
    whole: Collection[str] | None = None


def plan_trials(
    path: Path, connection: sqlite3.Connection, trials: Sequence[Trial], design: Design
) -> list[int]:
    """Store trials that are new, within the caller's transaction; return the number of each.

    Those planned before that are not among them stay where they were asked. Where they were not, and the
    study has their conditions but shows other pairs now, they are dropped.

    Raises
    ------
    LogError
        If they do not go on from those that were planned before.
    """
    known: dict[str, int] = dict(connection.execute("SELECT id, number FROM trials"))
    new = [trial for trial in trials if trial.id not in known] if known else trials
    if len(trials) - len(new) != len(known):
        _settle_others(path, connection, {trial.id for trial in trials}, design)
    level = scalar(connection, "SELECT coalesce(max(round), -1) FROM trials") + 1
    cells: dict[str, int] = dict(connection.execute("SELECT conditions, number FROM cells"))
    first = scalar(connection, "SELECT coalesce(max(number), 0) FROM trials") + 1
    rows = (_row(number, trial, level, cells) for number, trial in enumerate(new, start=first))
    connection.executemany("INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    connection.executemany(
        "INSERT OR IGNORE INTO cells (conditions, number) VALUES (?, ?)", list(cells.items())
    )
    if not known:
        return list(range(first, first + len(new)))
    known.update((trial.id, number) for number, trial in enumerate(new, start=first))
    return [known[trial.id] for trial in trials]


def _settle_others(
    path: Path, connection: sqlite3.Connection, present: Collection[str], design: Design
) -> None:
    """Check trials that were planned before and are not asked now, and drop those of no use.

    Those that were never asked, and that the study would show if its pairs were still the same, are dropped.
    """
    query = """SELECT trials.number, id, items, conditions, sample
        FROM trials JOIN cells ON cells.number = cell"""
    unused, planned = [], scalar(connection, "SELECT count(*) FROM trials")
    for number, name, items, conditions, sample in connection.execute(query):
        if name in present:
            continue
        now = design.identify(json.loads(items), json.loads(conditions), sample)
        if now is not None and now != name:
            raise LogError(
                f"log {path}: this version of the study shows other texts than the {planned} "
                "trials it planned; use the version that began it, or give this run a log of its own "
                "with --log"
            )
        if now is not None and design.whole is not None and name not in design.whole:
            unused.append((number,))
    asked = "number NOT IN (SELECT trial FROM attempts)"
    connection.executemany(f"DELETE FROM trials WHERE number = ? AND {asked}", unused)  # noqa: S608 - ours


def _row(number: int, trial: Trial, level: int, cells: dict[str, int]) -> tuple[int | str, ...]:
    """Return a trial as a row; a combination of conditions that is new gets the next number."""
    conditions = storable(canonical_json(dict(trial.conditions)))
    cell = cells.setdefault(conditions, len(cells) + 1)
    items = storable(canonical_json([item.id for item in trial.items]))
    return number, trial.id, level, items, cell, trial.sample, trial.template


def scalar(connection: sqlite3.Connection, query: str) -> int:
    """Return the one number that a query asks for."""
    return int(connection.execute(query).fetchone()[0])
