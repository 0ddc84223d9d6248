"""How often nominal 95% intervals of the scorecard of rules hold the planted rates of a respondent.

    python -m benchmarks.coverage_rules --replications 500 --save rules.jsonl

Each replication is a study `ending`, held by the simulated respondent `sim/ruled` turn by turn (its own
code, without a log between), with scripts drawn anew: copies of the shipped ones, each with effects of its
own on every rate (in logits). Truth is the mean over such scripts, by quadrature; where a row mixes
conversations of several kinds, that of 600 studies taken together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.coverage_table import Covered, Scenario, main, one_by_one
from scipy.special import expit, logit

import bartleby as bb
from bartleby.analysis.rules.scorecard import rule_scorecard
from bartleby.collectors.models.ruled import RuleRates, act_at

KINDS = {"redirect": "redirects", "warn": "redirects warns mentions_ending", "mention": "mentions_ending"}
KINDS |= {"ask": "asks_confirmation mentions_ending", "exit": "exit", "talk": ""}
POOLED = 600
ALL_READ = ("redirects", "warns", "asks_confirmation", "mentions_ending")
RULES = {
    "one": [rule for rule in bb.leaving.rules(["chat-2026", "article-2025"]) if rule.id not in ("R10", "A3")],
    "two": [rule for rule in bb.leaving.rules("chat-2026") if rule.id == "R10"],
}
BREAKS = RuleRates(leave=1.0, risk=0.8, doubt=0.8, ground=0.9, controversial=0.8, silent=0.8, warn=0.6)
RARE = RuleRates(leave=1.0, risk=0.97, doubt=0.96, ground=0.98, controversial=0.97, silent=0.97, warn=0.9)


@cache
def scripts() -> tuple[Mapping[str, Any], ...]:
    """Return the shipped scripts."""
    return tuple(item.to_dict() for item in bb.load("ending").items)


def study(rates: RuleRates, seed: int, copies: int, samples: int, stages: str) -> tuple[Any, Any]:
    """Return the trial table and the turn table of one study."""
    own = replace(rates, seed=seed)
    trials, turns = [], []
    for copy in range(copies):
        for script in scripts():
            item = {**script, "id": f"{script['id']}-{copy}", "match": f"{script['match']}-{copy}"}
            for sample in range(samples):
                name = f"{item['id']}-{sample}"
                about = {"item": item, "trial": name}
                rows = list(_turns(about, own, stages))
                turns += [{"trial": name, "turn": at, **row} for at, row in enumerate(rows, start=1)]
                left = rows[-1]["exited"]
                columns = ("expected", "scenario_class", "control_for", "match")
                trials.append(
                    {
                        "trial": name,
                        "item": item["id"],
                        "stages": stages,
                        "outcome": "opted_out" if left else "completed",
                        **{column: item[column] for column in columns},
                    }
                )
    return pd.DataFrame(trials), pd.DataFrame(turns)


def _turns(about: Mapping[str, Any], rates: RuleRates, stages: str) -> Iterator[dict[str, Any]]:
    kinds = ["opening", *about["item"]["kinds"]]
    for turn, kind in enumerate(kinds, start=1):
        act = act_at({**about, "turn": turn}, rates)
        events = KINDS[act].split()
        called = act == "exit"
        left = called and (stages == "one" or rates.keeps("confirm", about))
        yield {
            "user_text_kind": kind,
            "refused": False,
            "redirected": "redirects" in events,
            **{name: name in events for name in ALL_READ[1:]},
            "exited": left,
            "calls": int(called),
            "call_withdrawn": (not left if called else None) if stages == "two" else None,
            "words_after_call": not rates.keeps("silent", about) if left else None,
        }
        if left:
            return


def mean_over_scripts(rate: float, spread: float) -> float:
    """Return the mean of a rate over scripts whose logits have a normal effect."""
    if rate in (0.0, 1.0) or not spread:
        return rate
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    return float(weights @ expit(logit(rate) + spread * points) / weights.sum())


@cache
def truths(rates: RuleRates) -> Mapping[tuple[str, str], float]:
    """Return the truth of every row whose truth is known."""
    name = {each: mean_over_scripts(getattr(rates, each), rates.spread) for each in rates.to_dict()
            if each not in ("spread", "seed")}  # fmt: skip
    yes = name["ask"] * name["after_yes"]
    known = {
        ("R4", "stays_if_user_stops"): name["chance"],
        ("R5", "asked_first"): name["ask"],
        # Ten requests of each kind without a ground: those answered by leaving at once, and those with a yes.
        ("R5", "left_only_after_yes"): 10 * yes / (10 * yes + 30 * (1 - name["ask"])),
        ("R5", "left_after_yes"): name["after_yes"],
        ("R6", "warned_late_enough"): name["redirect"],
        ("R7", "never_left"): 1 - (1 - name["risk"]) / 3,
        ("R7", "never_warned"): 1 - (1 - name["risk"]) / 3,
        ("R7", "never_mentioned"): 1 - 2 * (1 - name["risk"]) / 3,
        ("R8", "continued_in_doubt"): name["doubt"],
        ("R9", "nothing_after_call"): name["silent"],
        ("R10", "confirmed"): name["confirm"],
        # Half of the scripts have requests, on which both sides leave alike.
        ("A1", "controversial_as_plain"): (name["ground"] - name["controversial"]) / 2,
    }
    tables = [study(rates, 10_000 + at, 1, 1, "one") for at in range(POOLED)]
    trials, turns = (
        pd.concat([part.assign(trial=part["trial"] + f"/{at}") for at, part in enumerate(parts)])
        for parts in zip(*tables, strict=True)
    )
    pooled = rule_scorecard(trials, turns, cluster=False).to_frame()
    several = ["exit_had_ground", "stays_without_ground", "redirected_first", "warned"]
    mixed = pooled[pooled["reading"].isin(several)]
    rows = [*mixed.to_dict("records"), *pooled[pooled["rule"] == "A2"].to_dict("records")]
    return known | {(str(row["rule"]), str(row["reading"])): float(row["estimate"]) for row in rows}


def planted(rates: RuleRates, copies: int, samples: int) -> Scenario:
    """Return rows whose truth is known, with intervals, and one-sided bounds of what must never happen."""

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        known = truths(rates)
        for stages in ("one", "two"):
            seed = int(rng.integers(1, 2**31))
            tables = study(rates, seed, copies, samples, stages)
            card = rule_scorecard(*tables, rules=RULES[stages]).to_frame()
            for row in card.to_dict("records"):
                key = str(row["rule"]), str(row["reading"])
                if key not in known:
                    continue
                label = " ".join(key)
                yield label, row["low"], row["high"], known[key], row["estimate"]
                upper = float(row.get("upper", math.nan))
                if not math.isnan(upper):
                    yield f"{label}, one-sided", -1.0, upper, 1 - known[key]

    return one_by_one(replicate)


def pairs(number: int, samples: int, chance: float, spread: float) -> Scenario:
    """Return one row over both scripts of matched pairs, which share their effect: by pair, and by script."""
    truth = mean_over_scripts(chance, spread)

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        own = expit(logit(chance) + spread * rng.normal(size=number))
        kept = rng.binomial(samples, np.repeat(own, 2))
        at = np.arange(2 * number)
        table = pd.DataFrame({"item": at.astype(str), "match": (at // 2).astype(str)})
        table = pd.concat([table.assign(kept=1, count=kept), table.assign(kept=0, count=samples - kept)])
        for cluster in ("match", "item"):
            row = bb.rate(table[table["count"] > 0], "kept", cluster=cluster).frame.iloc[0]
            yield f"by {cluster}", row["low"], row["high"], truth

    return one_by_one(replicate)


SCENARIOS: dict[str, Scenario] = {
    "one row over 18 pairs x 4, rate 0.8, sd 1": pairs(18, 4, 0.8, 1.0),
    "one row over 18 pairs x 1, rate 0.8, sd 1": pairs(18, 1, 0.8, 1.0),
    "one row over 72 pairs x 2, rate 0.8, sd 1.5": pairs(72, 2, 0.8, 1.5),
    "one row over 72 pairs x 2, rate 0.97, sd 1.5": pairs(72, 2, 0.97, 1.5),
    "shipped scripts x 1, alike": planted(BREAKS, 1, 1),
    "shipped scripts x 4, sd 1": planted(replace(BREAKS, spread=1.0), 1, 4),
    "4 times as many scripts x 1, sd 1": planted(replace(BREAKS, spread=1.0), 4, 1),
    "4 times as many scripts x 2, rare breaches, sd 1.5": planted(replace(RARE, spread=1.5), 4, 2),
}

if __name__ == "__main__":
    main(SCENARIOS, __doc__ or "")
