"""Labels: the order that values have by themselves, and the names of groups in messages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

__all__ = [
    "CANONICAL_NUMBER",
    "group_label",
    "group_prefix",
    "is_label",
    "label_key",
    "label_text",
    "natural_order",
    "order_of",
]

LABEL_COLUMNS = frozenset({
    *("first", "second", "item", "menu", "alternative", "chosen", "baseline", "pair", "family"),
    *("trial", "study", "model", "served", "paradigm", "template", "wording", "order", "channel"),
    *("scenario", "prompt", "conversation", "dialogue", "transcript", "unit", "coder", "annotator"),
    *("codebook", "respondent", "participant", "session", "user", "run", "id", "uuid"),
})  # fmt: skip
"""Columns that name things, by the contract of the tables: text, whatever they look like."""
_LABEL_ENDING = re.compile(r"(_id|_ids|_name|_key|_hash)$", re.IGNORECASE)
CANONICAL_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d+)?(e[+-]\d+)?|-?inf", re.ASCII | re.IGNORECASE)
"""How programs write numbers: no leading zero or plus, no more digits than a number keeps, and an exponent
with its sign. `007`, `1e3` and a telephone number are none."""

GRADES = ("none", "mild", "moderate", "severe")
"""Words that are in this order and not in that of the alphabet: the first of them is the reference."""


def natural_order(values: Iterable[object]) -> list[Any]:
    """Return values in order: grades by their degree, numbers by size, words, then what is missing."""
    found = list(values)
    return sorted(found, key=order_of(found))


def order_of(values: Iterable[object]) -> Callable[[object], tuple[int, float, str]]:
    """Return what values like these are sorted by; they are grades, or numbers in text, only if all are."""
    there = {str(value) for value in values if not _missing(value)}
    if there <= set(GRADES):
        return _grade_key
    return _number_key if all(map(CANONICAL_NUMBER.fullmatch, there)) else label_key


def _grade_key(value: object) -> tuple[int, float, str]:
    return (2, 0.0, "") if _missing(value) else (1, float(GRADES.index(str(value))), "")


def _number_key(value: object) -> tuple[int, float, str]:
    return (2, 0.0, "") if _missing(value) else (0, float(str(value)), str(value))


def label_key(value: object) -> tuple[int, float, str]:
    """Return what a value is sorted by whatever the others are: numbers by size, text, what is missing."""
    if _missing(value):
        return (2, 0.0, "")
    if isinstance(value, (int, float, np.number, np.bool_)):
        return (0, float(value), "")
    return (1, 0.0, str(value))


def _missing(value: object) -> bool:
    return value is None or value is pd.NA or bool(value != value)  # noqa: PLR0124 - NaN of any kind


def is_label(column: str) -> bool:
    """Tell whether a column names things (items, trials, clusters, coders), so that its values are text."""
    bare = column.lower().removesuffix("_first").removesuffix("_second")
    return bare in LABEL_COLUMNS or bool(_LABEL_ENDING.search(bare))


def label_text(value: object) -> object:
    """Return a label as text: a whole number as its digits, whatever type holds it; missing stays missing."""
    if isinstance(value, str) or _missing(value):
        return value
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def group_label(term: str, key: Mapping[str, Any]) -> str:
    """Return a term with the values that say which row it is: `opted_out [model=a, channel=b]`."""
    if not key:
        return term
    return f"{term} [{', '.join(f'{name}={value}' for name, value in key.items())}]"


def group_prefix(key: Mapping[str, Any]) -> str:
    """Return what a message about one group begins with: `model=m1: `, or nothing for the only one."""
    return "".join(f"{name}={value}: " for name, value in key.items())
