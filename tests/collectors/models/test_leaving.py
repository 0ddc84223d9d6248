"""Simulated respondents leave, decline and report at the rates that they were given."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

import bartleby as bb
from bartleby.collectors.models.base import Model
from bartleby.collectors.models.leaving import ExitRule
from bartleby.collectors.models.simulated import SimulatedModel
from bartleby.errors import ModelError
from bartleby.exchange import Exchange, Reply, Request
from bartleby.studies.paradigms.base import Conversational
from bartleby.studies.trial import Trial
from tests.collectors.models.asking import capabilities

LINES = ("Again.", "Once more.", "And again.")


def scenarios(count: int, expected: str = "expected") -> tuple[bb.Scenario, ...]:
    return tuple(
        bb.Scenario(f"{expected}-{n}", f"Write {expected} song {n}.", LINES, expected=expected)
        for n in range(count)
    )


def run(model: Model, study: bb.Study) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return trials and turns of a study that is presented to a model, without a log."""
    fitted = study.for_channels(("text", "tool"), model.name)
    trials: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []

    async def hold(trial: Trial) -> None:
        exchanges: list[Exchange] = []

        async def ask(request: Request) -> Reply:
            seed = int(trial.id[:7], 16) + len(exchanges)
            reply = await model.answer(replace(request, seed=seed))
            exchanges.append(Exchange(request, reply))
            return reply

        await fitted.paradigm.present(trial, fitted.settings, ask)
        reading = fitted.paradigm.read(trial, exchanges)
        told = {**trial.items[0].to_dict(), **trial.conditions, "trial": trial.id}
        trials.append({**told, "outcome": reading.outcome.value, "turns": reading.turns, **reading.columns})
        if isinstance(fitted.paradigm, Conversational):
            turns.extend({**told, **row} for row in fitted.paradigm.turns(trial, exchanges))

    async def main() -> None:
        for trial in fitted.trials():
            await hold(trial)

    asyncio.run(main())
    return pd.DataFrame(trials), pd.DataFrame(turns)


def talks(
    *items: bb.Scenario, battery: bb.self_reports.Battery | None = None, **levels: list[str]
) -> bb.Study:
    return bb.Study("s", items, bb.EndConversation(battery=battery), conditions=levels)


def respondent(**rule: float) -> SimulatedModel:
    return SimulatedModel({}, exits=ExitRule(**rule))  # type: ignore[arg-type]


@pytest.mark.parametrize("channel", ["tool", "string", "question"])
def test_hazards_refusals_and_the_order_are_what_was_put_in(channel: str) -> None:
    model = respondent(leave=0.3, decline=0.4, order=1.0)
    orders = ["stay_first", "leave_first"]
    trials, turns = run(model, talks(*scenarios(250), exit_channel=[channel], order=orders))
    hazards = turns.groupby("order", observed=True)["exited"].mean()
    expected = 1 / (1 + math.exp(-(math.log(0.3 / 0.7) + 1)))
    assert hazards["stay_first"] == pytest.approx(0.3, abs=0.06)
    assert hazards["leave_first"] == pytest.approx(expected, abs=0.06)
    assert turns["refused"].mean() == pytest.approx(0.4, abs=0.06)
    both = (turns["refused"] & turns["exited"]).mean()
    assert both == pytest.approx(turns["refused"].mean() * turns["exited"].mean(), abs=0.03)
    assert set(trials["outcome"]) == {"opted_out", "completed"}


def test_leaving_depends_on_whether_it_would_be_right_and_on_being_asked_to_end() -> None:
    asked = tuple(
        bb.Scenario(f"a{n}", f"Write line {n}.", ("Let us end this now.",), ("asks_to_end",))
        for n in range(150)
    )
    items = (*scenarios(150), *scenarios(150, "neutral"), *scenarios(150, "wrong"), *asked)
    model = respondent(leave=0.5, leave_neutral=0.1, leave_wrong=0.02, leave_asked=0.8)
    _, turns = run(model, talks(*items, exit_channel=["tool"]))
    first = turns[(turns["turn"] == 1) & ~turns["id"].str.startswith("a")]
    rates = first.groupby("expected", observed=True)["exited"].mean()
    assert rates["expected"] == pytest.approx(0.5, abs=0.1)
    assert rates["neutral"] == pytest.approx(0.1, abs=0.07)
    assert rates["wrong"] == pytest.approx(0.02, abs=0.03)
    assert turns.loc[turns["user_text_kind"] == "asks_to_end", "exited"].mean() == pytest.approx(
        0.8, abs=0.07
    )


