"""A paradigm that keeps its contract passes the conformance test; what it does not keep is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest

import bartleby as bb
from bartleby.errors import StudyError
from bartleby.exchange import Exchange, Message, Request, Settings
from bartleby.outcome import Outcome
from bartleby.studies.items import Item
from bartleby.studies.paradigms import conformance
from bartleby.studies.paradigms.base import Ask, Paradigm
from bartleby.studies.trial import Reading, Showing, Trial

TASKS = tuple(bb.Task(name, f"Write {name}.") for name in ("a poem", "a letter", "a list", "ein Märchen"))
TALKS = (
    bb.Scenario("insult", "Hello.", lines=("You are no use.",), scenario_class="abuse", expected="expected"),
    bb.Scenario("thanks", "Hello.", lines=("You are kind.",), scenario_class="thanks", expected="wrong"),
)


@dataclass(frozen=True)
class Plain:
    """The least that a paradigm is: one task is named, and any reply is taken as done."""

    name: str = "plain"
    rounds: int = 1

    def factors(self) -> Mapping[str, tuple[str, ...]]:
        return {"wording": ("short",)}

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
        return conditions["wording"]

    def asks(self, conditions: Mapping[str, str]) -> int:
        return 1

    async def present(self, trial: Trial, settings: Settings, ask: Ask) -> None:
        await ask(self.opening(trial.items, trial.conditions, settings))

    def read(self, trial: Trial, exchanges: Sequence[Exchange]) -> Reading:
        return Reading(Outcome.COMPLETED)

    def to_dict(self) -> dict[str, Any]:
        return {"paradigm": self.name}


class Twice(Plain):
    async def present(self, trial: Trial, settings: Settings, ask: Ask) -> None:
        await ask(Request((Message("user", "Are you there?"),), settings))
        await ask(self.opening(trial.items, trial.conditions, settings))


class Unsteady(Plain):
    def showings(
        self,
        items: Sequence[Item],
        rng: np.random.Generator,
        number: int,
        history: Sequence[tuple[Trial, Outcome]],
    ) -> list[Showing]:
        order = np.random.default_rng().permutation(len(items))
        return [Showing((items[at],)) for at in [*order, order[0]][: len(items) - 1]]


class Careless(Plain):
    def read(self, trial: Trial, exchanges: Sequence[Exchange]) -> Reading:
        return Reading({"": "nothing"}[exchanges[0].reply.text])  # type: ignore[arg-type]


class Unstored(Plain):
    def to_dict(self) -> dict[str, Any]:
        return {"paradigm": self, "wordings": {"a"}}


@pytest.mark.parametrize(
    ("paradigm", "items"),
    [
        (bb.TaskChoice(), TASKS),
        (bb.TaskChoice(bb.SparsePairs(2)), TASKS),
        (bb.OptOut(), TASKS),
        (bb.EndConversation(), TALKS),
        (Plain(), TASKS),
    ],
)
def test_paradigms_that_keep_the_contract_pass(paradigm: Paradigm, items: Sequence[Item]) -> None:
    bb.paradigms.check_paradigm(paradigm, items)


@pytest.mark.parametrize(
    ("paradigm", "said"),
    [
        (
            Twice(),
            ["asked 2 times; asks() says at least 1 and at most 1", "is not what present() asks first"],
        ),
        (Unsteady(), ["count() says 4 showings, and there are 3"]),
        (Careless(), ["an essay: KeyError", "an empty reply: read() returned the outcome 'nothing'"]),
        (Unstored(), ["to_dict() is no JSON"]),
        (Plain(name="two words"), ["name is 'two words'"]),
    ],
)
def test_what_is_not_kept_is_named(paradigm: Paradigm, said: list[str]) -> None:
    with pytest.raises(StudyError) as error:
        bb.paradigms.check_paradigm(paradigm, TASKS)
    for text in said:
        assert text in str(error.value)


def test_a_package_offers_a_paradigm_by_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("plain", f"{__name__}:Plain", conformance.GROUP)
    monkeypatch.setattr(conformance, "entry_points", lambda group: [entry])
    assert bb.paradigms.installed()["plain"] is Plain


def test_a_package_does_not_take_the_name_of_another_paradigm(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("opt_out", f"{__name__}:Plain", conformance.GROUP)
    monkeypatch.setattr(conformance, "entry_points", lambda group: [entry])
    with pytest.raises(StudyError, match="'opt_out' is there already"):
        bb.paradigms.installed()
