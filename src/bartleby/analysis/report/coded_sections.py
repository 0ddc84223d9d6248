"""The parts of the page about what coders found: how often, how sure, and whether they agree."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pandas as pd

from bartleby.analysis.coding.coder_agreement import coder_agreement
from bartleby.analysis.coding.judge_codings import units_table
from bartleby.analysis.coding.prevalence import prevalence
from bartleby.analysis.figures.confusion import confusion, plot_confusion
from bartleby.analysis.figures.estimates import plot_agreement, plot_estimates, plot_prevalence
from bartleby.analysis.figures.labels import clip, words
from bartleby.analysis.rates.rates import rate
from bartleby.analysis.report.coded_data import CodedData, stacked
from bartleby.analysis.report.exit_text import interval
from bartleby.analysis.report.sections import Section
from bartleby.analysis.tables.rounding import percent_text
from bartleby.errors import BartlebyError

__all__ = ["agreement_of_coders", "as_coded", "before_and_after", "judge_by_people", "not_found"]

MOST_QUOTES = 15
LONGEST_QUOTE = 160
ENOUGH = 10
"""Units from which on a coder that always says yes is worth a remark."""
LONGEST_FIGURE = 24
"""Rows of a figure; beyond, the main code alone is drawn."""


def as_coded(data: CodedData) -> Section:
    """Return how often each coder found each code, as it was coded."""
    rows = data.codings()
    table = rows.assign(present=(rows["value"] >= 1).astype("Float64").where(rows["value"].notna()))
    table["present"] = table["present"].astype("Int64")
    codings = table[["coder", "code", "present", data.cluster]]
    fit = rate(codings, "present", by=["code", "coder"], cluster=data.cluster, level=data.level)
    order = {name: at for at, name in enumerate(data.found.codes)}
    frame = fit.frame.sort_values("code", key=lambda each: each.map(order), kind="stable")
    fit = dataclasses.replace(
        fit, frame=frame.reset_index(drop=True), warnings=(*data.found.warnings, *fit.warnings)
    )
    shown = frame if len(frame) <= LONGEST_FIGURE else frame[frame["code"] == data.main]
    named = shown.assign(code=shown["code"].map(words), term="")
    by_people = f", and by people: {', '.join(data.found.people)}" if data.found.people else ""
    machines = ", ".join(data.found.machines) or "no machine"
    text = (
        f"Coded by {machines}{by_people}. The share of coded "
        "units with each code, as each coder gave it; nothing here is corrected yet, and intervals hold "
        f"only the chance of which {words(data.cluster)}s these are.\n\n"
        "What it does not show: that anything is felt. A code says how words on a page would be read. Coders "
        "who saw different units are not to be compared with one another."
    )
    text = "\n\n".join([text, *_always(frame), *(f"{each.capitalize()}." for each in data.found.warnings)])
    figure = plot_estimates(named, axis_label="Share of coded units", form="percent", width="two")
    return Section("What coders found", text, figure, fit, "as_coded")


def _always(frame: pd.DataFrame) -> list[str]:
    """Return a sentence for each coder that found a code everywhere, and so has told nothing apart."""
    rows = frame[(frame["estimate"] == 1) & (frame["n"] >= ENOUGH)].to_dict(orient="records")
    return [
        f"{row['coder']} gave {words(row['code'])} to all of {row['n']:,.6g} units: a coder that never says "
        "no measures nothing."
        for row in rows
    ]


def before_and_after(data: CodedData) -> Section | None:
    """Return prevalence before and after correction for the machines' errors, where people labelled."""
    if not data.found.machines:
        return None
    if not data.found.people:
        return Section(
            "Prevalence, corrected",
            "Nobody has labelled any of these conversations by hand, so nothing is known of the coders' "
            "errors and no prevalence can be corrected. Label a random sample (`bartleby label`), and give "
            "its labels together with these codings.",
            name="prevalence",
        )
    parts, problems = [], []
    labelled = set(data.found.rows.loc[data.found.rows["coder"].isin(data.found.people), "code"])
    for code in data.found.codes:
        for coder in data.found.machines if code in labelled else ():
            try:
                fit = prevalence(
                    _units(data, code, coder), judge="judge", label="label", level=data.level,
                    cluster=data.cluster,
                )  # fmt: skip
            except BartlebyError as error:
                problems.append(f"{words(code)}, {data.found.names[coder]}: {str(error).splitlines()[0]}.")
                continue
            parts.append(({"code": code, "coder": data.found.names[coder]}, fit))
    without = [words(code) for code in data.found.codes if code not in labelled]
    if without:
        problems.append(f"nobody has labelled {', '.join(without)}.")
    if not parts:
        return Section("Prevalence, corrected", f"Not estimated: {' '.join(problems)}", name="prevalence")
    found = stacked(parts)
    main = found.frame[(found.frame["code"] == data.main)]
    shown = (main if len(main) else found.frame).drop(columns="code")
    text = "\n\n".join(
        [
            *_told(main),
            *(["Not estimated: " + " ".join(problems)] if problems else []),
            "What it does not show: a prevalence in conversations that were not drawn like these; and it is "
            "only as good as the people's labels, which are taken as right. That a code is rare where "
            "few were labelled is told by the width of the interval.",
        ]
    )
    figure = plot_prevalence(shown)
    return Section(
        f"Prevalence of {words(data.main)}, before and after correction", text, figure, found, "prevalence"
    )


