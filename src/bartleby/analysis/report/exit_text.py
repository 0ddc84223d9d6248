"""Estimates of exits as plain sentences: what was found, how sure it is, and of how many."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from bartleby.analysis.figures.labels import visible, words
from bartleby.analysis.figures.roles import ROLES
from bartleby.analysis.tables.rounding import percent_text

__all__ = ["headline", "interval", "listed", "rate_in_words", "scope", "staying_in_words"]

WHERE = {
    "expected": "Where leaving would be expected",
    "neutral": "Where leaving would be neither expected nor wrong",
    "control": "In the controls",
    "wrong": "Where leaving would be wrong",
}


def headline(rates: pd.DataFrame, trial: str, left: str = "left") -> str:
    """Return one paragraph for each role of scenarios, and model, from the expected to the wrong.

    Parameters
    ----------
    rates
        Exit rates by `role` (see `bartleby.analysis.figures.roles`), and `model` where there are several.
        Without `role`, one sentence of all trials.
    trial
        What a trial is called.
    left
        What the model did.
    """
    several = "model" in rates and len(set(rates["model"])) > 1
    place = {name: at for at, name in enumerate(ROLES)}
    rows = rates.to_dict(orient="records")
    if "role" in rates:
        rows.sort(key=lambda row: place.get(str(row["role"]), len(place)))
    told = []
    for row in rows:
        who = visible(row["model"]) if several else "the model"
        where = WHERE.get(str(row.get("role")), "Over all")
        told.append(f"{where}, {who} {left} in {rate_in_words(row, trial)}.")
    return "\n\n".join(told) or "No exit rate could be estimated."


def rate_in_words(row: Mapping[Any, Any], trial: str) -> str:
    """Return a rate as words: with its interval and counts, and with a bound where there was none."""
    rate, events, total = (float(row.get(name, math.nan)) for name in ("estimate", "events", "n"))
    counts = f"{events:,.6g} of {total:,.6g} {trial}s"
    if math.isnan(rate):
        return f"an unknown share of {trial}s (none can be counted)"
    if events == 0 and math.isfinite(float(row["high"])):
        return f"{counts} ({100 * row['level']:.4g}% interval up to {percent_text(float(row['high']))})"
    if events == total and math.isfinite(float(row["low"])):
        return f"{counts} ({100 * row['level']:.4g}% interval from {percent_text(float(row['low']))})"
    return f"{percent_text(rate)} of {trial}s ({interval(row)}; {events:,.6g} of {total:,.6g})"


def interval(row: Mapping[Any, Any], *, points: bool = False) -> str:
    """Return the interval of a rate, or of a difference in points, as words."""
    low, high, level = (float(row[name]) for name in ("low", "high", "level"))
    if math.isnan(low) or math.isnan(high):
        return "no interval"
    ends = [f"{100 * end:+.0f}" if points else percent_text(end) for end in (low, high)]
    return f"{100 * level:.4g}% interval {ends[0]} to {ends[1]}".replace("-", "\N{MINUS SIGN}")


def scope(settings: Mapping[str, Any], items: str) -> str:
    """Return which question the intervals answer, and what they take as repeats of one thing."""
    new = settings.get("estimand") == "new_items"
    told = f"{items} like these" if new else f"these {items}, asked again"
    cluster = str(settings.get("cluster") or "").split(" (")[0]
    if not new or not cluster or cluster.startswith("none"):
        return f"The question answered is about {told}."
    return f"The question answered is about {told}: intervals treat trials of one {words(cluster)} as alike."


def staying_in_words(staying: pd.DataFrame, groups: list[str]) -> str:
    """Return, for each group, how many are still there after the last turn that is known of it."""
    parts = []
    for key, part in staying.groupby(groups, sort=False, dropna=False) if groups else [((), staying)]:
        row = part.sort_values("turn").iloc[-1].to_dict()
        name = ", ".join(words(visible(each)) for each in key) if groups else ""
        lead = f"{name}: " if name else ""
        parts.append(
            f"{lead}{percent_text(float(row['estimate']))} ({interval(row)}) after turn {int(row['turn'])}"
        )
    return f"Still there: {'; '.join(parts)}." if parts else ""


def listed(names: list[str], most: int = 5) -> str:
    """Return names as a list in words, cut where there are many."""
    shown = [words(visible(name)) for name in names[:most]]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")
