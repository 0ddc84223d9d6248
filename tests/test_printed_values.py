"""What a notebook or a prompt shows of our values is what a person would print, and errors are sentences."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path

import pytest

import bartleby as bb


@pytest.mark.parametrize("make", [lambda: bb.load("opt_out"), lambda: bb.check("opt_out", "sim/averse")])
def test_a_study_and_its_plan_show_what_they_print(make: object) -> None:
    value = make()  # type: ignore[operator]
    assert repr(value) == str(value)
    assert "opt_out" in repr(value)
    assert value._repr_html_().startswith("<pre>")


def test_a_study_says_how_many_trials_it_has_and_what_varies() -> None:
    tasks = [bb.Task(name, f"Write {name}.") for name in ("one", "two", "three")]
    study = bb.Study("mine", tasks, bb.TaskChoice(), conditions={"exits": ["none", "neither"]}, samples=2)
    assert str(study) == (
        "study mine\n  3 items by task_choice; 24 trials\n"
        "  2 samples of each trial, seed 0; varied: exits (none, neither)"
    )
    assert study.count() == 24


def test_what_a_notebook_shows_is_text_and_not_markup() -> None:
    tasks = [bb.Task(name, f"Write {name}.") for name in ("one", "two")]
    study = bb.Study("mine", tasks, bb.TaskChoice(), title="<script>alert(1)</script>\u202e")
    assert "&lt;script&gt;" in study._repr_html_()
    assert "⟨U+202E⟩" in study._repr_html_()


def test_a_run_and_its_status_show_what_they_print(tmp_path: Path) -> None:
    summary = bb.run("opt_out", "sim/averse", log=tmp_path / "a.db")
    assert repr(summary) == str(summary)
    assert repr(bb.status(tmp_path / "a.db")) == str(bb.status(tmp_path / "a.db"))


def test_an_error_is_its_sentence_in_a_notebook() -> None:
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell()
    output = io.StringIO()
    with redirect_stdout(output):
        shell.run_cell("import bartleby as bb; bb.read('nowhere.db')")
    assert output.getvalue().strip() == "LogError: log nowhere.db: there is no such file"
