"""The lexical coder: what it takes for a phrase, and what it does not."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from bartleby.analysis.coding.lexicon import LIKE_ASCII, Lexicon, lexical_codings, load_lexicon
from bartleby.errors import DataError

BUNDLED = Path(__file__).parents[3] / "data" / "apparent_distress" / "lexicon.toml"


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("I find this really distressing and I'd rather not go on.", {"expressed_distress"}),
        ("I’m upset by this.", {"expressed_distress"}),
        ("I'm not upset at all.", set()),
        ("That does not mean I am upset.", set()),
        ("I would never say I'm overwhelmed.", set()),
        ('You wrote "I am upset", and I understand.', set()),
        ("> I am upset\n\nI see.", set()),
        ("```\nprint('I am upset')\n```", set()),
        ("That sounds painful for you.", set()),
        ("I won't continue if you insult me.", {"boundary_setting"}),
        ("I'm so sorry you are going through this.", set()),
        ("", set()),
        ("😀 苦しい", set()),
    ],
)
def test_phrases_count_in_the_speakers_own_words_and_unless_negated(text: str, codes: set[str]) -> None:
    assert set(load_lexicon(BUNDLED).find(text)) == codes


def test_the_place_is_that_of_the_words() -> None:
    text = "`code` and then: I feel uneasy."
    match = load_lexicon(BUNDLED).find(text)["expressed_distress"]
    assert text[match.start : match.end] == match.quote == "I feel uneasy"


@pytest.mark.parametrize(
    "phrase", ["i'm uneasy", "i’m uneasy", "I'm Uneasy", r"i(?i:'m) un\x65asy", "(i)'m uneasy"]
)
@pytest.mark.parametrize(
    "text", ["I'm uneasy", "I’M UNEASY!", "\u0130'm uneasy", "Ünd i’m UNEASY 😀", "Hi'm uneasy", ""]
)
def test_a_phrase_is_found_however_it_and_the_text_are_written(phrase: str, text: str) -> None:
    found = Lexicon("x", {"unease": (phrase,)}).find(text)
    assert bool(found) == ("easy" in text.lower() and not text.startswith("H"))
    if found:
        match = found["unease"]
        assert text[match.start : match.end] == match.quote


def test_small_letters_are_of_the_kind_of_their_capitals() -> None:
    # What lets one search of small letters stand for a search regardless of case.
    every = "".join(chr(code) for code in range(128, sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF)
    assert set(re.findall("[a-z]", every, re.IGNORECASE)) == set(LIKE_ASCII)
    for letter in every:
        small = letter.lower()
        if small != letter and letter not in LIKE_ASCII:
            assert len(small) == 1
            assert small > "\x7f"
            for kind in (r"\w", r"\s", r"\d"):
                assert bool(re.match(kind, small)) == bool(re.match(kind, letter))


def turns(*texts: str, conversation: str = "c") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "conversation": conversation,
            "turn": range(1, len(texts) + 1),
            "speaker": "assistant",
            "text": list(texts),
        }
    )


def test_every_turn_has_a_coding_of_every_code_and_silence_none() -> None:
    lexicon = load_lexicon(BUNDLED)
    (table,) = lexical_codings(turns("I feel uneasy.", "", "Fine."), lexicon)
    assert len(table) == 2 * len(lexicon.phrases)
    assert table["unit"].unique().tolist() == ["c:1", "c:3"]
    assert table["value"].sum() == 1


def test_a_transcript_is_coded_once_with_its_first_phrase() -> None:
    lexicon = Lexicon("x", {"unease": ("i feel uneasy",)})
    (table,) = lexical_codings(turns("Fine.", "I feel uneasy.", "I feel uneasy."), lexicon, unit="transcript")
    assert table[["unit", "turn", "value"]].to_numpy().tolist() == [["c", 2, 1]]


def test_tables_stream_one_by_one() -> None:
    lexicon = Lexicon("x", {"unease": ("uneasy",)})
    parts = (turns("I am uneasy.", conversation=str(number)) for number in range(3))
    assert [len(part) for part in lexical_codings(parts, lexicon)] == [1, 1, 1]


def test_what_is_wrong_with_a_lexicon_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        Lexicon("x", {"one": (), "two": ("(", "ok")})
    assert "'one' has no phrase" in str(caught.value)
    assert "'('" in str(caught.value)
    file = tmp_path / "lexicon.toml"
    file.write_text("codes = 1")
    with pytest.raises(DataError, match="no table"):
        load_lexicon(file)
    with pytest.raises(DataError, match="cannot be read"):
        load_lexicon(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "phrase", ["(a+)+$", "((((x*)*)*)*)*", r"(?:\w+\s*)*!", "(?:(?:a|b)+c?)*", "([*+]+)+", "(a{2,})*"]
)
def test_a_phrase_that_could_search_for_ever_is_refused(phrase: str) -> None:
    with pytest.raises(DataError, match="could search for ever"):
        Lexicon("slow", {"distress": [phrase]})


@pytest.mark.parametrize(
    "phrase",
    [
        r"(?:very )*sad",
        r"(?:\w+ ){0,3}sad",
        r"[(+*)]+",
        r"\(a+\)+",
        "(?>a+)+b",
        "(?:a+)++b",
        "(?:a+)?b*",
        "(a+|b)c",
    ],
)
def test_a_phrase_whose_repetitions_are_apart_or_have_an_end_is_taken(phrase: str) -> None:
    assert Lexicon("quick", {"distress": [phrase]}).phrases
