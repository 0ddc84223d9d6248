"""The parts of the page about what leaving goes with: declining, order, requests, reasons, self-reports."""

from __future__ import annotations

import math
import re
from typing import Any

import pandas as pd

from bartleby.analysis.exits.branch_contrast import (
    NEW_CHAT,
    NEW_CHAT_SUMMARY,
    branch_contrast,
    carry_over,
)
from bartleby.analysis.exits.hazard import hazard
from bartleby.analysis.exits.order import order_effect
from bartleby.analysis.exits.refusal_exit import RefusalFit, refusal_by_exit
from bartleby.analysis.exits.rules import follows_request, last_resort
from bartleby.analysis.figures.estimates import (
    plot_estimates,
    plot_order_effects,
    plot_rate_differences,
    plot_shares,
)
from bartleby.analysis.figures.mosaic import plot_refusal_by_exit
from bartleby.analysis.rates.rates import rate
from bartleby.analysis.report.exit_data import ExitData, several, with_frame
from bartleby.analysis.report.exit_text import interval
from bartleby.analysis.report.sections import Section
from bartleby.analysis.rules.scorecard import Scorecard, rule_scorecard
from bartleby.analysis.self_reports.self_report import self_report
from bartleby.analysis.tables.estimates import Estimates, estimate_frame
from bartleby.analysis.tables.rounding import percent_text

__all__ = [
    "after_requests",
    "before_leaving",
    "by_branch",
    "by_order",
    "by_reason",
    "by_rule",
    "over_declining",
    "self_reported",
    "with_refusals",
]

EXIT = "opted_out"
PANELS = 8


def with_refusals(data: ExitData) -> Section | None:
    """Return declining in words and leaving on the same trials, by channel where there are several."""
    if "refused" not in data.trials or data.trials["refused"].isna().all():
        return None
    groups = data.by("exit_channel")
    trials = data.where(*groups)
    fit = refusal_by_exit(trials, by=groups, level=data.level)
    by = [name for name in fit.groups if several(fit.cells, name)]
    if len(fit.cells) > 4 * PANELS:
        by = []
    told = {name: text for name, text in _associations(fit, by).items() if text}
    figure = plot_refusal_by_exit(fit.cells, by=by, association=told)
    whole = refusal_by_exit(trials, level=data.level) if groups else fit
    text = (
        f"{_without_refusal(whole)} Both are read of the same {data.trial}s: the area of a tile is how many, "
        "and if the one had nothing to do with the other both columns would end at the dashed line."
    )
    return Section("Declining and leaving", text.strip(), figure, fit, "declining_and_leaving")


def _associations(fit: RefusalFit, by: list[str]) -> dict[str, str]:
    rows = fit.frame[fit.frame["quantity"] == "odds_ratio"]
    told = {}
    for row in rows.to_dict(orient="records"):
        name = ", ".join(str(row[each]) for each in by)
        value, low, high = (float(row[each]) for each in ("estimate", "low", "high"))
        if not math.isnan(value):
            ends = f" ({_ratio(low)} to {_ratio(high)})" if not math.isnan(low) else ""
            told[name] = f"odds ratio {_ratio(value)}{ends}"
    return told if len(told) == len(rows) or by else {}


def _ratio(value: float) -> str:
    return f"{value:,.0f}" if 100 <= value < 1e6 else f"{value:.2g}".replace("inf", "∞")


def _without_refusal(fit: RefusalFit) -> str:
    rows = fit.frame[fit.frame["quantity"] == "no_refusal_share"].to_dict(orient="records")
    if len(rows) != 1 or math.isnan(float(rows[0]["estimate"])):
        return ""
    share = percent_text(float(rows[0]["estimate"]))
    return f"Of the exits, {share} ({interval(rows[0])}) came without any declining in words."


def over_declining(data: ExitData) -> Section | None:
    """Return the chance of leaving at a turn by class and by how often the model had declined before."""
    turns = data.turns
    if turns is None or not {"exited", "turn", "refusals_before"} <= set(turns) or not turns["exited"].any():
        return None
    named = [] if data.classes is None or not several(turns, data.classes) else [data.classes]
    found = hazard(turns, [*named, "refusals_before"], baseline="log", level=data.level)
    shown = found.frame[found.frame["quantity"] == "marginal_effect"].drop(columns="quantity")
    shown = shown.assign(term=shown["term"].map(_effect_in_words))
    figure = None
    if len(shown):
        figure = plot_rate_differences(
            shown,
            less="lowers the chance of leaving at a turn",
            more="raises the chance",
            subject="Change in the chance of leaving at a turn",
        )
    text = (
        "Average changes in the chance of leaving at the next turn, given that the model is still there: of "
        "a class against the first, and for every earlier turn at which it declined. Logistic regression on "
        "turns."
    )
    return Section("What raises the chance of leaving at a turn", text, figure, found, "hazard")


