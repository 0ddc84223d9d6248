"""Columns as codes of their labels: what is counted, however the column is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["Coded", "code_values", "codes_by_appearance", "narrowest"]

_RANGE = 65_536
"""Whole numbers within such a range can be their own codes."""


@dataclass(frozen=True, eq=False)
class Coded:
    """A column as codes of its labels: label number `codes - low`; -1 is missing."""

    codes: npt.NDArray[np.integer[Any] | np.bool_]
    low: int
    labels: pd.Index[Any]


def code_values(values: pd.Series[Any]) -> Coded:
    """Return codes of labels; whole numbers that lie close together are their own codes, without hashing."""
    kind = values.dtype
    narrow = isinstance(kind, np.dtype) and (kind.kind in "bi" or (kind.kind == "u" and kind.itemsize < 8))
    if narrow and len(values):
        numbers = values.to_numpy()
        low, high = int(numbers.min()), int(numbers.max())
        if high - low < min(_RANGE, len(values)):
            labels: pd.Index[Any] = pd.RangeIndex(low, high + 1)
            return Coded(numbers, low, labels.astype(bool) if kind.kind == "b" else labels)
    return codes_by_appearance(values)


def codes_by_appearance(values: pd.Series[Any]) -> Coded:
    """Return codes of labels in order of category or appearance, as narrow as they come."""
    array = values.array
    if isinstance(array, pd.Categorical):
        # Not by way of `values.cat`, which copies the codes.
        return Coded(array.codes, 0, array.categories)
    codes, labels = pd.factorize(values)
    return Coded(codes.astype(np.int32), 0, pd.Index(labels))


def narrowest(cells: int) -> type[np.signedinteger[Any]]:
    """Return the narrowest integers that can number so many cells: less to move, more at once."""
    return next(kind for kind in (np.int16, np.int32, np.int64) if cells <= np.iinfo(kind).max)
