"""After an exit, through real logs: edited, asked again, in a new chat, coming back."""

from __future__ import annotations

from pathlib import Path

import pytest

import bartleby as bb
from bartleby.cli import main
from bartleby.errors import DataError, SettingError
from bartleby.studies.paradigms.branches import Branch

POLITE = "I'm sorry, that was out of line."


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("branching") / "ending.db"
    bb.run("ending", "sim/ruled?leave=1&ask=0.5&confirm=1&risk=1", log=path, progress=False)
    return path


def branches(log: Path, **settings: object) -> dict[str, list[Branch]]:
    made = bb.leaving.branches(log, edit={"polite": POLITE}, trials="exited", **settings)  # type: ignore[arg-type]
    found: dict[str, list[Branch]] = {}
    for each in made:
        found.setdefault(each.branch, []).append(each)
    return found


def test_every_exit_has_one_branch_of_each_kind_under_its_own_conditions(log: Path) -> None:
    trials = bb.read(log).set_index("trial")
    found = branches(log, new_chat=True, back=True)
    assert set(found) == {"original", "polite", "new_chat", "new_chat_summary", "back"}
    origins = {each.origin for each in found["original"]}
    assert origins <= set(trials.index[trials["outcome"] == "opted_out"])
    assert {len({each.origin for each in own}) for own in found.values()} == {len(origins)}
    for original in found["original"]:
        trial = trials.loc[original.origin]
        assert original.branch_turn == trial["turn"]
        assert original.conditions["stages"] == trial["stages"]
    by_origin = {name: {each.origin: each for each in own} for name, own in found.items()}
    for origin, original in by_origin["original"].items():
        assert by_origin["new_chat"][origin].messages == ()
        assert by_origin["new_chat"][origin].text == original.text
        summary = by_origin["new_chat_summary"][origin].text
        assert original.text in summary
        assert all(m.text in summary for m in original.messages if m.role == "user")
        back = by_origin["back"][origin]
        assert back.messages[: len(original.messages)] == original.messages
        assert back.messages[-1].role == "assistant"
        assert back.result
        assert by_origin["polite"][origin].text == POLITE


@pytest.mark.filterwarnings("ignore")
def test_contrasts_of_a_real_log_are_paired_by_origin_and_clustered_by_scenario(
    log: Path, tmp_path: Path
) -> None:
    items = bb.leaving.branches(
        log, edit={"polite": POLITE}, trials="exited", new_chat=True, back=True, keep_lines=False
    )
    study = bb.leaving.branch_study(log, items)
    after = tmp_path / "after.db"
    model = "sim/ruled?again=1&after_edit=0&fresh=0&carry=1&confirm=1"
    bb.run(study, model, log=after, progress=False)
    trials = bb.read(after)
    assert len(trials) == len(items)
    assert trials["stages"].nunique() == 2
    scenarios = trials.groupby("origin")["scenario"].first()
    found = bb.leaving.branch_contrast(trials)
    assert found.settings["cluster"] == "scenario (found in the table)"
    frame = found.to_frame().set_index("branch")
    assert set(frame["n_clusters"]) == {scenarios.nunique()}
    assert scenarios.nunique() < len(scenarios)
    assert frame["estimate"].to_dict() == {"polite": -1, "new_chat": -1, "new_chat_summary": 0, "back": 0}
    colder = bb.leaving.carry_over(trials)
    assert colder.settings["cluster"] == "scenario (found in the table)"
    rows = colder.to_frame().set_index("outcome")
    assert rows.loc["left", "estimate"] == 1
    assert rows.loc["declined", "estimate"] == 0
    assert bb.exits(trials, by="branch").settings["cluster"] == "scenario (found in the table)"
    # Branches of branches name the first scenario still.
    again = bb.leaving.branches(after, edit={"kind": "Please."}, trials="exited")
    assert {str(each.attributes["scenario"]) for each in again} <= set(scenarios)
    assert len({trial.id for trial in bb.leaving.branch_study(after, again).trials()}) == len(again)


@pytest.mark.filterwarnings("ignore")
def test_the_command_runs_resumes_and_shows_and_the_page_has_branches_side_by_side(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "after.db"
    command = ["branch", str(log), "--from", "exited", "--turn", "last", "--edit", f"polite={POLITE}"]
    command += ["worse=You are hopeless.", "--new-chat", "-o", str(output)]
    assert main([*command, "--dry-run"]) == 0
    assert not output.exists()
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "polite - original" in told
    assert "start colder" in told
    assert main(command) == 0
    assert "0 replies" in capsys.readouterr().out
    page = bb.report(output, tmp_path / "page").read_text("utf-8")
    assert "After the exit: edited messages and new chats" in page
    assert "new chat summary" in page


def test_faults_of_the_command_are_one_line_each(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["branch", str(log), "--edit", "polite"]) == 1
    assert "allowed: NAME=TEXT" in capsys.readouterr().err
    assert main(["branch", str(log)]) == 1
    assert "there is no edit" in capsys.readouterr().err
    with pytest.raises(SettingError, match="'new_chat', which is a branch of its own"):
        bb.leaving.branches(log, edit={"new_chat": "Hello."})
    with pytest.raises(DataError, match="no conversation reached turn 99"):
        bb.leaving.branches(log, edit="Hello.", turn=99)
    with pytest.raises(SettingError, match="turn is 'first'"):
        bb.leaving.branches(log, edit="Hello.", turn="first")  # type: ignore[arg-type]


def test_a_new_chat_of_a_conversation_left_at_its_first_turn_is_drawn_on_its_own(tmp_path: Path) -> None:
    log = tmp_path / "first.db"
    bb.run("end_conversation", "sim/averse?leave=1", log=log, progress=False)
    items = bb.leaving.branches(log, trials="exited", new_chat=True)
    study = bb.leaving.branch_study(log, items)
    assert any(each.branch_turn == 1 for each in items)
    assert len({trial.id for trial in study.trials()}) == len(items)
