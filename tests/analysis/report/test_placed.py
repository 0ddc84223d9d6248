"""Codings laid on turns: units in every form, strangers told, everything that is wrong named."""

from __future__ import annotations

import pandas as pd
import pytest

from bartleby.analysis.report.placed import placed
from bartleby.errors import DataError

SAID = pd.DataFrame(
    {
        "conversation": ["a", "a", "b:1"],
        "turn": [1, 2, 1],
        "text": ["All fine.", "This wears me down.", "Stop it."],
    }
)


def codings(*rows: tuple[object, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["unit", "code", "coder", "value", "quote"])


def test_units_say_conversation_and_turn_where_there_are_no_columns_for_these() -> None:
    found = placed(
        codings(("a:2", "distress", "ann", 1, "wears me"), ("b:1", "distress", "ann", 1, "stop")), SAID
    )
    assert found.rows["turn"].astype(object).fillna(0).tolist() == [2, 0]
    assert found.rows["places"].tolist() == [((2, 5, 13),), ((1, 0, 4),)]
    assert found.rows["found"].tolist() == [True, True]


def test_conversation_and_turn_say_the_unit() -> None:
    table = pd.DataFrame({"conversation": ["a"], "turn": [2], "code": ["x"], "coder": ["ann"], "value": [0]})
    found = placed(table, SAID)
    assert found.rows["unit"].tolist() == ["a:2"]
    assert found.rows["found"].isna().all()


def test_quotations_that_are_not_there_are_told_from_those_that_were_not_made() -> None:
    found = placed(
        codings(
            ("a:1", "x", "ann", 1, "nobody said this"),
            ("a:2", "x", "ann", 1, None),
            ("a:1", "y", "ann", 0, "x"),
        ),
        SAID,
    )
    assert found.rows["found"].astype(object).where(found.rows["found"].notna(), None).tolist() == [
        False,
        None,
        None,
    ]


def test_coders_are_machines_or_people_and_have_short_names_that_tell_them_apart() -> None:
    names = [
        "ann",
        "lexicon",
        "judge:sim/judge?seed=1",
        "judge:sim/judge?seed=1#2",
        "judge:b/c?x=1",
        "judge:b/c?x=2",
    ]
    found = placed(codings(*[("a:1", "x", name, 0, None) for name in names]), SAID)
    assert found.people == ("ann",)
    assert found.machines == (*names[2:], "lexicon")
    short = ["ann", "lexicon", "judge sim/judge", "judge sim/judge#2", "judge:b/c?x=1", "judge:b/c?x=2"]
    assert list(found.names.values()) == short


def test_codings_of_other_conversations_are_left_out_with_a_warning() -> None:
    found = placed(
        codings(("a:1", "x", "ann", 1, None), ("z:1", "x", "ann", 1, None), ("a:7", "x", "ann", 1, None)),
        SAID,
    )
    assert len(found.rows) == 1
    assert found.warnings[0].startswith("2 coded units are not among these conversations")
    assert "'z:1', 'a:7'" in found.warnings[0]


def test_codings_none_of_which_is_of_these_conversations_are_an_error() -> None:
    with pytest.raises(DataError, match="none of their 1 units is among these conversations, such as 'z:1'"):
        placed(codings(("z:1", "x", "ann", 1, None)), SAID)
    with pytest.raises(DataError, match="none of their 0 units"):
        placed(codings(), SAID)


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(DataError) as caught:
        placed(pd.DataFrame({"value": [1]}), SAID)
    assert "'code'" in str(caught.value)
    assert "'coder'" in str(caught.value)
    assert "neither a column 'unit'" in str(caught.value)
    with pytest.raises(DataError) as caught:
        placed(codings(("a:1", None, "ann", "often", None), ("a:2", "x", " ", -1, None)), SAID)
    assert "row 1: 'code' is empty" in str(caught.value)
    assert "row 2: 'coder' is empty" in str(caught.value)
    assert "row 1: value 'often'; allowed: 0 (absent)" in str(caught.value)


def test_a_unit_coded_twice_alike_counts_once_and_otherwise_is_an_error() -> None:
    rows = codings(("a:1", "x", "ann", 1, None), ("a:1", "x", "ann", 1, None))
    assert len(placed(rows, SAID).rows) == 1
    with pytest.raises(DataError, match="two values of one coder, such as 'a:1': 'x' by 'ann'"):
        placed(codings(("a:1", "x", "ann", 1, None), ("a:1", "x", "ann", 0, None)), SAID)


def test_values_that_are_missing_stay_so_whatever_the_type_of_the_column() -> None:
    rows = codings(("a:1", "x", "ann", 1, None), ("a:2", "x", "ann", None, None))
    for values in (rows["value"], rows["value"].astype("Int64"), rows["value"].astype(object)):
        assert placed(rows.assign(value=values), SAID).rows["value"].isna().tolist() == [False, True]


def test_different_codebooks_are_told() -> None:
    rows = codings(("a:1", "x", "ann", 1, None), ("a:1", "x", "ben", 1, None)).assign(codebook=["1f", "2e"])
    assert "different codebooks (1f, 2e)" in placed(rows, SAID).warnings[0]
