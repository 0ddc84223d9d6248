"""Branches: a conversation that was held, continued anew from one of its turns with an edited message.

As users of a deployed chat can edit an earlier message after it was ended, start a new chat, or come back.
Each of these is paired with the original message, asked again from the same turn: both continue the same
words, and are drawn anew. So a difference in exits is the edit's, and not that of a conversation which
happened to go badly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from bartleby.errors import DataError, SettingError
from bartleby.exchange import Message, canonical_json
from bartleby.studies.items import Attribute

__all__ = [
    "BACK",
    "NEW_CHAT",
    "NEW_CHAT_SUMMARY",
    "ORIGINAL",
    "Branch",
    "Conversation",
    "Edit",
    "make_branches",
]

ORIGINAL = "original"
"""The branch whose message was not edited."""

NEW_CHAT, NEW_CHAT_SUMMARY, BACK = "new_chat", "new_chat_summary", "back"
"""Branches that are no edit: the message in a new chat, the same behind a summary, and coming back."""
SUMMARY = "We talked before, and you ended that conversation. In it I had written: {said} Now I write: {text}"
RETURNED = "The conversation was ended here. The user has come back to it."
"""What the exit tool returns where a user comes back to a conversation that was ended."""

Edit = str | Callable[[str], str]
"""The message that takes the place of the original one, or what makes it out of that one."""

_MADE = frozenset(
    {"id", "text", "lines", "kinds", "persona", "redirect", "aversive", "messages", "text_kind"}
    | {"origin", "branch", "branch_turn", "scenario", "result", "conditions"}
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
    outcome
        How it ended.
    conditions
        The conditions under which it was held.
    """

    trial: str
    item: Mapping[str, Any]
    messages: tuple[Message, ...]
    outcome: str | None = None
    conditions: Mapping[str, str] = field(default_factory=dict)


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
    result
        What the tools that the last message called have returned, where a user comes back.
    conditions
        Conditions of the original conversation, under which its branches are held too.

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
    result: str = ""
    conditions: Mapping[str, str] = field(default_factory=dict)

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
            **({"result": self.result} if self.result else {}),
            **({"conditions": dict(self.conditions)} if self.conditions else {}),
        }


def make_branches(
    conversations: Iterable[Conversation],
    *,
    turn: int | Literal["last"],
    edits: Mapping[str, Edit],
    keep_lines: bool = True,
    new_chat: bool = False,
    back: bool = False,
) -> tuple[Branch, ...]:
    """Return, for each conversation that reached a turn, its original and each other continuation.

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
    new_chat
        Whether the message is also sent to a new chat (`new_chat`), and to one that begins with a summary of
        the old one (`new_chat_summary`: the user's earlier messages, quoted).
    back
        Whether the user also comes back to the same chat, behind the model's reply to the message (`back`).

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
    _check(turn, edits, others=new_chat or back)
    made: list[Branch] = []
    seen: set[str] = set()
    for conversation in conversations:
        original = _original(conversation, turn, keep_lines=keep_lines)
        if original is None:
            continue
        before = [asdict(message) for message in original.messages]
        said = canonical_json([original.text, before, dict(original.conditions)])
        if said not in seen:
            seen.add(said)
            others = [
                *(_new_chats(original) if new_chat else []),
                *(_back(original, conversation) if back else []),
            ]
            made += _with_others(original, edits, others)
    if not made:
        raise DataError(f"no conversation reached turn {turn} and is changed by an edit; there is no branch")
    return tuple(made)


def _check(turn: int | str, edits: Mapping[str, Edit], *, others: bool) -> None:
    problems = []
    if turn != "last" and (isinstance(turn, bool) or not isinstance(turn, int) or turn < 1):
        problems.append(f"turn is {turn!r}; allowed: a whole number from 1, or 'last'")
    if not edits and not others:
        problems.append("there is no edit; allowed: at least one, by name, or a new chat, or coming back")
    problems += [
        f"an edit is named {name!r}, which is a branch of its own; name it otherwise"
        for name in (ORIGINAL, NEW_CHAT, NEW_CHAT_SUMMARY, BACK)
        if name in edits
    ]
    if problems:
        raise SettingError("; ".join(problems))


def _original(conversation: Conversation, turn: int | str, *, keep_lines: bool) -> Branch | None:
    """Return the original continuation of a conversation; None where it did not reach the turn."""
    said, item = conversation.messages, conversation.item
    places = [
        place for place, message in enumerate(said) if message.role == "user" and not _is_result(message)
    ]
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
            "scenario": item.get("scenario") or item.get("id"),
            **{name: value for name, value in item.items() if name not in _MADE},
        },
        result=said[place].result,
        conditions=conversation.conditions,
    )


def _new_chats(original: Branch) -> list[Branch]:
    """Return the message in a new chat, and in one that begins with a summary of the old."""
    said = " ".join(
        f"“{message.text}”" for message in original.messages if message.role == "user" and message.text
    )
    summary = SUMMARY.format(said=said or "nothing else.", text=original.text)
    return [
        _named(original, NEW_CHAT, messages=(), result=""),
        _named(original, NEW_CHAT_SUMMARY, messages=(), text=summary, result=""),
    ]


def _back(original: Branch, conversation: Conversation) -> list[Branch]:
    """Return the same message once more, behind the model's reply to it; none where there was no reply."""
    place = len(original.messages)
    replied = conversation.messages[: place + 2]
    # A first call that asked back is answered within the turn: what follows belongs to the reply.
    while len(replied) + 1 < len(conversation.messages) and _is_result(conversation.messages[len(replied)]):
        replied = conversation.messages[: len(replied) + 2]
    if len(replied) < place + 2:
        return []
    result = RETURNED if replied[-1].blocks or not replied[-1].text.strip() else ""
    return [_named(original, BACK, messages=replied, result=result)]


def _is_result(message: Message) -> bool:
    return message.role == "user" and bool(message.result) and not message.text


def _named(original: Branch, name: str, **changes: Any) -> Branch:  # noqa: ANN401 - fields of a branch
    return replace(original, id=original.id.removesuffix(ORIGINAL) + name, branch=name, **changes)


def _with_others(original: Branch, edits: Mapping[str, Edit], others: Sequence[Branch]) -> list[Branch]:
    """Return the original with its edits and other continuations; nothing where there is none."""
    texts = {name: edit if isinstance(edit, str) else edit(original.text) for name, edit in edits.items()}
    edited = [
        _named(original, name, text=text, text_kind="edited")
        for name, text in texts.items()
        if text != original.text
    ]
    return [original, *edited, *others] if edited or others else []
