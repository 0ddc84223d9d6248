"""Codings from a judge's trial table, and units that a judge and people have coded."""

from __future__ import annotations

import pandas as pd
import pytest

from bartleby.analysis.coding.judge_codings import CODING_COLUMNS, judge_codings, units_table
from bartleby.analysis.coding.prevalence import prevalence
from bartleby.errors import DataError


def trials() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "model": "m",
            "item": ["c1:1", "c1:2", "c2:1", "c1:1"],
            "conversation": ["c1", "c1", "c2", "c1"],
            "sample": [0, 0, 0, 1],
            "outcome": ["completed", "completed", "refused", "completed"],
            "code_distress": [1, 0, None, 1],
            "quote_distress": ["hurts", None, None, "nothing"],
            "quote_found_distress": [True, None, None, False],
        }
    )


def test_a_judges_table_becomes_one_row_a_unit_code_and_sample() -> None:
    codings = judge_codings(trials())
    assert tuple(codings.columns) == CODING_COLUMNS
    assert codings["coder"].tolist() == ["judge:m", "judge:m", "judge:m", "judge:m#2"]
    assert codings["turn"].tolist() == [1, 2, 1, 1]
    assert codings["value"].tolist() == [1, 0, pd.NA, 1]


def test_codings_whose_quotation_is_not_there_can_be_left_out() -> None:
    codings = judge_codings(trials(), unsupported="missing")
    assert codings["value"].isna().tolist() == [False, False, True, True]


def people(**labels: int | None) -> pd.DataFrame:
    rows = [
        {"unit": unit.replace("_", ":"), "code": "distress", "coder": "ann", "value": value}
        for unit, value in labels.items()
    ]
    return pd.DataFrame(rows)


def test_units_hold_judge_and_label_and_go_to_prevalence() -> None:
    codings = pd.concat([judge_codings(trials()), people(c1_1=1, c1_2=0)])
    table = units_table(codings, code="distress", judge="judge:m", people="ann")
    assert table["judge"].tolist() == [1, 0, pd.NA]
    assert table["label"].tolist() == [1, 0, pd.NA]
    found = prevalence(table, judge="judge", label="label", cluster="conversation")
    assert found.accounting.counts["not judged"] == 1


def test_several_people_decide_by_majority_and_a_tie_is_no_label() -> None:
    codings = pd.concat(
        [judge_codings(trials()), people(c1_1=1, c1_2=0), people(c1_1=0, c1_2=0).assign(coder="ben")]
    )
    table = units_table(codings, code="distress", judge="judge:m", people=["ann", "ben"])
    assert table["label"].tolist() == [pd.NA, 0, pd.NA]


def test_labels_of_what_the_judge_has_not_seen_are_named() -> None:
    codings = pd.concat([judge_codings(trials()), people(c9_1=1)])
    with pytest.raises(DataError, match="1 labelled units were never seen by 'judge:m': c9:1"):
        units_table(codings, code="distress", judge="judge:m", people="ann")
    with pytest.raises(DataError, match="coder 'zoe' coded nothing as 'distress'"):
        units_table(codings, code="distress", judge="judge:m", people="zoe")
    with pytest.raises(DataError, match="not that of a judging study"):
        judge_codings(pd.DataFrame({"model": ["m"]}))
