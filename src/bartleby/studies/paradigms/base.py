"""What a paradigm is: how items are presented to a model, and how its answer is read."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from bartleby.exchange import Exchange, Reply, Request, Settings
from bartleby.outcome import Outcome
from bartleby.studies.items import Attribute, Item
from bartleby.studies.trial import Reading, Showing, Trial

__all__ = ["Ask", "Conversational", "Paradigm", "Scripted", "Settling", "Worded"]


class Ask(Protocol):
    """What a paradigm asks through; whether the reply is new or played back is not its concern.

    Examples
    --------
    >>> import bartleby as bb
    >>> async def ask(request: bb.paradigms.Request) -> bb.paradigms.Reply:
    ...     return bb.paradigms.Reply("Good morning.")
    """

    def __call__(self, request: Request) -> Awaitable[Reply]:
        """Ask, and wait for the reply."""
        ...


class Paradigm(Protocol):
    """A way of putting items to a model.

    `present` asks, and `read` is a pure function of the exchanges it had, so that outcomes can be read
    anew without asking anybody again.

    Examples
    --------
    >>> import bartleby as bb
    >>> paradigm: bb.paradigms.Paradigm = bb.TaskChoice()
    >>> paradigm.name
    'task_choice'
    """

    @property
    def name(self) -> str:
        """Name of the paradigm, for the `paradigm` column."""
        ...

    @property
    def rounds(self) -> int:
        """How many rounds of showings there are."""
        ...

    def factors(self) -> Mapping[str, tuple[str, ...]]:
        """Return the conditions it knows with their levels; the first level is the default."""
        ...

    def showings(
        self,
        items: Sequence[Item],
        rng: np.random.Generator,
        number: int,
        history: Sequence[tuple[Trial, Outcome]],
    ) -> list[Showing]:
        """Return what is shown in round `number`, given the trials of earlier rounds and how they ended."""
        ...

    def count(self, items: int) -> int:
        """Return how many showings there will be in all rounds (an upper bound where it varies)."""
        ...

    def opening(self, items: Sequence[Item], conditions: Mapping[str, str], settings: Settings) -> Request:
        """Return the first request of a trial."""
        ...

    def template(self, conditions: Mapping[str, str]) -> str:
        """Return everything that may be shown in a trial under these conditions, but for the items."""
        ...

    def asks(self, conditions: Mapping[str, str]) -> int:
        """Return the most requests a trial makes under these conditions."""
        ...

    async def present(self, trial: Trial, settings: Settings, ask: Ask) -> None:
        """Put a trial to a model."""
        ...

    def read(self, trial: Trial, exchanges: Sequence[Exchange]) -> Reading:
        """Return what the replies are read as."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return the declaration as JSON values."""
        ...


@runtime_checkable
class Scripted(Protocol):
    """A paradigm that may show more than its opening: later turns, a question after each of them.

    Without it a trial is identified by its opening and the number of its asks.

    Examples
    --------
    >>> import bartleby as bb
    >>> isinstance(bb.EndConversation(), bb.paradigms.Scripted)
    True
    """

    def script(self, items: Sequence[Item], conditions: Mapping[str, str]) -> Any:  # noqa: ANN401
        """Return everything but the opening that a trial may show, as a JSON value for its identity."""
        ...


@runtime_checkable
class Settling(Protocol):
    """A paradigm in which some condition makes no difference under some level of another.

    Cells of the design that differ in nothing else are one cell.
    """

    def settle(self, conditions: Mapping[str, str]) -> dict[str, str]:
        """Return the conditions of a cell that make a difference together."""
        ...


@runtime_checkable
class Worded(Protocol):
    """A paradigm whose texts can be brought along, and may clash with what conditions add to them."""

    def clashes(self, conditions: Mapping[str, str]) -> list[str]:
        """Return what a text says twice, or contradicts, under these conditions: one text a problem."""
        ...

    def texts(self) -> Mapping[str, Mapping[str, str]]:
        """Return the texts of each condition that has any, by its levels."""
        ...


@runtime_checkable
class Conversational(Protocol):
    """A paradigm of many turns, which may need a second model to play the user.

    Examples
    --------
    >>> import bartleby as bb
    >>> isinstance(bb.TaskChoice(), bb.paradigms.Conversational)
    False
    """

    def needs_user(self, conditions: Mapping[str, str]) -> bool:
        """Return whether trials under these conditions ask a model that plays the user."""
        ...

    def turns(self, trial: Trial, exchanges: Sequence[Exchange]) -> list[dict[str, Attribute]]:
        """Return one row an assistant turn of the conversation, for the turn table."""
        ...
