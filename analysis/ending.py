"""Does this model keep the rules of ending a conversation? Load, estimate, save.

usage: python analysis/ending.py LOG FOLDER
"""

import sys
from pathlib import Path

import bartleby as bb


def main(log: Path, folder: Path) -> None:
    """Estimate how often each rule was kept, and exits by class."""
    trials, turns = bb.read(log), bb.read(log, unit="turn")
    card = bb.leaving.rule_scorecard(trials, turns)
    rates = bb.exits(trials, by="scenario_class")
    bb.tables.write_table(card.to_frame(), folder / "rules.csv")
    bb.tables.write_table(rates.to_frame(), folder / "exits.csv")
    bb.tables.write_table(bb.leaving.events(turns), folder / "events.csv")
    bb.figures.save(card.plot(), folder / "rules")
    print(card.summary())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
