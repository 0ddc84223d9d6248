"""Reading outcomes anew: the stored replies are played back through a paradigm, and nobody is asked."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from bartleby.collectors.served import names_in_log
from bartleby.collectors.trial_run import TurnRow, changed_text, cut_short, read_exchanges, read_turns
from bartleby.errors import LogError, StudyError
from bartleby.exchange import Exchange, Reply, Request
from bartleby.outcome import Outcome
from bartleby.studies.study import Study
from bartleby.studies.trial import Reading, Trial

__all__ = ["Anew", "as_asked", "read_anew"]

_REPLIES = """SELECT t.number, t.id, t.items, c.conditions, t.sample, t.template, o.outcome, o.message,
        r.ask, a.hash, r.reply
    FROM trials t JOIN cells c ON c.number = t.cell JOIN outcomes o ON o.trial = t.number
    LEFT JOIN replies r ON r.trial = t.number LEFT JOIN attempts a ON a.number = r.attempt
    ORDER BY t.number, r.ask"""


class _NoMoreReplies(Exception):  # noqa: N818 - an end and not an error
    """The paradigm asks for more than is stored."""


@dataclass(frozen=True, slots=True)
class Anew:
    """A trial as its stored replies are read now.

    Parameters
    ----------
    number
        Its number in the log.
    reading
        What its replies are read as.
    turns
        One row a turn, where the paradigm has turns.
    """

    number: int
    reading: Reading
    turns: Sequence[TurnRow] | None = None


def read_anew(path: Path, connection: sqlite3.Connection, study: Study) -> Iterator[Anew]:
    """Yield every trial that ended, as this study's paradigm reads its replies.

    A trial without all its replies keeps its outcome `error` or `abandoned`, unless it had taken an exit.

    Raises
    ------
    LogError
        If the study shows other texts than those that were answered, or lacks an item.
    StudyError
        If the paradigm fails on a trial.
    """
    study = as_asked(connection, study)
    items = {item.id: item for item in study.items}
    asked = names_in_log(connection)
    for number, group in groupby(connection.execute(_REPLIES), key=lambda row: row[0]):
        rows = list(group)
        _, name, shown, conditions, sample, template, outcome, message, *_ = rows[0]
        ids = json.loads(shown)
        missing = [each for each in ids if each not in items]
        if missing:
            raise LogError(f"log {path}: trial {name} shows the item {missing[0]!r}, which this study lacks")
        trial = Trial(name, tuple(items[each] for each in ids), json.loads(conditions), sample, template)
        stored = {row[8]: (row[9], row[10]) for row in rows if row[8] is not None}
        cut = None if message is None else Outcome(outcome)
        yield Anew(number, *_play(path, study, trial, stored, cut=cut, asked=asked))


def as_asked(connection: sqlite3.Connection, study: Study) -> Study:
    """Return a study with the ceiling of its replies that the run had, where the study leaves it open."""
    if study.settings.max_tokens is not None:
        return study
    text = connection.execute("SELECT value FROM meta WHERE key = 'study'").fetchone()[0]
    ceiling = json.loads(text)["settings"]["max_tokens"]
    return replace(study, settings=replace(study.settings, max_tokens=ceiling))


def _play(
    path: Path,
    study: Study,
    trial: Trial,
    stored: dict[int, tuple[str, str]],
    *,
    cut: Outcome | None,
    asked: Sequence[str],
) -> tuple[Reading, Sequence[TurnRow] | None]:
    """Return what the stored replies are read as; `cut` is the outcome of a trial that we ended."""
    exchanges: dict[int, Exchange] = {}

    async def ask(request: Request) -> Reply:
        place = len(exchanges)
        if place not in stored:
            raise _NoMoreReplies
        digest, text = stored[place]
        if digest != request.identity():
            raise LogError(changed_text(f"log {path}: trial {trial.id}", place))
        reply = Reply.from_json(text)
        exchanges[place] = Exchange(request, reply)
        return reply

    try:
        complete = _drive(study, trial, study.paradigm.present(trial, study.settings, ask))
        reading = read_exchanges(study, trial, exchanges, asked)
        turns = read_turns(study, trial, exchanges)
    except StudyError:
        if cut is not Outcome.ERROR:
            raise
        return Reading(Outcome.ERROR), None  # the paradigm failed on it then, and does so now
    if not complete and cut is None:
        raise LogError(
            f"log {path}: trial {trial.id}: the paradigm asks for more than the {len(stored)} replies that "
            "are stored; it has changed since, and what it would ask now has no answer"
        )
    if not complete and cut is not None:
        reading = cut_short(reading, Outcome.ERROR if cut is Outcome.ERROR else Outcome.ABANDONED)
    return reading, turns


def _drive(study: Study, trial: Trial, coroutine: Coroutine[Any, Any, None]) -> bool:
    """Run a presentation whose replies are all there; return whether they were enough."""
    try:
        coroutine.send(None)
    except StopIteration:
        return True
    except _NoMoreReplies:
        return False
    except LogError:
        raise
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        raise StudyError(f"study {study.name!r}: trial {trial.id} cannot be read anew: {text}") from error
    coroutine.close()
    raise StudyError(
        f"study {study.name!r}: the paradigm {study.paradigm.name!r} waits for something else than replies, "
        "so its outcomes cannot be read anew"
    )
