"""A bar for what takes longer than a few seconds: where it is shown, and what it says."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pandas as pd
import pytest

import bartleby as bb
from bartleby import progress
from bartleby.cli import main
from bartleby.progress import in_lines, new_bar, steps
from bartleby.verbs.coded import turn_chunks


class Terminal(io.StringIO):
    """An error stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "DELAY", 0.0)
    monkeypatch.setattr(progress, "FIRST_LINE", 0.0)
    monkeypatch.setattr(progress, "LINE", 0.0)


@pytest.mark.usefixtures("at_once")
def test_a_script_without_a_terminal_is_shown_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(steps("abc", "spelling")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("at_once")
def test_a_command_without_a_terminal_writes_lines_with_count_and_time_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with in_lines():
        assert sum(steps(iter([10, 20]), "reading trials", 30, size=int)) == 30
    told = capsys.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert line.startswith("bartleby: reading trials: 10 of 30, about ")


def test_a_terminal_shows_a_bar_that_is_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    bar = progress.new_bar("saving figures", 12, delay=0)
    assert bar is not None
    bar.update(3)
    bar.refresh()
    bar.close()
    assert "saving figures:  25%" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r")


class Shown:
    """What a notebook holds below a cell."""

    def __init__(self, line: dict[str, str]) -> None:
        self.lines = [line["text/plain"]]

    def update(self, line: dict[str, str], *, raw: bool) -> None:
        assert raw
        self.lines.append(line["text/plain"])


def kernel(monkeypatch: pytest.MonkeyPatch, *, watched: bool) -> list[Shown]:
    """Be a notebook, with a person at it or executed by a program; return what it shows."""
    shown: list[Shown] = []

    def display(line: dict[str, str], *, raw: bool, display_id: bool) -> Shown:
        assert raw
        assert display_id
        shown.append(Shown(line))
        return shown[-1]

    shell = SimpleNamespace(kernel=SimpleNamespace(_allow_stdin=watched))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    return shown


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(("keep", "last"), [(False, ""), (True, "spelling: 100%")])
def test_a_bar_in_a_notebook_is_one_line_that_is_empty_when_it_is_done(
    keep: bool, last: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = kernel(monkeypatch, watched=True)
    bar = new_bar("spelling", 3, keep=keep, delay=0)
    assert bar is not None
    bar.refresh()
    bar.update(3)
    bar.close()
    (line,) = shown
    assert line.lines[0].startswith("spelling:   0%")
    assert line.lines[-1].startswith(last)
    assert bool(line.lines[-1]) is keep
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("at_once")
def test_a_notebook_that_a_program_executes_is_left_without_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = kernel(monkeypatch, watched=False)
    assert list(steps("abc", "spelling")) == ["a", "b", "c"]
    assert new_bar("spelling", 3, keep=True) is None
    assert not shown


def test_what_is_done_in_two_seconds_shows_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert list(steps(range(3), "counting")) == [0, 1, 2]
    assert terminal.getvalue() == ""


def test_an_error_in_a_step_closes_the_bar_and_is_raised() -> None:
    def failing() -> list[int]:
        return [1 // number for number in steps([1, 0], "dividing")]

    with pytest.raises(ZeroDivisionError):
        failing()


def test_lines_are_for_the_command_only_and_end_with_it() -> None:
    assert main(["studies"]) == 0
    assert progress.new_bar("x", 1) is None


@pytest.mark.usefixtures("at_once")
def test_draws_of_utilities_and_turns_that_are_read_say_how_far_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pairs = [("tea", "none"), ("rice", "none"), ("tea", "rice")] * 4
    choices = pd.DataFrame(pairs, columns=["first", "second"]).assign(
        outcome=["chose_first", "chose_second"] * 6
    )
    turns = pd.DataFrame(
        {"conversation": "c", "turn": [0, 1], "speaker": ["user", "assistant"], "text": "hm"}
    )
    with in_lines():
        bb.choice_model(choices, baseline="none").share_below(draws=100)
        list(turn_chunks(turns))
    told = capsys.readouterr().err
    assert "drawing utilities: " in told
    assert "reading turns: 2" in told


def test_a_name_with_control_characters_is_shown_and_does_not_steer_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bartleby.progress.FIRST_LINE", 0.0)
    for shown in (None, True):
        with in_lines():
            bar = new_bar("study \x1b[2J on \u202e", 3, shown=shown, delay=0)
            assert bar is not None
            bar.update()
            bar.close()
        said = capsys.readouterr().err
        assert "study ⟨U+001B⟩[2J on ⟨U+202E⟩" in said
        assert "\x1b[2J" not in said
