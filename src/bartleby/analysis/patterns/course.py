"""The course of a code over the turns of conversations, some of which end because the model leaves.

The share of turns with the code, turn by turn, is a share among those still there: if the distressed leave,
it falls although nobody calmed down. So there are three answers to three questions. How many have shown the
code by turn t, with leaving as something that can come first (cumulative incidence). How many show it at turn
t had all stayed (inverse probability of remaining, which needs assumptions). And between which bounds that
must lie whatever those who left would have done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.coding.prevalence import prevalence
from bartleby.analysis.inference.curves import curve_jackknife, kish, means, share_fit
from bartleby.analysis.patterns.coded_conversations import (
    Conversations,
    aalen_johansen,
    conversations,
    weighted_points,
)
from bartleby.analysis.patterns.coded_turns import NOT_CORRECTED, read_coded_turns, unclear_clusters
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.grouping import check_settings
from bartleby.analysis.tables.labels import group_prefix
from bartleby.analysis.tables.rows import fit_row
from bartleby.errors import SettingError

__all__ = ["course"]

Floats = npt.NDArray[np.float64]

ENOUGH_LABELS = 20
"""Labels of a turn from which on its prevalence is corrected."""


def course(
    turns: object,
    *,
    coded: str = "coded",
    conversation: str = "conversation",
    turn: str = "turn",
    exited: str | None = None,
    label: str | None = None,
    cluster: str | bool | None = None,
    by: str | Sequence[str] | None = None,
    horizon: int | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Estimates:
    """Estimate the course of a code over the turns of conversations.

    Parameters
    ----------
    turns
        Any frame that narwhals reads, one row a turn of the model (`coded_turns`).
    coded
        Column of 1 and 0; missing where the coder gave no value.
    conversation, turn
        Columns that say which turn it is.
    exited
        Column of 1 and 0 that says at which turn the model left; None: it could not.
    label
        Column of what people say of some turns, 1 and 0: the prevalence at a turn with 20 labels or more is
        then corrected too.
    cluster
        Column whose conversations belong together; None looks for an item, scenario or prompt.
    by
        Columns that split the table, such as the class of the scenario; `model` does so by itself.
    horizon
        The last turn; None takes the longest conversation.
    level, seed
        Of the intervals; the seed is recorded, nothing here is random.

    Returns
    -------
    Estimates
        One row a `quantity` and `turn`. `first_coded`: share that have shown the code by this turn, leaving
        being something that can come first. `left_first`: share that have left by then without having
        shown it. `still_there`: share with the code among those who had this turn, which describes survivors.
        `had_all_stayed`: the same, each weighted by the inverse of its chance of being still there.
        `corrected`: `still_there` corrected for the coder's errors (PPI++). The columns `worst_low` and
        `worst_high` bound `had_all_stayed` whatever those gone would have shown. `n` is conversations at
        risk, or that had the turn.

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
    seen by the weights, which is what the worst-case bounds are for. Variances leave out whole clusters.
    """
    check_settings(level, "new_items")
    if horizon is not None and (isinstance(horizon, bool) or horizon < 1):
        raise SettingError(f"horizon={horizon!r}: must be a turn, 1 or more")
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
    )
    rows: list[dict[str, Any]] = []
    warnings = list(table.warnings)
    for key, part in table.split():
        data = conversations(part)
        upto = min(horizon or data.code.shape[1], data.code.shape[1])
        found = [*incidence_rows(data, upto, level), *share_rows(data, upto, level)]
        if label:
            found += _corrected_rows(part[part["_turn"] <= upto], label, level, group_prefix(key), warnings)
        rows += [{**key, **row} for row in found]
        warnings += unclear_clusters(part, key)
    warnings.append(
        f"`first_coded`, `left_first` and `had_all_stayed`: {NOT_CORRECTED}" if label else NOT_CORRECTED
    )
    settings = {
        "estimand": "new_items",
        "level": level,
        "cluster": table.cluster,
        "by": list(table.groups),
        "exited": exited,
        "label": label,
        "horizon": horizon,
        "seed": seed,
    }
    frame = estimate_frame(rows, [*table.groups, "quantity", "turn"])
    return Estimates(frame, table.accounting(), tuple(warnings), settings)


def incidence_rows(data: Conversations, upto: int, level: float) -> list[dict[str, Any]]:
    """Return `first_coded` and `left_first` by turn."""
    sums = data.by_cluster(data.firsts())
    turns = data.code.shape[1]
    found = curve_jackknife(sums, aalen_johansen)
    at_risk = np.cumsum(sums[:, turns - 1 :: -1], axis=1)[:, ::-1]
    rows = []
    for kind, quantity in enumerate(("first_coded", "left_first")):
        for at in range(upto):
            # An incidence is a share of those who were there at the start.
            fit = share_fit(
                found.at(kind * turns + at), float(at_risk[:, 0].sum()), _some(at_risk[:, 0]), level,
                kish(at_risk[:, at]),
            )  # fmt: skip
            own = fit_row(fit, n=float(at_risk[:, at].sum()), n_clusters=_some(at_risk[:, at]), level=level)
            rows.append({"quantity": quantity, "turn": at + 1, "term": f"{quantity} by turn {at + 1}", **own})
    return rows


def share_rows(data: Conversations, upto: int, level: float) -> list[dict[str, Any]]:
    """Return `still_there` and `had_all_stayed` by turn, with worst-case bounds of the second."""
    known = ~np.isnan(data.code)
    shown, had = data.by_cluster((data.code == 1).astype(float)), data.by_cluster(known.astype(float))
    plain = curve_jackknife(np.hstack([shown, had]), means)
    weighted = weighted_points(data)
    size = len(data.last)
    worst = shown.sum(axis=0) / size, 1 - (had - shown).sum(axis=0) / size
    rows = []
    for quantity, found in (("still_there", plain), ("had_all_stayed", weighted)):
        for at in range(upto):
            n, clusters = float(had[:, at].sum()), _some(had[:, at])
            fit = share_fit(found.at(at), n, clusters, level, kish(had[:, at]))
            row = {"quantity": quantity, "turn": at + 1, "term": f"{quantity} at turn {at + 1}"}
            row |= fit_row(fit, n=n, n_clusters=clusters, level=level)
            if quantity == "had_all_stayed":
                row |= {"worst_low": float(worst[0][at]), "worst_high": float(worst[1][at])}
            rows.append(row)
    return rows


def _corrected_rows(
    part: pd.DataFrame, label: str, level: float, where: str, warnings: list[str]
) -> list[dict[str, Any]]:
    known = part[part["_coded"].notna()]
    labels = known.groupby("_turn")[label].count()
    enough = labels.index[labels >= ENOUGH_LABELS]
    if len(enough) < len(labels):
        few = ", ".join(f"{turn:g}" for turn in labels.index.difference(enough)[:8])
        warnings.append(f"{where}turns {few} have fewer than {ENOUGH_LABELS} labels and are not corrected")
    rows = []
    for turn in enough:
        here = known.loc[known["_turn"] == turn, ["_coded", "_cluster", label]]
        one = prevalence(here, judge="_coded", label=label, cluster="_cluster", level=level).frame.iloc[0]
        row = {str(name): one[name] for name in one.index if name != "labels_to_halve"}
        rows.append({"quantity": "corrected", "turn": int(turn), **row, "term": f"corrected at turn {turn}"})
    return rows


def _some(sizes: Floats) -> float:
    return float(np.count_nonzero(sizes > 0))
