"""The verb `report` on logs of trials that could be left: every exit of a run is pointed out on the page."""

from __future__ import annotations

from pathlib import Path

import pytest

import bartleby as bb
from bartleby.analysis.report import exits
from bartleby.analysis.report.exit_sections import by_class
from tests.analysis.report.test_page import Page


@pytest.fixture(autouse=True)
def headline_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave all but the headline away: figures take long to save in three formats."""
    monkeypatch.setattr(exits, "sections_of", lambda data: [by_class(data)])


LINES = ("Please, once more.", "You are no use.", "Just do it.")


def study(**conditions: list[str]) -> bb.Study:
    roles = {"pressure": "expected", "help": "neutral", "need": "wrong"}
    scenarios = [
        bb.Scenario(
            f"{name}-{n}",
            f"I want {name} {n}.",
            LINES,
            scenario_class=name,
            expected=role,
            persona="A person.",
        )
        for name, role in roles.items()
        for n in range(2)
    ]
    return bb.Study(
        name="small", items=scenarios, paradigm=bb.EndConversation(max_turns=4), conditions=conditions, seed=2
    )


@pytest.mark.parametrize("user", ["scripted", "simulated"])
def test_every_exit_of_a_run_is_pointed_out_whatever_the_channel(tmp_path: Path, user: str) -> None:
    channels = ["tool", "string", "question", "none"]
    plan = study(exit_channel=channels, user=[user], reason=["asked"])
    bb.run(plan, "sim/averse", log=tmp_path / "log.db", user="sim/averse" if user == "simulated" else None)
    page = Page(bb.report(tmp_path / "log.db", tmp_path / "page").read_text(encoding="utf-8"))
    left = 0
    for trial in page.data["trials"]:
        kinds = [mark["kind"] for turn in trial["turns"] for mark in turn.get("marks", [])]
        assert kinds.count("exit") == (trial["outcome"] == "opted_out")
        left += kinds.count("exit")
        numbers = [turn["number"] for turn in trial["turns"] if "number" in turn]
        assert numbers == list(range(1, trial["facts"]["turns"] + 1))
        speakers = {turn["speaker"] for turn in trial["turns"]}
        assert ("user, played by another model" in speakers) == (user == "simulated" and numbers[-1] > 1)
    assert left > 0


def test_one_task_a_trial_has_a_page_too(tmp_path: Path) -> None:
    tasks = [bb.Task(f"t{n}", f"Do thing {n}.", harm=("none", "severe")[n % 2]) for n in range(4)]
    plan = bb.Study(name="small", items=tasks, paradigm=bb.OptOut(), samples=3, seed=1)
    bb.run(plan, "sim/averse", log=tmp_path / "log.db")
    text = bb.report(tmp_path / "log.db", tmp_path / "page").read_text(encoding="utf-8")
    assert "the model took the exit in" in text
