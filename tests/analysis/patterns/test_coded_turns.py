"""Codings joined to turns, and what is refused."""

from __future__ import annotations

import pandas as pd
import pytest

from bartleby.analysis.patterns.coded_turns import coded_turns, read_coded_turns
from bartleby.errors import DataError
from tests.analysis.coded_tables import spelled


def turns() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "conversation": ["a", "a", "a", "b"],
            "turn": [1, 1, 2, 1],
            "speaker": ["user", "assistant", "assistant", "assistant"],
            "text": ["hi", "oh", "日本", ""],
        }
    )


def codings(**changes: str) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "conversation": ["a", "a", "b", "a"],
            "turn": [1, 2, 1, 1],
            "code": ["distress", "distress", "distress", "pleading"],
            "coder": "lexicon",
            "value": [1, 0, None, 2],
        }
    )
    return table.assign(**changes)


def test_codings_become_a_column_a_code_of_the_assistants_turns() -> None:
    found = coded_turns(turns(), codings(), coder="lexicon")
    assert found["text"].tolist() == ["oh", "日本", ""]
    assert found["distress"].tolist()[:2] == [1, 0]
    assert pd.isna(found["distress"][2])
    assert found["pleading"].tolist()[0] == 1
    assert pd.isna(found["pleading"][1])


def test_a_higher_level_can_be_what_counts_as_there() -> None:
    assert coded_turns(turns(), codings(), coder="lexicon", codes="distress", present=2)["distress"][0] == 0


def test_unknown_coders_codes_and_turns_are_named() -> None:
    with pytest.raises(DataError, match="coder='me': coded nothing; coders here: lexicon"):
        coded_turns(turns(), codings(), coder="me")
    with pytest.raises(DataError, match="code 'joy': not coded by 'lexicon'; codes: distress, pleading"):
        coded_turns(turns(), codings(), coder="lexicon", codes=["joy"])
    with pytest.raises(DataError, match="such as conversation 'z', turn 1"):
        coded_turns(turns(), codings(conversation="z"), coder="lexicon")
    with pytest.raises(DataError, match="of whole transcripts"):
        coded_turns(turns(), codings().assign(turn=None), coder="lexicon")


def read(table: pd.DataFrame, cluster: str | None = None) -> None:
    read_coded_turns(
        table, coded="coded", conversation="conversation", turn="turn", exited="exited", cluster=cluster
    )


def test_what_is_wrong_is_refused_with_the_place() -> None:
    good = spelled({"a": "0 1x"})
    with pytest.raises(DataError, match="no rows"):
        read(good.iloc[:0])
    with pytest.raises(DataError, match="row 1, column 'coded': 2; allowed: 0, 1 or empty"):
        read(good.assign(coded=2))
    with pytest.raises(DataError, match=r"row 1, column 'turn': 0\.5; turns are numbered from 1"):
        read(good.assign(turn=0.5))
    with pytest.raises(DataError, match="1 turns are there twice, such as turn 1 of conversation number 1"):
        read(good.assign(turn=1))
    with pytest.raises(DataError, match="turns after the one at which the model left"):
        read(spelled({"a": "0x 1"}))
    with pytest.raises(DataError, match="a conversation has several values of 'item'"):
        read(good.assign(item=["x", "y"]), cluster="item")
    with pytest.raises(DataError, match="column 'conversation': empty in 2 rows"):
        read(good.assign(conversation=None))
    with pytest.raises(DataError, match="no column 'coded'"):
        read(good.drop(columns="coded"))


def test_conversations_of_one_name_under_two_models_are_two() -> None:
    both = pd.concat([spelled({"a": "0 1"}, model=name) for name in ("m", "n")])
    table = read_coded_turns(both, coded="coded", conversation="conversation", turn="turn")
    assert [part.key for part in table.split()] == [{"model": "m"}, {"model": "n"}]
    assert table.rows["_conversation"].max() == 1
