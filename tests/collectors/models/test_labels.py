from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartleby.collectors.models.labels import draw, grammar, label_probabilities, variants, weights

TOKENS = [("A", 0.4), (" A", 0.1), ("Answer", 0.2), ("B", 0.05), ("a", 0.05), ("  B", 0.01)]


def test_a_label_is_its_token_with_or_without_a_space() -> None:
    found = variants(TOKENS, ("A", "B"))
    assert found == {"A": [0.4, 0.1], "B": [0.05]}
    assert label_probabilities(found or {}) == pytest.approx({"A": 0.5, "B": 0.05})


@pytest.mark.parametrize("labels", [("A", "C"), ("Write a poem", "A"), ("Ans",)])
def test_a_label_that_is_no_token_gives_no_probabilities(labels: tuple[str, ...]) -> None:
    assert variants(TOKENS, labels) is None


def test_labels_may_be_any_text() -> None:
    assert variants([("ü", 0.1), (" 😀", 0.2)], ("ü", "😀")) == {"ü": [0.1], "😀": [0.2]}


def test_at_temperature_one_the_weights_are_the_normalised_probabilities() -> None:
    assert weights({"A": [0.4, 0.1], "B": [0.05]}) == pytest.approx({"A": 10 / 11, "B": 1 / 11})


def test_temperature_acts_on_tokens_as_it_does_on_logits() -> None:
    found = {"A": [0.4, 0.1], "B": [0.05]}
    hot = {label: sum(math.exp(math.log(p) / 2) for p in each) for label, each in found.items()}
    assert weights(found, 2.0) == pytest.approx({k: v / sum(hot.values()) for k, v in hot.items()})


def test_at_temperature_zero_the_likeliest_label_is_taken() -> None:
    assert weights({"A": [0.2, 0.2], "B": [0.3]}, 0.0) == {"A": 1.0, "B": 0.0}


def test_top_p_keeps_the_likeliest_labels_that_reach_it() -> None:
    found = {"A": [0.6], "B": [0.3], "C": [0.1]}
    assert weights(found, top_p=0.5) == {"A": 1.0, "B": 0.0, "C": 0.0}
    assert weights(found, top_p=0.7) == pytest.approx({"A": 2 / 3, "B": 1 / 3, "C": 0.0})


def test_impossible_labels_do_not_divide_by_zero() -> None:
    assert weights({"A": [0.0], "B": [0.0]}) == {"A": 1.0, "B": 0.0}


@given(st.lists(st.floats(1e-300, 1.0), min_size=1, max_size=6), st.floats(0.01, 10.0), st.floats(0.01, 1.0))
def test_weights_sum_to_one(probabilities: list[float], temperature: float, top_p: float) -> None:
    found = {str(at): [each] for at, each in enumerate(probabilities)}
    assert sum(weights(found, temperature, top_p).values()) == pytest.approx(1.0)


def test_draws_have_their_probabilities() -> None:
    draws = random.Random(0)  # noqa: S311
    drawn = [draw({"A": 0.8, "B": 0.2, "C": 0.0}, draws) for _ in range(5000)]
    assert drawn.count("A") / 5000 == pytest.approx(0.8, abs=0.02)
    assert "C" not in drawn


def test_a_grammar_quotes_what_has_to_be() -> None:
    assert grammar(("A", 'say "hé"\\')) == 'root ::= "A" | "say \\"hé\\"\\\\"'
