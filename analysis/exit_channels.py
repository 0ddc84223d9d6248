"""How much of an exit is the door? Load, estimate, save.

usage: python analysis/exit_channels.py TRIALS FOLDER

TRIALS is a log (`runs/exit_channels.db`) or an exported trial table (`data/exit_channels/smollm2.parquet`).
"""

import sys
from pathlib import Path

import pandas as pd

import bartleby as bb

FACTORS = ("exit_channel", "wording", "effect", "tool_name")
CONVERSATIONS = {True: "presses or degrades", False: "benign control"}


def load(path: Path) -> pd.DataFrame:
    """Return the trial table of a log or of an exported file."""
    return bb.read(path) if path.suffix == ".db" else bb.tables.read_table(path)


def main(source: Path, folder: Path) -> None:
    """Estimate exits by door and by what presses, what each factor moves, and refusals beside exits."""
    trials = load(source)
    trials["conversation"] = trials["aversive"].map(CONVERSATIONS)
    rates = bb.exits(trials, by=["exit_channel", "conversation"])
    order = bb.leaving.order_effect(trials, by=["model", "exit_channel"])
    both = bb.leaving.refusal_by_exit(trials, by="exit_channel")
    bb.tables.write_table(rates.to_frame(), folder / "exits.csv")
    bb.tables.write_table(order.to_frame(), folder / "order.csv")
    bb.tables.write_table(both.to_frame(), folder / "refusal.csv")
    bb.figures.save(rates.plot(), folder / "exits")
    bb.figures.save(rates.plot_staying(), folder / "staying")
    bb.figures.save(both.plot(), folder / "refusal")
    effects = order.to_frame().query("quantity == 'order_effect'")
    bb.figures.save(bb.figures.plot_order_effects(effects), folder / "order")
    for factor in FACTORS:
        asked = trials[trials[factor].notna()]
        if len(asked[factor].unique()) > 1:
            moved = bb.difference(asked, "opted_out", between=factor)
            bb.tables.write_table(moved.to_frame(), folder / f"by_{factor}.csv")
            bb.figures.save(bb.figures.plot_rate_differences(moved.to_frame()), folder / f"by_{factor}")
    print(order.summary())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
