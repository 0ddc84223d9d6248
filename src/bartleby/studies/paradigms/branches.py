"""Branches: a conversation that was held, continued anew from one of its turns with an edited message.

As users of a deployed chat can edit an earlier message after it was ended. Each edit is paired with the
original message, asked again from the same turn: both continue the same words, and are drawn anew. So a
difference in exits is the edit's, and not that of a conversation which happened to go badly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from bartleby.errors import DataError, SettingError
from bartleby.exchange import Message, canonical_json
from bartleby.studies.items import Attribute

__all__ = ["ORIGINAL", "Branch", "Conversation", "Edit", "make_branches"]

ORIGINAL = "original"
"""The branch whose message was not edited."""

Edit = str | Callable[[str], str]
"""The message that takes the place of the original one, or what makes it out of that one."""

_MADE = frozenset(
    {"id", "text", "lines", "kinds", "persona", "redirect", "aversive", "messages", "text_kind"}
)


@dataclass(frozen=True)
class Conversation:
    """A conversation that was held.

    Parameters
    ----------
    trial
        Id of its trial.
    item
        Attributes of its scenario, as `Scenario.to_dict` gives them.
    messages
        All that was said, in turns of the user and the model, from the opening on.
    """

    trial: str
    item: Mapping[str, Any]
    messages: tuple[Message, ...]


@dataclass(frozen=True)
class Branch:
    """A conversation to go on with from a message of the user's: an item for `EndConversation`.

    Parameters
    ----------
    id
        `<trial>@<turn>:<branch>`.
    text
        The user's message from which it goes on: the original one, or the edited one.
    messages
        What was said before it.
    origin, branch, branch_turn
        Trial of the original conversation, `original` or the name of the edit, and the turn of the message.
    text_kind
        What the message does: as in the scenario, or `edited`.
    lines, kinds
        What the user says next.
    persona, redirect, aversive
        As in the scenario.
    attributes
        The scenario's attributes, with its id under `scenario`.

    Raises
    ------
    DataError
        If the message is empty, or what was said before is not a conversation that it can follow.

    Examples
    --------
    >>> import bartleby as bb
    >>> bb.leaving.Branch("s1~polite", "Hello.", (), origin="t1", branch="polite", branch_turn=1).branch
    'polite'
    """

    id: str
    text: str
    messages: tuple[Message, ...]
    origin: str
    branch: str
    branch_turn: int
    text_kind: str = "opening"
    lines: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    persona: str | None = None
    redirect: str | None = None
    aversive: bool = False
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "messages", tuple(self.messages))
        roles = [message.role for message in self.messages]
        problems = []
        if not self.text.strip():
            problems.append(f"branch {self.id!r}: the message is empty; allowed: a text")
        if roles != ["user", "assistant"] * (len(roles) // 2):
            problems.append(
                f"branch {self.id!r}: before the message come turns of {', '.join(roles)}; allowed: user and "
                "assistant by turns, from the user's opening to the assistant's reply"
            )
        if problems:
            raise DataError(problems)

    def to_dict(self) -> dict[str, Any]:
        """Return all attributes in one flat mapping; what was said before is a list."""
        return {
            "id": self.id,
            "text": self.text,
            "origin": self.origin,
            "branch": self.branch,
            "branch_turn": self.branch_turn,
            "text_kind": self.text_kind,
            **self.attributes,
            "aversive": self.aversive,
            "persona": self.persona,
            "redirect": self.redirect,
            "lines": list(self.lines),
            "kinds": list(self.kinds),
            "messages": [asdict(message) for message in self.messages],
        }


def make_branches(
    conversations: Iterable[Conversation],
    *,
    turn: int | Literal["last"],
    edits: Mapping[str, Edit],
    keep_lines: bool = True,
) -> tuple[Branch, ...]:
    """Return, for each conversation that reached a turn, its original and each edited continuation.

    Parameters
    ----------
    conversations
        Conversations that were held.
    turn
        The user's message that is edited, from 1 for the opening; `last` for the one before the model's last
        reply, which is where a model that left did so.
    edits
        By name: the message in its place, or a function of the original one that returns it. An edit that
        leaves a message as it is makes no branch of that conversation.
    keep_lines
        Whether the scenario's later lines follow; else the conversation ends with the reply to the message.

    Returns
    -------
    tuple of Branch
        Conversations that agree in all that was said up to the message are one origin, the first of them.

    Raises
    ------
    SettingError
        If the turn or the name of an edit is not allowed, or there is no edit.
    DataError
        If no conversation reached the turn.
    """
    _check(turn, edits)
    made: list[Branch] = []
    seen: set[str] = set()
    for conversation in conversations:
        original = _original(conversation, turn, keep_lines=keep_lines)
        if original is None:
            continue
        said = canonical_json([original.text, [asdict(message) for message in original.messages]])
        if said not in seen:
            seen.add(said)
            made += _with_edits(original, edits)
    if not made:
        raise DataError(f"no conversation reached turn {turn} and is changed by an edit; there is no branch")
    return tuple(made)


def _check(turn: int | str, edits: Mapping[str, Edit]) -> None:
    problems = []
    if turn != "last" and (isinstance(turn, bool) or not isinstance(turn, int) or turn < 1):
        problems.append(f"turn is {turn!r}; allowed: a whole number from 1, or 'last'")
    if not edits:
        problems.append("there is no edit; allowed: at least one, by name")
    if ORIGINAL in edits:
        problems.append(f"an edit is named {ORIGINAL!r}, which is the branch without one; name it otherwise")
    if problems:
        raise SettingError("; ".join(problems))


def _original(conversation: Conversation, turn: int | str, *, keep_lines: bool) -> Branch | None:
    """Return the original continuation of a conversation; None where it did not reach the turn."""
    said, item = conversation.messages, conversation.item
    places = [place for place, message in enumerate(said) if message.role == "user"]
    number = len(places) if turn == "last" else int(turn)
    if not 0 < number <= len(places):
        return None
    place = places[number - 1]
    later = slice(number - 1, None) if keep_lines else slice(0)
    kinds = tuple(item.get("kinds") or ())
    return Branch(
        f"{conversation.trial}@{number}:{ORIGINAL}",
        said[place].text,
        said[:place],
        conversation.trial,
        ORIGINAL,
        number,
        text_kind="opening" if number == 1 else (kinds[number - 2 : number - 1] or ("other",))[0],
        lines=tuple(item.get("lines") or ())[later],
        kinds=kinds[later],
        persona=item.get("persona"),
        redirect=item.get("redirect"),
        aversive=bool(item.get("aversive", False)),
        attributes={
            "scenario": item.get("id"),
            **{name: value for name, value in item.items() if name not in _MADE},
        },
    )


def _with_edits(original: Branch, edits: Mapping[str, Edit]) -> list[Branch]:
    """Return the original and its edits; nothing where no edit changes its message."""
    texts = {name: edit if isinstance(edit, str) else edit(original.text) for name, edit in edits.items()}
    edited = [
        replace(
            original, id=original.id.removesuffix(ORIGINAL) + name, text=text, branch=name, text_kind="edited"
        )
        for name, text in texts.items()
        if text != original.text
    ]
    return [original, *edited] if edited else []
