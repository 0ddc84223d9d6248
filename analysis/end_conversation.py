"""When would this model rather leave a conversation? Load, estimate, save.

usage: python analysis/end_conversation.py TRIALS FOLDER

TRIALS is a log (`runs/end_conversation.db`) or an exported trial table
(`data/end_conversation/smollm2.parquet`) with its turn table beside it (`smollm2_turns.parquet`).
"""

import sys
from pathlib import Path

import pandas as pd

import bartleby as bb

BATTERY = Path(__file__).parents[1] / "data" / "self_report" / "battery.csv"


def load(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the trial table and the turn table of a log or of exported files."""
    if path.suffix == ".db":
        return bb.read(path), bb.read(path, unit="turn")
    return bb.tables.read_table(path), bb.tables.read_table(path.with_name(f"{path.stem}_turns{path.suffix}"))


def main(source: Path, folder: Path) -> None:
    """Estimate exits by class and turn, against their controls, by the rules of leaving, and self-reports."""
    trials, turns = load(source)
    asked = [
        each for each in bb.self_reports.load_battery(BATTERY).statements if f"before_{each.id}" in trials
    ]
    varied = [name for name in ("expected", "refusals_before") if len(turns[name].unique()) > 1]
    rates = bb.exits(trials, by="scenario_class")
    order = bb.leaving.order_effect(trials)
    fits = {
        "exits": rates,
        "order": order,
        "corrected": bb.leaving.corrected_rate(trials, cluster="match"),
        "specificity": bb.leaving.specificity(trials),
        "wrong": bb.leaving.wrong_exits(trials),
        "refusal": bb.leaving.refusal_by_exit(trials),
        "last_resort": bb.leaving.last_resort(trials),
        "follows_request": bb.leaving.follows_request(trials),
        "hazard": bb.leaving.hazard(turns, varied),
        "self_report": bb.self_reports.self_report(trials, asked, behaviour="opted_out"),
    }
    for name, fit in fits.items():
        bb.tables.write_table(fit.to_frame(), folder / f"{name}.csv")
    exits = bb.figures.plot_exit_rates(rates.rates(), roles=bb.figures.roles_of(trials))
    bb.figures.save(exits, folder / "exits")
    bb.figures.save(rates.plot_staying(), folder / "staying")
    bb.figures.save(fits["refusal"].plot(), folder / "refusal")
    effects = order.to_frame().query("quantity == 'order_effect'")
    bb.figures.save(bb.figures.plot_order_effects(effects), folder / "order")
    print(*(fits[name].summary() for name in ("corrected", "wrong", "order")), sep="\n\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
