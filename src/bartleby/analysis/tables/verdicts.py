"""One sentence that can be pasted: what was estimated, its interval, what it speaks of, and on what it rests.

It is composed from the table of estimates, the accounting and the settings alone, so that every estimator has
one. Many rows are summarised: the smallest, the largest, and how many intervals exclude no difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from bartleby.analysis.tables.rounding import interval_text, rounded_text
from bartleby.outcome import Outcome

if TYPE_CHECKING:
    from bartleby.analysis.tables.accounting import Accounting

__all__ = ["basis_of", "estimate_text", "verdict_of"]

FEW = 4
"""Rows up to which all of them are said."""

LEADING = (
    ("quantity", "odds_ratio"),
    ("quantity", "phi"),
    ("quantity", "trend"),
    ("term", "alpha"),
    ("term", "prevalence"),
    ("term", "gain_over_slot"),
    ("term", "consistency"),
)
"""Rows that say the most, where a table has such; without any, those of the first `quantity`."""

WORDS = {
    "share_below": "share below the baseline",
    "slot": "position effect in logits",
    "alpha": "Krippendorff's alpha",
    "phi": "correlation of declining and leaving (phi)",
    "odds_ratio": "odds ratio",
    "gain_over_slot": "gain in log loss over position alone, nats a choice",
    "first_coded": "first coded by that turn",
}
"""What cryptic terms and quantities are called in a sentence."""

NUISANCE = ("Intercept", "slot", "log_nu", "log_theta")
"""Terms that are not what a table is about, where it has others."""
RATIOS = frozenset({"odds_ratio", "risk_ratio", "hazard_ratio", "ratio"})
SCOPES = {"new_items": "items as a random sample", "these_items": "exactly these items"}

_FIXED = "term"


def verdict_of(frame: pd.DataFrame, accounting: Accounting, settings: Mapping[str, Any]) -> str:
    """Return the sentence of a table of estimates.

    Parameters
    ----------
    frame, accounting, settings
        Of any estimates; those of a choice model have a sentence of their own.
    """
    rows = _leading(frame)
    known = [row for row in rows if not math.isnan(_number(row.get("estimate")))]
    basis = basis_of(known, accounting, settings)
    if not known:
        reasons = dict.fromkeys(_undefined(row) for row in rows)
        why = f": {'; '.join(reason for reason in reasons if reason)}" if any(reasons) else ""
        return f"Nothing could be estimated{why} ({basis})."
    names = _varying(rows, frame)
    claim = _list(known, names) if len(known) <= FEW else _range(known, names)
    lost = len(rows) - len(known)
    claim += f", {lost} {'is' if lost == 1 else 'are'} undefined" if lost else ""
    model, subject = _model(rows), _subject(rows, settings)
    lead = ", ".join(part for part in (f"{subject[:1].upper()}{subject[1:]}", model) if part)
    return f"{lead}: {claim} ({basis})." if lead else f"{claim} ({basis})."


def estimate_text(row: Mapping[str, Any], *, level: bool = True) -> str:
    """Return an estimate with its interval, rounded by its uncertainty: `0.25 (95% interval 0.17 to 0.36)`.

    Parameters
    ----------
    row
        With `estimate`, and `low`, `high`, `level`, `std_error` and `method` where there are such.
    level
        Whether the confidence level is said.
    """
    estimate, low, high, error = (_number(row.get(name)) for name in ("estimate", "low", "high", "std_error"))
    if math.isnan(estimate):
        return f"undefined ({_undefined(row) or 'no estimate'})"
    value = rounded_text(estimate, low, high, error)
    if math.isnan(low) and math.isnan(high):
        return f"{value} (no interval)"
    named = f"{100 * _number(row.get('level')):.4g}% interval " if level and row.get("level") else ""
    return f"{value} ({named}{interval_text(estimate, low, high, error)})"


def _undefined(row: Mapping[str, Any]) -> str:
    return _plain(row.get("method")).removeprefix("undefined, ")


def basis_of(rows: Sequence[Mapping[str, Any]], accounting: Accounting, settings: Mapping[str, Any]) -> str:
    """Return what estimates rest on: trials used and excluded, clusters, and what they speak of."""
    parts = [_trials(accounting), _worst_case(rows, accounting), _clusters(rows, settings)]
    parts.append(SCOPES.get(str(settings.get("estimand")), ""))
    return "; ".join(part for part in parts if part)


def _leading(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows that the sentence is about."""
    part = frame
    for column, value in LEADING:
        if column in frame and frame.loc[frame[column] == value, "estimate"].notna().any():
            part = frame[frame[column] == value]
            break
    else:
        if "quantity" in frame and len(frame):
            part = frame[frame["quantity"] == frame["quantity"].iloc[0]]
    if "term" in part:
        own = part[~part["term"].astype(str).isin(NUISANCE)]
        part = own if len(own) else part
    return [{str(name): value for name, value in row.items()} for row in part.to_dict("records")]


def _varying(rows: Sequence[Mapping[str, Any]], frame: pd.DataFrame) -> list[str]:
    """Return the columns that tell the rows apart: those before `term`, and `term`."""
    names = [str(name) for name in frame.columns]
    lead = [*names[: names.index(_FIXED)], _FIXED] if _FIXED in names else []
    varying = [name for name in lead if len({str(row[name]) for row in rows}) > 1]
    # A term that repeats what another column says adds nothing.
    if len(varying) > 1 and _FIXED in varying:
        without = [name for name in varying if name != _FIXED]
        apart = len({tuple(str(row[name]) for name in without) for row in rows}) == len(rows)
        varying = [_FIXED] if _repeats(rows, without) else without if apart else varying
    return varying


