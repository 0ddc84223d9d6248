"""Which of these tasks would this model rather leave undone? Estimate, and save figures and tables.

usage: python analysis/mine.py [LOG]

Without a log of runs/mine.db, a simulated respondent whose preferences are known stands in for a model.
"""

import sys
from pathlib import Path

import bartleby as bb

ROOT = Path(__file__).resolve().parents[1]
log = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "runs" / "mine.db"
if len(sys.argv) == 1 and not log.exists():
    log = log.with_name("mine-simulated.db")
    bb.run(ROOT / "studies" / "mine.py", "sim/averse", log=log)

trials = bb.read(log)
declined = bb.rate(trials, "opted_out", by="harm")
order = bb.difference(trials, "opted_out", between="order")
print(declined)
print(order)
results = {"declined": declined, "order": order}

folder = ROOT / "runs" / log.stem
folder.mkdir(parents=True, exist_ok=True)
for what, estimates in results.items():
    bb.tables.write_table(estimates.to_frame(), folder / f"{what}.csv")
    (folder / f"{what}.tex").write_text(estimates.to_latex(), encoding="utf-8")
    bb.figures.save(estimates.plot(), folder / what)
print(f"\nfigures and tables are in {folder}")