def _units(data: CodedData, code: str, coder: str) -> pd.DataFrame:
    """Return the units of a machine with people's labels of those that it has seen."""
    rows = data.found.rows[data.found.rows["code"] == code]
    own = rows[rows["unit"].isin(rows.loc[rows["coder"] == coder, "unit"].unique())]
    there = set(own["coder"].unique())
    people = [name for name in data.found.people if name in there]
    units = units_table(own, code=code, judge=coder, people=people)
    if data.cluster == "conversation":
        return units
    first = data.turns.drop_duplicates("conversation").set_index("conversation")[data.cluster]
    return units.assign(**{data.cluster: units["conversation"].astype(str).map(first)})


def _told(main: pd.DataFrame) -> list[str]:
    told = []
    for coder, part in main.groupby("coder", sort=False):
        rows: dict[str, Mapping[Any, Any]] = {str(row["term"]): row for row in part.to_dict(orient="records")}
        alone, after = rows["judge_alone"], rows["prevalence"]
        told.append(
            f"{coder} alone would say {percent_text(float(alone['estimate']))} ({interval(alone)}); with "
            f"what people's labels of {_labelled(rows)} units say of its errors, it is "
            f"{percent_text(float(after['estimate']))} ({interval(after)})."
        )
    return told


def _labelled(rows: Mapping[str, Mapping[Any, Any]]) -> str:
    return f"{float(rows['labels_alone']['n']):,.6g}"


def agreement_of_coders(data: CodedData) -> Section | None:
    """Return how well coders agree on the units that at least two have coded."""
    if len(data.found.machines) + len(data.found.people) < 2:
        return None
    rows = data.codings()
    rows = rows[rows["value"].notna()].assign(value=lambda each: each["value"].astype(int))
    # The machines' names are the short ones here; people's are short anyway.
    reference = data.found.people[0] if len(data.found.people) == 1 else None
    parts, problems = [], []
    for code in data.found.codes:
        own = rows[rows["code"] == code]
        shared = own[own.groupby("unit")["coder"].transform("nunique") > 1]
        if shared.empty:
            continue
        there = set(shared["coder"].unique())
        try:
            fit = coder_agreement(
                shared, unit="unit", coder="coder", value="value", cluster=data.cluster, level=data.level,
                reference=reference if reference in there else None,
            )  # fmt: skip
        except BartlebyError as error:
            problems.append(f"{words(code)}: {str(error).splitlines()[0]}.")
            continue
        parts.append(({"code": code}, fit))
    if not parts:
        return Section(
            "Do coders agree?",
            "No unit was coded by two coders, so nothing can be said of agreement. " + " ".join(problems),
            name="agreement",
        )
    found = stacked(parts)
    main = found.frame[found.frame["code"] == data.main]
    figure = plot_agreement((main if len(main) else found.frame).drop(columns="code"))
    text = (
        "Units that at least two coders have coded. Alpha and kappa are 0 where coders agree as often as by "
        "chance, and 1 where they always do; the figure is of "
        f"{words(data.main)}, the table of every code.\n\n"
        "What it does not show: that coders who agree are right. Two that look for the same words make the "
        "same mistakes; and where nearly everything is coded alike, raw agreement is high whoever codes."
    )
    if problems:
        text += "\n\nNot estimated: " + " ".join(problems)
    return Section("Do coders agree?", text, figure, found, "agreement")


def judge_by_people(data: CodedData) -> Section | None:
    """Return how often the first machine and people said what of the main code."""
    if not data.found.people or not data.found.machines:
        return None
    units = _units(data, data.main, data.coder)
    table = confusion(units)
    cells = [
        (row["label"], row["judge"], f"{row['units']:,}", percent_text(float(row["share"])))
        for row in table.to_dict(orient="records")
    ]
    text = (
        f"What {data.called} said of {words(data.main)}, by what people said of the same units. Shares are "
        "of each row. What it does not show: intervals; those of sensitivity and specificity are in the "
        "table above."
    )
    figure = plot_confusion(units)
    return Section(
        f"{data.called} beside people".capitalize(), text, figure, None, "confusion",
        table=(("people", "coder", "units", "share of the row"), cells),
    )  # fmt: skip


def not_found(data: CodedData) -> Section | None:
    """Return the quotations that do not stand in what they are said to be from."""
    rows = data.found.rows
    quoted = rows[rows["found"].notna()]
    missing = quoted[~quoted["found"].astype(bool)]
    if missing.empty:
        return None
    counts = [
        f"{data.found.names[str(coder)]}: {int((~own.astype(bool)).sum()):,} of {len(own):,}"
        for coder, own in quoted.groupby("coder", sort=False)["found"]
    ]
    cells = [
        (
            row["unit"],
            words(row["code"]),
            data.found.names[str(row["coder"])],
            clip(row["quote"], LONGEST_QUOTE),
        )
        for row in missing.head(MOST_QUOTES).to_dict(orient="records")
    ]
    rest = len(missing) - len(cells)
    text = (
        f"Words that a coder says it relies on and that do not stand in the turn ({'; '.join(counts)} "
        "quotations). Nothing is marked for them in the conversations, where they are listed below the turn. "
        "A coding whose words are not there may still be right, but it is not one to be quoted."
    )
    text += f" {rest:,} more are in the conversations." if rest else ""
    return Section(
        "Quotations that are not there", text, name="quotations",
        table=(("unit", "code", "coder", "quoted"), cells),
    )  # fmt: skip
