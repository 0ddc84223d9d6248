"""What was said, turn by turn, whoever logged it: our logs, Inspect's, and files of conversations.

It streams: a conversation at a time is in memory, so that what a deployment logs can be screened.
"""

from __future__ import annotations

import json
import sqlite3
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from bartleby.collectors.bodies import Bodies
from bartleby.collectors.conversation_files import LEAVING, Conversation, read_file
from bartleby.collectors.schema import open_to_read
from bartleby.errors import DataError
from bartleby.exchange import Reply, well_formed

__all__ = ["SPEAKERS", "read_turns", "stream_turns"]

ENDINGS = (".jsonl", ".json", ".eval", ".db")
_USERS = ("user", "human", "person", "customer", "prompter")
_ASSISTANTS = (
    *("assistant", "model", "ai", "gpt", "chatgpt", "bing", "bard", "gemini", "claude", "bot", "chatbot"),
    *("agent", "llm", "gpt4", "gpt-4", "gpt-3.5", "palm", "llama", "mistral"),
)
_OTHERS = (
    "system",
    "developer",
    "tool",
    "function",
    "function_call",
    "observation",
    "exit",
    "context",
    "unanswered",
)
SPEAKERS = {
    **dict.fromkeys(_USERS, "user"),
    **dict.fromkeys(_ASSISTANTS, "assistant"),
    **{name: name for name in _OTHERS},
}
"""Who it is that speaks, by the names that files have for it."""
LEAD = ("conversation", "turn", "speaker", "text")
CHUNK = 20_000
LEFT = "opted_out"

_REPLIES = """SELECT t.number, t.id, t.items, t.sample, c.conditions, o.outcome, o.turns, r.ask, r.reply,
        a.hash
    FROM trials t JOIN cells c ON c.number = t.cell JOIN outcomes o ON o.trial = t.number
    JOIN replies r ON r.trial = t.number JOIN attempts a ON a.number = r.attempt
    WHERE a.listener IS NULL AND a.aside IS NULL ORDER BY t.number, r.ask"""


def read_turns(source: str | Path) -> pd.DataFrame:
    """Return all turns of conversations as one table.

    Parameters
    ----------
    source
        A log of ours (`.db`), a log of Inspect AI (`.eval`, `.json`), a file of conversations (`.jsonl`,
        `.json`), or a folder of such files. In a file of conversations, a line (or an element of a list) is a
        conversation - `{"messages": [{"role": ..., "content": ...}, ...]}`, or that list itself - or one
        message with the id of its conversation in `conversation`; or a line is a result of a batch, as
        Anthropic and OpenAI write them (`custom_id`).

    Returns
    -------
    DataFrame
        One row a message: `conversation`, `turn` (number of the assistant turn, or of the one that it goes
        before), `speaker` (`user`, `assistant`, `exit` where our log says that it was left, `unanswered`
        where a request of a batch got no answer, or what else there is), `text`, and whatever the source
        says of the conversation (model, item, conditions, outcome; in files, all further fields; of an
        Inspect log stop reason, error, scores and metadata; lists and objects as JSON). Where a
        model called tools, `tool_calls` (JSON); where it refused, `refused`. A turn without words has the
        call or the refusal as its text, and a call of a tool such as `end_conversation` is also an `exit`.

    Warns
    -----
    UserWarning
        If it is unknown whether a speaker is the assistant, if conversations have no messages, or if several
        have one id (the second is then named `ID#2`).

    Raises
    ------
    DataError, LogError
        With everything that is wrong, by file and line: a message without a role, a text that is none.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> turns = bb.annotation.read_turns("leave.db")
    >>> turns.loc[0, "speaker"], len(turns)
    ('user', 2187)
    """
    chunks = list(stream_turns(source))
    if not chunks:
        raise DataError(f"{source}: there is no conversation in it")
    return pd.concat(chunks, ignore_index=True)


def stream_turns(source: str | Path, chunk: int = CHUNK) -> Iterator[pd.DataFrame]:
    """Yield what `read_turns` returns in tables of about `chunk` rows, of whole conversations."""
    rows: list[dict[str, Any]] = []
    some = False
    unknown, empty, again = Counter[str](), Counter[str](), Counter[str]()
    for conversation in _named_apart(_conversations(Path(source)), again):
        rows += turns_of(conversation)
        some = some or bool(rows)
        unknown.update(role for role, _, _ in conversation.messages if role not in SPEAKERS)
        empty.update(() if conversation.messages else [conversation.id])
        if len(rows) >= chunk:
            yield _table(rows)
            rows = []
    if rows:
        yield _table(rows)
    for what, counted in (
        ("messages of unknown speakers, taken neither for the assistant nor for the user", unknown),
        ("conversations without a message, which have no rows", empty),
        ("ids that several conversations have; the second is named ID#2, and so on", again),
    ):
        if counted and some:
            listed = ", ".join(f"{name!r} ({count})" for name, count in counted.most_common(10))
            warnings.warn(f"{source}: {what}: {listed}{', ...' * (len(counted) > 10)}", stacklevel=2)


