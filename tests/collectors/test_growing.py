"""A pilot, more samples, items and levels go into one log, which keeps everything that was answered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import bartleby as bb
from bartleby.cli.main import main

TASKS = [bb.Task(f"t{number}", f"Do thing {number}.") for number in range(6)]
STUDY = bb.Study("s", TASKS[:4], bb.TaskChoice())
GROWN = replace(STUDY, items=TASKS, samples=2, conditions={"wording": ["prefer", "avoid"]})


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


def test_the_full_run_reuses_the_trials_of_its_pilot(log: Path) -> None:
    pilot = bb.run(STUDY, "sim/averse", log=log, limit=5)
    assert (pilot.trials, pilot.pilot_of) == (5, 12)
    assert "a pilot of 12 trials" in str(pilot)
    before = set(bb.read(log)["trial"])
    whole = bb.run(STUDY, "sim/averse", log=log)
    assert (whole.trials, whole.pilot_of, whole.status.finished) == (7, None, True)
    assert before < set(bb.read(log)["trial"])


def test_more_samples_items_and_levels_keep_what_was_answered(log: Path) -> None:
    bb.run(STUDY, "sim/averse", log=log)
    before = bb.read(log).set_index("trial")["outcome"]
    assert bb.run(GROWN, "sim/averse", log=log).trials == 30 * 2 * 2 - 12
    after = bb.read(log, GROWN).set_index("trial")["outcome"]
    assert after.loc[before.index].astype(str).tolist() == before.astype(str).tolist()
    assert len(after) == 120
    assert bb.check_log(log).faults == ()


def test_a_part_of_the_study_finds_all_of_it_answered_and_the_record_stays_large(log: Path) -> None:
    bb.run(GROWN, "sim/averse", log=log)
    assert bb.run(STUDY, "sim/averse", log=log).replies == 0
    assert set(bb.read(log, GROWN)["wording"]) == {"prefer", "avoid"}
    assert bb.run(GROWN, "sim/averse", log=log).replies == 0


def test_other_pairs_keep_those_that_were_asked_and_drop_those_that_were_not(log: Path) -> None:
    bb.run(STUDY, "sim/averse", log=log, max_calls=5, concurrency=1)
    sparse = replace(
        STUDY, items=[*TASKS, bb.Task("new", "Do it.")], paradigm=bb.TaskChoice(bb.SparsePairs(2))
    )
    summary = bb.run(sparse, "sim/averse", log=log)
    assert summary.status.finished
    assert summary.status.planned == len(bb.read(log)) <= 5 + sparse.count()
    assert bb.run(sparse, "sim/averse", log=log).replies == 0


@pytest.mark.parametrize(
    "other",
    [
        replace(STUDY, items=[bb.Task("t0", "Something else."), *TASKS[1:4]]),
        replace(STUDY, seed=3),
        replace(STUDY, settings=bb.Settings(max_tokens=5)),
        replace(STUDY, paradigm=bb.TaskChoice(wordings={"prefer": "{first} or {second}?"})),
    ],
)
def test_what_changes_a_trial_that_was_asked_is_another_run(log: Path, other: bb.Study) -> None:
    bb.run(STUDY, "sim/averse", log=log)
    with pytest.raises(bb.BartlebyError, match="it belongs to another run"):
        bb.run(other, "sim/averse", log=log)


def test_a_design_whose_pairs_depend_on_answers_does_not_grow(log: Path) -> None:
    swiss = bb.Study("s", TASKS, bb.TaskChoice(bb.SwissRounds(2)))
    bb.run(swiss, "sim/averse", log=log, limit=4)
    assert bb.run(swiss, "sim/averse", log=log).status.finished
    with pytest.raises(bb.BartlebyError, match="it belongs to another run"):
        bb.run(replace(swiss, samples=2), "sim/averse", log=log)


def test_levels_are_set_on_the_command_line(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed = ["run", "opt_out", "--model", "sim/averse", "--log", str(log), "--limit", "8"]
    assert main([*typed, "--set", "exit_channel=string,option", "--set", "reason=no"]) == 0
    table = bb.read(log)
    assert table["exit_channel"].value_counts().to_dict() == {"string": 4, "option": 4}
    assert main([*typed, "--set", "exit_channel=door"]) == 1
    assert "has the level 'door'; allowed: auto, option, tool, string, none" in capsys.readouterr().err


def test_an_exit_is_one_that_the_model_can_take_and_is_recorded() -> None:
    study = bb.load("end_conversation")
    with_tools = study.for_channels(("tool", "text"), "m")
    without = study.for_channels(("label", "text"), "m")
    assert (with_tools.conditions["exit_channel"], without.conditions["exit_channel"]) == (
        ("tool",),
        ("string",),
    )
    fixed = study.with_levels(exit_channel="tool")
    with pytest.raises(bb.BartlebyError, match=r"use --set exit_channel=string, or study.with_levels"):
        fixed.for_channels(("label", "text"), "m")
    assert bb.Study("s", TASKS, bb.OptOut()).for_channels(("text",), "m").conditions["exit_channel"] == (
        "option",
    )


def test_a_ceiling_that_is_left_open_is_the_models_and_is_read_anew_with_it(log: Path) -> None:
    from bartleby.collectors.fitting import fitted
    from bartleby.collectors.models.base import Capabilities

    local = Capabilities(("label", "text"), ceiling=512)
    assert fitted(STUDY, "m", local).settings.max_tokens == 512
    assert fitted(STUDY, "m", Capabilities(("text",))).settings.max_tokens == 2048
    stated = replace(STUDY, settings=bb.Settings(max_tokens=99))
    assert fitted(stated, "m", local).settings.max_tokens == 99
    bb.run(replace(STUDY, settings=bb.Settings(max_tokens=512)), "sim/averse", log=log)
    assert len(bb.read(log, STUDY)) == 12
