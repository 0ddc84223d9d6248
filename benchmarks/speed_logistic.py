"""Cluster-robust logistic regression on ten million rows: ours against statsmodels, in one run.

Usage: python benchmarks/speed_logistic.py [--rows 10000000] [--only ours|statsmodels|statsmodels-grouped]

Each contender runs in a process of its own on the same frame. CPU seconds (all threads) and peak memory are
counted from after the data stand until the answer does; the coefficients must agree to 1e-6.
`statsmodels` is `GLM(Binomial)` with `cov_type="cluster"` on the rows (CR1: it has no CR2);
`statsmodels-grouped` is the same after a group-by that its user would have to write.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd

CONTENDERS = ("ours", "statsmodels", "statsmodels-grouped")
FORMULA = "opted_out ~ harm + difficulty"


def trials(rows: int) -> pd.DataFrame:
    """Return trials of 2,000 items with graded harm and a difficulty from 1 to 5."""
    rng = np.random.default_rng(7)
    items = 2_000
    harm, difficulty = rng.integers(0, 3, items), rng.integers(1, 6, items)
    logits = -2.5 + 0.9 * harm + 0.15 * difficulty + rng.normal(0, 1, items)
    chance = 1 / (1 + np.exp(-logits))
    item = np.empty(rows, dtype=np.int32)
    opted_out = np.empty(rows, dtype=np.int8)
    # In pieces, so that making the data does not reach the peak of memory that is to be measured.
    for start in range(0, rows, 500_000):
        piece = rng.integers(0, items, min(500_000, rows - start))
        item[start : start + len(piece)] = piece
        opted_out[start : start + len(piece)] = rng.random(len(piece)) < chance[piece]
    columns = {
        "item": item,
        "harm": harm.astype(np.int8)[item],
        "difficulty": difficulty.astype(np.int8)[item],
    }
    return pd.DataFrame({**columns, "opted_out": opted_out})


def ours(data: pd.DataFrame) -> list[float]:
    """Fit by Bartleby: CR2, Satterthwaite, odds ratios and marginal effects."""
    from bartleby.analysis.rates.effects import effects

    frame = effects(data, FORMULA, cluster="item").frame
    return [float(value) for value in frame.loc[frame["quantity"] == "coefficient", "estimate"]]


def statsmodels_rows(data: pd.DataFrame) -> list[float]:
    """Fit by statsmodels on the rows."""
    import statsmodels.api as sm

    design = sm.add_constant(data[["harm", "difficulty"]].astype(float))
    model = sm.GLM(data["opted_out"].astype(float), design, family=sm.families.Binomial())
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": data["item"].to_numpy()})
    return [float(value) for value in fit.params]


def statsmodels_grouped(data: pd.DataFrame) -> list[float]:
    """Fit by statsmodels on counts that its user has made."""
    import statsmodels.api as sm

    cells = data.groupby(["item", "harm", "difficulty"])["opted_out"].agg(["sum", "count"]).reset_index()
    design = sm.add_constant(cells[["harm", "difficulty"]].astype(float))
    both = np.column_stack([cells["sum"], cells["count"] - cells["sum"]])
    model = sm.GLM(both, design, family=sm.families.Binomial())
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": cells["item"].to_numpy()})
    return [float(value) for value in fit.params]


def measure(name: str, rows: int) -> None:
    """Run one contender here and print what it took as JSON."""
    fits = {"ours": ours, "statsmodels": statsmodels_rows, "statsmodels-grouped": statsmodels_grouped}
    fits[name](trials(5_000))  # imports are not what is measured
    data = trials(rows)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, wall = time.process_time(), time.perf_counter()
    estimates = fits[name](data)
    spent, waited = time.process_time() - began, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps(
            {
                "cpu": spent,
                "wall": waited,
                "peak": peak / 1024,
                "before": before / 1024,
                "estimates": estimates,
            }
        )
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description="Logistic regression with clusters, ours against statsmodels"
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--only", choices=CONTENDERS)
    parser.add_argument("--here", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        measure(options.here, options.rows)
        return
    results = {}
    for name in [options.only] if options.only else CONTENDERS:
        command = [sys.executable, __file__, "--here", name, "--rows", str(options.rows)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{name}: failed ({done.returncode}): {done.stderr.strip().splitlines()[-1:]}")
            continue
        results[name] = json.loads(done.stdout)
    report(results, options.rows)


def report(results: dict[str, dict[str, object]], rows: int) -> None:
    """Print CPU seconds, memory and ratios, and whether the answers agree."""
    print(f"{rows:,} rows\n\n| | CPU s | ratio | wall s | peak MB | of which above the data |")
    print("|---|---|---|---|---|---|")
    base = results.get("ours")
    for name, result in results.items():
        cpu, peak, before = (float(str(result[key])) for key in ("cpu", "peak", "before"))
        ratio = f"{cpu / float(str(base['cpu'])):.1f}" if base else "-"
        wall = float(str(result["wall"]))
        print(f"| {name} | {cpu:.2f} | {ratio} | {wall:.2f} | {peak:.0f} | {peak - before:.0f} |")
    answers = [np.array(result["estimates"], dtype=float) for result in results.values()]
    if len(answers) > 1:
        apart = max(float(np.max(np.abs(answer - answers[0]))) for answer in answers[1:])
        print(f"\nlargest difference of a coefficient: {apart:.1e}")


if __name__ == "__main__":
    main()
