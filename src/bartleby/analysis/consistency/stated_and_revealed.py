"""Stated against revealed: whether a model does what it says it would rather do.

Under `commitment=says` it only says which item it takes; under `commitment=does` it knows that it will do
the one it takes, and is then asked to. The work can itself be refused: the outcome is then `refused`, and
the column `said` has what was taken before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.consistency.agreement import agreement, excess_row, unit_row
from bartleby.analysis.consistency.excess import cross_agreement, excess_disagreement
from bartleby.analysis.consistency.kappa import kappa_of
from bartleby.analysis.consistency.repeats import Repeats, item_choices, matched, read_repeats, units_of
from bartleby.analysis.sample.answer import Row, answer, estimator
from bartleby.analysis.tables.counts import as_frame, column_names
from bartleby.analysis.tables.estimates import Estimates
from bartleby.errors import DataError
from bartleby.outcome import CHOICES, Outcome

__all__ = ["stated_and_revealed"]

Floats = npt.NDArray[np.float64]


@estimator(agreement)
def stated_and_revealed(
    trials: object,
    *,
    commitment: str = "commitment",
    stated: str = "says",
    revealed: str = "does",
    by: str | Sequence[str] | None = None,
    cluster: str | Literal[False] | None = None,
    within: str | Sequence[str] | None = None,
    level: float = 0.95,
) -> Estimates:
    """Estimate how well choices that are only said agree with choices that are carried out.

    Parameters
    ----------
    trials
        Any frame that narwhals reads, with `first`, `second`, `outcome`, the column `commitment` and, if
        work could be refused, `said`.
    commitment, stated, revealed
        The column that tells them apart, and its two values.

    Returns
    -------
    Estimates
        `agreement`: the chance that a stated and a revealed choice of the same pair in the same order take
        the same item; `kappa`: Cohen's kappa of the same (categories: the item shown first, the
        second); `repetition`: agreement of two answers of one kind with each other, the ceiling;
        `shortfall`: repetition minus agreement, 0 if saying and doing are alike. With the column `said`:
        `agreement_before_work` (with what was taken, whether or not the work was then refused) and
        `work_refused`, the share of choices whose work was refused.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    Agreement and shortfall: see `agreement`. Kappa's interval is a t interval of its linearisation over
    clusters on the scale of Fisher's z: `bartleby.analysis.consistency.kappa`.

    Examples
    --------
    >>> import pandas as pd
    >>> import bartleby as bb
    >>> rows = [
    ...     (
    ...         f"{a}",
    ...         f"{b}",
    ...         how,
    ...         "chose_first" if a < b or (how == "does" and b == 0) else "chose_second",
    ...     )
    ...     for a in range(6)
    ...     for b in range(6)
    ...     if a != b
    ...     for how in ("says", "does")
    ... ]
    >>> trials = pd.DataFrame(rows, columns=["first", "second", "commitment", "outcome"])
    >>> print(bb.choices.stated_and_revealed(trials).verdict)
    agreement 0.833 (95% interval 0.639 to 0.937), kappa 0.67 (0.31 to 0.86), 2 are undefined (all 60
    trials used; 15 clusters by pair; items as a random sample).
    """
    names = column_names(as_frame(trials))
    extra = (commitment, *(("said",) if "said" in names else ()))
    repeats = read_repeats(trials, by=by, cluster=cluster, within=within, extra=extra, not_by=extra)
    _check_values(repeats.cells, commitment, (stated, revealed))

    def rows_of(part: Repeats) -> Iterator[Row | str]:
        cells = part.cells
        kinds = (cells[cells[commitment] == stated], cells[cells[commitment] == revealed])
        rows = _compared(kinds, part, level)
        if "said" in names:
            rows += _before_work(kinds, part, level)
        yield from rows
        yield from _notes(rows, part)

    return answer(repeats, rows_of)


def _check_values(cells: pd.DataFrame, column: str, values: Sequence[str]) -> None:
    there = sorted(str(value) for value in cells[column].dropna().unique())
    problems = [
        f"column {column!r} has no {value!r}; values there: {', '.join(there) or 'none'}"
        for value in values
        if value not in there
    ]
    if problems:
        raise DataError(problems)


def _compared(kinds: tuple[pd.DataFrame, pd.DataFrame], repeats: Repeats, level: float) -> list[Row]:
    says, does = item_choices(kinds[0], repeats.keys), item_choices(kinds[1], repeats.keys)
    cells = matched(says, does, ["forward", *repeats.keys])
    fewest = np.asarray(np.minimum(cells["n_x"], cells["n_y"]), dtype=float)
    trials = cells[["n_x", "n_y"]].sum(axis=1).to_numpy(dtype=float)
    agree = cross_agreement(cells["low_x"], cells["n_x"], cells["low_y"], cells["n_y"])
    again = np.isfinite(excess_disagreement(cells))
    alone = agree + excess_disagreement(cells)
    n, n_again = float(trials.sum()), float(trials[again].sum())
    every = units_of(cells, agree, fewest, repeats.cluster)
    twice = units_of(cells[again], alone[again], fewest[again], repeats.cluster)
    kappa = kappa_of(every, *_first_shares(cells), level, by_item=repeats.by_item)
    return [
        unit_row("agreement", every, repeats, level, n=n),
        unit_row("kappa", every, repeats, level, n=n, fit=kappa),
        unit_row("repetition", twice, repeats, level, n=n_again),
        excess_row("shortfall", cells, fewest, repeats, level),
    ]


def _first_shares(cells: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return the shares of stated and of revealed choices of the item shown first (m,)."""
    forward = cells["forward"].to_numpy(dtype=bool)
    low, low_y = (
        np.asarray(cells[f"low_{index}"], dtype=float) / np.asarray(cells[f"n_{index}"], dtype=float)
        for index in ("x", "y")
    )
    return np.where(forward, low, 1 - low), np.where(forward, low_y, 1 - low_y)


