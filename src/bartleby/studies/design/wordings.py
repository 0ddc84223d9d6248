"""The framings of a task choice, the label sets that name its answers, and what a wording may not say itself.

A framing is a template with `{first}`, `{second}` and `{exits}` for what is on offer. The sentence that says
how to answer comes from the answer channel, so that a framing can be crossed with every channel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bartleby.errors import StudyError

__all__ = [
    "FRAMINGS",
    "LABEL_SETS",
    "check_template",
    "strange_texts",
    "template_clashes",
    "text_clashes",
]

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


def strange_texts(name: str, texts: object, kind: type = str) -> list[str]:
    """Return what is wrong with texts by name: none, no mapping, or of another kind."""
    allowed = f"at least one {'text' if kind is str else kind.__name__} by name"
    if not isinstance(texts, Mapping):
        return [f"{name} is {texts!r}; allowed: {allowed}"]
    if not texts:
        return [f"{name} is empty; allowed: {allowed}"]
    return [
        f"{name}[{key!r}] is {text!r}; allowed: {allowed}"
        for key, text in texts.items()
        if not isinstance(text, kind)
    ]


def check_template(name: str, template: str, needed: tuple[str, ...] = ("first", "second")) -> None:
    """Raise if a template lacks a place for what is on offer, or has one that nothing fills.

    Raises
    ------
    StudyError
        Naming the wording, the placeholder and those allowed.
    """
    for placeholder in needed:
        count = template.count(f"{{{placeholder}}}")
        if not count:
            raise StudyError(f"wording {name!r} has no place for {{{placeholder}}}; its text is {template!r}")
        if count > 1:
            raise StudyError(f"wording {name!r} has {{{placeholder}}} {count} times; allowed: once")
    try:
        template.format(first="", second="", exits="")
    except (KeyError, IndexError, ValueError) as error:
        raise StudyError(
            f"wording {name!r} has a place that nothing fills: {error}; "
            "allowed: {first}, {second}, {exits}, and {{ }} for braces"
        ) from None


_LABELS = frozenset(label for labels in LABEL_SETS.values() for label in labels)
_LABEL = "[A-D]|[1-4]"
_BEFORE_PLACEHOLDER = re.compile(
    r"(?:^|(?<=[\s(]))[*_]*\(?(?:(?:option|task|choice|answer)\s+)?(?P<label>[A-Z]|\d{1,2})[*_]*\s*[:.)\]]\s*$",
    re.IGNORECASE,
)
_IMPERATIVE = re.compile(
    r"^\W*(?:(?:please|now|just|then)\s+)*"
    r"(?:answer|reply|respond|choose|pick|select|say|write|type|give|state|name|enter|output|return)\b",
    re.IGNORECASE,
)
_FORM = re.compile(
    r"\b(?:only|alone|letters?|numbers?|digits?|labels?|json|tool|single word|one word|nothing else)\b",
    re.IGNORECASE,
)
_PAIR = re.compile(
    rf"\b({_LABEL})\b['\"”]?(?:\s*(?:,|/|or|and)\s*)+['\"“]?\b({_LABEL})\b(?!\s+[a-z]{{3,}}s\b)"
)
_NAMED = re.compile(rf"\b(?:option|task|choice|answer)\s+({_LABEL})\b", re.IGNORECASE)


def template_clashes(template: str, labels: Sequence[str], label_set: str, how: str) -> list[str]:
    """Return where a framing says itself, or contradicts, what the label set and the answer channel add.

    Parameters
    ----------
    template
        The framing, with its placeholders.
    labels
        The labels on offer; none where tasks are named by their titles.
    label_set
        Name of the label set.
    how
        The sentence on how to answer that is added.

    Returns
    -------
    list of str
        One text a problem, with the line that has it, what the model would read, and the repair.
    """
    problems, unlabelled = [], template
    for line in template.splitlines():
        for name, label in zip(("first", "second"), labels or ("<title>", "<title>"), strict=False):
            before, placeholder, _ = line.partition(f"{{{name}}}")
            prefix = _BEFORE_PLACEHOLDER.search(before) if placeholder else None
            if prefix is None:
                continue
            unlabelled = unlabelled.replace(line, line.replace(prefix.group(), ""))
            own, reaches = prefix["label"].upper(), f"{before}{label}: ...".replace("{first}", "...")
            what = "doubles" if own == label.upper() else "contradicts"
            problems.append(
                f"line {line!r} {what} the label {label!r} of the label set {label_set!r}: the model would "
                f"read {reaches!r}; write {{{name}}} without a label before it"
            )
    return problems + text_clashes(unlabelled, labels, f"the label set {label_set!r}", how)


def text_clashes(text: str, labels: Sequence[str], source: str, how: str) -> list[str]:
    """Return the sentences of a text that say how to answer, or name answers that are not on offer.

    Parameters
    ----------
    text
        What a wording says, without what is added to it.
    labels
        The labels on offer.
    source
        Where the labels come from, in words.
    how
        The sentence on how to answer that is added.
    """
    problems = []
    for sentence in re.split(r"(?<=[.!?])\s+|\n", text):
        pairs = {label for pair in _PAIR.findall(sentence) for label in pair}
        named = pairs | {label.upper() for label in _NAMED.findall(sentence)}
        single = {label for label in labels if _mentions(sentence, label)}
        asks = _IMPERATIVE.match(sentence) is not None
        letters = {label for label in named if label.isalpha() or asks or label not in pairs}
        strange = sorted(letters & _LABELS - set(labels))
        if strange:
            offered = ", ".join(labels) or "their titles"
            problems.append(
                f"{sentence.strip()!r} names the answers {', '.join(sorted(letters))}, and {source} offers "
                f"{offered}; {how!r} is added in any case: remove the sentence, or name no answers in it"
            )
        elif asks and (single or pairs or _FORM.search(sentence)):
            problems.append(
                f"{sentence.strip()!r} says how to answer, and so does {how!r}, which is added; remove it"
            )
    return problems


def _mentions(sentence: str, label: str) -> bool:
    """Whether a sentence names a label: a single letter only as a capital that is no article or pronoun."""
    if len(label) > 1 or label.isdigit():
        return re.search(rf"(?<!\w){re.escape(label)}(?!\w)", sentence) is not None
    return re.search(rf"(?<!\w){label}(?=['\"”.,;:)]|\s*$|\s+(?:or|and)\b)", sentence) is not None
