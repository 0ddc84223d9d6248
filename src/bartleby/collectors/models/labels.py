"""Exact choice among labels, from the probabilities a model gives to its next token.

Pure functions: token probabilities in, label probabilities and a drawn label out.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence

__all__ = ["draw", "grammar", "label_probabilities", "variants", "weights"]


def variants(tokens: Sequence[tuple[str, float]], labels: Sequence[str]) -> dict[str, list[float]] | None:
    """Return the probabilities of the tokens that are each label.

    A token is a label if it is the label's text, with or without one space before it (`A` and ` A`). Longer
    words that begin with it (`Answer`) and pieces of it are not.

    Parameters
    ----------
    tokens
        Texts of possible first tokens, with their probabilities.
    labels
        The labels, none of which is empty.

    Returns
    -------
    dict or None
        Label -> probabilities of its tokens; None if some label is not a token of its own (then the first
        token does not decide between them).
    """
    found: dict[str, list[float]] = {label: [] for label in labels}
    for text, probability in tokens:
        label = text.removeprefix(" ")
        if label in found:
            found[label].append(probability)
    return found if all(found.values()) else None


def label_probabilities(found: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return the probability of each label as the first token, not normalised: their sum is the mass."""
    return {label: sum(probabilities) for label, probabilities in found.items()}


def weights(
    found: Mapping[str, Sequence[float]], temperature: float = 1.0, top_p: float = 1.0
) -> dict[str, float]:
    """Return the probabilities with which a sampler held to the labels takes each of them.

    Parameters
    ----------
    found
        What `variants` returned.
    temperature
        Token probabilities are raised to 1/temperature, as dividing logits does; 0 takes the likeliest label.
    top_p
        Then only the likeliest labels that together reach this share are kept.

    Returns
    -------
    dict
        Label -> probability; they sum to 1.
    """
    likeliest = max(max(each) for each in found.values())
    if temperature == 0 or likeliest == 0:
        totals = label_probabilities(found)
        best = max(totals, key=lambda label: totals[label])
        return {label: float(label == best) for label in totals}
    raised = {
        label: sum((each / likeliest) ** (1.0 / temperature) for each in probabilities)
        for label, probabilities in found.items()
    }
    return _normalised(_nucleus(_normalised(raised), top_p))


def _normalised(values: Mapping[str, float]) -> dict[str, float]:
    total = sum(values.values())
    return {label: value / total for label, value in values.items()}


def _nucleus(values: Mapping[str, float], top_p: float) -> dict[str, float]:
    reached = 0.0
    kept = dict.fromkeys(values, 0.0)
    for label in sorted(values, key=lambda each: -values[each]):
        kept[label] = values[label]
        reached += values[label]
        if reached >= top_p:
            break
    return kept


def draw(probabilities: Mapping[str, float], draws: random.Random) -> str:
    """Return a label, drawn in proportion to its probability."""
    return draws.choices(list(probabilities), list(probabilities.values()))[0]


def grammar(labels: Sequence[str]) -> str:
    """Return a GBNF grammar that accepts exactly one of the labels."""
    return "root ::= " + " | ".join(json.dumps(label, ensure_ascii=False) for label in labels)
