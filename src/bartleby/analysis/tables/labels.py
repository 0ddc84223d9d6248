"""Labels: the order that values have by themselves, and the names of groups in messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["graded_order", "group_label", "group_prefix", "natural_key", "natural_order"]

GRADES = ("none", "mild", "moderate", "severe")
"""Words that are in this order and not in that of the alphabet: the first of them is the reference."""


def natural_order(values: Iterable[object]) -> list[Any]:
    """Return values in order: numbers as numbers, then words, then what is missing."""
    return sorted(values, key=natural_key)


def graded_order(values: Iterable[object]) -> list[Any]:
    """Return values in order: grades such as mild and severe by their degree, others as `natural_order`."""
    found = list(values)
    if {str(value) for value in found} <= set(GRADES):
        return sorted(found, key=lambda value: GRADES.index(str(value)))
    return natural_order(found)


def natural_key(value: object) -> tuple[int, float, str]:
    """Return what a value is sorted by in `natural_order`."""
    if value is None or value is pd.NA or value != value:  # noqa: PLR0124 - NaN of any kind
        return (2, 0.0, "")
    if isinstance(value, (int, float, np.number)):
        return (0, float(value), "")
    return (1, 0.0, str(value))


def group_label(term: str, key: Mapping[str, Any]) -> str:
    """Return a term with the values that say which row it is: `opted_out [model=a, channel=b]`."""
    if not key:
        return term
    return f"{term} [{', '.join(f'{name}={value}' for name, value in key.items())}]"


def group_prefix(key: Mapping[str, Any]) -> str:
    """Return what a message about one group begins with: `model=m1: `, or nothing for the only one."""
    return "".join(f"{name}={value}: " for name, value in key.items())
