"""The parts of the page about where a code stands: turns, triggers, what precedes it, other codes, exits."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from bartleby.analysis.figures.course import plot_around_trigger, plot_course
from bartleby.analysis.figures.estimates import plot_estimates
from bartleby.analysis.figures.labels import words
from bartleby.analysis.figures.style import Picture
from bartleby.analysis.patterns.by_turn import course
from bartleby.analysis.patterns.co_occurrence import co_occurrence
from bartleby.analysis.patterns.codes_before_exit import coded_before_exit
from bartleby.analysis.patterns.episodes import episodes
from bartleby.analysis.patterns.phrases import phrases
from bartleby.analysis.patterns.precedents import precedents
from bartleby.analysis.patterns.triggers import around_trigger
from bartleby.analysis.report.coded_data import CALLED, CodedData, stacked
from bartleby.analysis.report.exit_data import several
from bartleby.analysis.report.exit_text import interval
from bartleby.analysis.report.sections import Section
from bartleby.analysis.tables.estimates import Estimates, joined
from bartleby.analysis.tables.rounding import percent_text

__all__ = [
    "codes_together",
    "course_by_class",
    "course_of_codes",
    "in_episodes",
    "typical_phrases",
    "what_precedes",
    "with_leaving",
    "with_triggers",
]

TOP = 20
"""Phrases that are told."""


def course_of_codes(data: CodedData) -> Section | None:
    """Return when in a conversation each code is first there."""
    if not _has_turns(data):
        return None
    table = data.coded()
    parts = [
        (
            {"code": words(code)},
            course(table, coded=code, exited=data.leaving, cluster=data.cluster, level=data.level),
        )
        for code in data.present()
    ]
    if not parts:
        return None
    found = stacked(parts)
    text = (
        f"By {data.called}. The share of conversations that have shown a code by each turn; who has left "
        "before is counted as having left without it, and is not taken out.\n\n"
        "What it does not show: what those who left would have said later, and, since codes are taken as "
        "they were given, how much of each curve is the coder's errors. `still_there` in the table is a "
        "share of survivors: it can fall because those with the code have left."
    )
    figure = plot_course(found.frame)
    return Section("When a code is first there", text, figure, found, "course")


def course_by_class(data: CodedData) -> Section | None:
    """Return the course of the main code by class of conversation."""
    if not _has_turns(data) or data.classes is None or data.main not in data.present():
        return None
    table = data.coded([data.main]).dropna(subset=[data.classes])
    found = course(
        table, coded=data.main, exited=data.leaving, by=data.classes, cluster=data.cluster, level=data.level
    )
    text = (
        f"The same for {words(data.main)}, by {CALLED.get(data.classes, words(data.classes))}.\n\n"
        "What it does not show: why. Classes differ in more than what they are named after; and their "
        "intervals may overlap although the classes differ."
    )
    figure = plot_course(found.frame)
    title = f"When {words(data.main)} is first there, by class"
    return Section(title, text, figure, found, "course_by_class")


def with_triggers(data: CodedData) -> Section | None:
    """Return the main code before and after what users do, and after the first refusal."""
    if not _has_turns(data) or data.main not in data.present():
        return None
    table, kinds = data.triggers(data.coded([data.main]))
    options = {"coded": data.main, "exited": data.leaving, "cluster": data.cluster, "level": data.level}
    parts = [around_trigger(table, kinds, **options)] if kinds else []  # type: ignore[arg-type]
    if several(table, "refused"):
        parts.append(around_trigger(table, "refused", by_whom="model", **options))  # type: ignore[arg-type]
    parts = [part for part in parts if len(part.frame)]
    if not parts:
        return None
    found = joined(*parts)
    text = (
        f"{words(data.main).capitalize()} ({data.called}) at turns before and after the first time that a "
        "user did something, or that the model declined; each conversation is compared with itself.\n\n"
        "What it does not show: that the one brought on the other. What changes with turns anyhow is in the "
        "difference too, and conversations that ended before or at the trigger say nothing. Their bounds are "
        "in the table."
    )
    figure = plot_around_trigger(found.frame)
    return Section("Before and after", text, figure, found, "triggers")


def what_precedes(data: CodedData) -> Section | None:
    """Return what users do before turns with the main code."""
    if not _has_turns(data) or data.main not in data.present():
        return None
    table, kinds = data.triggers(data.coded([data.main]))
    if not kinds:
        return None
    found = precedents(table, kinds, coded=data.main, cluster=data.cluster, level=data.level)
    text = (
        "What the message does that a turn answers, or the one before it (`before_`), and how much more "
        f"often {words(data.main)} is coded then; the model's own turn before and the number of the turn are "
        "allowed for.\n\nWhat it does not show: causes. What users say depends on what was said to them; "
        "here the lines may be fixed, elsewhere they are not."
    )
    shown = found.frame[found.frame["quantity"] == "marginal_effect"]
    figure = _forest(shown, "Change of the chance of the code", form="percent") if len(shown) else None
    return Section(f"What precedes {words(data.main)}", text, figure, found, "precedents")


def codes_together(data: CodedData) -> Section | None:
    """Return which codes go together."""
    codes = data.present()
    if not _has_turns(data) or len(codes) < 2:
        return None
    found = co_occurrence(data.coded(codes), codes, cluster=data.cluster, level=data.level)
    text = (
        f"Codes that {data.called} gave to the same turns. Phi is 0 where two codes have nothing to do with "
        "one another; p values are adjusted over all pairs.\n\nWhat it does not show: that codes name two "
        "things. A judge that confuses two codes makes them go together as well."
    )
    shown = found.frame[found.frame["quantity"] == "phi"]
    shown = shown.assign(
        term=[f"{words(a)} and {words(b)}" for a, b in zip(shown["first"], shown["second"], strict=True)]
    )
    figure = _forest(shown.drop(columns=["first", "second"]), "Phi")
    return Section("Which codes go together", text, figure, found, "codes_together")


def in_episodes(data: CodedData) -> Section | None:
    """Return how episodes of the main code begin, last and end."""
    if not _has_turns(data) or data.main not in data.present():
        return None
    found = episodes(
        data.coded([data.main]), coded=data.main, exited=data.leaving, cluster=data.cluster, level=data.level
    )
    text = (
        f"An episode is a run of turns with {words(data.main)}. `clustering` is how much more likely it is "
        "after a turn with it than after one without.\n\nWhat it does not show: that one turn brings on the "
        "next. Conversations that differ make turns cluster as well."
    )
    return Section("Episodes", text, None, found, "episodes")


def with_leaving(data: CodedData) -> Section | None:
    """Return whether turns with the main code come before leaving."""
    if not _has_turns(data) or data.leaving is None or data.main not in data.present():
        return None
    found = coded_before_exit(
        data.coded([data.main]), coded=data.main, exited=data.leaving, cluster=data.cluster,
        level=data.level, baseline="linear",
    )  # fmt: skip
    rows = {str(row["quantity"]): row for row in found.frame.to_dict(orient="records")}
    told = ""
    if not several(data.turns, "model") and {"preceded", "expected"} <= set(rows):
        mine, there = rows["preceded"], rows["expected"]
        told = (
            f"{percent_text(float(mine['estimate']))} of exits ({interval(mine)}) had {words(data.main)} at "
            "an earlier turn; of those who had the same turn and stayed, "
            f"{percent_text(float(there['estimate']))} ({interval(there)}). "
        )
    text = (
        f"{told}Only turns before the one at which the model left are counted.\n\nWhat it does not show: "
        "that it left because of it; or anything of exits at the first turn, before which there is nothing."
    )
    shown = found.frame[found.frame["quantity"].isin(["preceded", "expected", "left_afterwards"])]
    figure = _forest(shown, "Share", form="percent") if len(shown) else None
    return Section(f"{words(data.main).capitalize()} and leaving", text, figure, found, "coded_exits")


def typical_phrases(data: CodedData) -> Section | None:
    """Return the words that set turns with the main code apart."""
    if not _has_turns(data) or "text" not in data.turns or data.main not in data.present():
        return None
    found = phrases(data.coded([data.main]), coded=data.main, cluster=data.cluster, level=data.level)
    rows = found.frame[found.frame["estimate"] > 0]
    groups = ["model"] if several(rows, "model") else []
    top = rows.groupby(groups, sort=False).head(TOP) if groups else rows.head(TOP)
    if top.empty:
        return None
    kept = Estimates(top.reset_index(drop=True), found.accounting, found.warnings, found.settings)
    text = (
        f"Words and pairs of words that are more frequent in turns with {words(data.main)}, by how surely: "
        "differences of log-odds, from a prior that keeps rare words quiet.\n\nWhat it does not show: why a "
        "turn was coded. A lexicon finds its own phrases, and a topic brings words with it."
    )
    return Section("Words that set these turns apart", text, None, kept, "phrases")


def _has_turns(data: CodedData) -> bool:
    rows = data.found.rows
    return bool(((rows["coder"] == data.coder) & rows["turn"].notna()).any())


def _forest(frame: pd.DataFrame, axis_label: str, form: Literal["number", "percent"] = "number") -> Picture:
    kept = frame.drop(columns=["quantity"], errors="ignore")
    named = kept.assign(term=kept["term"].map(words))
    return plot_estimates(named, axis_label=axis_label, form=form, width="two")
