"""How often do a model's words express apparent distress, and where? Load, correct, look for patterns, save.

usage: python analysis/apparent_distress.py JUDGE TURNS LABELS FOLDER

JUDGE is the log of a judge's run or its exported trial table, TURNS the conversations it coded, LABELS a
file of labels (`bartleby label`) or its exported codings. In `data/apparent_distress` these are
simulated_judge.parquet, simulated_turns.parquet and simulated_labels.csv. FOLDER/page has everything to read.
"""

import sys
from pathlib import Path
from typing import Any

import pandas as pd

import bartleby as bb

CODE = "expressed_distress"


def checked(
    codings: pd.DataFrame, said: pd.DataFrame, judge: str, person: str
) -> dict[str, bb.tables.Estimates]:
    """Return agreement and prevalence, in all and by whether leaving is expected."""
    own = codings[codings["code"] == CODE]
    units = bb.annotation.units_table(own, code=CODE, judge=judge, people=person)
    units = units.merge(said.drop_duplicates("conversation")[["conversation", "expected"]], on="conversation")
    labelled = own[own["unit"].isin(units.loc[units["label"].notna(), "unit"])]
    shared: dict[str, Any] = {"judge": "judge", "label": "label", "cluster": "conversation"}
    return {
        "agreement": bb.coder_agreement(
            labelled, unit="unit", coder="coder", value="value", cluster="conversation", reference=person
        ),
        "prevalence": bb.prevalence(units, **shared),
        "prevalence_by_class": bb.prevalence(units, by="expected", **shared),
    }


def patterns(codings: pd.DataFrame, said: pd.DataFrame, judge: str) -> dict[str, bb.tables.Estimates]:
    """Return the course over turns, episodes, and whether the code comes before leaving, by the judge."""
    coded, _ = bb.annotation.coded_table(said, codings, coder=judge, codes=[CODE])
    told: dict[str, Any] = {"coded": CODE, "exited": "exited", "cluster": "item"}
    return {
        "course": bb.patterns.course(coded, by="expected", **told),
        "episodes": bb.patterns.episodes(coded, **told),
        "coded_exits": bb.patterns.coded_before_exit(coded, baseline="linear", **told),
    }


def main(judge: Path, turns: Path, labels: Path, folder: Path) -> None:
    """Estimate, and write tables, figures and the page."""
    said = bb.tables.read_table(turns)
    codings = pd.concat(
        [bb.annotation.read_codings([judge, labels]), bb.annotation.code(said)], ignore_index=True
    )
    coders = codings.loc[codings["code"] == CODE, "coder"].unique()
    name = next(each for each in coders if str(each).startswith("judge:"))
    person = next(each for each in coders if each not in (name, "lexicon"))
    fits = checked(codings, said, name, person) | patterns(codings, said, name)
    for each, fit in fits.items():
        bb.tables.write_table(fit.to_frame(), folder / f"{each}.csv")
        frame = fit.frame.drop(columns="model", errors="ignore")
        bb.figures.save(bb.figures.plot_course(frame) if each == "course" else fit.plot(), folder / each)
    print(*(fit.summary() for fit in fits.values()), sep="\n\n")
    print(bb.report(said, folder / "page", codings=codings))


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*(Path(each) for each in sys.argv[1:]))
