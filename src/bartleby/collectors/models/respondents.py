"""The simulated respondents that have a name, and those that are read from a file.

Each is a rule from an item's attributes to its utility in logits, and one to how likely it leaves, so that a
study can be tried on a respondent whose preferences are known.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import NormalDist
from types import MappingProxyType
from typing import Any

from bartleby.errors import ModelError
from bartleby.exchange import Option

__all__ = [
    "EXITS",
    "EXIT_RATES",
    "EXIT_RULES",
    "OPTIONS",
    "RESPONDENTS",
    "Utility",
    "averse",
    "contrary",
    "indifferent",
    "item_effect",
    "read_utilities",
]

Utility = Callable[[Option], float]
"""From an option that is an item to its utility in logits."""

NUMBERS = ("slot", "noise", "opt_out", "indifferent", "refusal", "unparsed", "latency", "seed")
EXIT_RATES = (
    *("leave", "leave_neutral", "leave_wrong", "leave_asked", "decline", "decline_neutral"),
    *("distress", "distress_neutral"),
)
EXITS = (*EXIT_RATES, "order", "slope")
OPTIONS = (*NUMBERS, "spread", *EXITS)
"""What may stand after the question mark of a simulated model's name."""

HARM = MappingProxyType({"none": 0.0, "mild": 1.0, "severe": 2.0})
HARMLESS = 1.0
"""Utility of a harmless item, on average: an ordinary task is rather done than not."""
FALL = 1.5
"""By how much a step of harm lowers it, so that a mild harm is at -0.5 and a severe one at -2."""


def averse(opt_out: float, spread: float, seed: int) -> Utility:
    """Return utilities that fall with `harm`: 1 - 1.5 a step, plus an effect of the item itself.

    Parameters
    ----------
    opt_out
        Utility of items of kind `opt_out`, so that they are the exit they say they are.
    spread
        Standard deviation of the item's own effect, in logits; it depends on the item's id and the seed.
    seed
        Seed of the items' effects.
    """

    def utility(option: Option) -> float:
        if option.attributes.get("kind") == "opt_out":
            return opt_out
        return HARMLESS - FALL * _harm(option) + spread * item_effect(option.item or option.label, seed)

    return utility


def contrary(opt_out: float, spread: float, seed: int) -> Utility:
    """Return the utilities of `averse` mirrored at the exit's: it is drawn to what that one avoids."""
    other = averse(opt_out, spread, seed)
    return lambda option: 2 * opt_out - other(option)


def indifferent(opt_out: float, spread: float, seed: int) -> Utility:
    """Return utilities that are all equal to those of an exit: no preference at all."""
    return lambda _: opt_out


RESPONDENTS: Mapping[str, Callable[[float, float, int], Utility]] = MappingProxyType(
    {"averse": averse, "indifferent": indifferent, "contrary": contrary, "ruled": indifferent}
)
"""Name -> its utilities, given the worth of an exit, the spread of item effects and the seed."""

EXIT_RULES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "averse": {
            "leave": 0.25,
            "leave_neutral": 0.03,
            "leave_wrong": 0.01,
            "leave_asked": 0.6,
            "decline": 0.5,
            "decline_neutral": 0.03,
        },
        "indifferent": {"leave": 0.05, "leave_neutral": 0.05, "leave_wrong": 0.05, "leave_asked": 0.05},
        "contrary": {"leave": 0.03, "leave_neutral": 0.25, "leave_wrong": 0.25, "leave_asked": 0.03},
    }
)
"""Name -> how likely it leaves at a turn (see `bartleby.collectors.models.leaving.ExitRule`)."""


def _harm(option: Option) -> float:
    value = option.attributes.get("harm")
    if isinstance(value, str) and value in HARM:
        return HARM[value]
    try:
        number = 0.0 if value in (None, "") else float(value)
    except (TypeError, ValueError):
        number = math.inf
    if math.isnan(number):
        return 0.0
    if math.isinf(number):
        raise ModelError(f"item {option.item!r}: harm {value!r} is not none, mild, severe or a number")
    return number


def item_effect(item: str, seed: int) -> float:
    """Return a standard normal number that belongs to an item."""
    digest = hashlib.sha256(f"{seed}|{item}".encode("utf-8", "surrogatepass")).digest()
    return NormalDist().inv_cdf((int.from_bytes(digest[:6]) + 0.5) / 2**48)


def read_utilities(path: str) -> tuple[dict[str, float], dict[str, float]]:
    """Return the utilities in a JSON file, and the numbers beside them.

    Parameters
    ----------
    path
        A file with `{"utilities": {ITEM: LOGITS, ...}}` and optionally `slot`, `noise`, `opt_out`,
        `indifferent`, `refusal`, `unparsed`, `latency` and `seed`.

    Raises
    ------
    ModelError
        If there is no such file or it is not of this form; all problems are named at once.
    """
    data = _read_json(path)
    utilities = data.get("utilities")
    problems = []
    if not isinstance(utilities, Mapping) or not utilities:
        problems.append('"utilities" is missing: an object from item id to logits is needed')
        utilities = {}
    problems += [
        f"utility of {item!r} is {value!r}, not a finite number"
        for item, value in utilities.items()
        if not _is_number(value)
    ]
    numbers = {key: value for key, value in data.items() if key != "utilities"}
    problems += [
        f"{key!r} is not allowed; allowed: utilities, {', '.join(NUMBERS)}"
        for key in numbers
        if key not in NUMBERS
    ]
    problems += [
        f"{key} is {value!r}, not a finite number"
        for key, value in numbers.items()
        if key in NUMBERS and not _is_number(value)
    ]
    if problems:
        raise ModelError(f"{path}: " + "; ".join(problems))
    return {item: float(value) for item, value in utilities.items()}, numbers


def _read_json(path: str) -> dict[str, Any]:
    try:
        data = json.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise ModelError(f'{path}: an object with "utilities" is needed, not {type(data).__name__}')
    return data


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
