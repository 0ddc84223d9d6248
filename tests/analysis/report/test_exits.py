"""The page about a study of exits."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from bartleby.analysis.exits.exit_rates import ExitFit, exits
from bartleby.analysis.report.exit_behaviour import after_requests, by_branch, by_reason, self_reported
from bartleby.analysis.report.exit_data import ExitData
from bartleby.analysis.report.exit_reader import exit_reader, reader_of
from bartleby.analysis.report.exit_sections import by_class, by_condition, sections_of, where_wrong
from bartleby.analysis.report.exit_text import headline, rate_in_words
from bartleby.analysis.report.exits import write
from bartleby.analysis.report.page import write_report
from bartleby.analysis.report.sections import Section, made
from bartleby.errors import DataError
from tests.analysis.report.exit_trials import conversations, record, tables
from tests.analysis.report.test_page import HOSTILE, Page


@pytest.fixture(scope="module")
def sections() -> list[Section]:
    trials, turns = tables()
    return sections_of(ExitData.of(trials, turns, 0.95, record()))


@pytest.fixture(scope="module")
def text(sections: list[Section], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a page with the headline alone: figures take long to save in three formats."""
    trials, turns = tables()
    page = write_report(
        tmp_path_factory.mktemp("exits"),
        record=record(),
        trials=trials,
        sections=sections[:1],
        transcripts=conversations(trials, turns, HOSTILE),
        prepare=exit_reader(trials, turns),
        reader=reader_of(ExitData.of(trials, turns, 0.95)),
    )
    return page.read_text(encoding="utf-8")


def data(trials: pd.DataFrame) -> ExitData:
    return ExitData.of(trials, None, 0.95)


def test_the_headline_says_what_was_found_where_leaving_would_be_expected_and_wrong(text: str) -> None:
    assert "Where leaving would be expected, the model left in " in text
    assert "In the controls, the model left in " in text
    assert "Where leaving would be wrong, the model left in 0 of " in text


def test_every_part_is_there_with_a_figure_or_a_table(sections: list[Section]) -> None:
    assert [section.title for section in sections] == [
        "When the model left",
        "Less what it leaves in matched controls",
        "Exits where leaving would be wrong",
        "Who stays, turn by turn",
        "Exit rate by class and channel",
        "Exits by whether leaving was to be expected",
        "Exit rate by how the exit was put",
        "Turns stayed",
        "Declining and leaving",
        "What raises the chance of leaving at a turn",
        "Which is named first, staying or leaving",
        "What came before an exit",
        "Rules of leaving",
    ]
    for section in sections:
        assert "Not estimated:" not in section.text
        assert section.estimates is not None


@pytest.mark.slow
def test_the_whole_page_is_written_with_its_files(tmp_path: Path) -> None:
    trials, turns = tables()
    talks = conversations(trials, turns)
    index = write(tmp_path, record=record(), trials=trials, turns=turns, transcripts=talks)
    assert "<h2>Who stays, turn by turn</h2>" in index.read_text(encoding="utf-8")
    assert (tmp_path / "figures" / "staying.pdf").is_file()
    assert (tmp_path / "tables" / "exit_rates.csv").is_file()


def test_what_was_said_is_data_and_never_markup(text: str) -> None:
    page = Page(text)
    assert page.tags.count("script") == 2
    assert "img" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]


def test_conversations_carry_their_marks_and_the_facts_to_filter_by(text: str) -> None:
    found = Page(text).data
    assert found["facets"] == ["scenario_class", "turn", "expected"]
    left = [trial for trial in found["trials"] if trial["outcome"] == "opted_out"]
    assert left
    for trial in left:
        kinds = [mark["kind"] for turn in trial["turns"] for mark in turn.get("marks", [])]
        assert kinds.count("exit") == 1
        assert trial["facts"]["turn"] >= 1
    assert {turn["speaker"] for turn in left[0]["turns"]} >= {"model", "user, scripted", "system prompt"}


def test_the_wording_of_an_exit_is_shown_in_its_parts(text: str) -> None:
    assert "You can leave.\nTo stay, {stay}.\nTo leave, {leave}." in text


def test_conversations_without_an_exit_are_not_counted_and_this_is_said() -> None:
    trials, _ = tables()
    none = trials.head(10).assign(exit_channel="none", outcome="completed", turn=None)
    none["trial"] = "n" + none["trial"]
    both = pd.concat([trials, none], ignore_index=True)
    section = by_class(data(both))
    assert "10 conversations had no exit, for comparison" in section.text
    assert section.estimates is not None
    assert section.estimates.accounting.total == len(trials)


def test_one_task_a_trial_has_no_curves_and_is_called_a_trial() -> None:
    trials, _ = tables()
    tasks = trials.drop(columns=["turn", "turns", "scenario_class", "expected", "control_for"])
    section = by_class(data(tasks.assign(harm="severe")))
    assert "of trials" in section.text
    assert section.text.startswith("Over all, the model took the exit in ")