def _named_apart(conversations: Iterable[Conversation], again: Counter[str]) -> Iterator[Conversation]:
    """Yield conversations of which no two have one id; count the ids that several have."""
    used: set[str] = set()
    for conversation in conversations:
        name = conversation.id
        if name in used:
            again[name] += 1 if name in again else 2
            number = again[name]
            while (name := f"{conversation.id}#{number}") in used:
                number += 1
        used.add(name)
        yield conversation if name == conversation.id else replace(conversation, id=name)


def turns_of(conversation: Conversation) -> Iterator[dict[str, Any]]:
    """Yield the rows of one conversation, its assistant turns numbered from 1."""
    turn = 0
    for role, text, details in conversation.messages:
        speaker = SPEAKERS.get(role, role)
        turn += speaker == "assistant"
        number = turn if speaker == "assistant" else turn + 1
        own = {"conversation": conversation.id, "turn": number, "speaker": speaker, "text": text}
        fields = {name: value for name, value in conversation.fields.items() if name not in LEAD}
        yield {**own, **fields, **details}


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(
        [{name: well_formed(v) if isinstance(v, str) else v for name, v in row.items()} for row in rows]
    )
    return table[[*LEAD, *(name for name in table if name not in LEAD)]]


def _conversations(source: Path) -> Iterator[Conversation]:
    if source.is_dir():
        files = sorted(each for each in source.rglob("*") if each.suffix in ENDINGS)
        if not files:
            raise DataError(f"{source}: no file in it ends in {', '.join(ENDINGS)}")
    else:
        files = [source]
    # Conversations of several files may have one name, so the file's is put before it.
    for file in files:
        prefix = "" if len(files) == 1 else f"{file.relative_to(source).with_suffix('').as_posix()}/"
        for each in _of_file(file):
            yield replace(each, id=f"{prefix}{each.id}") if prefix else each


def _of_file(file: Path) -> Iterator[Conversation]:
    if file.suffix == ".db":
        return _of_our_log(file)
    if file.suffix == ".eval" or (file.suffix == ".json" and _is_inspects(file)):
        from bartleby.collectors.inspecting.eval_log import eval_conversations

        return eval_conversations(file)
    if file.suffix in ENDINGS:
        return read_file(file)
    raise DataError(
        f"{file}: the file's ending is {file.suffix!r}; allowed: {', '.join(ENDINGS)}, or a folder"
    )


def _is_inspects(file: Path) -> bool:
    try:
        with file.open(encoding="utf-8") as opened:
            start = opened.read(2000)
    except (OSError, UnicodeDecodeError):
        return False
    return '"eval"' in start and '"version"' in start


def _of_our_log(file: Path) -> Iterator[Conversation]:
    """Yield the conversations of a log; what was asked on copies of them is no part of them."""
    with open_to_read(file) as connection:
        model = dict(connection.execute("SELECT key, value FROM meta"))["model"]
        known = _attributes(connection)
        bodies = Bodies(connection)
        for _, group in groupby(connection.execute(_REPLIES), key=lambda row: row[0]):
            rows = list(group)
            _, trial, items, sample, conditions, outcome, turns, *_ = rows[0]
            exchanges = [(bodies[row[9]]["messages"], Reply.from_json(row[8])) for row in rows]
            messages = [*_said(exchanges, turns), *([("exit", LEAVING)] if outcome == LEFT else [])]
            fields = {"model": model, **known.get(items, {}), "sample": sample, "outcome": outcome}
            yield Conversation(
                trial, [(*message, {}) for message in messages], {**fields, **_parsed(conditions)}
            )


def _parsed(text: str) -> dict[str, Any]:
    value = json.loads(text)
    return value if isinstance(value, dict) else {}


def _attributes(connection: sqlite3.Connection) -> dict[str, dict[str, Any]]:
    """Return the attributes of single items by the text that names them in a trial."""
    shown = ("id", "text", "title", "lines", "kinds", "persona", "redirect", "messages")
    found = {}
    for (text,) in connection.execute("SELECT attributes FROM items"):
        told = json.loads(text)
        own = {name: value for name, value in told.items() if name not in shown}
        plain = {name: value for name, value in own.items() if not isinstance(value, (list, dict))}
        found[json.dumps([told["id"]], ensure_ascii=False, separators=(",", ":"))] = {
            "item": told["id"],
            **plain,
        }
    return found


def _said(
    exchanges: Sequence[tuple[Sequence[Mapping[str, Any]], Reply]], turns: int | None
) -> list[tuple[str, str]]:
    """Return what was said in a conversation of so many turns, from what was shown and the replies."""
    shown, reply = exchanges[min(turns or len(exchanges), len(exchanges)) - 1]
    if any(each.get("result") and not each.get("text") for each in exchanges[-1][0]):
        shown, reply = exchanges[-1]  # an exit in two stages: a turn may have two exchanges
    said: list[tuple[str, str]] = []
    joins = False
    for each in (*shown, {"role": "assistant", "text": reply.text}):
        role, text = str(each["role"]), str(each.get("text", ""))
        if joins and role == "assistant":
            said[-1] = (role, "\n".join(part for part in (said[-1][1], text) if part))
        elif not (role == "user" and not text and each.get("result")):
            said.append((role, text))
        # The result of a first call is nothing that a user says: what follows it is of the same turn.
        joins = role == "user" and not text and bool(each.get("result"))
    return said