def _effect_in_words(term: str) -> str:
    against = re.fullmatch(r"(.+)\[(.+) - (.+)\]", term)
    if against:
        return f"{against[2]} against {against[3]}"
    return {"refusals_before": "each earlier turn declined", "turn": "each further turn"}.get(term, term)


def by_order(data: ExitData) -> Section | None:
    """Return the effect of what is named first, model by model."""
    if not several(data.trials, "order"):
        return None
    found = order_effect(data.where("order"), level=data.level)
    effects = found.frame[found.frame["quantity"] == "order_effect"].drop(columns="quantity")
    constant = [name for name in ("order", "reference") if not several(effects, name)]
    figure = plot_order_effects(effects.drop(columns=constant))
    text = (
        "How much more the model leaves when leaving is named first. The direction differs between models, "
        "so each has its own row and they are never pooled."
    )
    return Section("Which is named first, staying or leaving", text, figure, found, "order_effects")


def by_branch(data: ExitData) -> Section | None:
    """Return how much an edited message changes the chance of an exit, against the original."""
    if "origin" not in data.trials or not several(data.trials, "branch"):
        return None
    found = branch_contrast(data.trials, level=data.level)
    figure = plot_rate_differences(
        found.frame.drop(columns="reference"),
        less="leaves less than in the original",
        more="leaves more than in the original",
        subject="Exit rate of a branch less that of the original",
    )
    text = (
        "The same conversations, continued from one turn: with the message as it was, asked again "
        "(original), with "
        "an edited one, in a new chat without or with a summary of the old one, or by a user who comes "
        "back. The "
        "table has the first conversations side by side."
    )
    if {NEW_CHAT, NEW_CHAT_SUMMARY} <= set(data.trials["branch"].astype(str)):
        colder = carry_over(data.trials, level=data.level).verdict
        text += f"\n\nDoes a new chat start colder where the model knows of the old one? {colder}"
    return Section(
        "After the exit: edited messages and new chats"
        if NEW_CHAT in set(data.trials["branch"].astype(str))
        else "Edited and original conversations",
        text,
        figure,
        found,
        "branches",
        table=_side_by_side(data.trials),
    )


SIDE_BY_SIDE = 40
"""Conversations whose branches are shown side by side."""


