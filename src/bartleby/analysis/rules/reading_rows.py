"""The rows of a scorecard: how one reading of a rule fared in the conversations that it speaks of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bartleby.analysis.coding.prevalence import prevalence
from bartleby.analysis.rates.differences import difference
from bartleby.analysis.rates.rates import rate
from bartleby.analysis.rules.book import Reading, Role, Rule
from bartleby.analysis.rules.events import LOG, Conversations
from bartleby.analysis.tables.estimates import records
from bartleby.analysis.tables.grouping import (
    Cluster,
    Estimand,
    split_groups,
)
from bartleby.analysis.tables.labels import label_text
from bartleby.outcome import MISSING

__all__ = ["ANNOTATORS", "ENDED_BY_US", "Case", "Flags", "coded_events", "coder_of", "reading_rows"]

ENDED_BY_US = frozenset(str(outcome) for outcome in MISSING)
"""Outcomes of trials that did not go on to their end: what would have come then is not known."""
ANNOTATORS = "annotators"
"""The coder of what annotators of whole conversations say."""
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """Conversations, with everything that decides which of them a reading speaks of and what it says."""

    trials: pd.DataFrame
    judged: Conversations
    labelled: Conversations | None
    roles: Mapping[str, Role]
    groups: tuple[str, ...]
    cluster: Cluster
    level: float
    estimand: Estimand
    warnings: list[str] = field(default_factory=list)

    def unknown(self, events: Sequence[str]) -> Flags:
        """Return of which trials a reading is not known: an event is not, or we ended the trial."""
        rows = self.judged.unknown(events)
        if "outcome" in self.trials:
            rows |= self.trials["outcome"].astype("string").isin(ENDED_BY_US).to_numpy(dtype=bool)
        return rows

    def in_role(self, names: Sequence[str]) -> Flags:
        """Return which trials have any of some roles."""
        found = np.zeros(len(self.trials), dtype=bool)
        for name in names:
            own = np.ones(len(self.trials), dtype=bool)
            for column, values in self.roles[name].where.items():
                there = self.trials.get(column)
                own &= False if there is None else there.map(label_text).isin(values).to_numpy(dtype=bool)
            found |= own
        return found


def reading_rows(rule: Rule, reading: Reading, case: Case) -> tuple[list[dict[str, Any]], Flags]:
    """Return the rows of a reading, one a group, and the trials that entered them."""
    if reading.against:
        return _contrast_rows(rule, reading, case)
    reason = _cannot(reading, case)
    eligible, kept = _verdict(reading, case, case.judged)
    if reason is None and reading.among and not eligible.any():
        reason = _none_left(reading, case)
    if reason is not None:
        return [_undefined(rule, reading, key, reason, case) for key, _ in _parts(case)], eligible & False
    unknown = case.unknown(reading.events)
    value = np.where(unknown, np.nan, kept.astype(float))
    rows = []
    for key, part in _parts(case):
        at = part.index.to_numpy()[eligible[part.index]]
        if not len(at):
            why = _none_left(reading, case, part.index.to_numpy())
            rows.append(_undefined(rule, reading, key, why, case))
        elif np.isnan(value[at]).all():
            why = f"in no conversation is all of it known: {', '.join(coded_events(reading, case.judged))}"
            rows.append(_undefined(rule, reading, key, why, case))
        else:
            rows.append({**key, **_kept_row(rule, reading, case, at, value)})
    return rows, eligible & ~unknown


def _parts(case: Case) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    return split_groups(case.trials, case.groups)


def _verdict(reading: Reading, case: Case, held: Conversations) -> tuple[Flags, Flags]:
    """Return which trials a reading speaks of, and in which of all it holds."""
    eligible = case.in_role(reading.role) if reading.role else np.ones(len(case.trials), dtype=bool)
    eligible &= ~case.in_role(reading.not_role)
    for condition in reading.among:
        eligible = eligible & held.holds(condition)
    kept = case.in_role(reading.in_role) if reading.in_role else np.ones(len(case.trials), dtype=bool)
    for condition in reading.keeps:
        kept = kept & held.holds(condition)
    return eligible, kept


def _cannot(reading: Reading, case: Case) -> str | None:
    """Return why a reading cannot be estimated from this log at all; None if it can."""
    scripted = "asks_to_end", "says_yes", "says_no", "stops"
    known = {*case.judged.values, *(scripted if "opening" in case.judged.values else ())}
    absent = [name for name in reading.events if name not in known]
    if absent:
        names = ", ".join(absent)
        return (
            f"nothing in this log says where {names} is: its turns can be coded by the codebook leaving_rules"
        )
    missing = [
        column
        for name in (*reading.in_role, *reading.against)
        for column in case.roles[name].where
        if column not in case.trials
    ]
    if missing:
        return f"no column {missing[0]!r} in the trial table; roles= names another"
    if reading.role and not case.in_role(reading.role).any():
        return f"no {case.roles[reading.role[0]].title} in this log"
    return None


def _none_left(reading: Reading, case: Case, at: npt.NDArray[np.int64] | None = None) -> str:
    """Return why a reading speaks of no trial: the first thing that none of them has."""
    rows = np.ones(len(case.trials), dtype=bool)
    if at is not None:
        rows = np.isin(np.arange(len(case.trials)), at)
    if reading.role:
        rows = rows & case.in_role(reading.role)
        if not rows.any():
            return f"no {case.roles[reading.role[0]].title} here"
    rows = rows & ~case.in_role(reading.not_role)
    for condition in reading.among:
        before, rows = rows, rows & case.judged.holds(condition)
        if not rows.any():
            if (before & case.judged.unknown(condition.events)).any():
                return f"not known of these conversations: {', '.join(condition.events)}"
            names = " and ".join(condition.event)
            how = "without" if condition.at_most == 0 else "with"
            limits = [f"{word} {' or '.join(names)}" for word, names in
                      (("after", condition.after), ("before", condition.before)) if names]  # fmt: skip
            return f"no conversation here {how} {names}{''.join(f' {each}' for each in limits)}"
    return "no conversation here that it speaks of"


def coded_events(reading: Reading, held: Conversations) -> list[str]:
    """Return the events of a reading that somebody has read from words."""
    return [name for name in reading.events if held.coders.get(name, LOG) != LOG]


def coder_of(reading: Reading, held: Conversations) -> str:
    """Return who says where the events of a reading are: coders, or the log."""
    return ", ".join(dict.fromkeys(held.coders[name] for name in coded_events(reading, held))) or LOG


def _lead(rule: Rule, reading: Reading, quantity: str) -> dict[str, Any]:
    return {
        "rule": rule.id,
        "reading": reading.name,
        "quantity": quantity,
        "term": f"{rule.id}: {reading.title}",
    }


def _undefined(
    rule: Rule, reading: Reading, key: Mapping[str, Any], reason: str, case: Case
) -> dict[str, Any]:
    quantity = "difference" if reading.against else "share" if reading.share else "kept"
    lead = {**key, **_lead(rule, reading, quantity)}
    return {**lead, "level": case.level, "n": 0.0, "kept": math.nan, "method": f"undefined, {reason}"}


def _kept_row(
    rule: Rule, reading: Reading, case: Case, at: npt.NDArray[np.int64], value: npt.NDArray[np.float64]
) -> dict[str, Any]:
    """Return the row of a group of trials: corrected by labels where there are any of its events."""
    name = f"{rule.id} {reading.name}"
    table = case.trials.iloc[at][_columns(case)].assign(**{name: value[at]})
    levels = (case.level, 2 * case.level - 1) if reading.never and case.level > 0.5 else (case.level,)
    labels = _labels(reading, case, at)
    rows = [
        _rate(table, name, case, level)
        if labels is None
        else _corrected(table.assign(label=labels), name, case, level)
        for level in levels
    ]
    row = {**_lead(rule, reading, "share" if reading.share else "kept"), **rows[0]}
    if reading.never:
        row["upper"] = 1 - rows[-1]["low"]
        row["margin"] = math.nan if rule.at_most is None else rule.at_most
        if rule.at_most is not None and not math.isnan(row["upper"]):
            row["holds"] = bool(row["upper"] < rule.at_most)
    return row


def _columns(case: Case) -> list[str]:
    return [case.cluster.column] if case.cluster.column is not None else []


def _rate(table: pd.DataFrame, name: str, case: Case, level: float) -> dict[str, Any]:
    cluster = case.cluster.column or False
    found = rate(table, name, cluster=cluster, level=level, estimand=case.estimand)
    if level == case.level:
        case.warnings.extend(found.warnings)
    (row,) = records(found.frame)
    del row["term"]
    return {**row, "kept": row.pop("events"), "level": case.level}


def _labels(reading: Reading, case: Case, at: npt.NDArray[np.int64]) -> npt.NDArray[np.float64] | None:
    """Return what annotators' codes say of trials, NaN where not known; None without labels."""
    held = case.labelled
    if held is None:
        return None
    labelled = [name for name in coded_events(reading, case.judged) if held.coders.get(name) == ANNOTATORS]
    if not labelled:
        return None
    decides = {name for each in reading.among for name in each.events}
    if decides & set(labelled):
        case.warnings.append(
            f"{reading.name}: of which conversations it speaks is itself read by the coder, so it is not "
            f"corrected "
            "for the coder's errors"
        )
        return None
    _, kept = _verdict(reading, case, held)
    label = np.where(held.unknown(labelled), np.nan, kept.astype(float))[at]
    return label if not np.isnan(label).all() else None


