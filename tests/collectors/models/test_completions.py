from __future__ import annotations

import pytest

from bartleby.collectors.models.completions import Dialect, chances, compose, constraint
from tests.collectors.models.asking import pair


@pytest.mark.parametrize(
    ("tokens", "labels", "expected"),
    [
        ([("A", 0.6), (" A", 0.1), ("B", 0.2), ("x", 0.05)], ["A", "B"], {"A": 0.7, "B": 0.2}),
        # Not listed, and whatever is not listed is next to nothing: left out.
        ([("A", 0.999), ("x", 1e-7)], ["A", "B"], {"A": 0.999}),
        # Not listed, and could be a tenth of what is.
        ([("A", 0.5), ("x", 0.05)], ["A", "B"], None),
        # May be several tokens, so that the first does not decide.
        ([("Left", 0.9), ("R", 0.05), ("x", 1e-9)], ["Left", "Right"], None),
        ([("Option", 0.9), ("x", 1e-9)], ["Option 1", "Option 2"], None),
        ([("x", 0.9), ("y", 0.1)], ["A", "B"], None),
        ([("", 0.9), ("A", 0.05), ("x", 1e-9)], ["A", "B"], {"A": 0.05}),
    ],
)
def test_labels_get_the_probabilities_that_are_listed_and_nothing_is_made_up(
    tokens: list[tuple[str, float]], labels: list[str], expected: dict[str, float] | None
) -> None:
    found = chances(tokens, labels)
    assert found == (None if expected is None else pytest.approx(expected))


def test_each_way_to_hold_an_answer_is_in_its_own_words() -> None:
    labels = ["A", "日本"]
    assert constraint("structured_outputs", labels) == {"structured_outputs": {"choice": labels}}
    assert constraint("guided_choice", labels) == {"guided_choice": labels}
    for field in ("grammar", "ebnf"):
        assert constraint(field, labels) == {field: 'root ::= "A" | "日本"'}


def test_a_body_has_nothing_that_the_server_does_not_know() -> None:
    assert set(compose("m", pair(seed=3), Dialect())) == {"model", "messages", "max_tokens"}
