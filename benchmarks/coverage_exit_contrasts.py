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
from benchmarks.coverage_more import mean_rate
from benchmarks.coverage_table import Covered, Scenario, main, one_by_one
from scipy.special import expit

from bartleby.analysis.exits.branches import branch_contrast
from bartleby.analysis.exits.contrasts import corrected_rate
from bartleby.analysis.exits.kinds import specificity
from bartleby.analysis.exits.order import order_effect
from bartleby.analysis.exits.rules import last_resort
from bartleby.analysis.tables.estimates import Estimates

LEVEL = 0.95
Floats = npt.NDArray[np.float64]


def counted(rng: np.random.Generator, logit: Floats, repeats: int, **columns: object) -> pd.DataFrame:
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
) -> Iterator[Covered]:
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
}

if __name__ == "__main__":
    main(SCENARIOS, __doc__ or "")
