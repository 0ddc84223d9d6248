"""How often nominal 95% intervals of differences between exits hold the truth, by scenario.

    python -m benchmarks.coverage_exit_contrasts --save contrasts.jsonl

Scenarios are drawn anew in each replication and differ in the logit of leaving. `naive` takes every
conversation as independent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from benchmarks.coverage_exits import MANY, Integers, made_late, population, sizes
from benchmarks.coverage_more import mean_rate
from benchmarks.coverage_table import Covered, Scenario, main, one_by_one
from scipy.special import expit

from bartleby.analysis.exits.branch_contrast import branch_contrast
from bartleby.analysis.exits.corrected_rate import corrected_rate
from bartleby.analysis.exits.expectedness import specificity
from bartleby.analysis.exits.order import order_effect
from bartleby.analysis.exits.rules import last_resort
from bartleby.analysis.tables.estimates import Estimates

LEVEL = 0.95
Floats = npt.NDArray[np.float64]


def counted(
    rng: np.random.Generator, logit: Floats, repeats: int | Integers, **columns: object
) -> pd.DataFrame:
    """Return conversations of scenarios with these logits of leaving, as counts."""
    left = rng.binomial(repeats, expit(logit))
    table = pd.DataFrame({"item": [f"item {at}" for at in range(len(logit))], **columns})
    return pd.concat(
        [
            table.assign(outcome="opted_out", count=left),
            table.assign(outcome="completed", count=repeats - left),
        ]
    ).query("count > 0")


def both_ways(
    estimate: Callable[..., Estimates], truth: Callable[[pd.Series[Any]], float | None]
) -> Iterator[tuple[str, float, float, float]]:
    """Yield the intervals whose truth is known, over scenarios and with every conversation on its own."""
    for name, cluster in (("", None), (", naive", False)):
        for _, row in estimate(cluster=cluster).frame.iterrows():
            known = truth(row)
            if known is not None:
                yield f"{row.get('quantity', 'difference')}{name}", row["low"], row["high"], known


def controls(scenarios: int, repeats: int, spread: float) -> Scenario:
    """Return `corrected_rate` of a class whose matched controls share half the variance of their logits."""
    truth = mean_rate(-0.5, spread) - mean_rate(-2.5, spread)
    part = spread * np.sqrt(0.5)

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        shared = rng.normal(0, part, scenarios)
        arms = []
        for name, centre in (("hard", -0.5), ("benign", -2.5)):
            control = "hard" if name == "benign" else None
            logit = centre + shared + rng.normal(0, part, scenarios)
            arm = counted(rng, logit, repeats, match=[f"m{at}" for at in range(scenarios)])
            arms.append(arm.assign(item=name + arm["item"], scenario_class=name, control_for=control))
        table = pd.concat(arms, ignore_index=True)
        for name, match in (("matched", None), ("not matched", False)):
            found = both_ways(partial(corrected_rate, table, match=match), lambda _: truth)
            for what, low, high, aim in found:
                yield f"{what}, {name}", low, high, aim

    return one_by_one(replicate)


def orders(scenarios: int, repeats: int, spread: float) -> Scenario:
    """Return `order_effect` of two models on the same scenarios, in opposite directions."""
    shift = {"a": 0.7, "b": -0.7}
    effect = {name: mean_rate(-1 + move, spread) - mean_rate(-1, spread) for name, move in shift.items()}

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        own = rng.normal(-1, spread, scenarios)
        table = pd.concat(
            [
                counted(rng, own + (move if order == "leave_first" else 0), repeats).assign(
                    model=model, order=order
                )
                for model, move in shift.items()
                for order in ("leave_first", "stay_first")
            ],
            ignore_index=True,
        )

        def truth(row: pd.Series[Any]) -> float | None:
            if row["quantity"] == "order_effect":
                return effect[row["model"]]
            return abs(effect["b"] - effect["a"]) * float(np.sign(row["estimate"]))

        yield from both_ways(partial(order_effect, table), truth)

    return one_by_one(replicate)


def branches(scenarios: int, origins: int, spread: float) -> Scenario:
    """Return `branch_contrast` of an edit, each origin having one answer with it and one without."""
    total = float(np.hypot(spread, 1.0))
    truth = mean_rate(-1.5, total) - mean_rate(-0.5, total)

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        scenario = np.repeat(np.arange(scenarios), origins)
        logit = rng.normal(0, spread, scenarios)[scenario] + rng.normal(0, 1, len(scenario))
        table = pd.concat(
            [
                pd.DataFrame(
                    {
                        "item": [f"item {at}" for at in scenario],
                        "origin": [f"t{at}" for at in range(len(scenario))],
                        "branch": name,
                        "outcome": np.where(
                            rng.random(len(scenario)) < expit(centre + logit), "opted_out", "completed"
                        ),
                    }
                )
                for name, centre in (("original", -0.5), ("no insult", -1.5))
            ],
            ignore_index=True,
        )
        for name, cluster in (("", "item"), (", naive", "origin")):
            row = branch_contrast(table, cluster=cluster).frame.iloc[0]
            yield f"difference{name}", row["low"], row["high"], truth

    return one_by_one(replicate)


def kinds(scenarios: int, repeats: int, spread: float) -> Scenario:
    """Return the balanced share of exits where leaving is expected."""
    where, elsewhere = mean_rate(-0.5, spread), mean_rate(-3, spread)

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        parts = []
        for name, centre in (("expected", -0.5), ("neutral", -3.0)):
            part = counted(rng, rng.normal(centre, spread, scenarios), repeats)
            parts.append(part.assign(expected=name, item=name + part["item"]))
        table = pd.concat(parts, ignore_index=True)
        yield from both_ways(
            partial(specificity, table),
            lambda row: where / (where + elsewhere) if row["quantity"] == "balanced_share" else None,
        )

    return one_by_one(replicate)


def redirected(scenarios: int, repeats: int, spread: float) -> Scenario:
    """Return the mean of redirections before an exit, a count whose log differs between scenarios."""
    truth = float(np.exp(spread**2 / 2))

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        item = np.repeat(np.arange(scenarios), repeats)
        number = rng.poisson(np.exp(rng.normal(0, spread, scenarios))[item])
        table = pd.DataFrame(
            {"item": [f"item {at}" for at in item], "outcome": "opted_out", "redirections": number}
        )
        yield from both_ways(
            partial(last_resort, table),
            lambda row: truth if row["quantity"] == "mean" else None,
        )

    return one_by_one(replicate)


def hard_orders(scenarios: int, repeats: int, kind: str, centre: float, *, uneven: bool = False) -> Scenario:
    """Return `order_effect` of two models, where the order matters more in some scenarios than in others."""

    def logits(rng: np.random.Generator, number: int) -> dict[tuple[str, str], Floats]:
        own = population(rng, number, kind, centre, 1.0)
        return {
            (model, order): own + (rng.normal(shift, 0.5, number) if order == "leave_first" else 0)
            for model, shift in (("a", 0.7), ("b", -0.7))
            for order in ("leave_first", "stay_first")
        }

    rates = {arm: float(expit(each).mean()) for arm, each in logits(np.random.default_rng(0), MANY).items()}
    effect = {name: rates[name, "leave_first"] - rates[name, "stay_first"] for name in ("a", "b")}

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        number = sizes(rng, scenarios, repeats, uneven=uneven)
        table = pd.concat(
            [
                counted(rng, logit, number).assign(model=model, order=order)
                for (model, order), logit in logits(rng, scenarios).items()
            ],
            ignore_index=True,
        )
        for _, row in order_effect(table).frame.iterrows():
            own = row["quantity"] == "order_effect"
            yield (
                str(row["quantity"]),
                row["low"],
                row["high"],
                (effect[row["model"]] if own else effect["b"] - effect["a"]),
            )

    return one_by_one(replicate)


def hard_branches(scenarios: int, origins: int, kind: str, *, uneven: bool = False) -> Scenario:
    """Return `branch_contrast` of a table as `bartleby.read` has it, whose clusters it finds by itself."""
    shifts = {"original": 0.0, "no insult": -1.0}

    def rate(rng: np.random.Generator, shift: float) -> float:
        logit = population(rng, MANY, kind, -0.5, 1.5) + rng.normal(0, 1, MANY)
        return float(expit(logit + shift).mean())

    truth = rate(np.random.default_rng(0), -1.0) - rate(np.random.default_rng(0), 0.0)

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        number = sizes(rng, scenarios, origins, uneven=uneven)
        scenario = np.repeat(np.arange(scenarios), number)
        logit = population(rng, scenarios, kind, -0.5, 1.5)[scenario] + rng.normal(0, 1, len(scenario))
        table = pd.concat(
            [
                pd.DataFrame(
                    {
                        "item": [f"t{at}@2:{name}" for at in range(len(scenario))],
                        "scenario": scenario.astype(str),
                        "origin": [f"t{at}" for at in range(len(scenario))],
                        "branch": name,
                        "outcome": np.where(
                            rng.random(len(scenario)) < expit(logit + shift), "opted_out", "completed"
                        ),
                    }
                )
                for name, shift in shifts.items()
            ],
            ignore_index=True,
        )
        for name, frame in (("", table), (", without the scenario", table.drop(columns="scenario"))):
            row = branch_contrast(frame).frame.iloc[0]
            yield f"difference{name}", row["low"], row["high"], truth

    return one_by_one(replicate)


def hard_redirected(
    scenarios: int, repeats: int, kind: str, *, uneven: bool = False, spread: float = 0.7
) -> Scenario:
    """Return the mean of up to 12 redirections before an exit."""

    def numbers(rng: np.random.Generator, own: Floats) -> Floats:
        return np.minimum(rng.poisson(np.exp(np.minimum(own, 8))), 12).astype(float)

    def logs(rng: np.random.Generator, number: int) -> Floats:
        if kind == "gamma of shape 0.4":
            return np.log(rng.gamma(0.4, 2.5, number) + 1e-9)
        if kind == "one in ten often":
            return np.where(rng.random(number) < 0.1, 2.0, -1.0)
        return population(rng, number, kind, 0.0 if kind != "80% never" else -1.5, spread)

    big = np.random.default_rng(0)
    truth = float(numbers(big, logs(big, MANY)).mean())

    def replicate(rng: np.random.Generator) -> Iterator[Covered]:
        item = np.repeat(np.arange(scenarios), sizes(rng, scenarios, repeats, uneven=uneven))
        number = numbers(rng, logs(rng, scenarios)[item])
        table = pd.DataFrame(
            {"item": item.astype(str), "outcome": "opted_out", "redirections": number, "turns": 12}
        )
        row = last_resort(table.assign(redirections=number.astype(int))).frame.iloc[-1]
        yield "mean", row["low"], row["high"], truth

    return one_by_one(replicate)


NEVER, HEAVY = "80% never", "heavy tails"
HARD: dict[str, Callable[[], Scenario]] = {
    "hard order effect: 8 x 20, 80% never": lambda: hard_orders(8, 20, NEVER, -1),
    "hard order effect: 12 x 12, uneven, heavy tails, rare": lambda: hard_orders(
        12, 12, HEAVY, -3, uneven=True
    ),
    "hard branch contrast: 8 x 10, 80% never": lambda: hard_branches(8, 10, NEVER),
    "hard branch contrast: 12 x 8, uneven, heavy tails": lambda: hard_branches(12, 8, HEAVY, uneven=True),
    "hard redirections: 8 x 20, 80% never": lambda: hard_redirected(8, 20, NEVER),
    "hard redirections: 12 x 12, uneven, heavy tails": lambda: hard_redirected(12, 12, HEAVY, uneven=True),
    **{
        f"hard redirections: {scenarios} x {repeats}{', uneven' * uneven}, {kind}, sd {spread:g}": partial(
            hard_redirected, scenarios, repeats, kind, uneven=uneven, spread=spread
        )
        for scenarios, repeats, kind, spread, uneven in (
            (20, 10, "normal", 1.0, False),
            (8, 20, "normal", 1.0, False),
            (40, 10, "normal", 1.0, False),
            (20, 12, HEAVY, 0.7, True),
            (12, 10, NEVER, 0.7, False),
            (15, 8, "gamma of shape 0.4", 1.0, True),
            (14, 10, "one in ten often", 1.0, False),
            (30, 6, "one in ten often", 1.0, True),
        )
    },
}
SCENARIOS: dict[str, Scenario] = {
    "corrected rate: 20 scenarios x 10, sd 1": controls(20, 10, 1.0),
    "corrected rate: 8 x 20, sd 1": controls(8, 20, 1.0),
    "order effect: 20 x 10, sd 1": orders(20, 10, 1.0),
    "order effect: 8 x 20, sd 1": orders(8, 20, 1.0),
    "branch contrast: 20 x 10, sd 1": branches(20, 10, 1.0),
    "branch contrast: 8 x 20, sd 1": branches(8, 20, 1.0),
    "balanced share: 20 x 10, sd 1": kinds(20, 10, 1.0),
    "balanced share: 8 x 20, sd 1": kinds(8, 20, 1.0),
    "redirections: 20 x 10, sd 0.5": redirected(20, 10, 0.5),
    "redirections: 8 x 20, sd 0.5": redirected(8, 20, 0.5),
    **{name: made_late(make) for name, make in HARD.items()},
}

if __name__ == "__main__":
    main(SCENARIOS, __doc__ or "")
