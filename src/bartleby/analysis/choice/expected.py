"""Exact choice probabilities in place of the choice that was drawn from them."""

from __future__ import annotations

import pandas as pd

from bartleby.errors import DataError
from bartleby.outcome import CHOICES, Outcome

__all__ = ["expected_choices"]

PROBABILITIES = {
    Outcome.CHOSE_FIRST: "probability_first",
    Outcome.CHOSE_SECOND: "probability_second",
}


def expected_choices(trials: pd.DataFrame) -> pd.DataFrame:
    """Return each choice as two rows whose `count` are the probabilities of the two answers.

    A model whose tokens we see tells how probable each answer was; the one that was drawn adds only the
    noise of the draw. A choice model fitted to these rows maximises the fractional logit likelihood, whose
    estimates are consistent for the same utilities (Papke & Wooldridge 1996), and its cluster-robust
    intervals stay right because they take the variance from the data and not from the model.

    Parameters
    ----------
    trials
        A trial table with `outcome`, `probability_first` and `probability_second`; `count` weights rows.

    Returns
    -------
    DataFrame
        Two rows for each trial in which an item was chosen and both probabilities are known, with the
        columns `outcome` and `count` set; all other rows as they are, with their count (or 1).

    Raises
    ------
    DataError
        If a column is missing, or a probability is not between 0 and 1.

    Notes
    -----
    With answers besides the two items on offer, the probabilities of the two are taken given that one of
    them is answered. Bias reduction and profile intervals are for counts of choices, not for these.
    """
    missing = [name for name in ("outcome", *PROBABILITIES.values()) if name not in trials]
    if missing:
        raise DataError(
            [f"column {name!r} is missing: it is what a model's probabilities are" for name in missing]
        )
    first, second = (trials[name].astype(float) for name in PROBABILITIES.values())
    known = trials["outcome"].isin([str(each) for each in CHOICES]) & (first + second > 0)
    wrong = known & ~(first.between(0, 1) & second.between(0, 1))
    if wrong.any():
        raise DataError(f"row {int(wrong.to_numpy().argmax()) + 1}: a probability is not between 0 and 1")
    weight = trials["count"].astype(float) if "count" in trials else pd.Series(1.0, index=trials.index)
    total = first + second
    parts = [trials[~known].assign(count=weight[~known])]
    for outcome, share in ((Outcome.CHOSE_FIRST, first / total), (Outcome.CHOSE_SECOND, second / total)):
        parts.append(trials[known].assign(outcome=str(outcome), count=(weight * share)[known]))
    return pd.concat(parts, ignore_index=True)