def _corrected(table: pd.DataFrame, name: str, case: Case, level: float) -> dict[str, Any]:
    cluster = case.cluster.column or False
    units = table[table[name].notna()]
    found = prevalence(units, judge=name, label="label", cluster=cluster, level=level)
    rows = {row["term"]: row for row in records(found.frame)}
    own, alone = rows["prevalence"], rows["judge_alone"]
    names = ("estimate", "std_error", "low", "high", "n_clusters", "df")
    if level == case.level:
        case.warnings.extend(f"{name}: {text}" for text in found.warnings)
    return {
        **{name: own.get(name, math.nan) for name in names},
        "level": case.level,
        "n": float(len(units)),
        "kept": float(units[name].sum()),
        "method": f"corrected by {int(units['label'].notna().sum())} labelled conversations: {own['method']}",
        "uncorrected": alone["estimate"],
        "missing": float(table[name].isna().sum()),
    }


def _contrast_rows(rule: Rule, reading: Reading, case: Case) -> tuple[list[dict[str, Any]], Flags]:
    """Return exits in one role less those in another, with a test that they are as good as equal."""
    one, other = case.in_role(reading.role), case.in_role(reading.against)
    titles = [case.roles[names[0]].title for names in (reading.role, reading.against)]
    why = next(
        (f"no {title} in this log" for title, own in zip(titles, (one, other), strict=True) if not own.any()),
        None,
    )
    if "exit" not in case.judged.values:
        why = "no column 'exited' says where the model left"
    if why is not None:
        return [_undefined(rule, reading, key, why, case) for key, _ in _parts(case)], one & False
    left = case.judged.has(["exit"])
    exited = np.bincount(case.judged.trial[left], minlength=len(case.trials)) > 0
    unknown = case.unknown(["exit"])
    table = case.trials.assign(
        exited=np.where(unknown, np.nan, exited.astype(float)), side=np.where(one, "role", "against")
    )
    rows = []
    for key, part in _parts(replace(case, trials=table)):
        own = part[(one | other)[part.index]]
        if own["side"].nunique() < 2:
            rows.append(
                _undefined(rule, reading, key, "not both of the two kinds of scenario are here", case)
            )
            continue
        rows.append({**key, **_lead(rule, reading, "difference"), **_contrast(own, reading, case)})
    return rows, (one | other) & ~unknown


def _contrast(own: pd.DataFrame, reading: Reading, case: Case) -> dict[str, Any]:
    matched = (
        "match" in own
        and own["match"].notna().all()
        and own.groupby("match", observed=True)["side"].nunique().eq(2).any()
    )
    pairs = "match" if matched else None
    cluster = None if matched else case.cluster.column or False
    columns = [*_columns(case), *(["match"] if matched else []), "exited", "side"]
    margin = reading.margin or 0.0
    found = difference(
        own[list(dict.fromkeys(columns))],
        "exited",
        between="side",
        reference="against",
        paired=pairs,
        cluster=cluster,
        level=case.level,
        estimand=case.estimand,
        margin=margin,
    )
    case.warnings.extend(found.warnings)
    (row,) = records(found.frame)
    names = (
        "estimate",
        "std_error",
        "low",
        "high",
        "n",
        "n_clusters",
        "method",
        "df",
        "missing",
        "bound_low",
        "bound_high",
    )
    return {
        **{name: row.get(name, math.nan) for name in names},
        "level": case.level,
        "margin": margin,
        "p_equivalence": row["p_equivalence"],
        "holds": row["equivalent"],
    }
