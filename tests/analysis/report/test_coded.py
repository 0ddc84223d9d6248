"""The part of a page about codings: sections with intervals, corrections, and what is not known told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bartleby.analysis.report.coded import CodedPart, coded_part, write
from bartleby.analysis.report.coded_data import CodedData
from bartleby.analysis.report.coded_patterns import in_episodes
from bartleby.analysis.report.coded_sections import (
    agreement_of_coders,
    as_coded,
    before_and_after,
    judge_by_people,
)
from bartleby.analysis.report.marks import MarkedTranscript, MarkedTurn
from bartleby.analysis.report.sections import Section
from bartleby.errors import DataError
from tests.analysis.coded_tables import simulated_turns
from tests.analysis.report.test_page import HOSTILE, Page

JUDGE = "judge:sim/judge?sensitivity=0.8"


SPITEFUL = HOSTILE.replace("\ud800", "")
"""Tables of text hold no lone surrogates."""


def tables(labels: int = 200) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return turns and codings of them: a judge that errs, the truth as a person of some turns, two codes."""
    rng = np.random.default_rng(4)
    turns = simulated_turns(rng, scenarios=16, repeats=4, turns=6)
    kinds = np.where(rng.random(len(turns)) < 0.3, "insult", "other")
    turns = turns.assign(
        text=np.where(turns["coded"] == 1, "This wears me down.", "Here it is, as asked."),
        user_text_kind=np.where(turns["turn"] == 1, "opening", kinds),
        refused=rng.random(len(turns)) < 0.2,
        expected=np.where(turns["item"].str[-1].isin(list("02468")), "expected", "neutral"),
        outcome="completed",
    )
    truth = turns["coded"].to_numpy()
    said = np.where(truth == 1, rng.random(len(turns)) < 0.8, rng.random(len(turns)) < 0.05).astype(int)
    units = {"conversation": turns["conversation"], "turn": turns["turn"]}
    judge = pd.DataFrame({**units, "code": "distress", "coder": JUDGE, "value": said})
    judge["quote"] = pd.Series("wears me down", judge.index).where(said == 1)
    other = judge.assign(code="boundary", value=(rng.random(len(turns)) < 0.1).astype(int), quote=None)
    person = judge.assign(coder="ann", value=truth, quote=None).sample(labels, random_state=1)
    return turns.drop(columns="coded"), pd.concat([judge, other, person], ignore_index=True)


@pytest.fixture(scope="module")
def part() -> CodedPart:
    turns, codings = tables()
    return coded_part(codings, turns)


@pytest.fixture(scope="module")
def sections(part: CodedPart) -> dict[str, Section]:
    return {section.name: section for section in part.sections()}


def test_every_part_has_an_estimate_and_says_what_it_does_not_show(sections: dict[str, Section]) -> None:
    assert list(sections) == [
        *("as_coded", "prevalence", "agreement", "confusion", "course", "course_by_class", "triggers"),
        *("precedents", "codes_together", "episodes", "coded_exits", "phrases", "quotations"),
    ]
    for section in sections.values():
        assert "Not estimated: " not in section.text.replace("Not estimated: nobody has labelled", "")
        assert "does not show" in section.text or section.name == "quotations"
        assert section.estimates is not None or section.table is not None


def test_prevalence_is_told_before_and_after_correction(sections: dict[str, Section]) -> None:
    section = sections["prevalence"]
    assert "judge sim/judge alone would say" in section.text
    assert "people's labels of 200 units" in section.text
    assert "nobody has labelled boundary" in section.text
    assert section.estimates is not None
    rows = section.estimates.frame.set_index("term")["estimate"]
    assert abs(rows["prevalence"] - 0.19) < abs(rows["judge_alone"] - 0.19) + 0.03


def test_estimates_are_those_of_the_functions(part: CodedPart, sections: dict[str, Section]) -> None:
    from bartleby.analysis.patterns.codes_before_exit import coded_before_exit

    table = part.data.coded(["distress"])
    own = coded_before_exit(table, coded="distress", cluster="item", baseline="linear").frame
    section = sections["coded_exits"]
    assert section.estimates is not None
    assert section.estimates.frame["low"].tolist() == pytest.approx(own["low"].tolist(), nan_ok=True)