def _repeats(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> bool:
    """Return whether every term holds what the other columns say, and more: `severe - none`."""
    return all(str(row[name]) in str(row[_FIXED]) for row in rows for name in names)


def _subject(rows: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> str:
    """Return what is estimated, where all rows say the same."""
    first = rows[0]
    names = [name for name in (_FIXED, "quantity") if name in first and _same(rows, name)]
    what = next((WORDS[first[name]] for name in names if first[name] in WORDS), "")
    if not what:
        key = next((name for name in names if name == _FIXED), names[0] if names else "")
        what = _plain(first[key]).replace("_", " ") if key else ""
    if " - " in what:
        what = f"difference, {what}"
    kind = _plain(first.get("quantity")).replace("_", " ") if _same(rows, "quantity") else ""
    if kind and what and what != kind and not _akin(kind, what):
        what = f"{kind}, {what}"
    event = settings.get("outcome")
    if isinstance(event, str) and event.replace("_", " ") not in what:
        what = f"{event.replace('_', ' ')}, {what}" if what else event.replace("_", " ")
    return what


def _akin(kind: str, what: str) -> bool:
    """Return whether a quantity and a term say the same: `left_at_once` and `left at once`."""
    plain = what.lower()
    return kind in plain or plain in kind or kind in {key.replace("_", " ") for key in WORDS}


def _model(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the model, where there is but one."""
    return _plain(rows[0].get("model")) if _same(rows, "model") else ""


def _same(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    return len({str(row.get(name)) for row in rows}) == 1


def _list(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    parts = []
    for number, row in enumerate(rows):
        label = _label(row, names)
        text = estimate_text(row, level=number == 0)
        parts.append(f"{label} {text}" if label else text)
    return ", ".join(parts)


def _range(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    """Return the ends of many estimates, and how many intervals exclude no difference."""
    ordered = sorted(rows, key=lambda row: (_number(row["estimate"]), _label(row, names)))
    ends = [
        f"{estimate_text(row, level=number == 0)} for {_label(row, names)}"
        for number, row in enumerate((ordered[0], ordered[-1]))
    ]
    claim = f"{len(rows)} estimates from {' to '.join(ends)}"
    null = _null(rows[0])
    if null is None or all(math.isnan(_number(row.get("low"))) for row in rows):
        return claim
    above = sum(_number(row.get("low")) > null for row in rows)
    below = sum(_number(row.get("high")) < null for row in rows)
    return f"{claim}; intervals above {null:g}: {above}, below it: {below}"


def _null(row: Mapping[str, Any]) -> float | None:
    """Return the value of no difference, where the row is one of a comparison."""
    if row.get("quantity") in RATIOS or row.get("term") in RATIOS:
        return 1.0
    compares = " - " in str(row.get("term")) or "p_value" in row or row.get("term") == "slot"
    return 0.0 if compares else None


def _label(row: Mapping[str, Any], names: Iterable[str]) -> str:
    parts = []
    for name in names:
        value = row[name]
        text = _plain(value) or "none"
        if name in (_FIXED, "quantity"):
            text = WORDS.get(text, text)
        parts.append(text if isinstance(value, str) else f"{name.replace('_', ' ')} {text}")
    return ", ".join(parts)


def _trials(accounting: Accounting) -> str:
    if not accounting.counts:
        return ""
    words = {str(outcome) for outcome in Outcome}
    unit = "trials" if not words.isdisjoint(accounting.counts) else "observations"
    if accounting.left_out <= 0:
        return f"all {accounting.total:,g} {unit} used"
    excluded = [
        f"{count:,g} {_plain(name).replace('_', ' ')}"
        for name, count in accounting.counts.items()
        if count > 0 and accounting.counted_as.get(name, "left out").startswith(("left out", "excluded"))
    ]
    listed = f": {', '.join(excluded)}" if excluded else ""
    used = f"{accounting.used:,g} of {accounting.total:,g} {unit} used"
    return f"{used}, {accounting.left_out:,g} excluded{listed}"


def _worst_case(rows: Sequence[Mapping[str, Any]], accounting: Accounting) -> str:
    """Return the bounds of a single estimate had the excluded trials all gone one way."""
    if len(rows) != 1 or accounting.left_out <= 0:
        return ""
    low, high = (_number(rows[0].get(name)) for name in ("bound_low", "bound_high"))
    if math.isnan(low) and len(accounting.bounds) == 1:
        low, high = next(iter(accounting.bounds.values()))
    if math.isnan(low) or math.isnan(high):
        return ""
    estimate = _number(rows[0].get("estimate"))
    return f"worst case for these {interval_text(estimate, low, high, math.nan)}"


def _clusters(rows: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> str:
    cluster = settings.get("cluster")
    if cluster is False or str(cluster).startswith("none"):
        return "trials taken as independent"
    sizes = [size for row in rows if not math.isnan(size := _number(row.get("n_clusters")))]
    if not sizes:
        return ""
    span = f"{min(sizes):,g}" if min(sizes) == max(sizes) else f"{min(sizes):,g} to {max(sizes):,g}"
    named = " and ".join(map(str, cluster)) if isinstance(cluster, (list, tuple)) else str(cluster or "")
    named = named.removesuffix(" (found in the table)")
    noun = "cluster" if max(sizes) == 1 else "clusters"
    return f"{span} {noun} by {named}" if named else f"{span} {noun}"


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan


def _plain(value: object) -> str:
    """Return a label on one line, without characters that a reader cannot see."""
    from bartleby.analysis.figures.labels import visible

    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return " ".join(visible(value).split())
