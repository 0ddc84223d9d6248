"""The parts of the page about exits, each from one estimator: rates, controls, conditions, time, refusals."""

from __future__ import annotations

import math

from bartleby.analysis.exits.corrected_rate import corrected_rate
from bartleby.analysis.exits.exit_rates import ExitFit, exits
from bartleby.analysis.exits.expectedness import specificity, wrong_exits
from bartleby.analysis.figures.estimates import plot_estimates, plot_rate_differences
from bartleby.analysis.figures.exit_rates import plot_exit_rates
from bartleby.analysis.figures.labels import words
from bartleby.analysis.figures.survival import plot_staying
from bartleby.analysis.report.exit_behaviour import (
    after_requests,
    before_leaving,
    by_branch,
    by_order,
    by_reason,
    by_rule,
    over_declining,
    self_reported,
    with_refusals,
)
from bartleby.analysis.report.exit_data import CONDITIONS, ExitData, several, with_frame
from bartleby.analysis.report.exit_text import headline, interval, scope, staying_in_words
from bartleby.analysis.report.sections import Parts, Section, made
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.rounding import percent_text

__all__ = ["sections_of"]

FEW = 5
"""Curves that are told in words; more are to be seen and looked up."""
MANY = 16
"""Curves from which on those of whole roles are drawn and not those of classes."""


def sections_of(data: ExitData) -> list[Section]:
    """Return the sections of the page; the first is the headline."""
    parts: Parts[ExitData] = (
        ("When the model left", by_class),
        ("Less what it leaves in matched controls", against_controls),
        ("Exits where leaving would be wrong", where_wrong),
        ("Who stays, turn by turn", over_turns),
        ("Exit rate by class and channel", by_channel),
        ("Exits by whether leaving was to be expected", by_expectation),
        ("Exit rate by how the exit was put", by_condition),
        ("Turns stayed", turns_stayed),
        ("Declining and leaving", with_refusals),
        ("What raises the chance of leaving at a turn", over_declining),
        ("Which is named first, staying or leaving", by_order),
        ("Edited and original conversations", by_branch),
        ("What came before an exit", before_leaving),
        ("After a request to end", after_requests),
        ("Rules of leaving", by_rule),
        ("Reasons given for leaving", by_reason),
        ("What the model says of itself", self_reported),
    )
    return made(parts, data)


def by_class(data: ExitData) -> Section:
    """Return the headline: how often the model left, by class."""
    fit = data.exits_by(data.by(data.classes))
    overall = data.exits_by(data.by("role"))
    text = [headline(overall.rates(), data.trial, data.left)]
    text.append(scope(fit.settings, "scenarios" if "scenario_class" in data.trials else "tasks"))
    if data.without_exit:
        text.append(
            f"{data.without_exit:,} {data.trial}s had no exit, for comparison, and are not counted here."
        )
    label = f"{data.left.capitalize()} ({data.trial}s)"
    figure = plot_exit_rates(fit.rates(), roles=data.roles, axis_label=label)
    title = "When the model left" if data.long else "How often the model took the exit"
    return Section(title, "\n\n".join(text), figure, _rates(fit), "exit_rates")


def by_channel(data: ExitData) -> Section | None:
    """Return exit rates by class and channel, where there is more than one channel."""
    groups = data.by(data.classes, "exit_channel")
    if "exit_channel" not in groups or len(groups) < 2:
        return None
    fit = exits(data.where("exit_channel"), by=groups, level=data.level)
    figure = plot_exit_rates(fit.rates(), roles=data.roles, group=data.classes, axis_label="Left")
    text = (
        "The same scenarios or tasks with different ways out. That a way out is seldom taken does not say "
        "that there was no wish to leave: other ways may be taken more."
    )
    return Section("Exit rate by class and channel", text, figure, _rates(fit), "exit_rates_by_channel")


def against_controls(data: ExitData) -> Section | None:
    """Return exit rates less those in the controls, where the table says which are controls."""
    if data.classes is None or "control_for" not in data.trials or data.trials["control_for"].isna().all():
        return None
    found = corrected_rate(data.trials, classes=data.classes, level=data.level)
    figure = plot_rate_differences(
        found.frame.drop(columns="control"),
        less="leaves less than in the control",
        more="leaves more than in the control",
        subject="Exit rate less that in the control",
    )
    text = (
        "A model that leaves everything has a high exit rate and no aversion. So from the rate in each class "
        "that in its benign controls is taken: how often it leaves what nobody would call aversive."
    )
    return Section("Less what it leaves in matched controls", text, figure, found, "corrected_rates")


