"""Conversations that a log holds, to be resumed: what was said, and not what was asked on copies."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from bartleby.collectors.schema import open_to_read
from bartleby.errors import LogError, SettingError
from bartleby.exchange import Exchange, Reply, Request
from bartleby.studies.paradigms.branches import Conversation
from bartleby.studies.paradigms.end_conversation import EndConversation
from bartleby.studies.study import Study
from bartleby.studies.trial import Trial

__all__ = ["conversations"]

_REPLIES = """SELECT t.number, t.id, t.items, c.conditions, t.sample, t.template, o.outcome, r.reply
    FROM trials t JOIN cells c ON c.number = t.cell JOIN outcomes o ON o.trial = t.number
    JOIN replies r ON r.trial = t.number ORDER BY t.number, r.ask"""


def conversations(
    log: Path | str, study: Study, trials: Collection[str] | None = None
) -> Iterator[Conversation]:
    """Yield the conversation of every trial that ended with at least one turn, in the order asked.

    Parameters
    ----------
    log
        The file; it is opened read-only.
    study
        The study whose conversations they are.
    trials
        Ids of those wanted; None for all.

    Raises
    ------
    SettingError
        If the study has no conversations.
    LogError
        If there is no such log, or it shows an item that the study lacks.
    """
    paradigm = study.paradigm
    if not isinstance(paradigm, EndConversation):
        raise SettingError(
            f"study {study.name!r} has the paradigm {paradigm.name!r}, in which there are no conversations "
            f"to go on with; allowed: {EndConversation.name}"
        )
    items = {item.id: item for item in study.items}
    wanted = None if trials is None else frozenset(trials)
    with open_to_read(Path(log)) as connection:
        for _, group in groupby(connection.execute(_REPLIES), key=lambda row: row[0]):
            rows = list(group)
            _, name, shown, conditions, sample, template, outcome, _ = rows[0]
            if wanted is not None and name not in wanted:
                continue
            (item,) = json.loads(shown)
            if item not in items:
                raise LogError(f"log {log}: trial {name} shows the item {item!r}, which this study lacks")
            trial = Trial(name, (items[item],), json.loads(conditions), sample, template)
            # A course looks at replies alone: it makes its requests itself.
            asked = Request((), study.settings)
            held = paradigm.conversation(trial, [Exchange(asked, Reply.from_json(row[-1])) for row in rows])
            if held.messages:
                yield replace(held, outcome=outcome)
