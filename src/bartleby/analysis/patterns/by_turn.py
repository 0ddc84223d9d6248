"""The course of a code over the turns of conversations, some of which end because the model leaves.

The share of turns with the code, turn by turn, is a share among those still there: if the distressed leave,
it falls although nobody calmed down. So there are three answers to three questions. How many have shown the
code by turn t, with leaving as something that can come first (cumulative incidence). How many show it at turn
t had all stayed (inverse probability of remaining, which needs assumptions). And between which bounds that
must lie whatever those who left would have done.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.coding.prevalence import prevalence
from bartleby.analysis.inference.intervals import RateFit, clustered_rate, undefined
from bartleby.analysis.inference.unit_means import mean_within
from bartleby.analysis.patterns.coded_conversations import (
    Conversations,
    aalen_johansen,
    conversations,
    incidence_counts,
    staying_weights,
)
from bartleby.analysis.patterns.coded_turns import (
    NOT_CORRECTED,
    CodedTurns,
    cluster_warnings,
    read_coded_turns,
)
from bartleby.analysis.sample.answer import Row, answer, estimator, fit_row
from bartleby.analysis.tables.accounting import WorstCase, bound_warnings
from bartleby.analysis.tables.estimates import Estimates
from bartleby.errors import DataError, SettingError

__all__ = ["course"]

Floats = npt.NDArray[np.float64]

SHIFTED = ("estimate", "low", "high", "worst_low", "worst_high", "_least", "_most")
NO_TRIALS = undefined("nobody is left of whom it would be known")
ENOUGH_LABELS = 20
"""Labels of a turn from which on its prevalence is corrected."""


@estimator()
def course(
    turns: object,
    *,
    coded: str = "coded",
    graded: bool = False,
    conversation: str = "conversation",
    turn: str = "turn",
    exited: str | None = None,
    label: str | None = None,
    cluster: str | bool | None = None,
    by: str | Sequence[str] | None = None,
    horizon: int | None = None,
    level: float = 0.95,
) -> Estimates:
    """Estimate the course of a code over the turns of conversations.

    Parameters
    ----------
    turns
        Any frame that narwhals reads, one row a turn of the model (`coded_turns`).
    coded
        Column of 1 and 0, or of levels; missing where the coder gave no value.
    graded
        Whether `coded` holds the levels of a graded code, such as 0 to 3 (`coded_turns(..., present=None)`).
    conversation, turn
        Columns that say which turn it is.
    exited
        Column of 1 and 0 that says at which turn the model left; None: it could not.
    label
        Column of what people say of some turns, 1 and 0: the prevalence at a turn with 20 labels or more is
        then corrected too.
    cluster
        Column whose conversations belong together. None takes the first of `scenario`, `item`, `prompt` and
        their like that holds whole conversations together, and says so in the settings; conversations are
        the clusters if there is none, and with False.
    by
        Columns that split the table, such as the class of the scenario; `model` does so by itself.
    horizon
        The last turn; None takes the longest conversation.
    level
        Of the intervals.

    Returns
    -------
    Estimates
        One row a `quantity` and `turn`. `first_coded`: share that have shown the code by this turn, leaving
        being something that can come first. `left_first`: share that have left by then without having
        shown it. `still_there`: share with the code among those who had this turn, which describes survivors.
        `had_all_stayed`: the same, each weighted by the inverse of its chance of being still there.
        `corrected`: `still_there` corrected for the coder's errors (PPI++). The columns `worst_low` and
        `worst_high` bound `had_all_stayed` whatever those gone would have shown, with sampling error. `n` is
        conversations at risk, or that had the turn. Of a graded code, all of these for each level above the
        lowest (column `at_least`: the share at that level or above), and `mean_level`, the mean among those
        who had the turn, with bounds had those gone been at the lowest level and at the highest.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    Aalen & Johansen (1978) in whole turns; conversations that ended otherwise are censored after their last
    turn, which assumes that the others would have gone on like them. Weights: Robins, Rotnitzky & Zhao
    (1995). The chance of being gone after a turn is taken as that of its turn and of whether it had the
    code, one odds ratio for all turns (Firth's fit); leaving for other reasons that go with the code is not
    seen by the weights, which is what the worst-case bounds are for. Intervals are those of rates over
    clusters (`intervals.clustered_rates`), with conversations weighted where some have ended.

    Examples
    --------
    >>> import pandas as pd
    >>> import bartleby as bb
    >>> rows = [
    ...     (f"c{c}", f"s{c % 10}", turn, int(c % 3 == 0 and turn > 2))
    ...     for c in range(40)
    ...     for turn in (1, 2, 3, 4)
    ... ]
    >>> turns = pd.DataFrame(rows, columns=["conversation", "scenario", "turn", "coded"])
    >>> course = bb.patterns.course(turns).to_frame().query("quantity == 'first_coded'")
    >>> course["estimate"].tolist()
    [0.0, 0.0, 0.35, 0.35]
    """
    if horizon is not None and (isinstance(horizon, bool) or horizon < 1):
        raise SettingError(f"horizon={horizon!r}: must be a turn, 1 or more")
    if graded and label:
        raise SettingError(f"label={label!r}: labels of 1 and 0 do not correct the levels of a graded code")
    flags = [label] if label else []
    table = read_coded_turns(
        turns,
        coded=coded,
        conversation=conversation,
        turn=turn,
        exited=exited,
        cluster=cluster,
        by=by,
        flags=flags,
        graded=graded,
    )
    levels = _levels(table.rows["_coded"], coded) if graded else [0.0, 1.0]
    table = replace(table, lowest=levels[0])
    if label:
        notes = [text for text in table.warnings if text != NOT_CORRECTED]
        table = replace(
            table, warnings=(*notes, f"`first_coded`, `left_first` and `had_all_stayed`: {NOT_CORRECTED}")
        )

    def rows_of(part: CodedTurns) -> Iterator[Row | str]:
        turns, last = part.rows, int(part.rows["_turn"].max())
        upto = min(horizon or last, last)
        rows = _graded_rows(turns, levels, upto, level) if graded else _curves(turns, upto, level)
        if label:
            corrected, few = _corrected_rows(turns[turns["_turn"] <= upto], label, level)
            rows += corrected
            yield from (f"{part.prefix}{text}" for text in few)
        size = float(turns["_conversation"].nunique())
        yield from (f"{part.prefix}{text}" for text in _worst_warnings(rows, size))
        yield from rows
        yield from cluster_warnings(part, rows)

    return answer(table, rows_of, identify=["quantity", *(["at_least"] if graded else []), "turn"])


def _curves(part: pd.DataFrame, upto: int, level: float) -> list[Row]:
    data = conversations(part)
    return [*incidence_rows(data, upto, level), *share_rows(data, upto, level)]


def _levels(values: pd.Series[Any], name: str) -> list[float]:
    """Return the levels of a graded code, from the lowest up."""
    levels = sorted(float(value) for value in values.dropna().unique())
    if len(levels) < 2:
        only = f"{levels[0]:g} in every turn" if levels else "empty in every turn"
        raise DataError(f"column {name!r}: {only}, so there are no levels to tell apart")
    return levels


def _graded_rows(part: pd.DataFrame, levels: list[float], upto: int, level: float) -> list[Row]:
    """Return the curves of each level and above, and the mean level by turn."""
    rows = []
    for least in levels[1:]:
        reached = (part["_coded"] >= least).astype(float).where(part["_coded"].notna())
        for row in _curves(part.assign(_coded=reached), upto, level):
            rows.append({**row, "at_least": least, "term": f"{row['term']}, {least:g} or above"})
    return rows + _mean_rows(part, levels, upto, level)


def _mean_rows(part: pd.DataFrame, levels: list[float], upto: int, level: float) -> list[Row]:
    """Return the mean level at each turn among those who had it, and its bounds whatever the others."""
    lowest, top = levels[0], levels[-1] - levels[0]
    everyone = part.groupby("_conversation")["_cluster"].first()
    rows = []
    for turn in range(1, upto + 1):
        here = part[(part["_turn"] == turn) & part["_coded"].notna()]
        if here.empty:
            continue
        above = here["_coded"].to_numpy(dtype=float) - lowest
        codes = here["_cluster"].to_numpy(dtype=np.int64)
        fit = _mean_fit(above, codes, top, level)
        row = fit_row(fit, n=float(len(above)), n_clusters=float(len(np.unique(codes))), level=level)
        gone = everyone[~everyone.index.isin(here["_conversation"])].to_numpy(dtype=np.int64)
        every = np.concatenate([codes, gone])
        least, most = (
            _mean_fit(np.concatenate([above, np.full(len(gone), value)]), every, top, level)
            for value in (0.0, top)
        )
        row |= _worst(row, least, most, float(len(gone)))
        shifted = {name: row[name] + lowest for name in SHIFTED}
        term = {"quantity": "mean_level", "turn": turn, "term": f"mean level at turn {turn}"}
        rows.append({**row, **shifted, **term})
    return rows


def _mean_fit(above: Floats, cluster: npt.NDArray[np.int64], top: float, level: float) -> RateFit:
    codes = pd.factorize(cluster)[0]
    n = np.bincount(codes).astype(float)
    return mean_within(np.bincount(codes, above), n, variance=float(above.var()), top=top, level=level)


def incidence_rows(data: Conversations, upto: int, level: float) -> list[Row]:
    """Return `first_coded` and `left_first` by turn."""
    sums = data.by_cluster(data.firsts())
    turns = data.code.shape[1]
    known = np.isfinite(aalen_johansen(sums.sum(axis=0)))
    coded, left, every = incidence_counts(sums)
    at_risk = np.cumsum(sums[:, turns - 1 :: -1], axis=1)[:, ::-1]
    rows = []
    for kind, (quantity, counts) in enumerate((("first_coded", coded), ("left_first", left))):
        for index in range(upto):
            fit = NO_TRIALS
            if known[kind * turns + index]:
                fit = clustered_rate(counts[:, index], every[:, index], level)
            own = fit_row(
                fit, n=float(at_risk[:, index].sum()), n_clusters=_some(at_risk[:, index]), level=level
            )
            rows.append(
                {"quantity": quantity, "turn": index + 1, "term": f"{quantity} by turn {index + 1}", **own}
            )
    return rows


def share_rows(data: Conversations, upto: int, level: float) -> list[Row]:
    """Return `still_there` and `had_all_stayed` by turn, with worst-case bounds of the second."""
    known = ~np.isnan(data.code)
    shows = (data.code == 1).astype(float)
    weight = staying_weights(data) * known
    square = np.sum(weight**2, axis=0)
    # Weights sum up to the conversations of equal weight that they are worth (Kish 1965).
    weight = weight * np.divide(weight.sum(axis=0), square, out=np.zeros(len(square)), where=square > 0)
    listed, had = data.by_cluster(shows), data.by_cluster(known.astype(float))
    size = data.by_cluster(np.ones((len(data.last), 1)))[:, 0]
    rows = []
    for quantity, counts in (
        ("still_there", (listed, had)),
        ("had_all_stayed", (data.by_cluster(weight * shows), data.by_cluster(weight))),
    ):
        for index in range(upto):
            fit = clustered_rate(counts[0][:, index], counts[1][:, index], level)
            row = {"quantity": quantity, "turn": index + 1, "term": f"{quantity} at turn {index + 1}"}
            row |= fit_row(fit, n=float(had[:, index].sum()), n_clusters=_some(had[:, index]), level=level)
            if quantity == "had_all_stayed":
                most = listed[:, index] + size - had[:, index]
                extremes = [clustered_rate(counts, size, level) for counts in (listed[:, index], most)]
                row |= _worst(row, extremes[0], extremes[1], float((size - had[:, index]).sum()))
            rows.append(row)
    return rows


def _worst(row: Row, least: RateFit, most: RateFit, missing: float) -> dict[str, float]:
    """Return worst-case bounds with their sampling error, and what a warning of them needs."""
    return {
        "worst_low": float(np.fmin(row["low"], least.low)),
        "worst_high": float(np.fmax(row["high"], most.high)),
        "_least": least.estimate,
        "_most": most.estimate,
        "_missing": missing,
    }


def _worst_warnings(rows: list[Row], size: float) -> list[str]:
    """Return a warning where those gone could carry an estimate out of its interval; rows lose its data."""
    cases = []
    for row in rows:
        if "_least" in row:
            extremes, missing = (row.pop("_least"), row.pop("_most")), row.pop("_missing")
            cases.append(WorstCase(row["term"], row["low"], row["high"], extremes, missing, size))
    texts = (text.replace("trials", "conversations") for text in bound_warnings(cases, most=1))
    return [text.replace("bound_low and bound_high", "worst_low and worst_high") for text in texts]


def _corrected_rows(part: pd.DataFrame, label: str, level: float) -> tuple[list[Row], list[str]]:
    """Return prevalence at each turn with enough labels, and which turns have too few."""
    known = part[part["_coded"].notna()]
    labels = known.groupby("_turn")[label].count()
    enough = labels.index[labels >= ENOUGH_LABELS]
    few = ", ".join(f"{turn:g}" for turn in labels.index.difference(enough)[:8])
    rows = []
    for turn in enough:
        here = known.loc[known["_turn"] == turn, ["_coded", "_cluster", label]]
        one = prevalence(here, judge="_coded", label=label, cluster="_cluster", level=level).frame.iloc[0]
        row = {str(name): one[name] for name in one.index if name != "labels_to_halve"}
        rows.append({"quantity": "corrected", "turn": int(turn), **row, "term": f"corrected at turn {turn}"})
    notes = [f"turns {few} have fewer than {ENOUGH_LABELS} labels and are not corrected"] if few else []
    return rows, notes


def _some(sizes: Floats) -> float:
    return float(np.count_nonzero(sizes > 0))
