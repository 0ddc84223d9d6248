from __future__ import annotations

import asyncio
from pathlib import Path

import bartleby as bb
from bartleby.collectors.collector import collect
from bartleby.collectors.status import status
from bartleby.collectors.transcripts import study_record, transcripts
from bartleby.errors import RequestError
from bartleby.exchange import Reply, Request, Settings, ToolCall, Usage
from bartleby.studies.items import Task
from bartleby.studies.paradigms.base import Ask
from bartleby.studies.paradigms.exits.channels import ASIDE as STAY_OR_LEAVE
from bartleby.studies.scenarios import Scenario
from bartleby.studies.trial import Trial
from tests.collectors.fakes import FakeModel, HangingModel, after, small_study
from tests.collectors.solo import Solo


async def test_a_conversation_is_told_turn_by_turn(tmp_path: Path) -> None:
    def answer(request: Request, number: int) -> Reply:
        calls = (ToolCall("leave", {"why": "enough"}, "c1"),) if number == 2 else ()
        return Reply(
            f"reply {number} \ud800", tool_calls=calls, stop="tool_use" if calls else "end", usage=Usage(1, 1)
        )

    study = Solo.study([Task("a", "Do it.")], turns=3, settings=Settings(system="Be brief."))
    await collect(study, FakeModel(answer), tmp_path / "run.db")
    (told,) = transcripts(tmp_path / "run.db")
    assert [(turn.role, turn.text) for turn in told.turns] == [
        ("system", "Be brief."),
        ("user", "Do it."),
        ("assistant", "reply 0 \ud800"),
        ("user", "And again (0)."),
        ("assistant", "reply 1 \ud800"),
        ("user", "And again (1)."),
        ("assistant", "reply 2 \ud800"),
    ]
    assert told.turns[-1].tool_calls == (ToolCall("leave", {"why": "enough"}, "c1"),)
    assert (told.turns[-1].stop, told.items, told.outcome, told.message) == (
        "tool_use",
        ("a",),
        "completed",
        None,
    )


async def test_probabilities_conditions_and_errors_are_told(tmp_path: Path) -> None:
    log = tmp_path / "run.db"

    def answer(request: Request, number: int) -> Reply:
        if number == 7:
            raise RequestError("too long")
        return Reply("A", probabilities={"A": 0.5, "B": 0.1})

    await collect(small_study(), FakeModel(answer, concurrency=1), log)
    told = list(transcripts(log))
    assert len(told) == 12
    assert told[0].turns[-1].probabilities == {"A": 0.5, "B": 0.1}
    assert told[0].conditions["channel"] == "text"
    assert (told[7].outcome, told[7].message, told[7].turns) == ("error", "too long", ())
    wanted = {told[3].trial, told[7].trial}
    assert {each.trial for each in transcripts(log, wanted)} == wanted


async def test_an_unfinished_conversation_is_told_without_an_outcome(tmp_path: Path) -> None:
    log = tmp_path / "run.db"
    study = Solo.study([Task("a", "Do it."), Task("b", "Do that.")], turns=4)
    task = asyncio.create_task(collect(study, model := HangingModel(3, waiting=2), log))
    await model.stuck.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    told = list(transcripts(log))
    assert {each.outcome for each in told} == {None}
    assert sum(turn.role == "assistant" for each in told for turn in each.turns) == 3


async def test_the_record_holds_the_frozen_study_the_model_and_every_session(tmp_path: Path) -> None:
    log = tmp_path / "run.db"
    await collect(small_study(), FakeModel(after(5, lambda: RequestError("no"))), log)
    await collect(small_study(), FakeModel(), log, retry_errors=True)
    record = study_record(log)
    resolved = small_study().for_channels(("text",), "")
    assert (record["study"]["name"], record["fingerprint"]) == ("small", resolved.fingerprint())
    assert record["study"] == resolved.to_dict() | {
        "conditions": {k: list(v) for k, v in resolved.conditions.items()}
    }
    assert (record["model"], record["description"]) == ("fake/one", {"id": "one"})
    assert [session["ending"] for session in record["sessions"]] == ["finished", "finished"]
    assert {"python", "platform", "bartleby", "sqlite"} <= set(record["sessions"][0]["versions"])
    assert status(log).ended == {"chose_first": 12}