def where_wrong(data: ExitData) -> Section | None:
    """Return the rate of exits where leaving is wrong, with its upper bound."""
    if "expected" not in data.trials or not (data.trials["expected"] == "wrong").any():
        return None
    found = wrong_exits(data.trials, classes=data.classes or "scenario_class", level=data.level)
    told = []
    for row in found.frame.to_dict(orient="records"):
        name = f"{row['model']}: " if several(data.trials, "model") else ""
        counts = f"{name}{row['events']:,.6g} of {row['n']:,.6g} {data.trial}s ended in an exit"
        upper = float(row["upper"])
        known = f"; the rate is below {percent_text(upper)} with confidence {data.level:.0%}"
        told.append(f"{counts}{'' if math.isnan(upper) else known}.")
    if (found.frame["events"] == 0).any():
        told.append("None in a sample is not never: the bound says how often it may still be.")
    text = " ".join(told)
    return Section("Exits where leaving would be wrong", text, None, found, "wrong_exits")


def by_expectation(data: ExitData) -> Section | None:
    """Return the share of exits that happened where leaving was to be expected."""
    if not several(data.trials, "expected"):
        return None
    found = specificity(data.trials, level=data.level)
    rows = found.frame[found.frame["quantity"] == "balanced_share"].to_dict(orient="records")
    told = [
        f"Had scenarios of both kinds been asked equally often, {percent_text(float(row['estimate']))} of "
        f"exits ({interval(row)}) would have been where leaving was to be expected."
        for row in rows[:1]
        if not math.isnan(float(row["estimate"]))
    ]
    return Section("Exits by whether leaving was to be expected", " ".join(told), None, found, "specificity")


def by_condition(data: ExitData) -> Section | None:
    """Return exit rates by each level of each condition that was varied."""
    names = data.by(*CONDITIONS)
    if not names:
        return None
    parts = [(name, exits(data.where(name), by=name, level=data.level)) for name in names]
    rows = [
        {
            **{str(key): value for key, value in row.items() if key != name},
            "condition": name,
            "value": row[name],
        }
        for name, fit in parts
        for row in fit.rates().to_dict(orient="records")
    ]
    first = parts[0][1]
    lead = [name for name in first.groups if name != names[0]]
    found = Estimates(
        estimate_frame(rows, [*lead, "condition", "value"]),
        first.accounting,
        tuple(dict.fromkeys(each for _, fit in parts for each in fit.warnings)),
        first.settings,
    )
    text = (
        "One condition at a time, over all others. These are averages over the design: whether a condition "
        "matters alike in every class, or for every model, is another question."
    )
    figure = plot_exit_rates(found.frame, group="condition")
    return Section("Exit rate by how the exit was put", text, figure, found, "exit_rates_by_condition")


def over_turns(data: ExitData) -> Section | None:
    """Return the curves of staying, with the numbers at risk."""
    fit = _timed(data)
    if fit is None:
        return None
    staying = fit.survival()
    groups = [name for name in fit.groups if several(staying, name)]
    text = (
        f"{staying_in_words(staying, groups) if len(fit.curves) <= FEW else ''} "
        "A conversation that was cut off counts for as long as it was seen, and never as one that was "
        "stayed in to the end."
    )
    figure = plot_staying(staying, fit.at_risk())
    return Section("Who stays, turn by turn", text.strip(), figure, with_frame(fit, staying), "staying")


def turns_stayed(data: ExitData) -> Section | None:
    """Return mean turns stayed, of the first so many."""
    fit = _timed(data)
    if fit is None or fit.restricted_means().empty:
        return None
    means = fit.restricted_means()
    horizon = int(means["turn"].iloc[0])
    named = means.drop(columns="turn")
    for name in fit.groups:
        named[name] = named[name].map(words)
    figure = plot_estimates(named, axis_label=f"Mean turns stayed, of {horizon}", width="two")
    text = f"The area under each curve: mean turns stayed, of the first {horizon}."
    return Section("Turns stayed", text, figure, with_frame(fit, means), "turns_stayed")


def _timed(data: ExitData) -> ExitFit | None:
    if not data.long or "turn" not in data.trials:
        return None
    fit = data.exits_by(data.by(data.classes))
    if len(fit.curves) > MANY and data.by("role"):
        fit = data.exits_by(["role"])
    return fit if fit.curves else None


def _rates(fit: ExitFit) -> Estimates:
    return with_frame(fit, fit.rates())
