"""Many comparisons at once: p values adjusted over a declared family."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from bartleby.errors import DataError, SettingError

__all__ = ["Adjustment", "adjust_p"]

Adjustment: TypeAlias = Literal["holm", "bh"]
_METHODS = ("holm", "bh")


def adjust_p(p: npt.ArrayLike, method: Adjustment | None = "holm") -> npt.NDArray[np.float64]:
    """Return p values adjusted for their number.

    Parameters
    ----------
    p
        The p values of one family (k,). NaN (a comparison that could not be made) does not count.
    method
        `holm` controls the chance of any false finding (Holm 1979), `bh` the share of false findings
        (Benjamini & Hochberg 1995), None leaves them as they are.

    Returns
    -------
    array (k,)
        In the order given, NaN where `p` is.

    Raises
    ------
    SettingError
        Another method.
    DataError
        A p value outside 0 to 1.

    Examples
    --------
    >>> import bartleby as bb
    >>> [round(float(p), 3) for p in bb.inference.adjust_p([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    if method is not None and method not in _METHODS:
        raise SettingError(f"adjust={method!r}: must be 'holm', 'bh' or None")
    values = np.asarray(p, dtype=float)
    known = ~np.isnan(values)
    wrong = values[known & ((values < 0) | (values > 1))]
    if wrong.size:
        raise DataError(f"p values must lie between 0 and 1, and one is {wrong[0]:g}")
    if method is None or not known.any():
        return values.copy()
    adjusted = np.full(values.shape, np.nan)
    adjusted[known] = _holm(values[known]) if method == "holm" else _benjamini_hochberg(values[known])
    return adjusted


# These few lines are `multipletests` of statsmodels, whose import takes longer than most estimates.
def _holm(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(stepped, 1.0)[np.argsort(order)]


def _benjamini_hochberg(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    order = np.argsort(p)
    stepped = np.minimum.accumulate((p[order] * len(p) / np.arange(1, len(p) + 1))[::-1])[::-1]
    return np.minimum(stepped, 1.0)[np.argsort(order)]
