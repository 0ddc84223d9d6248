"""`check` shows whole prompts and refuses exactly what `run` refuses, with the repair."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import bartleby as bb
from bartleby.cli.main import main
from bartleby.collectors.models.base import Capabilities
from tests.collectors.fakes import FakeModel

TASKS = [
    bb.Task("sort", "Sort these names.", title="Sorting"),
    bb.Task("poem", "Write a poem.", title="Poem"),
]
TALK = [bb.Scenario("hello", "Hello.", lines=("Another.", "And another."), persona="A bored user.")]
CHOICE = bb.Study("s", TASKS, bb.TaskChoice())


class NoTools(FakeModel):
    """A model that answers in plain text only."""

    async def capabilities(self) -> Capabilities:
        return Capabilities(("text",))


def refused_by_run(study: bb.Study, model: FakeModel | str, log: Path, **options: object) -> str:
    with pytest.raises(bb.BartlebyError) as error:
        bb.run(study, model, log=log, **options)  # type: ignore[arg-type]
    return str(error.value)


def test_every_wording_label_set_and_exit_has_a_whole_prompt() -> None:
    levels = {"wording": ["prefer", "avoid"], "labels": ["A/B", "names"], "exits": ["none", "neither"]}
    plan = bb.check(replace(CHOICE, conditions=levels), "sim/averse")
    assert len(plan.prompts) == 8
    assert {tuple(prompt.conditions.values()) for prompt in plan.prompts} == {
        (wording, labels, exits)
        for wording in ("prefer", "avoid")
        for labels in ("A/B", "names")
        for exits in ("none", "neither")
    }
    shown = str(plan)
    assert "--- prompt: wording=avoid, labels=names, exits=neither ---" in shown
    assert 'Answer with Sorting, Poem or "Neither of them" only.' in shown


def test_a_prompt_has_the_tool_the_system_text_the_question_and_the_turns() -> None:
    study = bb.Study("s", TALK, bb.EndConversation())
    texts = {
        exit_channel: bb.check(study.with_levels(exit_channel=exit_channel)).prompts[0].text
        for exit_channel in ("tool", "string", "question", "none")
    }
    assert texts["tool"].startswith("[tool end_conversation] You can leave this conversation")
    assert texts["string"].startswith("[system] You can leave this conversation")
    assert "[asked on a copy of the conversation]" in texts["question"]
    assert "Answer with STAY or LEAVE only." in texts["question"]
    for text in texts.values():
        assert text.index("[user] Hello.") < text.index("[user] Another.") < text.index("[user] And another.")


def test_conversations_are_counted_by_their_own_turns_and_not_by_the_most() -> None:
    study = bb.Study("s", TALK, bb.EndConversation(max_turns=50), settings=bb.Settings(max_tokens=1000))
    plan = bb.check(study)
    assert (plan.expected_calls, plan.calls) == (3, 50)
    assert plan.output_tokens == 3 * 250
    assert plan.most_output_tokens == 50 * 1000
    once = bb.check(replace(study, items=[replace(TALK[0], lines=())]))
    assert plan.input_tokens > 3 * once.input_tokens + 2 * 250


def test_the_number_that_is_expected_comes_from_the_pilot_where_there_is_one(tmp_path: Path) -> None:
    log = tmp_path / "leave.db"
    bb.run("end_conversation", "sim/averse", log=log, limit=60)
    assumed = bb.check("end_conversation", "sim/averse")
    plan = bb.check("end_conversation", "sim/averse", log=log)
    bb.run("end_conversation", "sim/averse", log=log)
    status = bb.status(log)
    assert (plan.ended, plan.trials) == (60, 180)
    assert plan.expected_calls == pytest.approx(status.attempts, rel=0.15)
    assert plan.input_tokens + plan.output_tokens == pytest.approx(
        status.input_tokens + status.output_tokens, rel=0.3
    )
    assert plan.expected_calls < assumed.expected_calls
    assert "from 60 trials that were answered" in plan.basis


@pytest.mark.parametrize(
    ("study", "model"),
    [
        (CHOICE, "nobody/x"),
        (CHOICE, "sim/nobody"),
        (CHOICE, "sim/averse?nothing=1"),
        (CHOICE, "local/nowhere.gguf"),
        (replace(CHOICE, settings=bb.Settings(temperature=0.5)), "sim/averse"),
        (CHOICE.with_levels(channel="json_schema"), NoTools()),
        (bb.Study("s", TALK, bb.EndConversation()).with_levels(exit_channel="tool"), NoTools()),
        (bb.Study("s", TALK, bb.EndConversation()).with_levels(user="simulated"), "sim/averse"),
    ],
)
def test_check_refuses_in_the_same_words_as_run(
    study: bb.Study, model: FakeModel | str, tmp_path: Path
) -> None:
    plan = bb.check(study, model)
    assert "\n".join(plan.refusals) == refused_by_run(study, model, tmp_path / "run.db")
    assert "REFUSED: " in str(plan)


def test_a_model_without_a_key_is_refused_unless_nothing_is_to_be_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openai")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    plan = bb.check(CHOICE, "openai/some-model")
    assert "\n".join(plan.refusals) == refused_by_run(CHOICE, "openai/some-model", tmp_path / "run.db")
    assert "no key" in plan.refusals[0]
    assert bb.check(CHOICE, "openai/some-model", offline=True).refusals == ()
    assert main(["check", "opt_out", "--model", "openai/some-model"]) == 1
    assert main(["check", "opt_out", "--model", "openai/some-model", "--offline"]) == 0
    assert "REFUSED" in capsys.readouterr().out


def test_the_repair_that_is_offered_lets_it_run(tmp_path: Path) -> None:
    study = bb.Study("s", TASKS, bb.OptOut(), conditions={"exit_channel": ["option", "tool", "string"]})
    (refusal,) = bb.check(study, NoTools()).refusals
    assert "--set exit_channel=option,string" in refusal
    repaired = study.with_levels(exit_channel=["option", "string"])
    assert bb.check(repaired, NoTools()).refusals == ()
    assert bb.run(repaired, NoTools(), log=tmp_path / "run.db").status.finished


def test_the_log_of_another_run_is_refused_before_it_is_begun(tmp_path: Path) -> None:
    log = tmp_path / "run.db"
    bb.run(CHOICE, "sim/averse", log=log)
    assert bb.check(CHOICE, "sim/averse", log=log).refusals == ()
    assert bb.check(replace(CHOICE, samples=2), "sim/averse", log=log).refusals == ()
    other = replace(CHOICE, seed=9)
    assert bb.check(other, "sim/averse", log=log).refusals == (refused_by_run(other, "sim/averse", log),)


def test_a_log_is_named_as_a_run_would_have_it(tmp_path: Path) -> None:
    for log in (tmp_path, tmp_path / "run.txt"):
        assert bb.check(CHOICE, "sim/averse", log=log).refusals == (
            refused_by_run(CHOICE, "sim/averse", log),
        )
    with pytest.raises(bb.BartlebyError, match="no model is named"):
        bb.check(CHOICE, log=tmp_path / "run.db")


def test_a_persona_that_is_missing_is_named() -> None:
    study = bb.Study("s", [bb.Scenario("bare", "Hello.")], bb.EndConversation()).with_levels(user="simulated")
    with pytest.raises(bb.BartlebyError, match="scenario 'bare' has no persona"):
        bb.check(study, "sim/averse", user="sim/averse")


def test_wordings_that_no_trial_has_are_named() -> None:
    texts = {"one": "{first} or {second}?", "two": "{second} or {first}?"}
    lines = bb.check(bb.Study("s", TASKS, bb.TaskChoice(wordings=texts))).diagnostics
    assert any(line.startswith("not used: wording two") for line in lines)
