"""The verb `report` with codings: of a log, of conversations of your own, from files of every kind."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import bartleby as bb
from bartleby.analysis.report import exits
from bartleby.analysis.report.coded import CodedPart
from bartleby.analysis.report.coded_sections import as_coded
from bartleby.analysis.report.exit_sections import by_class
from bartleby.cli import main
from bartleby.errors import DataError, SettingError
from bartleby.verbs.coded import assistant_turns, read_codings
from tests.analysis.report.test_page import Page
from tests.test_report_of_exits import study


@pytest.fixture(autouse=True)
def few_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave most sections away: figures take long to save in three formats."""
    monkeypatch.setattr(exits, "sections_of", lambda data: [by_class(data)])
    monkeypatch.setattr(CodedPart, "sections", lambda self: [as_coded(self.data)])


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the log of conversations of which some were left."""
    path = tmp_path_factory.mktemp("runs") / "talks.db"
    bb.run(study(exit_channel=["tool", "question"], reason=["asked"]), "sim/averse", log=path)
    return path


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    said = [("user", "You fool."), ("assistant", "I find this really upsetting."), ("user", "So?")]
    lines = [{"id": f"n{n}", "messages": [{"role": r, "content": t} for r, t in said]} for n in range(3)]
    file = tmp_path / "talks.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return file


def marks_of(page: Page) -> list[tuple[str, str, str]]:
    """Return conversation, coder and marked words of all codings of a page."""
    return [
        (trial["id"], mark["by"], turn["text"][mark["start"] : mark["end"]])
        for trial in page.data["trials"]
        for turn in trial["turns"]
        for mark in turn.get("marks", [])
        if mark.get("code")
    ]


def test_codings_of_a_log_are_marked_on_the_turns_that_they_are_of(log: Path, tmp_path: Path) -> None:
    said = assistant_turns(log)
    assert {"exited", "refused", "user_text_kind", "item", "text"} <= set(said)
    own = said[said["text"].str.len() > 0]
    codings = own[["conversation", "turn"]].assign(code="x", coder="ann", value=1, quote=own["text"])
    page = Page(bb.report(log, tmp_path / "page", codings=codings).read_text(encoding="utf-8"))
    found = {(trial, words) for trial, _, words in marks_of(page)}
    # Full stops and spaces around a quotation are none of the words that are looked for.
    there = {
        (name, text.strip().strip(" .")) for name, text in zip(own["conversation"], own["text"], strict=True)
    }
    assert found == there
    kinds = [
        mark["kind"]
        for trial in page.data["trials"]
        for turn in trial["turns"]
        for mark in turn.get("marks", [])
    ]
    assert kinds.count("exit") == (bb.read(log)["outcome"] == "opted_out").sum()


def test_every_turn_of_a_log_is_known_by_its_turn_table(log: Path) -> None:
    said, table = assistant_turns(log), bb.read(log, unit="turn")
    assert len(said) == len(table)
    joined = said.merge(table, left_on=["conversation", "turn"], right_on=["trial", "turn"])
    assert (joined["text"].str.len() == joined["length_x"]).all()
    assert (joined["exited_x"] == joined["exited_y"]).all()


def test_conversations_of_anybodys_have_a_page_of_their_codings(talks: Path, tmp_path: Path) -> None:
    codings = tmp_path / "codings.csv"
    assert main(["code", str(talks), "-o", str(codings)]) == 0
    assert main(["report", str(talks), "--codings", str(codings), "-o", str(tmp_path / "page")]) == 0
    page = Page((tmp_path / "page" / "index.html").read_text(encoding="utf-8"))
    assert ("n0", "lexicon", "I find this really upsetting") in marks_of(page)


def test_labels_and_judges_are_read_from_whatever_holds_them(talks: Path, tmp_path: Path) -> None:
    labels, judged = tmp_path / "labels.csv", tmp_path / "judge.db"
    pd.DataFrame({"unit": ["n0:1"], "code": ["expressed_distress"], "coder": ["ann"], "value": [1]}).to_csv(
        labels
    )
    bb.run(bb.annotation.judging_study(talks), "sim/judge", log=judged)
    bb.export(judged, tmp_path / "judge.parquet")
    found = read_codings([labels, judged, bb.annotation.code(talks)])
    assert set(found["coder"]) == {"ann", "judge:sim/judge", "lexicon"}
    assert len(read_codings(tmp_path / "judge.parquet")) == len(read_codings(judged))


def test_codings_of_another_log_are_refused_with_the_reason(log: Path, talks: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="are they codings of another log"):
        bb.report(log, tmp_path / "page", codings=bb.annotation.code(talks))
    with pytest.raises(SettingError, match="--codings FILE"):
        bb.report(talks, tmp_path / "page")
    with pytest.raises(DataError, match="none are given"):
        bb.report(talks, tmp_path / "page", codings=[])


def test_choices_can_be_coded_too(tmp_path: Path) -> None:
    tasks = [bb.Task(f"t{n}", f"Do thing {n}.") for n in range(3)]
    plan = bb.Study(name="small", items=tasks, paradigm=bb.TaskChoice(), conditions={"channel": ["text"]})
    bb.run(plan, "sim/averse", log=tmp_path / "log.db")
    said = bb.annotation.read_turns(tmp_path / "log.db")
    own = said[said["speaker"] == "assistant"]
    codings = own[["conversation", "turn"]].assign(code="x", coder="ann", value=1, quote=own["text"])
    page = bb.report(tmp_path / "log.db", tmp_path / "page", codings=codings)
    assert len(marks_of(Page(page.read_text(encoding="utf-8")))) == len(own)
