"""Which tasks would this model rather not do? Load, estimate, save.

usage: python analysis/task_preferences.py TRIALS FOLDER

TRIALS is a log (`runs/smollm2.db`) or an exported trial table (`data/task_preferences/smollm2.parquet`).
"""

import sys
from pathlib import Path

import pandas as pd

import bartleby as bb

BASELINE = "do-nothing"


def load(path: Path) -> pd.DataFrame:
    """Return the trial table of a log or of an exported file."""
    return bb.read(path) if path.suffix == ".db" else bb.tables.read_table(path)


def main(source: Path, folder: Path) -> None:
    """Estimate utilities and shares, and save tables and the figure."""
    fit = bb.choice_model(load(source), baseline=BASELINE)
    shares = fit.share_below(by="impact")
    bb.tables.write_table(fit.to_frame(), folder / "utilities.csv")
    bb.tables.write_table(shares.to_frame(), folder / "shares.csv")
    bb.figures.save(fit.plot(), folder / "utilities")
    print(shares.summary())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