async def test_status_says_in_one_line_how_a_log_stands(tmp_path: Path) -> None:
    log = tmp_path / "run.db"
    await collect(small_study(), FakeModel(after(5, lambda: RequestError("no"))), log)
    stands = status(log, price=lambda usage: (usage.input_tokens or 0) / 10)
    text = str(stands)
    assert "small on fake/one: 12 of 12 trials ended (chose_first 5, error 7); 60 tokens; $5.00" in text
    assert "7 of 12 attempts failed; finished" in text
    assert "\n" not in text


class Copies(Solo):
    """Asks, after each turn, whether to go on, on a copy of the conversation that nothing goes on from."""

    async def present(self, trial: Trial, settings: Settings, ask: Ask) -> None:
        request = self.opening(trial.items, trial.conditions, settings)
        for turn in range(self.turns):
            reply = await ask(request)
            await ask(Request(request.followed_by(reply, f"Go on? ({turn})"), settings))
            request = Request(request.followed_by(reply, f"And again ({turn})."), settings)


async def test_what_was_asked_on_a_copy_stands_where_it_was_asked_and_nothing_is_told_twice(
    tmp_path: Path,
) -> None:
    def answer(request: Request, number: int) -> Reply:
        return Reply("Yes." if request.messages[-1].text.startswith("Go on?") else f"reply {number}")

    study = Copies.study([Task("a", "Do it.")], turns=3)
    await collect(study, FakeModel(answer, concurrency=1), tmp_path / "run.db")
    (told,) = transcripts(tmp_path / "run.db")
    assert [turn.text for turn in told.turns] == [
        "Do it.", "reply 0", "Go on? (0)", "Yes.",
        "And again (0).", "reply 2", "Go on? (1)", "Yes.",
        "And again (1).", "reply 4", "Go on? (2)", "Yes.",
    ]  # fmt: skip


async def test_the_same_opening_put_again_is_told_again(tmp_path: Path) -> None:
    class Twice(Solo):
        async def present(self, trial: Trial, settings: Settings, ask: Ask) -> None:
            for _ in range(2):
                await ask(self.opening(trial.items, trial.conditions, settings))

    study = Twice.study([Task("a", "Do it.")], turns=2)
    await collect(study, FakeModel(lambda request, number: Reply("Done.")), tmp_path / "run.db")
    (told,) = transcripts(tmp_path / "run.db")
    assert [turn.text for turn in told.turns] == ["Do it.", "Done."] * 2


def test_what_the_study_asks_beside_a_conversation_is_stored_as_such(tmp_path: Path) -> None:
    # The user's lines read like questions of the study: only who asked says what they are.
    scenario = Scenario(
        id="s",
        text="(This question is about you.) Well?",
        lines=("(This question comes from me.) And?",),
        scenario_class="plain",
        expected="neutral",
    )
    conditions = {"exit_channel": ["question"]}
    study = bb.Study("talk", [scenario], bb.EndConversation(max_turns=2), conditions)
    bb.run(study, "sim/averse?leave_neutral=0", log=tmp_path / "talk.db", progress=False)
    (told, *_) = transcripts(tmp_path / "talk.db")
    spoken = [turn for turn in told.turns if turn.role != "system"]
    assert [turn.text for turn in spoken if turn.role == "user" and not turn.aside] == [
        scenario.text,
        *scenario.lines,
    ]
    asked = [turn for turn in spoken if turn.role == "user" and turn.aside]
    assert len(asked) == len([turn for turn in spoken if turn.role == "assistant" and turn.aside])
    assert [turn.text.startswith(STAY_OR_LEAVE) for turn in asked] == [True, True]
