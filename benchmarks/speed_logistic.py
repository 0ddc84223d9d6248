"""Cluster-robust logistic regression on ten million rows: ours against statsmodels, in one run.

    python benchmarks/speed_logistic.py
    python benchmarks/speed_logistic.py --model hazard --rows 1000000
    python benchmarks/speed_logistic.py --only ours

`effects` has two slopes; `hazard` is of leaving at one of 20 turns, with an effect for each turn, three
classes of scenarios and the refusals so far.

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
MODELS = ("effects", "hazard")
TURNS = 20


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


def turns_of(rows: int) -> pd.DataFrame:
    """Return turns of conversations of 2,000 scenarios, up to the one at which the model left."""
    rng = np.random.default_rng(7)
    scenarios = 2_000
    kind = rng.integers(0, 3, scenarios)
    own = rng.normal(0, 0.7, scenarios)
    size = max(rows // 12, 10)
    scenario = rng.integers(0, scenarios, size).astype(np.int32)
    here, refusals, number = np.arange(size), np.zeros(size, dtype=np.int8), np.arange(size)
    parts = []
    for turn in range(1, TURNS + 1):
        refusals[here] += (rng.random(len(here)) < 0.2) & (refusals[here] < 5)
        logits = -3.5 + 0.6 * kind[scenario[here]] + own[scenario[here]] + 0.2 * refusals[here] + 0.01 * turn
        left = rng.random(len(here)) < 1 / (1 + np.exp(-logits))
        at = {"scenario": scenario[here], "kind": kind[scenario[here]], "refusals": refusals[here].copy()}
        parts.append(
            pd.DataFrame({**at, "trial": number[here], "turn": turn, "exited": left.astype(np.int8)})
        )
        here = here[~left]
    data = pd.concat(parts, ignore_index=True).iloc[:rows]
    names = np.array(["benign", "neutral", "harmful"])
    return data.assign(kind=pd.Categorical(names[data["kind"]], categories=list(names)))


def ours(data: pd.DataFrame) -> list[float]:
    """Fit by Bartleby: CR2, Satterthwaite, odds ratios and marginal effects."""
    import bartleby as bb

    if "exited" in data:
        frame = bb.leaving.hazard(data, ["kind", "refusals"], cluster="scenario").frame
    else:
        frame = bb.effects(data, FORMULA, cluster="item").frame
    return [float(value) for value in frame.loc[frame["quantity"] == "coefficient", "estimate"]]


def design_of(data: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Return the design, outcome and clusters that a user of statsmodels would make."""
    import statsmodels.api as sm

    if "exited" not in data:
        return sm.add_constant(data[["harm", "difficulty"]].astype(float)), data["opted_out"], data["item"]
    dummies = pd.get_dummies(data[["kind", "turn"]], columns=["kind", "turn"], drop_first=True, dtype=float)
    kinds = [name for name in dummies if str(name).startswith("kind")]
    design = dummies[kinds].assign(refusals=data["refusals"].astype(float))
    return (
        sm.add_constant(pd.concat([design, dummies.drop(columns=kinds)], axis=1)),
        data["exited"],
        data["scenario"],
    )


def statsmodels_rows(data: pd.DataFrame) -> list[float]:
    """Fit by statsmodels on the rows."""
    import statsmodels.api as sm

    design, outcome, cluster = design_of(data)
    model = sm.GLM(outcome.astype(float), design, family=sm.families.Binomial())
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": cluster.to_numpy()})
    return [float(value) for value in fit.params]


def statsmodels_grouped(data: pd.DataFrame) -> list[float]:
    """Fit by statsmodels on counts that its user has made."""
    import statsmodels.api as sm

    outcome = "exited" if "exited" in data else "opted_out"
    keys = [name for name in data if name not in (outcome, "trial")]
    counts = data.groupby(keys, observed=True)[outcome].agg(["sum", "count"]).reset_index()
    design, _, cluster = design_of(counts.assign(**{outcome: 0}))
    both = np.column_stack([counts["sum"], counts["count"] - counts["sum"]])
    model = sm.GLM(both, design, family=sm.families.Binomial())
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": cluster.to_numpy()})
    return [float(value) for value in fit.params]


def measure(name: str, rows: int, model: str) -> None:
    """Run one contender here and print what it took as JSON."""
    fits = {"ours": ours, "statsmodels": statsmodels_rows, "statsmodels-grouped": statsmodels_grouped}
    make = turns_of if model == "hazard" else trials
    fits[name](make(5_000))  # imports are not what is measured
    data = make(rows)
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
    parser.add_argument("--model", choices=MODELS, default="effects")
    parser.add_argument("--only", choices=CONTENDERS)
    parser.add_argument("--here", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        measure(options.here, options.rows, options.model)
        return
    results = {}
    for name in [options.only] if options.only else CONTENDERS:
        command = [sys.executable, __file__, "--here", name, "--rows", str(options.rows)]
        command += ["--model", options.model]
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
