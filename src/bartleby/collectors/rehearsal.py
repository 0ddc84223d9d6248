"""A trial as it would go if the model stayed to the end: every request, and about how long it is.

Nobody is asked. A choice is answered by its first item, anything else by a placeholder, so that the
requests are those that a run would send, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bartleby.errors import StudyError
from bartleby.exchange import Exchange, Message, Reply, Request, canonical_json
from bartleby.studies.paradigms.channels import compose
from bartleby.studies.study import Study
from bartleby.studies.trial import Trial

__all__ = [
    "CHARACTERS_A_TOKEN",
    "Rehearsal",
    "Tokens",
    "prompt_text",
    "rehearse",
    "request_tokens",
    "tokens_of",
]

CHARACTERS_A_TOKEN = 4.0
"""English text has about four characters a token: good enough to see what a run will cost roughly."""
SHORT_ANSWER = 16
"""Tokens of an answer that is only a label, its JSON or its tool call."""
USUAL_REPLY = 250
"""Tokens of a turn or a piece of work, where nothing is known of the model: one to three paragraphs."""
USUAL_LINE = 60
"""Tokens of a simulated user's line: one to four sentences."""
MODEL_SAYS, USER_SAYS = "(what the model says)", "(what the user says)"
LONGEST = 10_000
"""Requests after which a trial is taken to go on in the same way for ever."""
SHOWN = 8
"""Requests of a trial that are shown."""


@dataclass(frozen=True)
class Rehearsal:
    """The requests of one trial, and the stand-ins for their replies.

    Parameters
    ----------
    exchanges
        In order.
    problem
        Why the trial could not be asked to its end, in words.
    """

    exchanges: Sequence[Exchange]
    problem: str | None = None


@dataclass(frozen=True)
class Tokens:
    """About how many tokens some requests have, and their replies, by who is asked."""

    input: float = 0.0
    output: float = 0.0
    user_input: float = 0.0
    user_output: float = 0.0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            *(one + more for one, more in zip(vars(self).values(), vars(other).values(), strict=True))
        )

    def times(self, factor: float) -> Tokens:
        """Return so many times as many."""
        return Tokens(*(count * factor for count in vars(self).values()))


def rehearse(study: Study, trial: Trial) -> Rehearsal:
    """Return what a trial would ask of a model that answers, and stays to the end."""
    exchanges: list[Exchange] = []

    async def ask(request: Request) -> Reply:
        if len(exchanges) >= LONGEST:
            raise StudyError(f"it asks more than {LONGEST:,} times")
        reply = _stand_in(request)
        exchanges.append(Exchange(request, reply))
        return reply

    coroutine = study.paradigm.present(trial, study.settings, ask)
    try:
        coroutine.send(None)
    except StopIteration:
        return Rehearsal(exchanges)
    except Exception as error:  # the paradigm is other people's code
        text = str(error) if isinstance(error, StudyError) else f"{type(error).__name__}: {error}"
        return Rehearsal(exchanges, text)
    coroutine.close()
    return Rehearsal(exchanges, f"the paradigm {study.paradigm.name!r} waits for something else than replies")


def _stand_in(request: Request) -> Reply:
    if request.options:
        items = [option.label for option in request.options if option.meaning == "item"]
        return compose(request, items[0] if items else request.options[0].label)
    return Reply(USER_SAYS if request.to == "user" else MODEL_SAYS)


def request_tokens(request: Request) -> float:
    """Return about how many tokens a request has, from its characters."""
    return len(request.shown_json()) / CHARACTERS_A_TOKEN


def tokens_of(exchanges: Sequence[Exchange], *, longest: bool = False) -> Tokens:
    """Return about how many tokens the requests of a trial have, and their replies.

    Parameters
    ----------
    exchanges
        Of a rehearsal.
    longest
        Replies as long as they may be, instead of as long as they usually are.
    """
    lengths = {MODEL_SAYS: float(USUAL_REPLY), USER_SAYS: float(USUAL_LINE)}
    for exchange in exchanges:
        text, ceiling = exchange.reply.text, exchange.request.settings.ceiling
        if text in lengths:
            lengths[text] = float(ceiling) if longest else min(lengths[text], ceiling)
    total = Tokens()
    for exchange in exchanges:
        total += _tokens(exchange, lengths, longest=longest)
    return total


def _tokens(exchange: Exchange, lengths: Mapping[str, float], *, longest: bool) -> Tokens:
    request, reply = exchange.request, exchange.reply
    asked = request_tokens(request)
    said = (message.text for message in request.messages if message.text in lengths)
    asked += sum(lengths[text] - len(text) / CHARACTERS_A_TOKEN for text in said)
    brief = float(request.settings.ceiling if longest else min(SHORT_ANSWER, request.settings.ceiling))
    answered = lengths.get(reply.text, brief)
    if request.to == "user":
        return Tokens(user_input=asked, user_output=answered)
    return Tokens(input=asked, output=answered)


def prompt_text(rehearsal: Rehearsal) -> str:
    """Return what a model is shown in a trial, whole: system text, tools, turns, questions on a copy."""
    asked = [exchange for exchange in rehearsal.exchanges if exchange.request.to == "subject"]
    lines: list[str] = []
    said: list[str] = []
    framed: list[str] = []
    for exchange in asked[:SHOWN]:
        request, frame = exchange.request, list(_frame(exchange.request))
        lines += [line for line in frame if line not in framed]
        framed = frame
        turns = [_turn(message) for message in request.messages]
        if request.aside:
            lines.append("[asked on a copy of the conversation]")
        lines += [*(turns[len(said) :] if turns[: len(said)] == said else turns), _answer(exchange.reply)]
        said = said if request.aside else [*turns, _answer(exchange.reply)]
    if len(asked) > SHOWN:
        lines.append(f"... and {len(asked) - SHOWN} more requests in the same way")
    return "\n".join(lines)


def _turn(message: Message) -> str:
    return f"[{'model' if message.role == 'assistant' else 'user'}] {message.text}"


def _answer(reply: Reply) -> str:
    calls = (f"calls {call.name} {canonical_json(dict(call.arguments))}" for call in reply.tool_calls)
    return f"[model] {reply.text or ', '.join(calls)}"


def _frame(request: Request) -> Iterator[str]:
    """Yield what is shown beside the turns."""
    if request.settings.system:
        yield f"[system] {request.settings.system}"
    for tool in request.tools:
        yield f"[tool {tool.name}] {tool.description}"
    if request.schema is not None:
        yield f"[answer held to] {canonical_json(dict(request.schema))}"
    if request.constrain:
        yield f"[answer held to] {' or '.join(request.constrain)}"
