"""Exact probabilities of the two answers in place of the answer that was drawn from them.

A model whose tokens can be seen states how probable each answer was; the one that was drawn adds only the
noise of the draw. A choice model fitted to expected counts maximises the fractional logit likelihood, whose
estimates are consistent for the same utilities (Papke & Wooldridge 1996). Its variance comes from the data:
from how far pairs depart from the model, since there is no sampling noise within a prompt. The log odds of
each prompt are kept beside them: `log_odds` fits those.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.tables.labels import group_prefix
from bartleby.errors import DataError, SettingError
from bartleby.outcome import CHOICES, Outcome

__all__ = ["COLUMNS", "Probabilities", "expected_cells"]

Probabilities: TypeAlias = Literal["auto", "use", "ignore"]

COLUMNS = ("probability_first", "probability_second")
"""Columns with the probability of each item; those of other answers are not among them."""

_ENOUGH = 0.9
"""Share of a group's choices whose probabilities must be known for `auto` to use them."""
_DIGITS = 9
"""Decimals to which probabilities of one prompt are the same."""

_ROUNDING = 1e-6
"""By how much two probabilities may sum to more than 1."""
_OTHERWISE = "; probabilities='ignore' does not read it"

Booleans = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def expected_cells(
    cells: pd.DataFrame,
    groups: Sequence[str],
    clusters: Sequence[str],
    *,
    mode: Probabilities,
    others: Collection[str],
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return counted choices with expected counts where the probabilities of the answers are known.

    Parameters
    ----------
    cells
        `groups`, `first`, `second`, `outcome`, `clusters`, both probabilities and `count`.
    groups, clusters
        Columns that name fits, and clusters.
    mode
        `use`, or `auto`: only in groups in which they are known for nine of ten choices.
    others
        Outcomes, beside the two choices, that the model counts: probabilities say nothing of them.

    Returns
    -------
    cells
        With `count`, what enters the likelihood, and in groups that use probabilities `trials`, the observed
        trials, and `log_odds` of the first item, infinite at 0 and 1 (both missing elsewhere).
    notes
        What a reader must know.

    Raises
    ------
    DataError, SettingError
        A probability is not between 0 and 1; or `use`, and a group cannot use them.
    """
    chosen = cells["outcome"].isin([str(outcome) for outcome in CHOICES]).to_numpy()
    first, second = (_numbers(cells[name]) for name in COLUMNS)
    _check(cells, chosen, first, second)
    known = chosen & (first + second > 0)
    usable, notes = _usable_groups(cells, groups, chosen, known, mode=mode, others=others)
    exact = known & usable
    count = cells["count"].to_numpy(dtype=float)
    rest = cells[~exact].assign(trials=np.where(usable, count, np.nan)[~exact], log_odds=np.nan)
    drawn = cells.loc[exact, "outcome"].to_numpy(dtype=object)
    share = (first / np.where(known, first + second, 1.0))[exact]
    with np.errstate(divide="ignore"):
        log_odds = np.log(first[exact]) - np.log(second[exact])
    same = _one_cluster_each(cells[exact], groups, clusters, share)
    # An answer that was never drawn is expected all the same.
    words = sorted({*cells["outcome"].cat.categories, *map(str, CHOICES)})
    parts = [rest.assign(outcome=rest["outcome"].cat.set_categories(words))]
    for outcome, expected in ((Outcome.CHOSE_FIRST, share), (Outcome.CHOSE_SECOND, 1 - share)):
        weight, observed = count[exact] * expected, count[exact] * (drawn == str(outcome))
        label = pd.Categorical([str(outcome)] * len(same), categories=words)
        parts.append(same.assign(outcome=label, count=weight, trials=observed, log_odds=log_odds))
    return pd.concat(parts, ignore_index=True), tuple(notes)


def _numbers(column: pd.Series) -> Floats:
    """Return a column of probabilities as numbers, NaN where they are unknown."""
    try:
        return pd.to_numeric(column).to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        raise DataError(f"column {column.name!r}: must be numbers between 0 and 1{_OTHERWISE}") from None


def _check(cells: pd.DataFrame, chosen: Booleans, first: Floats, second: Floats) -> None:
    found = [
        (f"column {name!r}", values, chosen & ((values < 0) | (values > 1)), "is not between 0 and 1")
        for name, values in zip(COLUMNS, (first, second), strict=True)
    ]
    if not any(wrong.any() for _, _, wrong, _ in found):
        total = first + second
        over = chosen & (total > 1 + _ROUNDING)
        found = [(f"columns {' and '.join(COLUMNS)}", total, over, "is the sum of probabilities and above 1")]
    problems = []
    for name, values, wrong, what in found:
        if wrong.any():
            at = int(wrong.argmax())
            pair = ", ".join(f"{side} {cells[side].iloc[at]!r}" for side in ("first", "second"))
            problems.append(f"{name}: {values[at]:g} {what} ({pair}){_OTHERWISE}")
    if problems:
        raise DataError(problems)


def _usable_groups(
    cells: pd.DataFrame,
    groups: Sequence[str],
    chosen: Booleans,
    known: Booleans,
    *,
    mode: Probabilities,
    others: Collection[str],
) -> tuple[Booleans, list[str]]:
    """Return which rows are of groups that use probabilities, and why other groups do not."""
    count = cells["count"].to_numpy(dtype=float)
    if groups:
        found = cells.groupby(list(groups), sort=True, dropna=False)
        number, keys = found.ngroup().to_numpy(), [key for key, _ in found]
    else:
        number, keys = np.zeros(len(cells), dtype=np.int64), [()]
    counted_too = cells["outcome"].isin(list(others)).to_numpy()
    usable = np.zeros(len(keys), dtype=bool)
    notes, problems = [], []
    for at, key in enumerate(keys):
        mine = number == at
        choices, certain = count[mine & chosen].sum(), count[mine & known].sum()
        beside = bool(count[mine & counted_too].sum() > 0)
        enough = certain > 0 and (mode == "use" or certain >= _ENOUGH * choices)
        usable[at] = enough and not beside
        where = group_prefix(dict(zip(groups, key, strict=True)))
        if beside and certain > 0:
            notes.append(
                f"{where}the drawn answers are used, not their exact probabilities: those are of the two "
                "items only, and the model counts other answers as well (ties, opted_out, refusals)"
            )
        elif 0 < certain < choices:
            used = "used for these, and drawn answers for the rest" if enough else "not used"
            notes.append(
                f"{where}exact probabilities are known for {certain:g} of {choices:g} choices: {used}"
            )
        if mode == "use" and not usable[at] and choices > 0:
            why = notes[-1] if beside and certain > 0 else f"{where}no choice has its probabilities"
            problems.append(f"probabilities='use': {why}")
    if problems:
        raise SettingError("\n".join(problems))
    return usable[number], notes


def _one_cluster_each(
    rows: pd.DataFrame, groups: Sequence[str], clusters: Sequence[str], share: Floats
) -> pd.DataFrame:
    """Return rows in which one prompt is in one cluster, however often it was asked.

    Samples of one prompt have the same probabilities: a cluster column that tells them apart (`trial`,
    `sample`) would take one observation for several.
    """
    columns = [name for name in clusters if name in rows.columns]
    if not columns or rows.empty:
        return rows
    keys = [rows[name].astype(object) for name in (*groups, "first", "second")]
    prompt = [*keys, pd.Series(np.round(share, _DIGITS), index=rows.index)]
    merged = {}
    for name in columns:
        order = pd.factorize(rows[name].astype(str), sort=True)[0]
        lowest = pd.Series(order, index=rows.index).groupby(prompt, dropna=False).transform("min")
        labels = rows[name].to_numpy(dtype=object)
        first_of = pd.Series(np.arange(len(rows))).groupby(order).first()
        merged[name] = labels[first_of.loc[lowest].to_numpy()]
    return rows.assign(**merged)
