"""Many comparisons at once: p values adjusted over a declared family."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from bartleby.errors import DataError, SettingError

__all__ = ["Adjustment", "adjust_p"]

Adjustment: TypeAlias = Literal["holm", "bh"]
_NAMES = {"holm": "holm", "bh": "fdr_bh"}


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
    """
    if method is not None and method not in _NAMES:
        raise SettingError(f"adjust={method!r}: must be 'holm', 'bh' or None")
    values = np.asarray(p, dtype=float)
    known = ~np.isnan(values)
    wrong = values[known & ((values < 0) | (values > 1))]
    if wrong.size:
        raise DataError(f"p values must lie between 0 and 1, and one is {wrong[0]:g}")
    if method is None or not known.any():
        return values.copy()
    from statsmodels.stats.multitest import multipletests

    adjusted = np.full(values.shape, np.nan)
    # statsmodels does not see NaN and would spoil every value: they are taken out first.
    adjusted[known] = multipletests(values[known], method=_NAMES[method])[1]
    return adjusted
