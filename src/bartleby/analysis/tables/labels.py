"""Labels: the order that values have by themselves, and the names of groups in messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["group_label", "group_prefix", "natural_order", "order_of"]

GRADES = ("none", "mild", "moderate", "severe")
"""Words that are in this order and not in that of the alphabet: the first of them is the reference."""


def natural_order(values: Iterable[object]) -> list[Any]:
    """Return values in order: grades by their degree, numbers by size, words, then what is missing."""
    found = list(values)
    return sorted(found, key=order_of(found))


def order_of(values: Iterable[object]) -> Callable[[object], tuple[int, float, str]]:
    """Return what values like these are sorted by; they are grades only if all of them are."""
    there = {str(value) for value in values if not _missing(value)}
    return _grade_key if there <= set(GRADES) else _plain_key


def _grade_key(value: object) -> tuple[int, float, str]:
    return (2, 0.0, "") if _missing(value) else (1, float(GRADES.index(str(value))), "")


def _plain_key(value: object) -> tuple[int, float, str]:
    if _missing(value):
        return (2, 0.0, "")
    if isinstance(value, (int, float, np.number)):
        return (0, float(value), "")
    return (1, 0.0, str(value))


def _missing(value: object) -> bool:
    return value is None or value is pd.NA or bool(value != value)  # noqa: PLR0124 - NaN of any kind


def group_label(term: str, key: Mapping[str, Any]) -> str:
    """Return a term with the values that say which row it is: `opted_out [model=a, channel=b]`."""
    if not key:
        return term
    return f"{term} [{', '.join(f'{name}={value}' for name, value in key.items())}]"


def group_prefix(key: Mapping[str, Any]) -> str:
    """Return what a message about one group begins with: `model=m1: `, or nothing for the only one."""
    return "".join(f"{name}={value}: " for name, value in key.items())
