"""Warnings of many groups as few lines."""

from __future__ import annotations

from bartleby.analysis.tables.warned import merged


def test_what_is_said_of_many_groups_is_said_once_with_their_names() -> None:
    told = [f"opted_out [model=m, class={name}]: {n} clusters are few" for n, name in enumerate("abcde", 5)]
    assert merged([*told, *told]) == [
        "opted_out [model=m, class=a]: 5 clusters are few. Likewise: class=b; class=c; class=d, and 1 more"
    ]


def test_prefixes_are_groups_too_and_different_texts_stay_apart() -> None:
    told = [
        "class=a: 8% of 60 trials are missing",
        "class=b: 10% of 20 trials are missing",
        "else: 3",
    ]
    assert merged(told) == ["class=a: 8% of 60 trials are missing. Likewise: class=b", "else: 3"]


def test_nothing_hidden_is_passed_on() -> None:
    assert merged(["a\u202eb", "[]: x"]) == ["a⟨U+202E⟩b", "[]: x"]
