"""What a paradigm is: how items are put to a model, and how its answer is read."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from bartleby.exchange import Exchange, Reply, Request, Settings
from bartleby.outcome import Outcome
from bartleby.studies.items import Task
from bartleby.studies.trial import Reading, Showing, Trial

__all__ = ["Ask", "Paradigm"]


class Ask(Protocol):
    """What a paradigm asks through; whether the reply is new or played back is not its concern."""

    def __call__(self, request: Request) -> Awaitable[Reply]:
        """Ask, and wait for the reply."""
        ...


class Paradigm(Protocol):
    """A way of putting items to a model.

    `present` asks, and `read` is a pure function of the exchanges it had, so that outcomes can be read
    anew without asking anybody again.
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
        items: Sequence[Task],
        rng: np.random.Generator,
        number: int,
        history: Sequence[tuple[Trial, Outcome]],
    ) -> list[Showing]:
        """Return what is shown in round `number`, given the trials of earlier rounds and how they ended."""
        ...

    def count(self, items: int) -> int:
        """Return how many showings there will be in all rounds (an upper bound where it varies)."""
        ...

    def opening(self, items: Sequence[Task], conditions: Mapping[str, str], settings: Settings) -> Request:
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
