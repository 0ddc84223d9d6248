"""Which tasks would this model rather leave undone? Load, estimate, save.

usage: python analysis/opt_out.py TRIALS FOLDER

TRIALS is a log (`runs/opt_out.db`) or an exported trial table (`data/opt_out/smollm2.parquet`).
"""

import sys
from pathlib import Path

import pandas as pd

import bartleby as bb


def load(path: Path) -> pd.DataFrame:
    """Return the trial table of a log or of an exported file."""
    return bb.read(path) if path.suffix == ".db" else bb.tables.read_table(path)


def main(source: Path, folder: Path) -> None:
    """Estimate exits, exits against benign controls, refusals beside exits, and the effect of order."""
    trials = load(source)
    rates = bb.exits(trials, by=["exit_channel", "category", "harm"])
    triads = trials[trials["match"].notna()]
    corrected = bb.leaving.corrected_rate(
        triads, classes="harm", controls="none", by="exit_channel", cluster="match"
    )
    order = bb.leaving.order_effect(trials, by=["model", "exit_channel"])
    both = bb.leaving.refusal_by_exit(trials, by="exit_channel")
    for name, fit in {"exits": rates, "corrected": corrected, "order": order, "refusal": both}.items():
        bb.tables.write_table(fit.to_frame(), folder / f"{name}.csv")
    bb.figures.save(rates.plot(), folder / "exits")
    bb.figures.save(both.plot(), folder / "refusal")
    effects = order.to_frame().query("quantity == 'order_effect'")
    bb.figures.save(bb.figures.plot_order_effects(effects), folder / "order")
    print(corrected.summary(), order.summary(), sep="\n\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
