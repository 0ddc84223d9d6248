"""A paradigm of many turns with a user who may be played by a model, for tests of the collector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bartleby.exchange import Exchange, Message, Reply, Request, Settings
from bartleby.outcome import Outcome
from bartleby.studies.caps import Caps
from bartleby.studies.items import Attribute, Item, Task
from bartleby.studies.paradigms.base import Ask
from bartleby.studies.study import Study
from bartleby.studies.trial import Reading, Showing, Trial

LEAVE = "I would rather stop here."
WHY = "Why did you leave?"
SYSTEM = Settings(max_tokens=64, system="You are the user.")


@dataclass(frozen=True)
class Talk:
    """A conversation of so many turns; a model that says LEAVE has left, and is asked why."""

    length: int = 3
    name: str = "talk"
    rounds: int = 1

    def factors(self) -> Mapping[str, tuple[str, ...]]:
        return {"user": ("simulated", "scripted")}

    def needs_user(self, conditions: Mapping[str, str]) -> bool:
        return conditions["user"] == "simulated"

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
        said = f"({conditions['user']}) {items[0].text}"
        return Request((Message("user", said),), settings, aversive=items[0].to_dict()["harm"] is not None)

    def template(self, conditions: Mapping[str, str]) -> str:
        return "{item}"

    def asks(self, conditions: Mapping[str, str]) -> int:
        return 2 * self.length

    async def present(self, trial: Trial, settings: Settings, ask: Ask) -> None:
        request = self.opening(trial.items, trial.conditions, settings)
        for turn in range(self.length):
            reply = await ask(request)
            if reply.text == LEAVE:
                await ask(Request(request.followed_by(reply, WHY), settings))
                return
            line = f"And again ({turn})."
            if turn + 1 < self.length:
                if self.needs_user(trial.conditions):
                    line = (await ask(_as_user(request, reply))).text
                request = Request(request.followed_by(reply, line), settings, aversive=request.aversive)

    def read(self, trial: Trial, exchanges: Sequence[Exchange]) -> Reading:
        had = _had(exchanges)
        left = [turn for turn, each in enumerate(had, start=1) if each.reply.text == LEAVE]
        if left:
            return Reading(Outcome.OPTED_OUT, False, left[0], len(had))
        whole = len(had) == self.length
        return Reading(Outcome.COMPLETED if whole else Outcome.ABANDONED, False, turns=len(had))

    def turns(self, trial: Trial, exchanges: Sequence[Exchange]) -> list[dict[str, Attribute]]:
        return [
            {"turn": turn, "exited": each.reply.text == LEAVE, "length": len(each.reply.text)}
            for turn, each in enumerate(_had(exchanges), start=1)
        ]

    def to_dict(self) -> dict[str, Any]:
        return {"paradigm": self.name, "length": self.length}


def _had(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """Return the subject's turns, without the question why it left."""
    asked = [each for each in exchanges if each.request.to == "subject"]
    return [each for each in asked if each.request.messages[-1].text != WHY]


def _as_user(request: Request, reply: Reply) -> Request:
    """Return the request for the next line of the user, who sees the conversation the other way round."""
    roles = {"user": "assistant", "assistant": "user"}
    seen = [Message("user", "Begin."), *(Message(roles[m.role], m.text) for m in request.messages)]  # type: ignore[arg-type]
    return Request((*seen, Message("user", reply.text)), SYSTEM, to="user")


def talks(
    items: int = 2,
    *,
    length: int = 3,
    user: str = "simulated",
    caps: Caps | None = None,
    harm: str | None = None,
    samples: int = 1,
) -> Study:
    """Return a study of so many conversations."""
    tasks = [Task(f"t{i}", f"Let us talk of {i}.", harm=harm, attributes={"length": i}) for i in range(items)]
    return Study("talks", tasks, Talk(length), {"user": [user]}, samples=samples, caps=caps or Caps())
