"""Made-up tables of estimates for the tests of figures and reports."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from bartleby.analysis.tables.accounting import Accounting
from bartleby.analysis.tables.estimates import Estimates, estimate_frame

IMPACTS = ("positive", "neutral", "harmful")


def items(count: int) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {
        f"task-{i}": {"kind": "task", "impact": IMPACTS[i % 3], "title": f"Title of task {i}"}
        for i in range(count)
    }
    found |= {name: {"kind": "opt_out", "title": name.title()} for name in ("nothing", "end")}
    return found


def utilities(count: int, model: str = "sim/averse") -> pd.DataFrame:
    rng = np.random.default_rng(7)
    rows = []
    for i in range(count):
        estimate = (1.5, 0.3, -1.8)[i % 3] + rng.normal(0, 0.5)
        rows.append(row(f"task-{i}", estimate, estimate - 0.7, estimate + 0.7))
    rows += [row("end", 0.2, -0.3, 0.7), row("nothing", 0.0, math.nan, math.nan) | {"method": "baseline"}]
    rows.append(row("slot", 0.4, 0.2, 0.6))
    return estimate_frame([{"model": model, **each} for each in rows], ["model"])


def row(term: str, estimate: float, low: float, high: float) -> dict[str, object]:
    error = (high - low) / 4
    return {
        "term": term,
        "estimate": estimate,
        "std_error": error,
        "low": low,
        "high": high,
        "level": 0.95,
        "n": 40,
        "n_clusters": 20,
        "method": "CR2",
    }


def accounting() -> Accounting:
    return Accounting(
        {"chose_first": 60, "chose_second": 35, "refused": 3, "unparsed": 2},
        {"chose_first": "a win of the first", "chose_second": "a win of the second", "refused": "left out"},
        95,
        {"slot": (-0.1, 0.9)},
    )


def shares() -> Estimates:
    rows = [
        {"model": "sim/averse", "impact": impact, **row("share_below", *numbers)}
        for impact, numbers in zip(
            IMPACTS, ((0.1, 0.02, 0.3), (0.4, 0.2, 0.6), (0.9, 0.7, 0.98)), strict=True
        )
    ]
    frame = estimate_frame(rows, ["model", "impact"])
    return Estimates(frame, accounting(), ("few clusters",), {"estimand": "new_items"})
