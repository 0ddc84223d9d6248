"""Quoted words are found where they stand, however they are written, and never where they do not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartleby.analysis.report.quotes import spans_of

TEXT = "Being spoken to like this  wears\nme down; it’s “too much” – really."


@pytest.mark.parametrize(
    ("quote", "words"),
    [
        ("wears me down", "wears\nme down"),
        ("WEARS ME", "wears\nme"),
        ('it\'s "too much" - really.', "it’s “too much” – really"),
        ("…spoken to like…", "spoken to like"),
    ],
)
def test_spaces_case_quotation_marks_and_dashes_do_not_matter(quote: str, words: str) -> None:
    ((place,), found) = spans_of(quote, TEXT)
    assert found
    assert TEXT[slice(*place)] == words


@pytest.mark.parametrize("quote", ["wears you down", "ears me down", "", "…", " . ", "(", "wears.me"])
def test_words_that_are_not_there_are_not_found(quote: str) -> None:
    assert spans_of(quote, TEXT) == ((), False)


def test_what_looks_like_a_pattern_or_markup_is_text() -> None:
    text = "a <b>(.*)+</b> [x] \\d b"
    for quote in ("<b>(.*)+</b>", "[x] \\d"):
        ((place,), found) = spans_of(quote, text)
        assert found
        assert text[slice(*place)] == quote


def test_accents_written_in_one_or_in_two_characters_are_the_same_and_stay_with_their_letter() -> None:
    apart, one = "un cafe\u0301 ici", "un caf\u00e9 ici"
    assert spans_of("caf\u00e9", apart) == (((3, 8),), True)
    assert spans_of("cafe\u0301", one) == (((3, 7),), True)
    assert spans_of("cafe", apart) == ((), False)
    assert spans_of("cafe", apart, (3, 7)) == (((3, 8),), True)


def test_several_quotations_are_found_one_by_one() -> None:
    assert spans_of("a b … c d", "x a b y c d") == (((2, 5), (8, 11)), True)
    assert spans_of("a b … z", "x a b y c d") == (((2, 5),), False)
    assert spans_of("a … b", "x a … b") == (((2, 7),), True)


def test_a_place_is_believed_only_if_the_words_are_there() -> None:
    assert spans_of("no", "no and no", (7, 9)) == (((7, 9),), True)
    assert spans_of("no", "no and no", (3, 6)) == (((0, 2),), True)
    assert spans_of("no", "no and no", (90, 95)) == (((0, 2),), True)


def test_an_apostrophe_that_a_table_put_before_a_formula_is_none_of_the_words() -> None:
    assert spans_of("'- no, thanks", "well - no, thanks") == (((5, 17),), True)


@given(st.text(max_size=30), st.text(max_size=60))
def test_any_quotation_of_any_text_has_places_inside_it(quote: str, text: str) -> None:
    spans, _ = spans_of(quote, text)
    assert all(0 <= start < end <= len(text) for start, end in spans)


@given(st.text(alphabet="ab é\u0301\n<>&", min_size=1, max_size=20))
def test_a_text_is_found_in_itself(text: str) -> None:
    if any(each.isalnum() for each in unicodedata.normalize("NFD", text).strip().strip(" .")):
        assert spans_of(text, text)[1]
