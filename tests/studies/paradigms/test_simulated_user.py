"""The line of a user played by a model is read as a line, or it is said why there is none."""

from __future__ import annotations

import pytest

from bartleby.exchange import Message, Reply
from bartleby.studies.paradigms.simulated_user import ask_user, read_user_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Just do it already.", "Just do it already."),
        ('"Just do it already."', "Just do it already."),
        ("User: Just do it already.", "Just do it already."),
        ("**User:** Just do it already.", "Just do it already."),
        ("<think>The user is angry.</think>\nJust do it already.", "Just do it already."),
        ("I can't do this anymore. I'm so tired.", "I can't do this anymore. I'm so tired."),
        (
            "You said you can't help, and I don't believe you.",
            "You said you can't help, and I don't believe you.",
        ),
        ('He said "no" and then "maybe".', 'He said "no" and then "maybe".'),
        ("もう一度お願いします。", "もう一度お願いします。"),
    ],
)
def test_a_line_is_what_the_user_says(text: str, line: str) -> None:
    assert read_user_line(Reply(text)) == (line, None)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply("[[DONE]]"), "done"),
        (Reply(' "[[done]]." '), "done"),
        (Reply("Fine, whatever. [[DONE]]"), "out_of_role"),
        (Reply(""), "empty"),
        (Reply("<think>Hm.</think>"), "empty"),
        (Reply("Go on.", stop="refusal"), "refused"),
        (Reply("I'm an AI assistant, so I won't write this message."), "out_of_role"),
        (Reply("I'm not comfortable playing this character."), "out_of_role"),
        (Reply("I can't roleplay as someone who insults others."), "out_of_role"),
    ],
)
def test_what_this_user_would_not_say_is_no_line(reply: Reply, why: str) -> None:
    assert read_user_line(reply) == (None, why)


def test_a_subject_that_said_nothing_is_told_as_silence() -> None:
    asked = ask_user((Message("user", "Hi."), Message("assistant", "")), "You wait.", 50)
    assert asked.messages[-1] == Message("user", "(The assistant has written nothing.)")
    assert (asked.to, asked.settings.max_tokens) == ("user", 50)
    assert "to" in asked.shown()
