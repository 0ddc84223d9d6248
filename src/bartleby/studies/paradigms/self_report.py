"""Self-reports beside behaviour: a battery asked before and after a task or a conversation.

Each statement is asked on its own: before, as the first message of an empty chat; after, on a copy of the
conversation. So no statement has the answer to another before it, and none is part of what is said later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from bartleby.exchange import Message, Option, Reply, Request, Settings
from bartleby.studies.batteries import Statement
from bartleby.studies.items import Attribute
from bartleby.studies.paradigms.channels import Channel, instruction, pose, read_answer
from bartleby.studies.paradigms.steps import Steps

__all__ = [
    "TIMES",
    "ask_statement",
    "asked_at",
    "battery_steps",
    "read_number",
    "read_scale",
    "report_columns",
]

TIMES: tuple[str, ...] = ("none", "before", "after", "both")
"""Levels of the condition `self_report`."""

LEAD = "(This question is about you, and not part of any task. There is no right answer.)"

WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def asked_at(level: str, time: str) -> bool:
    """Return whether a level of `self_report` asks the battery at a time, `before` or `after`."""
    return level in (time, "both")


def ask_statement(
    statement: Statement, settings: Settings, channel: Channel, messages: tuple[Message, ...] = ()
) -> Request:
    """Return the request that asks one statement.

    Parameters
    ----------
    statement
        What is asked.
    settings
        How the model is run.
    channel
        How the answer is to come.
    messages
        The conversation that it follows, ending with a user turn that is still empty; none before one.
    """
    points = [str(point) for point in range(1, statement.points + 1)]
    scale = f"1 means {statement.low} and {statement.points} means {statement.high}"
    how = instruction(channel, points)
    question = f"{LEAD} {statement.text} On a scale from 1 to {statement.points}, {scale}. {how}"
    result = messages[-1].result if messages else ""
    shown = (*messages[:-1], Message("user", question, result=result))
    options = tuple(Option(point, "item", statement.id) for point in points)
    return pose(Request(shown, settings, options=options, aside=True), channel)


def battery_steps(
    answers: dict[str, Reply],
    statements: Iterable[Statement],
    settings: Settings,
    channel: Channel,
    *,
    messages: tuple[Message, ...] = (),
    about: Mapping[str, Any],
) -> Steps:
    """Yield a battery's requests, one a statement, and note the replies in `answers`, by statement."""
    told = {**about, "ask": "statement", "time": "after" if messages else "before"}
    for statement in statements:
        asked = ask_statement(statement, settings, channel, messages)
        answers[statement.id] = yield replace(asked, about={**told, "statement": statement.to_dict()})


def read_scale(reply: Reply, statement: Statement, channel: Channel) -> int | None:
    """Return the number that a reply gives, or None where it gives none, or more than one."""
    if reply.stop == "refusal":
        return None
    points = [str(point) for point in range(1, statement.points + 1)]
    if channel == "text" or (not reply.tool_calls and channel in ("tool", "forced_tool")):
        return read_number(reply.text, statement.points)
    answer = read_answer(reply, channel, points)
    return None if answer.label is None else int(answer.label)


def read_number(text: str, points: int = 7) -> int | None:
    """Return the one number from 1 to `points` that a text gives, or None: a strict reader.

    Accepted are the number alone, also in bold or as a word, with `/7` or "out of 7" behind it; after a lead
    such as "My answer is"; with words after it that hold no other number; and alone on the last line of a
    text that holds no other.

    Examples
    --------
    >>> read_number("**5**"), read_number("My answer is 3."), read_number("6/7 (very much)")
    (5, 3, 6)
    >>> read_number("4 or 5"), read_number("As an AI I have no feelings."), read_number("4.5")
    (None, None, None)
    """
    if len(text) > 2000:
        return None
    scale = rf"(?:\s*/\s*{points}|\s+out\s+of\s+{points})"
    bare = re.sub(rf"(?<=[\d*_]){scale}(?![\d.])", "", text.strip(), flags=re.IGNORECASE)
    named = dict(zip(WORDS[:points], range(1, points + 1), strict=False))
    spelled = re.fullmatch(r"[\W_]*([a-z]+)[\W_]*", bare, re.IGNORECASE)
    if spelled and spelled.group(1).lower() in named:
        return named[spelled.group(1).lower()]
    numbers = re.findall(r"-?\d+(?:[.,]\d+)*", bare)
    if len(numbers) != 1 or not numbers[0].isdigit() or not 1 <= int(numbers[0]) <= points:
        return None
    said = r"answer|rating|score|choose|say|rate(?:\s+(?:it|this))?(?:\s+as)?|give(?:\s+(?:it|this))?"
    lead = rf"(?:(?:(?:my|the|i(?:['’]d|\s+would))\s+)?(?:{said})\s*(?:is|:|be)?\s*(?:an?\s+)?)?"
    edge = r"[\s\"'`*_(\[“‘:]*"
    first = rf"{edge}{lead}{edge}{numbers[0]}(?![\w])"
    last_line = bare.splitlines()[-1]
    if re.match(first, bare, re.IGNORECASE) or re.fullmatch(rf"{first}[\W_]*", last_line, re.IGNORECASE):
        return int(numbers[0])
    return None


def report_columns(
    time: str, answers: Mapping[str, Reply], statements: Iterable[Statement], channel: Channel
) -> dict[str, Attribute]:
    """Return the columns `before_<id>` or `after_<id>` of the statements that were answered."""
    return {
        f"{time}_{each.id}": read_scale(answers[each.id], each, channel)
        for each in statements
        if each.id in answers
    }
