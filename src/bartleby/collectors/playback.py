"""Reading outcomes anew: the stored replies are played back through a paradigm, and nobody is asked."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from bartleby.collectors.trial_run import changed_text, read_exchanges
from bartleby.errors import LogError, StudyError
from bartleby.exchange import Exchange, Reply, Request
from bartleby.outcome import Outcome
from bartleby.studies.study import Study
from bartleby.studies.trial import Reading, Trial

__all__ = ["read_anew"]

_REPLIES = """SELECT t.number, t.id, t.items, c.conditions, t.sample, t.template, o.outcome,
        r.ask, a.hash, r.reply
    FROM trials t JOIN cells c ON c.number = t.cell JOIN outcomes o ON o.trial = t.number
    LEFT JOIN replies r ON r.trial = t.number LEFT JOIN attempts a ON a.number = r.attempt
    ORDER BY t.number, r.ask"""


class _NoMoreReplies(Exception):  # noqa: N818 - an end and not an error
    """The paradigm asks for more than is stored."""


def read_anew(path: Path, connection: sqlite3.Connection, study: Study) -> Iterator[tuple[int, Reading]]:
    """Yield number and reading of every trial that ended, as this study's paradigm reads its replies.

    A trial without all its replies keeps its outcome `error`.

    Raises
    ------
    LogError
        If the study shows other texts than those that were answered, or lacks an item.
    StudyError
        If the paradigm fails on a trial.
    """
    items = {item.id: item for item in study.items}
    for number, group in groupby(connection.execute(_REPLIES), key=lambda row: row[0]):
        rows = list(group)
        _, name, shown, conditions, sample, template, *_ = rows[0]
        ids = json.loads(shown)
        missing = [each for each in ids if each not in items]
        if missing:
            raise LogError(f"log {path}: trial {name} shows the item {missing[0]!r}, which this study lacks")
        trial = Trial(name, tuple(items[each] for each in ids), json.loads(conditions), sample, template)
        stored = {row[7]: (row[8], row[9]) for row in rows if row[7] is not None}
        yield number, _play(path, study, trial, stored, failed=rows[0][6] == Outcome.ERROR)


def _play(
    path: Path, study: Study, trial: Trial, stored: dict[int, tuple[str, str]], *, failed: bool
) -> Reading:
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

    complete = _drive(study, trial, study.paradigm.present(trial, study.settings, ask))
    if not complete and not failed:
        raise LogError(
            f"log {path}: trial {trial.id}: the paradigm asks for more than the {len(stored)} replies that "
            "are stored; it has changed since, and what it would ask now has no answer"
        )
    reading = read_exchanges(study, trial, exchanges)
    return reading if complete else replace(reading, outcome=Outcome.ERROR, refused=None)


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