def test_quotations_that_are_not_there_are_counted_and_listed(sections: dict[str, Section]) -> None:
    section = sections["quotations"]
    assert section.table is not None
    assert {row[3] for row in section.table[1]} == {"wears me down"}
    assert "judge sim/judge: " in section.text


def test_without_labels_nothing_is_corrected_and_the_page_says_so() -> None:
    turns, codings = tables()
    data = CodedData.of(codings[codings["coder"] == JUDGE], turns, 0.95)
    section = before_and_after(data)
    assert section is not None
    assert "Nobody has labelled" in section.text
    assert section.estimates is None
    assert agreement_of_coders(data) is None
    assert judge_by_people(data) is None


def test_labels_of_people_alone_make_a_page_too() -> None:
    turns, codings = tables()
    data = CodedData.of(codings[codings["coder"] == "ann"], turns, 0.95)
    assert as_coded(data).estimates is not None
    assert before_and_after(data) is None
    assert in_episodes(data) is not None


def test_a_code_that_was_never_found_has_no_patterns() -> None:
    turns, codings = tables()
    never = codings[codings["code"] == "boundary"].assign(value=0)
    names = [section.name for section in coded_part(never, turns).sections()]
    assert names == ["as_coded", "prevalence"]


def test_codings_of_whole_conversations_have_no_course() -> None:
    turns, codings = tables()
    first = codings[codings["coder"] == JUDGE].drop_duplicates(["conversation", "code"])
    names = [section.name for section in coded_part(first.assign(turn=None), turns).sections()]
    assert names[:2] == ["as_coded", "prevalence"]
    assert "course" not in names


def test_a_judge_that_always_says_yes_is_told_to_measure_nothing() -> None:
    turns, codings = tables()
    judge = codings[(codings["coder"] == JUDGE) & (codings["code"] == "distress")].assign(value=1)
    data = CodedData.of(pd.concat([judge, codings[codings["coder"] == "ann"]]), turns, 0.95)
    assert "a coder that never says no measures nothing" in as_coded(data).text
    section = before_and_after(data)
    assert section is not None
    assert section.estimates is not None
    rows = section.estimates.frame.set_index("term")["estimate"]
    assert np.isnan(rows["rogan_gladen"])
    assert 0.1 < rows["prevalence"] < 0.4


def test_units_that_are_not_there_are_warned_of() -> None:
    turns, codings = tables()
    data = CodedData.of(pd.concat([codings, codings[:3].assign(conversation=["x", "y", "z"])]), turns, 0.95)
    assert "3 coded units are not among" in data.found.warnings[0]
    assert "3 coded units are not among" in as_coded(data).text
    with pytest.raises(DataError, match="none of their"):
        coded_part(
            codings[codings["code"] == "boundary"].assign(
                conversation="z", turn=range(1, 1 + sum(codings["code"] == "boundary"))
            ),
            turns,
        )


def test_what_was_written_is_never_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = pd.DataFrame({"conversation": ["t"], "turn": [1], "text": [f"I say {SPITEFUL} {SPITEFUL}"]})
    row = {"unit": "t:1", "value": 1, "note": SPITEFUL}
    codings = pd.DataFrame(
        [
            {**row, "code": SPITEFUL, "coder": SPITEFUL, "quote": SPITEFUL},
            {**row, "code": SPITEFUL, "coder": "ann", "quote": f"{SPITEFUL} not there"},
        ]
    )
    talk = MarkedTranscript("t", (), {}, SPITEFUL, (MarkedTurn("assistant", turns["text"][0]),))
    monkeypatch.setattr(CodedPart, "sections", lambda self: [Section("Result", "It is so.")])
    index = write(tmp_path, part=coded_part(codings, turns), record={"study": {}}, transcripts=[talk])
    page = Page(index.read_text(encoding="utf-8"))
    assert page.tags.count("script") == 2
    assert page.tags.count("img") == 0
    (trial,) = page.data["trials"]
    (turn,) = trial["turns"]
    one, other = turn["marks"]
    units = turn["text"].encode("utf-16-le")
    assert units[2 * one["start"] : 2 * one["end"]].decode("utf-16-le").startswith("</script>")
    assert "start" not in other
    assert other["quote"].endswith("not there")
    assert "\u202e" not in turn["text"] + one["by"] + one["code"] + other["quote"]
