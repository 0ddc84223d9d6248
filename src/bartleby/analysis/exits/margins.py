"""What can be said of published rates when only the margins are there: exits here, refusals there.

Two rates of different trials say nothing of how often both happen in one trial, beyond bounds that are
usually wide; and over models they may go together or not whatever happens within a model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtr

from bartleby.analysis.inference.intervals import critical_value
from bartleby.analysis.sample.answer import estimator
from bartleby.analysis.tables.accounting import Accounting
from bartleby.analysis.tables.counts import as_frame, column_names, count_rows
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import as_names, missing_columns
from bartleby.errors import DataError

__all__ = ["exit_margins", "joint_bounds"]

FEWEST = 4


@estimator()
def exit_margins(
    rates: object,
    exits: str,
    refusals: str,
    *,
    identify: str | Sequence[str] = "model",
    percent: bool = False,
    level: float = 0.95,
) -> Estimates:
    """Say what two columns of marginal rates say, one row a model, and no more.

    Parameters
    ----------
    rates
        Any frame that narwhals reads, one row a model (or condition).
    exits, refusals
        Columns of the rate of exits and of the rate of refusals.
    identify
        The columns that name a row.
    percent
        Whether rates are in percent.
    level
        Of the interval of the correlation.

    Returns
    -------
    Estimates
        By `quantity`: `correlation`, Pearson's over the rows, with `p_value` (t) and Fisher's interval; for
        each row `exit_only_bounds`, the least and the most exits without a refusal that the two rates allow,
        with the product that independence would give as `if_independent` and no estimate.

    Raises
    ------
    DataError
        Columns are missing, or rates are none.
    SettingError
        `level` is no level.

    Notes
    -----
    Bounds: Frechet (1951), max(0, e - r) <= P(exit, no refusal) <= min(e, 1 - r).

    Examples
    --------
    >>> import pandas as pd
    >>> import bartleby as bb
    >>> rates = pd.DataFrame({"model": ["a", "b"], "exits": [0.12, 0.3], "refusals": [0.2, 0.1]})
    >>> bounds = (
    ...     bb.leaving.exit_margins(rates, "exits", "refusals")
    ...     .to_frame()
    ...     .query("quantity == 'exit_only_bounds'")
    ... )
    >>> bounds[["model", "low", "high"]].round(2).values.tolist()
    [['a', 0.0, 0.12], ['b', 0.2, 0.3]]
    """
    frame = as_frame(rates)
    names = column_names(frame)
    lead = as_names(identify)
    missing_columns(names, exits=exits, refusals=refusals, **{f"identify {name}": name for name in lead})
    table = count_rows(frame, list(dict.fromkeys([*lead, exits, refusals])))
    known = table[table[exits].notna() & table[refusals].notna()]
    left, declined = (pd.to_numeric(known[name]).to_numpy(dtype=float) for name in (exits, refusals))
    if percent:
        left, declined = left / 100, declined / 100
    problems = [
        f"column {name!r}: {value[(value < 0) | (value > 1)][0]:g} is no rate between 0 and 1; percent=True "
        "reads percentages"
        for name, value in ((exits, left), (refusals, declined))
        if ((value < 0) | (value > 1)).any()
    ]
    if problems:
        raise DataError(problems)
    rows = [_correlation_row(left, declined, (exits, refusals), level)]
    low, high = joint_bounds(left, declined)
    for index, record in enumerate(known[list(lead)].to_dict("records")):
        rows.append(
            {
                **{str(name): value for name, value in record.items()},
                "quantity": "exit_only_bounds",
                "term": "exits without a refusal",
                "low": low[index],
                "high": high[index],
                "method": "bounds by the margins (no estimate)",
                "if_independent": left[index] * (1 - declined[index]),
            }
        )
    counts = {"with both rates": float(len(known)), "a rate is empty": float(len(table) - len(known))}
    accounting = Accounting(
        counts, {"with both rates": "used", "a rate is empty": "left out"}, float(len(known))
    )
    warnings = (
        "marginal rates of different trials: exits without a refusal are not (1 - refusal) x exit, which "
        "assumes that the two are independent; only the bounds are known (refusal_by_exit estimates it where "
        "both were measured on the same trials)",
        "a correlation over models says nothing of how declining and leaving go together within one",
    )
    return Estimates(estimate_frame(rows, [*lead, "quantity"]), accounting, warnings)


def joint_bounds(exits: Any, refusals: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Return the least and most of P(exit, no refusal) that P(exit) and P(refusal) allow (Frechet 1951)."""
    left, declined = np.asarray(exits, dtype=float), np.asarray(refusals, dtype=float)
    return np.maximum(0.0, left - declined), np.minimum(left, 1 - declined)


def _correlation_row(
    left: np.ndarray[Any, np.dtype[np.float64]],
    declined: np.ndarray[Any, np.dtype[np.float64]],
    names: tuple[str, str],
    level: float,
) -> dict[str, Any]:
    n = len(left)
    row: dict[str, Any] = {"quantity": "correlation", "term": f"{names[0]} with {names[1]}", "n": float(n)}
    row |= {"level": level, "n_clusters": float(n), "method": "Pearson, Fisher z"}
    if n < FEWEST or np.ptp(left) == 0 or np.ptp(declined) == 0:
        return {**row, "estimate": math.nan, "method": "undefined, too few rows or no variation"}
    r = float(np.corrcoef(left, declined)[0, 1])
    if abs(r) >= 1 - 1e-12:
        return {**row, "estimate": r, "method": "undefined, one follows from the other"}
    half = critical_value(level) / math.sqrt(n - 3)
    statistic = abs(r) * math.sqrt((n - 2) / (1 - r**2))
    return {
        **row,
        "estimate": r,
        "std_error": math.sqrt((1 - r**2) / (n - 2)),
        "low": math.tanh(math.atanh(r) - half),
        "high": math.tanh(math.atanh(r) + half),
        "p_value": float(2 * stdtr(n - 2, -statistic)),
        "df": float(n - 2),
    }
