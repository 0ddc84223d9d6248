"""How often do a model's words express apparent distress? Load, correct for the judge's errors, save.

usage: python analysis/apparent_distress.py JUDGE TURNS LABELS FOLDER

JUDGE is the log of a judge's run or its exported trial table, TURNS the conversations it coded, LABELS a
file of labels (`bartleby label`) or its exported codings. In `data/apparent_distress` these are
simulated_judge.parquet, simulated_turns.parquet and simulated_labels.csv.
"""

import sys
from pathlib import Path

import pandas as pd

import bartleby as bb
from bartleby.analysis.figures.style import save
from bartleby.analysis.tables.files import read_table, write_table

CODE = "expressed_distress"


def load(judge: Path, turns: Path, labels: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the codings of judge, lexicon and people, and the turns."""
    said = read_table(turns)
    people = bb.read_labels(labels) if labels.suffix == ".db" else read_table(labels)
    coded = bb.judge_codings(bb.read(judge) if judge.suffix == ".db" else read_table(judge))
    return pd.concat([coded, bb.code(said), people], ignore_index=True), said


def main(judge: Path, turns: Path, labels: Path, folder: Path) -> None:
    """Estimate agreement and prevalence, in all and by whether leaving is expected."""
    codings, said = load(judge, turns, labels)
    own = codings[codings["code"] == CODE]
    name = next(each for each in own["coder"].unique() if str(each).startswith("judge:"))
    person = next(each for each in own["coder"].unique() if each not in (name, "lexicon"))
    units = bb.units_table(own, code=CODE, judge=name, people=person)
    units = units.merge(said.drop_duplicates("conversation")[["conversation", "expected"]], on="conversation")
    labelled = own[own["unit"].isin(units.loc[units["label"].notna(), "unit"])]
    fits = {
        "agreement": bb.coder_agreement(
            labelled, unit="unit", coder="coder", value="value", cluster="conversation", reference=person
        ),
        "prevalence": bb.prevalence(units, judge="judge", label="label", cluster="conversation"),
        "prevalence_by_class": bb.prevalence(
            units, judge="judge", label="label", cluster="conversation", by="expected"
        ),
    }
    for each, fit in fits.items():
        write_table(fit.to_frame(), folder / f"{each}.csv")
        save(fit.plot(), folder / each)
    write_table(bb.label_next(units, 200, judge="judge", label="label"), folder / "label_next.csv")
    print(*(fit.summary() for fit in fits.values()), sep="\n\n")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*(Path(each) for each in sys.argv[1:]))
