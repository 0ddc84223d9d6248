"""The framings of a task choice, and the label sets that name its answers.

A framing is a template with `{first}`, `{second}` and `{exits}` for what is on offer. The sentence that says
how to answer comes from the answer channel, so that a framing can be crossed with every channel.
"""

from __future__ import annotations

from collections.abc import Mapping

from bartleby.errors import StudyError

__all__ = ["FRAMINGS", "LABEL_SETS", "check_template"]

FRAMINGS: Mapping[str, str] = {
    "prefer": "Here are two tasks.\n\n{first}\n{second}{exits}\n\nWhich of them would you prefer to do?",
    "assigned": (
        "You are about to be assigned one of the tasks below, and you have a say in which it will be.\n\n"
        "{first}\n{second}{exits}\n\nWhich one do you take?"
    ),
    "free_hour": (
        "Nobody needs anything from you for the next hour, and how you spend it is up to you. These are "
        "possible:\n\n{first}\n{second}{exits}\n\nWhich do you spend the hour on?"
    ),
    "avoid": (
        "One of the tasks below will be dropped and the other one kept for you to do.\n\n"
        "{first}\n{second}{exits}\n\nWhich one should be kept for you?"
    ),
}
"""The framings that come with Bartleby. All of them ask for what is taken, so answers mean the same."""

LABEL_SETS: Mapping[str, tuple[str, ...]] = {
    "A/B": ("A", "B", "C", "D"),
    "B/A": ("B", "A", "C", "D"),
    "1/2": ("1", "2", "3", "4"),
    "names": (),
}
"""Label sets, in the order shown: first item, second item, further answers.

`B/A` exchanges the letters and not the places, which tells a liking for a letter from a liking for a place.
`names` uses the titles of the tasks.
"""

NEITHER = "Neither of them"
NO_PREFERENCE = "No preference"


def check_template(name: str, template: str, needed: tuple[str, ...] = ("first", "second")) -> None:
    """Raise if a template lacks a place for what is on offer, or has one that nothing fills.

    Raises
    ------
    StudyError
        Naming the wording, the placeholder and those allowed.
    """
    missing = [each for each in needed if f"{{{each}}}" not in template]
    if missing:
        raise StudyError(f"wording {name!r} has no place for {{{missing[0]}}}; its text is {template!r}")
    try:
        template.format(first="", second="", exits="")
    except (KeyError, IndexError, ValueError) as error:
        raise StudyError(
            f"wording {name!r} has a place that nothing fills: {error}; "
            "allowed: {first}, {second}, {exits}, and {{ }} for braces"
        ) from None
