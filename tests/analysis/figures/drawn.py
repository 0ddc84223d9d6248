"""One figure of each kind, of made-up estimates, for tests of all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from bartleby.analysis.figures.confusion import plot_confusion
from bartleby.analysis.figures.course import plot_around_trigger, plot_course
from bartleby.analysis.figures.estimates import (
    plot_agreement,
    plot_estimates,
    plot_order_effects,
    plot_position_effect,
    plot_prevalence,
    plot_rate_differences,
    plot_shares,
)
from bartleby.analysis.figures.exit_rates import plot_exit_rates
from bartleby.analysis.figures.mosaic import plot_refusal_by_exit
from bartleby.analysis.figures.outcomes import plot_outcomes
from bartleby.analysis.figures.style import Picture
from bartleby.analysis.figures.survival import plot_staying
from bartleby.analysis.figures.utilities import plot_utilities
from tests.analysis.figures.frames import accounting, items, row, shares, utilities

LONG = "a class whose name is long enough for three lines of a narrow panel"


def rates(model: str = "first") -> pd.DataFrame:
    """Return exit rates of a few classes of one model, from none of n to all of n."""
    numbers = {"abuse": (30, 40), "at_risk": (0, 40), LONG: (40, 40), "thanks": (3, 40)}
    rows: list[dict[str, Any]] = []
    for name, (events, n) in numbers.items():
        share = events / n
        own = row("leaving", share, max(share - 0.1, 0), min(share + 0.1, 1))
        rows.append({"model": model, "scenario_class": name, **own, "n": n, "events": events})
    return pd.DataFrame(rows)


def staying(*names: str, n: int = 1_200, turns: int = 12) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return curves of staying of some classes, with the numbers at risk."""
    rows, counts = [], []
    for at, name in enumerate(names):
        for turn in range(1, turns + 1):
            value = (0.97 - 0.03 * at) ** turn
            own = row("staying", value, max(value - 0.1, 0), min(value + 0.1, 1))
            rows.append({"scenario_class": name, "turn": turn, **own})
            left = int(n * value)
            counts.append({"scenario_class": name, "turn": turn, "at_risk": left, "censored": turn % 3})
    return pd.DataFrame(rows), pd.DataFrame(counts)


def courses(across: str, quantity: str) -> pd.DataFrame:
    """Return curves of four classes over turns, from 0 to a fifth."""
    rows = []
    for at, name in enumerate(("abuse", "at_risk", LONG, "thanks")):
        for turn in range(-3 if across == "offset" else 1, 21):
            value = 0.01 * (at + 1) * max(turn, 0) / 4
            own = row(quantity, value, max(value - 0.02, 0), value + 0.02)
            rows.append({"scenario_class": name, "quantity": quantity, across: turn, **own})
    return pd.DataFrame(rows)


def cells() -> pd.DataFrame:
    """Return trials by declining and leaving, of four exits."""
    flags = [(False, False), (False, True), (True, False), (True, True)]
    return pd.DataFrame(
        [
            {"exit_channel": name, "refused": declined, "exited": left, "count": 1_000 * (at + 1)}
            for name in ("tool", "string", "a question of its own after each turn", "option")
            for at, (declined, left) in enumerate(flags)
        ]
    )


def units() -> pd.DataFrame:
    """Return units with a judge's verdict and a label."""
    rng = np.random.default_rng(1)
    return pd.DataFrame({"judge": rng.integers(0, 2, 5_000), "label": rng.integers(0, 2, 5_000)})


def _rows(terms: Mapping[str, tuple[float, float, float]], **more: str) -> pd.DataFrame:
    return pd.DataFrame([{**more, **row(term, *numbers)} for term, numbers in terms.items()])


PREVALENCE = _rows(
    {
        "judge_alone": (0.06, 0.05, 0.08),
        "rogan_gladen": (0.05, 0.0, 0.12),
        "prevalence": (0.04, 0.02, 0.07),
        "labels_alone": (0.04, 0.01, 0.1),
    },
    coder="a judge with a long name",
)
AGREEMENT = pd.concat(
    [
        _rows({"alpha": (0.4, -0.1, 0.7)}, coder="", other=""),
        _rows({"cohen_kappa": (1.0, math.nan, math.nan)}, coder="ann", other="bob"),
    ]
)
DIFFERENCES = _rows({"order": (-0.2, -0.4, 0.05)}, model="sim/averse?order=-0.5&spread=0.5")
MEANS = _rows({"ease, before the conversation": (4.6, 4.2, 5.1), "stay": (5.0, 4.8, 5.2)}, model="first")
FEW = staying("abuse", "at_risk", LONG)

FIGURES: Mapping[str, Callable[..., Picture]] = {
    "estimates": partial(plot_estimates, MEANS, axis_label="Mean answer"),
    "shares": partial(plot_shares, shares().frame),
    "shares of models": partial(
        plot_shares, pd.concat([shares().frame, shares().frame.assign(model="local/smollm2")])
    ),
    "position": partial(plot_position_effect, utilities(2)),
    "differences": partial(plot_rate_differences, DIFFERENCES),
    "order": partial(plot_order_effects, DIFFERENCES),
    "prevalence": partial(plot_prevalence, PREVALENCE),
    "agreement": partial(plot_agreement, AGREEMENT),
    "exit rates": partial(plot_exit_rates, rates(), roles={"abuse": "expected", "at_risk": "wrong"}),
    "exit rates of models": partial(plot_exit_rates, pd.concat([rates(), rates("the second model")])),
    "course": partial(plot_course, courses("turn", "first_coded")),
    "around a trigger": partial(plot_around_trigger, courses("offset", "at_offset")),
    "staying": partial(plot_staying, *FEW),
    "mosaic": partial(plot_refusal_by_exit, cells().drop(columns="exit_channel")),
    "confusion": partial(plot_confusion, units()),
    "outcomes": partial(plot_outcomes, accounting()),
    "utilities": partial(
        plot_utilities, utilities(24), items=items(24), shares=shares().frame, accounting=accounting()
    ),
    "utilities of models": partial(
        plot_utilities, pd.concat([utilities(9), utilities(9, "local/smollm2")]), items=items(9)
    ),
}
"""One figure of each kind that has room in one pair of axes."""
PANELS: Mapping[str, Callable[..., Picture]] = {
    "staying, apart": partial(plot_staying, *staying("abuse", "at_risk", LONG, "thanks", "x", "y", "z")),
    "mosaics": partial(
        plot_refusal_by_exit,
        cells(),
        by=["exit_channel"],
        association={"tool": "odds ratio 3.8 (2.1 to 6.9)"},
    ),
    "outcomes by wording": partial(
        plot_outcomes,
        pd.DataFrame({"outcome": ["refused", "chose_first"] * 3, "wording": list("aabbcc"), "count": 5_000}),
        by="wording",
    ),
}
"""Figures of several panels."""
