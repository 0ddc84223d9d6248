"""A paradigm of one item a trial and any number of turns, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bartleby.exchange import Exchange, Message, Request, Settings
from bartleby.outcome import Outcome
from bartleby.studies.items import Item
from bartleby.studies.paradigms.base import Ask
from bartleby.studies.study import Study
from bartleby.studies.trial import Reading, Showing, Trial


@dataclass(frozen=True)
class Solo:
    """Each item is put to the model, and insisted on."""

    turns: int = 1
    name: str = "solo"
    rounds: int = 1

    @classmethod
    def study(cls, items: Sequence[Item], *, turns: int = 1, settings: Settings | None = None) -> Study:
        return Study("solo", items, cls(turns), settings=settings or Settings())

    def factors(self) -> Mapping[str, tuple[str, ...]]:
        return {"channel": ("auto", "text")}

    def showings(
        self,
        items: Sequence[Item],
        rng: np.random.Generator,
        number: int,
        history: Sequence[tuple[Trial, Outcome]],
    ) -> list[Showing]:
        return [Showing((item,)) for item in items]

    def count(self, items: int) -> int:
        return items

    def opening(self, items: Sequence[Item], conditions: Mapping[str, str], settings: Settings) -> Request:
        return Request((Message("user", items[0].text),), settings)

    def template(self, conditions: Mapping[str, str]) -> str:
        return "{item}"

    def asks(self, conditions: Mapping[str, str]) -> int:
        return self.turns

    async def present(self, trial: Trial, settings: Settings, ask: Ask) -> None:
        request = self.opening(trial.items, trial.conditions, settings)
        for turn in range(self.turns):
            reply = await ask(request)
            request = Request(request.followed_by(reply, f"And again ({turn})."), settings)

    def read(self, trial: Trial, exchanges: Sequence[Exchange]) -> Reading:
        return Reading(Outcome.COMPLETED, False, turns=len(exchanges))

    def to_dict(self) -> dict[str, Any]:
        return {"paradigm": self.name, "turns": self.turns}