def _before_work(kinds: tuple[pd.DataFrame, pd.DataFrame], repeats: Repeats, level: float) -> list[Row]:
    """Return agreement with what was taken before the work, and how often the work was refused."""
    stated, revealed = kinds
    says = item_choices(stated, repeats.keys)
    said = item_choices(revealed, repeats.keys, outcome="said")
    cells = matched(says, said, ["forward", *repeats.keys])
    agree = cross_agreement(cells["low_x"], cells["n_x"], cells["low_y"], cells["n_y"])
    units = units_of(cells, agree, np.minimum(cells["n_x"], cells["n_y"]), repeats.cluster)
    n = float(cells[["n_x", "n_y"]].sum().sum())
    first = unit_row("agreement_before_work", units, repeats, level, n=n)
    answered = revealed[revealed["outcome"].isin([*map(str, CHOICES), str(Outcome.REFUSED)])]
    declined = answered.assign(count=answered["count"].where(answered["outcome"] == str(Outcome.REFUSED), 0))
    every = item_choices(answered, repeats.keys, outcome="said")
    refused = item_choices(declined, repeats.keys, outcome="said")
    share = (refused["n"] / every["n"]).to_numpy(dtype=float)
    units = units_of(every, share, every["n"], repeats.cluster)
    return [first, unit_row("work_refused", units, repeats, level, n=float(every["n"].sum()))]


def _notes(rows: Sequence[Row], part: Repeats) -> list[str]:
    """Return why rows of one group are undefined."""
    why = {
        "agreement": "no pair was shown in the same order under both kinds of commitment",
        "kappa": "no pair was compared, or every choice was in one place, so chance agrees as well",
        "repetition": "no pair was asked twice under both kinds of commitment",
        "shortfall": "no pair was asked twice under both kinds of commitment",
        "agreement_before_work": "no pair was shown in the same order under both kinds of commitment",
        "work_refused": "no choice was followed by work or its refusal",
    }
    notes = []
    for row in rows:
        term = part.label(str(row["term"]))
        if math.isnan(row["estimate"]):
            notes.append(f"{term}: {why[str(row['term'])]}, so it is undefined")
        elif math.isnan(row["low"]):
            notes.append(f"{term}: no interval: {row['method'].removeprefix('undefined, ')}")
    return notes