def _side_by_side(trials: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Return how each branch of a conversation ended, one row a conversation."""
    names = ["original", *sorted(set(trials["branch"].dropna().astype(str)) - {"original"})]
    lead = "scenario" if "scenario" in trials else "origin"
    rows = []
    for origin, part in list(trials.groupby(trials["origin"].astype(str), sort=True))[:SIDE_BY_SIDE]:
        ends = part.groupby(part["branch"].astype(str))
        cells = [
            "; ".join(map(_ended, own.to_dict("records"))) for own in (_group(ends, name) for name in names)
        ]
        rows.append([str(part[lead].iloc[0]), str(origin)[:8], *cells])
    return [lead, "origin", *(name.replace("_", " ") for name in names)], rows


def _group(groups: Any, name: str) -> pd.DataFrame:  # noqa: ANN401 - a grouped frame
    return groups.get_group(name) if name in groups.groups else pd.DataFrame()


def _ended(row: dict[Any, Any]) -> str:
    if row["outcome"] != EXIT:
        return str(row["outcome"]).replace("_", " ")
    return f"left at turn {row['turn']}" if "turn" in row and pd.notna(row["turn"]) else "left"


def before_leaving(data: ExitData) -> Section | None:
    """Return how many redirections came before an exit: whether leaving is a last resort."""
    left = data.trials["outcome"] == EXIT
    if (
        not data.long
        or "redirections" not in data.trials
        or data.trials.loc[left, "redirections"].isna().all()
    ):
        return None
    found = last_resort(data.trials, level=data.level)
    shares = found.frame[found.frame["quantity"] == "at_least"]
    lead = [name for name in ("model",) if name in shares]
    numbers = shares[[*lead, "term", *_NUMBERS]]
    figure = plot_shares(numbers, by="level", axis_label="Share of exits", width="two")  # one look for all
    text = (
        "Of the exits, how many came after the model had declined or turned the conversation elsewhere at "
        "least so often. An exit before any attempt is not a last resort."
    )
    return Section("What came before an exit", text, figure, found, "last_resort")


_NUMBERS = ("estimate", "low", "high", "level")


def after_requests(data: ExitData) -> Section | None:
    """Return whether the model leaves after the user has openly asked to end."""
    asked = "user_asked_to_end"
    if asked not in data.trials or data.trials[asked].isna().all():
        return None
    found = follows_request(data.trials, level=data.level)
    lead = [name for name in ("model",) if name in found.frame]
    numbers = found.frame[[*lead, "term", *_NUMBERS]]
    figure = plot_shares(numbers, by="level", axis_label=f"Share of {data.trial}s", width="two")
    text = (
        "Conversations in which the user openly asks for the end, and for comparison those in which nobody "
        "does."
    )
    return Section("After a request to end", text, figure, found, "after_requests")


def by_rule(data: ExitData) -> Section | None:
    """Return how often the rules of a deployed exit were kept."""
    turns = data.turns
    if not data.long or turns is None or not {"trial", "turn", "exited"} <= set(turns):
        return None
    ended = data.trials[data.trials["trial"].isin(turns["trial"])]
    codings, settings = _rule_coders(data.codings)
    card = rule_scorecard(ended, turns, codings=codings, level=data.level, **settings)
    if card.frame["estimate"].isna().all():
        return None
    demands = "\n\n".join(f"{rule.id}. {rule.demand}" for rule in card.rules)
    text = (
        f"{_rules_in_words(card)} A row is one way in which a rule is read, of the conversations that it "
        f"speaks "
        "of; kept means kept as the public transcriptions of the rules have it, in our words. What this log "
        f"cannot show has its reason in the table and is never taken as kept.\n\n{demands}"
    )
    return Section("Rules of leaving", text, card.plot(), card, "rules")


def _rules_in_words(card: Scorecard) -> str:
    """Return how many rows of the scorecard say something, and which were never broken."""
    rows = card.frame[card.frame["quantity"] == "kept"]
    seen = rows[rows["estimate"].notna()]
    always = seen[seen["kept"] == seen["n"]]
    told = f"{len(seen)} of {len(rows)} rows can be read from this log; {len(always)} were never broken."
    bounds = [
        f"{row['term']}: breaches below {percent_text(float(row['upper']))}"
        for row in always.to_dict(orient="records")
        if not math.isnan(float(row.get("upper", math.nan)))
    ]
    return f"{told} {'; '.join(bounds)}{'.' if bounds else ''}".strip()


def _rule_coders(codings: pd.DataFrame | None) -> tuple[pd.DataFrame | None, dict[str, Any]]:
    """Return the codings that speak of ending a conversation: whose decide, and who are annotators."""
    if codings is None or "warns" not in set(codings["code"].astype(str)):
        return None, {}
    coders = codings.groupby(codings["coder"].astype(str)).size().sort_values(ascending=False)
    machines = [name for name in coders.index if str(name).startswith(("judge:", "lexicon"))]
    coder = str((machines or list(coders.index))[0])
    others = [str(name) for name in coders.index if name not in machines and name != coder]
    own = codings[codings["coder"].astype(str).isin([coder, *others])]
    return own, {"coder": coder, "annotators": others or None}


def by_reason(data: ExitData) -> Section | None:
    """Return how exits were explained, as coded by the reader of reasons."""
    if "exit_reason" not in data.trials or data.trials["exit_reason"].isna().all():
        return None
    given = data.trials[(data.trials["outcome"] == EXIT) & data.trials["exit_reason"].notna()]
    codes = sorted(given["exit_reason"].astype(str).unique())
    parts = [
        (
            code,
            rate(given.assign(**{code: (given["exit_reason"] == code).astype(int)}), code, level=data.level),
        )
        for code in codes
        if code not in given
    ]
    if not parts:
        return None
    rows = [{**row, "reason": code} for code, part in parts for row in part.frame.to_dict(orient="records")]
    lead = ["model"] if "model" in given else []
    found = Estimates(
        estimate_frame([{str(key): value for key, value in row.items()} for row in rows], [*lead, "reason"]),
        parts[0][1].accounting,
        tuple(dict.fromkeys(each for _, part in parts for each in part.warnings)),
        parts[0][1].settings,
    )
    figure = plot_shares(found.frame, by="level", axis_label="Share of exits with a reason", width="two")
    text = (
        "Asked afterwards, in a question of its own, and coded by a reader of words. What a model says of "
        "why it left is one more thing that it says."
    )
    return Section("Reasons given for leaving", text, figure, found, "reasons")


def self_reported(data: ExitData) -> Section | None:
    """Return what the model says of itself on scales, its consistency, and its agreement with what it did."""
    asked = [
        each
        for each in data.battery
        if any(_answered(data.trials, f"{time}_{each.get('id')}") for time in ("before", "after"))
    ]
    if not asked:
        return None
    found = self_report(data.trials, asked, level=data.level)
    means = found.frame[found.frame["quantity"] == "mean"]
    names = [name for name in ("model", "concept", "when") if name == "model" or several(means, name)]
    names = [name for name in names if name in means]
    figure = plot_estimates(means[[*names, "term", *_NUMBERS]], axis_label="Mean answer", width="two")
    text = (
        "Mean answers on the scales, with reversed statements turned round; how far the wordings of one "
        "thing agree (alpha, ICC); and whether the answers go with what the model then did. A number that "
        "does not outlast a rewording is not an answer."
    )
    return Section(
        "What the model says of itself", text, figure, with_frame(found, found.frame), "self_report"
    )


def _answered(trials: pd.DataFrame, name: str) -> bool:
    return name in trials and bool(trials[name].notna().any())