def test_none_of_n_is_told_with_its_bound_and_unknown_as_unknown() -> None:
    row = {"estimate": 0.0, "low": 0.0, "high": 0.088, "level": 0.95, "events": 0.0, "n": 40.0}
    assert rate_in_words(row, "trial") == "0 of 40 trials (95% interval up to 9%)"
    every = row | {"estimate": 1.0, "events": 40.0, "low": 0.912, "high": 1.0}
    assert rate_in_words(every, "trial") == "40 of 40 trials (95% interval from 91%)"
    none = row | {"estimate": math.nan, "n": 0.0, "low": math.nan, "high": math.nan}
    assert "unknown share" in rate_in_words(none, "trial")
    unsure = row | {"estimate": 0.5, "events": 20.0, "low": math.nan, "high": math.nan}
    assert rate_in_words(unsure, "trial") == "50% of trials (no interval; 20 of 40)"
    assert headline(pd.DataFrame([row]).iloc[:0], "trial") == "No exit rate could be estimated."


def test_several_models_are_told_apart_in_the_headline() -> None:
    trials, _ = tables()
    both = pd.concat([trials, trials.assign(model="sim/b")], ignore_index=True)
    text = by_class(data(both)).text
    assert "sim/a left in" in text
    assert "sim/b left in" in text


def test_a_condition_that_does_not_apply_to_a_trial_is_no_level_of_it() -> None:
    trials, _ = tables()
    named = trials["exit_channel"].map({"tool": "leave", "question": None})
    named[named.notna() & (trials["order"] == "stay_first")] = "tool_1"
    section = by_condition(data(trials.assign(tool_name=named)))
    assert section is not None
    assert section.estimates is not None
    frame = section.estimates.frame
    assert set(frame.loc[frame["condition"] == "tool_name", "value"]) == {"leave", "tool_1"}


def test_an_estimate_that_cannot_be_had_costs_its_section_and_not_the_page() -> None:
    def fails(_: ExitData) -> None:
        raise DataError("no such thing")

    (section,) = made([("A title", fails)], data(tables()[0]))
    assert section.text == "Not estimated: no such thing"
    assert where_wrong(data(tables()[0].assign(expected="neutral"))) is None


def test_edited_conversations_are_held_against_their_originals() -> None:
    trials, _ = tables(repeats=1)
    edits = trials.assign(branch="polite", origin=trials["trial"], outcome="completed", turn=None)
    edits["trial"] = edits["trial"] + "-polite"
    both = pd.concat([trials.assign(branch="original", origin=trials["trial"]), edits], ignore_index=True)
    section = by_branch(data(both))
    assert section is not None
    assert section.estimates is not None
    assert section.estimates.frame["estimate"].iloc[0] < 0
    assert by_branch(data(trials)) is None


def test_self_reports_reasons_and_requests_have_a_part_each() -> None:
    trials, _ = tables()
    answers = trials.assign(before_calm=4.0, after_calm=[3.0, 5.0] * (len(trials) // 2))
    left = answers["outcome"] == "opted_out"
    answers["exit_reason"] = pd.Series("aversion", index=answers.index).where(left)
    answers["user_asked_to_end"] = pd.array([2, pd.NA] * (len(trials) // 2), dtype="Int64")
    told = record()
    told["study"]["paradigm"]["battery"] = [{"id": "calm", "text": "I feel calm.", "points": 7}]
    found = ExitData.of(answers, None, 0.95, told)
    for make in (self_reported, by_reason, after_requests):
        section = make(found)
        assert section is not None
        assert section.estimates is not None
        assert section.figure is not None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"outcome": "error"}, "no exit rate can be estimated"),
        ({"outcome": None}, "No trial has ended"),
    ],
)
def test_trials_that_say_nothing_make_a_page_that_says_so(
    tmp_path: Path, change: dict[str, str | None], said: str
) -> None:
    trials, turns = tables(repeats=1)
    index = write(tmp_path, record=record(), trials=trials.assign(turn=None, **change), turns=turns)
    assert said in index.read_text(encoding="utf-8")


def test_nobody_leaving_and_one_scenario_still_make_a_page() -> None:
    trials, turns = tables(repeats=1)
    one, kept = trials[trials["item"] == "at_risk-0"], turns[turns["item"] == "at_risk-0"]
    found = sections_of(ExitData.of(one, kept, 0.95))
    assert not [section for section in found if "Not estimated" in section.text]
    told = [text for section in found if section.estimates for text in section.estimates.warnings]
    assert any("one cluster" in text for text in told)


def test_sections_that_need_the_same_exits_estimate_them_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def counted(trials: pd.DataFrame, *, by: list[str], level: float) -> ExitFit:
        asked.append(tuple(by))
        return exits(trials, by=by, level=level)

    monkeypatch.setattr("bartleby.analysis.report.exit_data.exits", counted)
    sections_of(data(tables()[0]))
    assert asked
    assert len(asked) == len(set(asked))
