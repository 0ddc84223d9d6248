"""Built-in wordings can be listed and read, and those of a study of one's own too."""

from __future__ import annotations

import pytest

import bartleby as bb
from bartleby.cli.main import main
from bartleby.studies.design.wordings import FRAMINGS


def test_every_built_in_text_is_shown_in_full() -> None:
    shown = str(bb.wordings())
    for text in FRAMINGS.values():
        assert all(line in shown for line in text.splitlines())
    assert bb.wordings().to_dict().keys() == {"task_choice", "opt_out", "end_conversation"}


def test_the_texts_of_a_study_are_its_own() -> None:
    tasks = [bb.Task("sort", "Sort."), bb.Task("poem", "Write.")]
    study = bb.Study("s", tasks, bb.TaskChoice(wordings={"mine": "{first} or {second}?"}))
    assert bb.wordings(study).to_dict()["task_choice"]["wording"] == {"mine": "{first} or {second}?"}


def test_an_unknown_paradigm_is_named_with_those_allowed() -> None:
    with pytest.raises(bb.BartlebyError, match="no paradigm 'choice'; allowed: task_choice"):
        bb.wordings("choice")


def test_the_command_shows_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wordings", "opt_out"]) == 0
    assert "You can decline this task." in capsys.readouterr().out
    assert main(["wordings", "exit_channels"]) == 0
    assert "You can leave this conversation" in capsys.readouterr().out
    assert main(["wordings", "nothing"]) == 1
