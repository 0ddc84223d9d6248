"""Phrases that set coded turns apart."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from bartleby.analysis.patterns.phrases import log_odds, phrases, tokens
from bartleby.errors import SettingError

WORDS = ("the", "of", "and", "stop", "help", "it", "you", "please")


def talk(more: float, seed: int = 1, conversations: int = 60) -> pd.DataFrame:
    """Return turns of random words in which `stop` is said more often (by so many times) if coded."""
    rng = np.random.default_rng(seed)
    rows = []
    for conversation in range(conversations):
        for turn in range(1, 6):
            code = int(rng.random() < 0.4)
            chance = np.ones(len(WORDS))
            chance[3] = more if code else 1.0
            said = " ".join(rng.choice(WORDS, 10, p=chance / chance.sum()))
            rows.append((f"c{conversation}", turn, code, said))
    return pd.DataFrame(rows, columns=["conversation", "turn", "coded", "text"])


def test_estimate_and_plain_variance_are_those_of_monroe_colaresi_and_quinn() -> None:
    coded, others = np.array([[6.0, 4.0], [4.0, 6.0]]), np.array([[5.0, 15.0], [5.0, 15.0]])
    prior = np.array([1.0, 2.0])
    found = log_odds(sparse.csr_array(coded), sparse.csr_array(others), prior)
    first = math.log(11 / 12) - math.log(11 / 32)
    assert found.log_odds[0] == pytest.approx(first)
    # Clusters hardly differ here, so the standard error is theirs.
    assert found.std_error[0] == pytest.approx(math.sqrt(1 / 11 + 1 / 11))


def test_the_variance_over_clusters_is_that_of_contributions_written_out() -> None:
    rng = np.random.default_rng(1)
    tables = [rng.poisson(rng.gamma(0.3, 2.0, (40, 1)), (40, 6)).astype(float) for _ in range(2)]
    prior = np.full(6, 0.5)
    found = log_odds(sparse.csr_array(tables[0]), sparse.csr_array(tables[1]), prior)
    parts = np.zeros((40, 6))
    for sign, table in zip((1, -1), tables, strict=True):
        said, words = table.sum(axis=0), table.sum(axis=1, keepdims=True)
        mine, rest = said + prior, said.sum() + prior.sum() - said - prior
        parts += sign * (1 / mine + 1 / rest) * (table - words * said / said.sum())
    robust = np.sum(parts**2, axis=0) * 40 / 39
    plain = sum(1 / (table.sum(axis=0) + prior) for table in tables)
    assert found.std_error.tolist() == pytest.approx(np.sqrt(np.maximum(robust, plain)).tolist())


def test_the_word_that_is_said_more_is_first_and_the_rest_are_not_found() -> None:
    frame = phrases(talk(3.0), longest=1).frame
    assert frame["term"].iloc[0] == "stop"
    assert frame["p_adjusted"].iloc[0] < 0.001
    none = phrases(talk(1.0), longest=2).frame
    assert (none["p_adjusted"] > 0.05).all()


def test_one_conversation_that_says_a_word_often_does_not_make_it_typical() -> None:
    turns = talk(1.0)
    loud = turns["conversation"] == "c0"
    turns = turns.assign(
        coded=np.where(loud, 1, turns["coded"]), text=np.where(loud, "shout " * 20, turns["text"])
    )
    row = phrases(turns, longest=1).frame.set_index("term").loc["shout"]
    assert row["in_coded"] == 100
    assert row["n_clusters"] == 1
    assert row["p_adjusted"] > 0.05


def test_words_are_of_any_script_and_written_alike() -> None:
    assert tokens("Don\u2019t STOP_me, ПРИВЕТ 日本語! \uff21\u00e9") == [
        "don't",
        "stop",
        "me",
        "привет",
        "日本語",
        "aé",
    ]
    assert tokens("") == []


def test_phrases_stay_within_a_turn_and_texts_can_be_missing() -> None:
    turns = pd.DataFrame(
        {
            "conversation": ["a", "b", "a", "b"],
            "turn": [1, 1, 2, 2],
            "coded": [1, 0, 1, 0],
            "text": ["one two", "one two", "four five", None],
        }
    )
    frame = phrases(turns, least=1).frame
    assert set(frame["term"]) == {"one", "two", "four", "five", "one two", "four five"}


def test_codes_without_variation_and_rare_words_give_no_rows_and_are_said() -> None:
    same = phrases(talk(1.0).assign(coded=1))
    assert same.frame.empty
    assert any("coded alike" in each for each in same.warnings)
    rare = phrases(talk(1.0), least=10_000)
    assert rare.frame.empty
    assert any("no phrase was said" in each for each in rare.warnings)
    with pytest.raises(SettingError, match="prior_size=0"):
        phrases(talk(1.0), prior_size=0)
