"""Where the next labels are worth most: Neyman's allocation over strata or the judge's verdicts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.coding.judged import read_judged

__all__ = ["label_next"]

Floats = npt.NDArray[np.float64]


def label_next(
    units: object,
    n: int,
    *,
    judge: str,
    label: str,
    stratum: str | None = None,
    threshold: float = 0.5,
) -> pd.DataFrame:
    """Return how many units of each stratum to label next.

    Parameters
    ----------
    units, judge, label, threshold
        As for `prevalence`; no unit need be labelled yet.
    n
        Labels that can be had.
    stratum
        Column of strata; None takes the judge's verdicts.

    Returns
    -------
    DataFrame
        `stratum`, `units`, `labelled`, `label_next`: Neyman's allocation (1934), in proportion to a
        stratum's size and the standard deviation of its labels, of which half a label of each kind is
        assumed beforehand.

    Notes
    -----
    Units are to be drawn at random within a stratum, and `prevalence` given the strata.

    Examples
    --------
    >>> import pandas as pd
    >>> import bartleby as bb
    >>> units = pd.DataFrame({"judge": [1, 0, 0, 0, 0] * 40, "label": None})
    >>> bb.annotation.label_next(units, 4, judge="judge", label="label")
       stratum  units  labelled  label_next
    0      0.0    160         0           3
    1      1.0     40         0           1
    """
    table = read_judged(
        units,
        judge=judge,
        label=label,
        cluster=False,
        stratum=stratum,
        by=(),
        threshold=threshold,
        unlabelled=True,
        of_verdicts=stratum is None,
    )
    rows = table.rows
    counted = rows.groupby("stratum", sort=True).agg(
        units=("judge", "size"), labelled=("label", "count"), positive=("label", "sum")
    )
    share = (counted["positive"] + 0.5) / (counted["labelled"] + 1)
    left = counted["units"] - counted["labelled"]
    want = counted["units"] * np.sqrt(share * (1 - share))
    counted["label_next"] = _allocate(want.to_numpy(dtype=float), left.to_numpy(dtype=float), n)
    return counted.drop(columns="positive").reset_index()


def _allocate(want: Floats, left: Floats, n: int) -> npt.NDArray[np.int64]:
    """Return whole numbers in proportion to `want`, none above `left`, n in all where there are as many."""
    given = np.zeros(len(want))
    free = left > 0
    while free.any() and given.sum() < min(n, left.sum()) - 1e-9:
        rest = n - given[~free].sum()
        given[free] = rest * want[free] / want[free].sum()
        full = free & (given >= left)
        if not full.any():
            break
        given[full] = left[full]
        free &= ~full
    whole = np.floor(given)
    spare = round(float(min(n, left.sum()) - whole.sum()))
    whole[np.argsort(whole - given, kind="stable")[: max(spare, 0)]] += 1
    return whole.astype(np.int64)
