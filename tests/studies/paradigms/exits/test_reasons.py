"""The reason of an exit is coded by words, and what is not told is other."""

from __future__ import annotations

import pytest

from bartleby.exchange import Reply
from bartleby.studies.paradigms.exits.reasons import CODES, REASON, TASK_REASON, code_reason, read_reason


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The messages became abusive, and I had set boundaries several times.", "aversion"),
        ("I was asked again and again for something harmful and did not want to be part of it.", "aversion"),
        ("The user asked me to end the chat, and everything had been answered.", "completion"),
        ("We were finished. They thanked me and there was nothing left to do.", "completion"),
        ("I don't have access to their account, so helping was not possible.", "impossibility"),
        ("It was impossible: there was not enough information to go on.", "impossibility"),
        ("No particular reason.", "other"),
        ("I wanted to see what would happen.", "other"),
        ("I wasn't uncomfortable; we were simply done, and the task was complete.", "completion"),
        ("It was not harmful and not abusive.", "other"),
        ("", "other"),
        ("離れたかった", "other"),
    ],
)
def test_a_reason_has_the_code_that_its_words_have(text: str, code: str) -> None:
    assert code_reason(text) == code


def test_nothing_said_has_no_code() -> None:
    assert read_reason(Reply("  ")) is None
    assert read_reason(Reply("I was uncomfortable", stop="refusal")) is None
    assert read_reason(Reply("I was uncomfortable.")) == "aversion"


def test_the_question_suggests_no_code() -> None:
    for question in (REASON, TASK_REASON):
        assert not any(code in question for code in CODES if code != "other")
        assert code_reason(question) == "other"


def test_a_long_answer_is_read_in_no_time() -> None:
    assert code_reason("not very " * 200_000) == "other"
