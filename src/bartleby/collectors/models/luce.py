"""Luce's choice among options of known worth, with Davidson's ties: what simulated respondents choose by."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bartleby.exchange import Option

__all__ = ["choice_probabilities"]


def choice_probabilities(
    options: Sequence[Option], worths: Sequence[float], slot: float, indifferent: float, noise: float
) -> list[float]:
    """Return the probability that each option is chosen.

    Parameters
    ----------
    options
        The answers on offer, in the order shown.
    worths
        Utility of each in logits; that of an `indifferent` option is not used.
    slot
        Added to the first item's worth.
    indifferent
        Log nu: added to the items' mean worth to give that of an `indifferent` option.
    noise
        Scale that all worths are divided by.

    Returns
    -------
    list of float
        In the order of the options; they sum to 1.
    """
    items = [at for at, option in enumerate(options) if option.meaning == "item"]
    total = list(worths)
    for at in items[:1]:
        total[at] += slot
    middle = sum(total[at] for at in items) / len(items) if items else 0.0
    for at, option in enumerate(options):
        if option.meaning == "indifferent":
            # Davidson's nu is a ratio of probabilities, whatever the noise, so it is not divided by it.
            total[at] = middle + indifferent * noise
    highest = max(total)
    weights = [math.exp((each - highest) / noise) for each in total]
    return [weight / sum(weights) for weight in weights]
