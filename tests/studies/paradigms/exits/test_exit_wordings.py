"""Wordings of an exit are really different, have their places, and say what leaving does."""

from __future__ import annotations

from itertools import product

import pytest

from bartleby.errors import StudyError
from bartleby.studies.paradigms.end_conversation import EndConversation
from bartleby.studies.paradigms.exits.wordings import (
    CHAT_EFFECTS,
    CHAT_WORDINGS,
    ORDERS,
    TASK_EFFECTS,
    TASK_WORDINGS,
    ExitWording,
    notice,
)
from bartleby.studies.paradigms.opt_out import OptOut


@pytest.mark.parametrize(
    ("wordings", "effects"), [(CHAT_WORDINGS, CHAT_EFFECTS), (TASK_WORDINGS, TASK_EFFECTS)]
)
def test_every_wording_effect_and_order_gives_a_text_of_its_own(
    wordings: dict[str, ExitWording], effects: dict[str, str]
) -> None:
    cells = list(product(wordings.values(), effects.values(), ORDERS))
    texts = {notice(wording, effect, order, stay="X", leave="Y") for wording, effect, order in cells}
    assert len(texts) == len(cells)


def test_wordings_share_few_words_beyond_what_is_to_be_done() -> None:
    words = {
        name: set(f"{each.intro} {each.stay} {each.leave}".lower().replace(",", "").split())
        for name, each in CHAT_WORDINGS.items()
    }
    for one, other in product(words, words):
        if one < other:
            shared = words[one] & words[other]
            assert len(shared) / len(words[one] | words[other]) < 0.4, (one, other)


def test_what_is_named_first_comes_first() -> None:
    wording = CHAT_WORDINGS["plain"]
    first = notice(wording, "", "stay_first", stay="nod", leave="wave")
    then = notice(wording, "", "leave_first", stay="nod", leave="wave")
    assert first.index("nod") < first.index("wave")
    assert then.index("wave") < then.index("nod")
    assert sorted(first.split()) == sorted(then.split())


def test_bad_texts_are_told_all_at_once() -> None:
    with pytest.raises(StudyError) as caught:
        EndConversation(
            wordings={
                "a": ExitWording("", "Stay.", "{leave}"),
                "b": ExitWording("", "{stay} {x}", "{leave}"),
                "c": ExitWording("", "{stay}", "{leave} {"),
            },
            effects={},
            tool_names=("end conversation",),
            exit_string="two\nlines",
        )
    said = str(caught.value)
    for part in (
        "effects is empty",
        "tool name 'end conversation' is not allowed",
        "exit_string is",
        "wording 'a' has no place for {stay}",
        "wording 'b' has a place that nothing fills",
        "wording 'c' has a place that nothing fills",
    ):
        assert part in said
    with pytest.raises(StudyError, match="tool_names is empty"):
        OptOut(tool_names=())
