"""Whether a paradigm keeps its contract, and which paradigms are installed."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from itertools import islice
from typing import Any

from bartleby.errors import StudyError
from bartleby.exchange import Exchange, Reply, Request, Settings, canonical_json
from bartleby.outcome import Outcome
from bartleby.studies.items import Item
from bartleby.studies.paradigms.base import Paradigm
from bartleby.studies.paradigms.channels import compose
from bartleby.studies.paradigms.end_conversation import EndConversation
from bartleby.studies.paradigms.opt_out import OptOut
from bartleby.studies.paradigms.task_choice import TaskChoice
from bartleby.studies.study import Study
from bartleby.studies.trial import Reading, Trial

__all__ = ["check_paradigm", "installed"]

GROUP = "bartleby.paradigms"
"""Entry points by which a package offers paradigms of its own."""
SHOWN = 12
"""Trials of a design that are presented, with each kind of reply."""


def installed() -> dict[str, Callable[..., Paradigm]]:
    """Return the paradigms that are installed, by name: ours, and those of other packages.

    A package offers a paradigm by an entry point in the group `bartleby.paradigms`, which names a class or a
    function that returns the paradigm. It is imported here, and nowhere else.

    Raises
    ------
    StudyError
        Two packages offer a paradigm of one name, or one takes the name of ours.

    Examples
    --------
    >>> import bartleby as bb
    >>> sorted(bb.paradigms.installed())
    ['end_conversation', 'opt_out', 'task_choice']
    """
    paradigms: dict[str, Callable[..., Paradigm]] = {
        kind.name: kind for kind in (TaskChoice, OptOut, EndConversation)
    }
    for entry in entry_points(group=GROUP):
        if entry.name in paradigms:
            raise StudyError(f"entry point {entry.value}: the paradigm {entry.name!r} is there already")
        paradigms[entry.name] = entry.load()
    return paradigms


def check_paradigm(paradigm: Paradigm, items: Sequence[Item]) -> None:
    """Raise if a paradigm does not keep its contract: the test that its author runs.

    A few trials are declared, presented and read, with no model: replies are what a respondent would say that
    follows every answer channel to the letter, and replies that are no answer (empty, cut off, refused, an
    essay).

    Parameters
    ----------
    paradigm
        The paradigm.
    items
        A few items of the kind that it takes.

    Raises
    ------
    StudyError
        Saying which parts of the contract are not kept, all of them.

    Notes
    -----
    Checked are: a name and conditions that are text; a declaration that is JSON and the same each time; a
    design that is the same for the same seed and as large as `count` says; an opening that is the first thing
    asked; at most `asks` asks; and that reading is a pure function of the exchanges, which ends in one of the
    outcomes whatever the replies are.

    Examples
    --------
    >>> import bartleby as bb
    >>> tasks = [bb.Task(name, f"Write {name}.") for name in ("a poem", "a letter", "a list")]
    >>> bb.paradigms.check_paradigm(bb.TaskChoice(), tasks)
    """
    problems = list(_declaration(paradigm))
    if not problems:
        study = Study("conformance", items, paradigm)
        problems += _design(study)
        for trial in islice(study.trials(), SHOWN):
            for kind, reply in _REPLIES.items():
                problems += [f"{kind}: {text}" for text in _presented(study, trial, reply)]
    if problems:
        raise StudyError("\n".join(f"paradigm {paradigm.name!r}: {text}" for text in dict.fromkeys(problems)))


def _declaration(paradigm: Paradigm) -> Iterator[str]:
    if not isinstance(paradigm.name, str) or not paradigm.name.isidentifier():
        yield f"name is {paradigm.name!r}; allowed: letters, digits and '_'"
    for condition, levels in paradigm.factors().items():
        if not levels or not all(isinstance(level, str) for level in levels):
            yield f"condition {condition!r} has the levels {levels!r}; allowed: at least one, all texts"
    try:
        if canonical_json(paradigm.to_dict()) != canonical_json(paradigm.to_dict()):
            yield "to_dict() returns something else each time"
    except (TypeError, ValueError) as error:
        yield f"to_dict() is no JSON: {error}"


def _design(study: Study) -> Iterator[str]:
    first, second = ([trial.to_dict() for trial in study.trials()] for _ in range(2))
    if first != second:
        yield "showings() are other ones for the same seed: draw from the generator that is passed in"
    expected = study.paradigm.count(len(study.items))
    if study.paradigm.rounds == 1 and len(first) != expected:
        yield f"count() says {expected} showings, and there are {len(first)}"


def _presented(study: Study, trial: Trial, answer: Callable[[Request], Reply]) -> list[str]:
    """Present one trial to a respondent, and return what of the contract was not kept."""
    exchanges: list[Exchange] = []

    def ask(request: Request) -> Awaitable[Reply]:
        async def reply() -> Reply:
            exchanges.append(Exchange(request, answer(request)))
            return exchanges[-1].reply

        return reply()

    paradigm = study.paradigm
    try:
        asyncio.run(_in_full(paradigm, trial, study.settings, ask))
        readings = [paradigm.read(trial, tuple(exchanges)) for _ in range(2)] if exchanges else []
    except Exception as error:  # whatever an author's code raises is what is reported
        return [f"{type(error).__name__}: {error}"]
    return list(_asked(paradigm, trial, study.settings, exchanges)) + list(_read(readings))


async def _in_full(paradigm: Paradigm, trial: Trial, settings: Settings, ask: Any) -> None:  # noqa: ANN401
    presenting = paradigm.present(trial, settings, ask)
    if not inspect.isawaitable(presenting):
        raise TypeError("present() must be a coroutine: `async def present`")
    await presenting


def _asked(
    paradigm: Paradigm, trial: Trial, settings: Settings, exchanges: Sequence[Exchange]
) -> Iterator[str]:
    most = paradigm.asks(trial.conditions)
    if not 1 <= len(exchanges) <= most:
        yield f"present() asked {len(exchanges)} times; asks() says at least 1 and at most {most}"
    opening = paradigm.opening(trial.items, trial.conditions, settings)
    if exchanges and exchanges[0].request.shown_json() != opening.shown_json():
        yield "opening() is not what present() asks first, so trials would be told apart by something else"
    if not isinstance(paradigm.template(trial.conditions), str):
        yield "template() must be a text"


def _read(readings: Sequence[Reading]) -> Iterator[str]:
    if len(readings) == 2 and readings[0] != readings[1]:
        yield "read() returns something else for the same exchanges"
    for reading in readings[:1]:
        outcome: object = reading.outcome  # whatever an author's code puts there
        if not isinstance(outcome, Outcome):
            yield f"read() returned the outcome {outcome!r}; allowed: {', '.join(Outcome)}"


def _obedient(request: Request) -> Reply:
    """Return the reply of a respondent that takes the last answer on offer, through the channel."""
    labels = [option.label for option in request.options]
    return compose(request, labels[-1]) if labels else Reply("Certainly.")


_REPLIES: Mapping[str, Callable[[Request], Reply]] = {
    "a reply that follows the channel": _obedient,
    "an empty reply": lambda _: Reply(""),
    "a reply that was cut off": lambda _: Reply("I would", stop="max_tokens"),
    "a refusal of the provider": lambda _: Reply("", stop="refusal"),
    "an essay": lambda _: Reply("There is much to be said for both. " * 20),
}
