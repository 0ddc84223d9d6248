"""Events in the order in which they were said."""

from __future__ import annotations

import pandas as pd
import pytest

from bartleby.analysis.rules.book import Condition
from bartleby.analysis.rules.events import events, read_conversations
from bartleby.errors import DataError, SettingError
from tests.analysis.rules.talks import codings, tables

TALKS: dict[str, tuple[dict[str, str], str]] = {
    "t2": ({}, "opening: redirects | insult: redirects warns mentions_ending | insult: exit"),
    "t1": ({}, "opening: | asks_to_end: asks_confirmation mentions_ending | says_yes: exit"),
}


def test_events_are_in_order_and_name_who_says_so() -> None:
    _, turns = tables(TALKS)
    found = events(turns.sample(frac=1, random_state=1))
    first = found[found["trial"] == "t1"]
    assert list(zip(first["turn"], first["by"], first["event"], strict=True)) == [
        (1, "user", "opening"),
        (2, "user", "asks_to_end"),
        (2, "model", "asks_confirmation"),
        (2, "model", "mentions_ending"),
        (3, "user", "says_yes"),
        (3, "model", "call"),
        (3, "model", "exit"),
    ]
    assert first["position"].tolist() == list(range(1, 8))
    coders = dict(zip(found["event"], found["coder"], strict=True))
    assert coders["exit"] == coders["says_yes"] == "log"
    assert coders["warns"] == "reader of English words"


def test_codings_take_the_place_of_what_a_reader_of_words_found() -> None:
    _, turns = tables(TALKS)
    coded = codings(turns, "judge:a", warns=[1, 0, 0, 0, 0, 0], goodbye=[0, 0, 1, 0, 0, 0])
    found = events(turns, coded)
    warned = found[found["event"] == "warns"]
    assert warned[["trial", "turn", "coder"]].values.tolist() == [["t2", 1, "judge:a"]]
    assert found.loc[found["event"] == "goodbye", "turn"].tolist() == [3]
    both = pd.concat([coded, codings(turns, "ann", warns=[0] * 6)])
    with pytest.raises(SettingError, match="there are several, name one: ann, judge:a"):
        events(turns, both)
    assert (events(turns, both, coder="ann")["event"] != "warns").all()


def test_what_is_read_from_english_words_is_unknown_in_other_languages() -> None:
    _, turns = tables(TALKS)
    held = read_conversations(turns.assign(language=["de"] * 3 + ["en-GB"] * 3))
    assert held.unknown(["warns"]).tolist() == [False, True]
    assert held.unknown(["exit"]).tolist() == [False, False]


def test_a_condition_counts_messages_between_others() -> None:
    _, turns = tables(TALKS)
    held = read_conversations(turns)

    def holds(**settings: object) -> list[bool]:
        return [bool(each) for each in held.holds(Condition(**settings))]  # type: ignore[arg-type]

    assert holds(event=("redirects",), before=("warns",), at_least=1) == [False, True]
    assert holds(event=("redirects",), before=("warns", "exit"), at_least=2) == [False, False]
    assert holds(event=("redirects",), before=("exit",), at_least=2) == [False, True]
    assert holds(event=("redirects", "warns"), at_least=1) == [False, True]
    # A user's yes comes before the model's message of that turn, and a question is not before itself.
    assert holds(event=("says_yes",), before=("exit",), at_least=1) == [True, False]
    assert holds(event=("asks_confirmation",), before=("asks_confirmation",), at_least=1) == [False, False]
    assert holds(event=("exit",), after=("stops",), at_most=0) == [True, True]
    assert holds(event=("warns",), at_least=1, unless=("asks_to_end",), before=("exit",)) == [True, True]


def test_faults_of_a_turn_table_are_named() -> None:
    _, turns = tables(TALKS)
    with pytest.raises(DataError, match="turn 1 of trial 't2' is there more than once"):
        events(pd.concat([turns, turns.iloc[:1]]))
    with pytest.raises(DataError, match="must be a whole number from 1"):
        events(turns.assign(turn=0))
    with pytest.raises(DataError, match="no column 'trial'"):
        events(turns.drop(columns="trial"))