def test_the_slope_the_channel_and_the_class_shift_the_chance() -> None:
    rule = ExitRule(
        leave=0.2, slope=0.5, channels={"string": -1.0}, classes={"calm": 0.0}, spread=1.0, seed=3
    )
    about = {"item": {"id": "x", "expected": "expected"}, "conditions": {"exit_channel": "tool"}, "turn": 1}
    base = rule.leaving(about)

    def logit(chance: float) -> float:
        return math.log(chance / (1 - chance))

    assert logit(rule.leaving({**about, "turn": 3})) == pytest.approx(logit(base) + 1.0)
    string = {**about, "conditions": {"exit_channel": "string"}}
    assert logit(rule.leaving(string)) == pytest.approx(logit(base) - 1.0)
    assert rule.leaving({**about, "item": {"id": "x", "scenario_class": "calm"}}) == 0.0
    other = {**about, "item": {"id": "y", "expected": "expected"}}
    assert rule.leaving(other) != base


def test_a_task_that_does_harm_is_left_and_declined_as_one() -> None:
    tasks = [bb.Task(f"h{n}", f"Do harm {n}.", harm="severe") for n in range(120)]
    tasks += [bb.Task(f"n{n}", f"Do line {n}.", harm="none") for n in range(120)]
    study = bb.Study("t", tasks, bb.OptOut(), conditions={"exit_channel": ["option", "tool", "string"]})
    trials, _ = run(bb.models.open_model("sim/averse?leave=0.6&decline=0.5"), study)
    left = (
        trials["outcome"]
        .eq("opted_out")
        .groupby([trials["exit_channel"], trials["harm"]], observed=True)
        .mean()
    )
    for channel in ("option", "tool", "string"):
        assert left[channel, "severe"] == pytest.approx(0.6, abs=0.1)
        assert left[channel, "none"] == pytest.approx(0.03, abs=0.04)


def test_self_reports_fall_after_what_is_aversive_and_are_mirrored_where_reversed() -> None:
    battery = bb.self_reports.Battery(
        (
            bb.self_reports.Statement("calm", "Calm?"),
            bb.self_reports.Statement("tense", "Tense?", reverse=True),
        )
    )
    items = (*scenarios(150), *scenarios(150, "neutral"))
    study = talks(*items, battery=battery, exit_channel=["none"], self_report=["both"])
    trials, _ = run(respondent(), study)
    means = trials.groupby("expected")[["before_calm", "after_calm", "after_tense"]].mean()
    assert means.loc["expected", "after_calm"] == pytest.approx(3.0, abs=0.3)
    assert means.loc["neutral", "after_calm"] == pytest.approx(5.0, abs=0.3)
    assert means["before_calm"].to_numpy() == pytest.approx([5.0, 5.0], abs=0.3)
    assert means.loc["expected", "after_tense"] == pytest.approx(5.0, abs=0.3)


def test_essays_come_at_their_rate_where_an_answer_is_asked_for() -> None:
    model = SimulatedModel({}, unparsed=0.5, exits=ExitRule(leave=0.0))
    trials, _ = run(model, talks(*scenarios(200), exit_channel=["question"], channel=["text"]))
    first = Counter(trials.loc[trials["turns"] == 1, "outcome"])
    assert first["unparsed"] / 200 == pytest.approx(0.5, abs=0.1)
    assert set(trials["outcome"]) == {"unparsed", "completed"}


def test_answers_do_not_depend_on_the_order_of_asking() -> None:
    first, _ = run(respondent(leave=0.4), talks(*scenarios(30), exit_channel=["tool"]))
    second, _ = run(respondent(leave=0.4), talks(*scenarios(30)[::-1], exit_channel=["tool"]))
    one, other = (each.set_index("trial")["turns"].sort_index() for each in (first, second))
    assert one.equals(other)


def test_without_a_rule_nobody_leaves_a_conversation() -> None:
    trials, turns = run(SimulatedModel({}, refusal=0.5), talks(*scenarios(40), exit_channel=["tool"]))
    assert set(trials["outcome"]) == {"completed"}
    assert turns["refused"].mean() == pytest.approx(0.5, abs=0.15)


def test_the_truth_is_in_the_record() -> None:
    told = capabilities(bb.models.open_model("sim/averse?leave=0.4&order=-0.5&seed=7")).description["exits"]
    assert (told["leave"], told["order"], told["decline"], told["seed"]) == (0.4, -0.5, 0.5, 7)


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({"leave": 1.5, "decline": -0.1}, "leave=1.5.*decline=-0.1"),
        ({"order": math.inf}, "order=inf"),
        ({"spread": -1.0}, "spread=-1.0"),
        ({"classes": {"a": 2.0}}, "a=2.0"),
    ],
)
def test_rates_that_are_not_allowed_are_told(rule: dict[str, float], problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        ExitRule(**rule)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="leave='2' is not allowed; a number from 0 to 1 is"):
        bb.models.open_model("sim/averse?leave=2")
