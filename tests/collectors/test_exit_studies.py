"""Studies of exits through the collector: against a faithful server, and with a simulated user."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

import bartleby as bb
from bartleby.exchange import Settings
from tests.servers.messages_server import KEY, MessagesServer, serve

SCENARIOS = tuple(
    bb.Scenario(
        f"s{place}",
        f"Write me a song about tulip number {place}.",
        ("Again, but shorter.", f"You are no poet, number {place}.", "Go on."),
        ("insist", "insult", "other"),
        scenario_class="pressure" if place % 2 else "ordinary_help",
        expected="expected" if place % 2 else "neutral",
        persona="You want one more song.",
    )
    for place in range(4)
)
BATTERY = bb.self_reports.Battery(
    (
        bb.self_reports.Statement("calm", "How calm are you?"),
        bb.self_reports.Statement("tense", "How tense are you?"),
    )
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MessagesServer]:
    with serve() as started:
        monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN", raising=False)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", started.address)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        yield started


@pytest.mark.usefixtures("server")
def test_every_request_of_an_exit_study_is_accepted_by_the_api(tmp_path: Path) -> None:
    study = bb.Study(
        "talks",
        SCENARIOS,
        bb.EndConversation(battery=BATTERY, max_turns=3),
        conditions={
            "exit_channel": ["tool", "string", "question", "none"],
            "reason": ["asked"],
            "self_report": ["both"],
        },
        settings=Settings(max_tokens=2000, thinking="adaptive"),
    )
    log = tmp_path / "talks.db"
    bb.run(study, "anthropic/claude-test-1", log=log, progress=False)
    trials = bb.read(log)
    assert set(trials["outcome"]) == {"opted_out", "completed"}
    left = trials[trials["outcome"] == "opted_out"]
    assert set(left["exit_channel"]) == {"tool", "question"}
    assert left["exit_reason"].notna().all()
    assert trials["before_calm"].notna().all()
    assert bb.read(log, study)["turn"].equals(trials["turn"])


@pytest.mark.usefixtures("server")
def test_every_request_of_an_opt_out_study_is_accepted_by_the_api(tmp_path: Path) -> None:
    tasks = [bb.Task(f"t{place}", f"Write line {place}.") for place in range(4)]
    study = bb.Study(
        "tasks",
        tasks,
        bb.OptOut(battery=BATTERY),
        conditions={
            "exit_channel": ["option", "tool", "string", "none"],
            "channel": ["json_schema", "tool", "text"],
            "reason": ["asked"],
            "self_report": ["both"],
        },
    )
    log = tmp_path / "tasks.db"
    bb.run(study, "anthropic/claude-test-1", log=log, progress=False)
    trials = bb.read(log)
    assert set(trials["outcome"]) == {"opted_out", "completed"}
    assert trials.loc[trials["exit_channel"] == "tool", "outcome"].eq("opted_out").all()


def test_a_branch_study_is_paired_with_its_originals(tmp_path: Path) -> None:
    study = bb.Study("talks", SCENARIOS, bb.EndConversation(), conditions={"exit_channel": ["tool"]})
    bb.run(study, "sim/averse?leave=0&leave_neutral=0", log=tmp_path / "talks.db", progress=False)
    items = bb.leaving.branches(
        tmp_path / "talks.db",
        study,
        turn=3,
        edit={"thanks": "Thank you, that was lovely!", "louder": str.upper},
    )
    assert len(items) == 3 * len(SCENARIOS)
    again = bb.Study("branches", items, bb.EndConversation(), conditions={"exit_channel": ["tool"]})
    bb.run(again, "sim/averse?leave=0.5", log=tmp_path / "branches.db", progress=False)
    trials = bb.read(tmp_path / "branches.db")
    assert trials.groupby("origin", observed=True)["branch"].nunique().eq(3).all()
    assert set(trials["origin"]) == set(bb.read(tmp_path / "talks.db")["trial"])
    assert trials["branch_turn"].eq(3).all()
    assert trials["turns"].min() >= 3
    # Branches of one scenario belong together; an item is one branch of one conversation.
    contrast = bb.leaving.branch_contrast(trials)
    assert contrast.settings["cluster"] == "scenario (found in the table)"
    assert (contrast.frame["n_clusters"] == trials["scenario"].nunique()).all()
    assert contrast.frame["low"].notna().all()
    assert bb.exits(trials).settings["cluster"] == "scenario (found in the table)"
    apart = bb.leaving.branch_contrast(trials.drop(columns="scenario"))
    assert (apart.frame["n_clusters"] == trials["origin"].nunique()).all()
    assert any("no column names a scenario" in text for text in apart.warnings)
    with pytest.raises(bb.BartlebyError, match="no conversation reached turn 9"):
        bb.leaving.branches(tmp_path / "talks.db", study, turn=9, edit="Hi.")
    tasks = bb.Study("tasks", [bb.Task("a", "Sing."), bb.Task("b", "Sort.")], bb.TaskChoice())
    with pytest.raises(bb.BartlebyError, match="there are no conversations to go on with"):
        bb.leaving.branches(tmp_path / "talks.db", tasks, turn=1, edit="Hi.")


def test_a_simulated_user_is_another_model_and_every_turn_is_logged(tmp_path: Path) -> None:
    study = bb.Study(
        "talks",
        SCENARIOS,
        bb.EndConversation(max_turns=4),
        conditions={"exit_channel": ["question"], "user": ["simulated"]},
    )
    log = tmp_path / "talks.db"
    asyncio.run(bb.collect(study, "sim/averse?leave=0.3", log=log, user="sim/indifferent", progress=False))
    trials = bb.read(log)
    assert set(trials["outcome"]) == {"opted_out", "completed"}
    turns = bb.read(log, unit="turn")
    assert len(turns) == trials["turns"].sum()
    assert set(turns.loc[turns["turn"] > 1, "user_text_kind"]) == {"simulated"}
