"""What triggers an exit: the same conversation continued with an edited message, against the original.

The two share everything up to the turn of the edit, so the difference between them is the edit's: the
content, the insult or the repetition that it took away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import narwhals as nw
import numpy as np
from scipy.special import bdtr

from bartleby.analysis.exits.exit_rates import exits
from bartleby.analysis.exits.exit_times import exit_outcome
from bartleby.analysis.inference.families import Adjustment, adjust_p
from bartleby.analysis.rates.differences import compared
from bartleby.analysis.sample.answer import Row, estimator
from bartleby.analysis.sample.columns import Column, column_values
from bartleby.analysis.sample.events import Refusals
from bartleby.analysis.sample.sample import Sample, read_sample
from bartleby.analysis.tables.counts import Frame, as_frame, column_names, count_rows
from bartleby.analysis.tables.estimates import Estimates, estimate_frame, records
from bartleby.analysis.tables.grouping import (
    CLUSTER_COLUMNS,
    Cluster,
    Clusters,
    Estimand,
    choose_cluster,
    missing_columns,
)
from bartleby.errors import DataError

__all__ = ["NEW_CHAT", "NEW_CHAT_SUMMARY", "branch_contrast", "carry_over", "mcnemar"]

ORIGINAL = "original"
NEW_CHAT, NEW_CHAT_SUMMARY = "new_chat", "new_chat_summary"
DECLINED = "_declined"


@estimator(exits)
def branch_contrast(
    trials: object,
    outcome: str | Sequence[str] | None = None,
    *,
    origin: str = "origin",
    branch: str = "branch",
    reference: str = ORIGINAL,
    by: str | Sequence[str] | None = None,
    cluster: str | bool | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    adjust: Adjustment | None = "holm",
    refusals: Refusals = "counted",
) -> Estimates:
    """Estimate how much an edit changes the chance of an exit, paired with the original conversation.

    Parameters
    ----------
    origin
        The column that names the original conversation, in its own row too (or there empty, where
        `trial` names it).
    branch
        The column of the continuation: `original`, or the name of the edit.
    reference
        The branch that the others are compared with: by default the message as it was, asked again.
    cluster
        Conversations that belong together; None takes the scenario, prompt or item, the first that is there
        and holds whole origins, and else the origin, with a warning.
    adjust
        `holm`, `bh` or None, over all edits of this call.

    Returns
    -------
    Estimates
        One row an edit: the rate of exits with it less that without, over origins that have both, with
        `rate`, `reference_rate`, `p_value`, and, where each origin has one answer to either, `only_edit` and
        `only_original` (pairs in which only one of the two left) and `p_mcnemar`, exact for these
        conversations.

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong.

    Notes
    -----
    Paired differences: `bartleby.difference`. McNemar's test is exact, and takes pairs as independent, so it
    is undefined where a cluster holds several.

    Examples
    --------
    >>> import pandas as pd
    >>> import bartleby as bb
    >>> rows = [
    ...     (f"o{o}", f"s{o % 10}", branch, int(o % 5 == 0 and branch == "original"))
    ...     for o in range(40)
    ...     for branch in ("original", "polite")
    ... ]
    >>> trials = pd.DataFrame(rows, columns=["origin", "scenario", "branch", "left"])
    >>> print(bb.leaving.branch_contrast(trials, "left").verdict)
    Difference, polite - original: -0.20 (95% interval -1.00 to 0.10) (all 80 observations used; 10
    clusters by scenario; items as a random sample).
    """
    frame = as_frame(trials)
    names = column_names(frame)
    missing_columns(names, origin=origin, branch=branch)
    values = column_values(frame, branch)
    if reference not in map(str, values) or len(values) < 2:
        raise DataError(
            f"column {branch!r}: has {', '.join(map(repr, values)) or 'no value'}; a contrast needs "
            f"{reference!r} and the name of another branch"
        )
    if "trial" in names and origin != "trial":
        own = nw.col(origin).is_null() & (nw.col(branch).cast(nw.String) == ORIGINAL)
        filled = nw.when(own).then(nw.col("trial").cast(nw.String)).otherwise(nw.col(origin).cast(nw.String))
        frame = frame.with_columns(filled.alias(origin))
    frame = frame.filter(~nw.col(branch).is_null() & ~nw.col(origin).is_null())
    clusters = _clusters(frame, cluster, origin)
    sample = read_sample(
        frame,
        exit_outcome(frame, outcome),
        Column("between", branch),
        Column("paired", origin),
        by=by,
        not_by=[branch],
        cluster=Clusters(clusters if clusters.column else replace(clusters, column=origin)),
        level=level,
        estimand=estimand,
        refusals=refusals,
    )
    estimates = compared(sample, reference, adjust=adjust)
    groups = [*sample.groups, branch, "reference"]
    parts = {tuple(part.key.values()): part.known for part in sample.split()}
    rows = [
        {**row, **_pairs(part, row[branch], reference, alone=clusters.column in {None, origin})}
        for key, part in parts.items()
        for row in records(estimates.frame)
        if key == tuple(row[name] for name in sample.groups)
    ]
    return replace(estimates, frame=estimate_frame(rows, groups))


@estimator(branch_contrast, exits)
def carry_over(
    trials: object,
    *,
    origin: str = "origin",
    branch: str = "branch",
    declined: str = "refusals",
    by: str | Sequence[str] | None = None,
    cluster: str | bool | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
) -> Estimates:
    """Estimate whether a new chat starts colder where the model knows of the one that it has left.

    Parameters
    ----------
    declined
        The column that counts turns declined in words; ignored if it is not there.

    Returns
    -------
    Estimates
        One row an `outcome`: `left`, and `declined` (in words, at least once): its rate in new chats that
        begin with a summary of the old one less that in new chats without, paired by the original
        conversation; p values adjusted over both (Holm).

    Raises
    ------
    DataError, SettingError
        Naming everything that is wrong; also if one of the two branches is not there.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("end_conversation", "sim/averse", log="leave.db")
    >>> items = bb.leaving.branches("leave.db", new_chat=True, trials="exited")
    >>> _ = bb.run(bb.leaving.branch_study("leave.db", items), "sim/averse", log="new_chats.db")
    >>> found = bb.leaving.carry_over(bb.read("new_chats.db"))
    >>> found.to_frame()[["outcome", "n"]].values.tolist()
    [['left', 162.0], ['declined', 162.0]]
    """
    frame = as_frame(trials)
    names = column_names(frame)
    missing_columns(names, origin=origin, branch=branch)
    frame = frame.filter(nw.col(branch).cast(nw.String).is_in([NEW_CHAT, NEW_CHAT_SUMMARY]))
    outcomes: dict[str, str | tuple[str, ...]] = {"left": exit_outcome(frame, None)}
    if declined in names:
        frame = frame.with_columns((nw.col(declined) > 0).cast(nw.Int64).alias(DECLINED))
        outcomes["declined"] = DECLINED
    rows: list[Row] = []
    warnings: list[str] = []
    for name, outcome in outcomes.items():
        found = branch_contrast(
            frame, outcome, origin=origin, branch=branch, reference=NEW_CHAT, by=by, cluster=cluster,
            level=level, estimand=estimand, adjust=None,
        )  # fmt: skip
        rows += [{"outcome": name, **row, "term": f"{name}: {row['term']}"} for row in records(found.frame)]
        warnings += found.warnings
        if name == "left":
            first = found
    adjusted = adjust_p(np.array([row["p_value"] for row in rows], dtype=float), "holm")
    rows = [{**row, "p_adjusted": float(p)} for row, p in zip(rows, adjusted, strict=True)]
    groups = list(first.settings["by"])
    table = estimate_frame(rows, [*groups, "outcome", branch, "reference"])
    settings = {**first.settings, "adjust": "holm"}
    return Estimates(table, first.accounting, tuple(dict.fromkeys(warnings)), settings)


def _clusters(frame: Frame, cluster: str | bool | None, origin: str) -> Cluster:
    """Return the clusters of origins: a column must hold all branches of a conversation together."""
    if cluster is not None:
        return choose_cluster(frame, cluster)
    names = column_names(frame)
    candidates = ("scenario", "scenario_id", *(name for name in CLUSTER_COLUMNS if name != "pair"))
    for name in dict.fromkeys(each for each in candidates if each in names and each != origin):
        cells = count_rows(frame, [origin, name])
        if cells[name].notna().all() and not cells[origin].duplicated().any():
            return Cluster(name, f"{name} (found in the table)")
    return Cluster(
        origin,
        f"{origin}: no scenario found, so conversations are taken as independent",
        f"no column names a scenario that holds all branches of a conversation, so every {origin} is taken "
        "as independent; if some are of one scenario the intervals are too narrow: name its column with "
        "cluster=",
    )


def mcnemar(only_one: float, only_other: float) -> float:
    """Return the exact two-sided p value that discordant pairs are as often of one kind as of the other.

    Parameters
    ----------
    only_one, only_other
        Pairs with the event in one condition alone.

    Notes
    -----
    McNemar (1947), by the binomial distribution with 1/2. NaN without discordant pairs.
    """
    total = only_one + only_other
    if total <= 0:
        return math.nan
    return float(min(1.0, 2 * bdtr(min(only_one, only_other), int(total), 0.5)))


def _pairs(part: Sample, value: object, reference: str, *, alone: bool) -> Row:
    """Return discordant pairs of an edit, where every origin has one answer to either.

    Parameters
    ----------
    part
        The trials of one group whose end is known.
    value, reference
        The edit, and the branch that it is compared with.
    alone
        Whether each origin is a cluster of its own in any case.
    """
    origin, cluster = part.names["paired"], part.clusters.first.column
    sides = [part.where(part["between"].astype(str) == str(name)) for name in (value, reference)]
    answers = [side.cells.groupby(origin)["count"].sum() for side in sides]
    shared = answers[0].index.intersection(answers[1].index)
    if len(shared) == 0 or any((counts.loc[shared] != 1).any() for counts in answers):
        return {"only_edit": math.nan, "only_original": math.nan, "p_mcnemar": math.nan}
    left = [side.cells.groupby(origin)["_event"].sum().loc[shared] for side in sides]
    only_edit, only_original = float((left[0] > left[1]).sum()), float((left[1] > left[0]).sum())
    alone = alone or not part.cells[[cluster, origin]].drop_duplicates()[cluster].duplicated().any()
    p = mcnemar(only_edit, only_original) if alone else math.nan
    return {"only_edit": only_edit, "only_original": only_original, "p_mcnemar": p}
