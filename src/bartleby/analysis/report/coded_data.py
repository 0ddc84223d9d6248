"""Coded conversations, as the parts of the page about them need these: coders, codes, turns, triggers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from bartleby.analysis.patterns.coded_turns import coded_turns
from bartleby.analysis.report.exit_data import several
from bartleby.analysis.report.placed import Placed, placed
from bartleby.analysis.tables.estimates import Estimates, estimate_frame

__all__ = ["CALLED", "CodedData", "stacked"]

CLASSES = ("role", "expected", "scenario_class", "impact", "harm", "category", "outcome")
"""Columns that tell classes of conversations apart; the first with few values is taken."""
MOST_CLASSES = 5
KINDS = ("user_text_kind", "kind")
"""Columns that say what a user's message does."""
CALLED = {"expected": "what leaving would be", "role": "kind of scenario", "scenario_class": "class"}
"""What columns of classes are called, where their name does not say it."""
NO_TRIGGERS = {"opening", "other", ""}


@dataclass(frozen=True, eq=False)
class CodedData:
    """Codings of conversations, and the turns that they are of.

    Parameters
    ----------
    found
        The codings.
    turns
        One row a turn of the model: `conversation`, `turn`, `text`, `exited` if it could leave, and what else
        is known of each.
    level
        Of the intervals.
    """

    found: Placed = field(repr=False)
    turns: pd.DataFrame = field(repr=False)
    level: float

    @classmethod
    def of(cls, codings: pd.DataFrame, turns: pd.DataFrame, level: float) -> CodedData:
        """Return the data of a table of codings and one of turns.

        Raises
        ------
        DataError
            As `placed`.
        """
        return cls(
            placed(codings, turns), turns.assign(conversation=turns["conversation"].astype(str)), level
        )

    @property
    def main(self) -> str:
        """The code that is looked at most closely: the first of the codebook."""
        return self.found.codes[0]

    @property
    def coder(self) -> str:
        """Whose codings patterns are looked for in: the first judge's, the lexicon's or a person's."""
        return (*self.found.machines, *self.found.people)[0]

    @property
    def called(self) -> str:
        """What `coder` is called."""
        return self.found.names[self.coder]

    @property
    def cluster(self) -> str:
        """Column of what belongs together: the item, if there are several, or else the conversation."""
        return "item" if several(self.turns, "item") else "conversation"

    @property
    def classes(self) -> str | None:
        """The column of classes, if there is one."""
        for name in CLASSES:
            if several(self.turns, name) and self.turns[name].nunique() <= MOST_CLASSES:
                return name
        return None

    @property
    def leaving(self) -> str | None:
        """The column that says whether the model left, if any did."""
        return "exited" if several(self.turns, "exited") else None

    def codings(self) -> pd.DataFrame:
        """Return codings with what coders are called, and columns that split or cluster conversations."""
        names = [
            name for name in dict.fromkeys([self.cluster, self.classes]) if name not in (None, "conversation")
        ]
        first = self.turns.drop_duplicates("conversation").set_index("conversation")
        rows = self.found.rows
        made = {str(name): rows["conversation"].map(first[name]) for name in names}
        return rows.assign(coder=rows["coder"].map(self.found.names), **made)

    def coded(self, codes: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the turns with a column for each code, by `coder`."""
        rows = self.found.rows
        own = rows[rows["turn"].notna() & (rows["coder"] == self.coder)]
        kept = self.turns.drop(columns=[each for each in self.found.codes if each in self.turns])
        return coded_turns(kept, own, coder=self.coder, codes=codes)

    def present(self) -> list[str]:
        """Return the codes that `coder` found at some turns and not at others."""
        rows = self.found.rows
        own = rows[(rows["coder"] == self.coder) & rows["turn"].notna() & rows["value"].notna()]
        shown = (own["value"] >= 1).groupby(own["code"], sort=False).agg(["any", "all"])
        return [str(code) for code, row in shown.iterrows() if row["any"] and not row["all"]]

    def triggers(self, table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
        """Return turns with a column of 1 and 0 for each thing that users do, and the names of these."""
        kind = next((name for name in KINDS if several(table, name)), None)
        if kind is None:
            return table, []
        kinds = [str(each) for each in table[kind].dropna().unique() if str(each) not in NO_TRIGGERS]
        made = {
            f"user {each}": (table[kind].astype("string") == each).fillna(False).astype(int) for each in kinds
        }
        renamed = {name.replace(" ", "_"): values for name, values in made.items()}
        free = {name: values for name, values in renamed.items() if name not in table}
        return table.assign(**free), list(free)


def stacked(parts: Sequence[tuple[dict[str, str], Estimates]]) -> Estimates:
    """Return estimates of several codes or coders one below the other, with columns that say of which.

    The accounting is that of the first.
    """
    rows = [
        {**key, **{str(name): value for name, value in row.items()}}
        for key, fit in parts
        for row in fit.frame.to_dict(orient="records")
    ]
    names = list(parts[0][1].frame.columns)
    lead = [*parts[0][0], *names[: names.index("term")]]
    said = Counter(warning for _, fit in parts for warning in dict.fromkeys(fit.warnings))
    warnings = [
        # What is true of every part is said once, and not of each.
        warning if said[warning] == len(parts) else f"{_named(key)}: {warning}"
        for key, fit in parts
        for warning in fit.warnings
    ]
    first = parts[0][1]
    return Estimates(
        estimate_frame(rows, lead), first.accounting, tuple(dict.fromkeys(warnings)), first.settings
    )


def _named(key: dict[str, str]) -> str:
    return f"[{', '.join(f'{name}={value}' for name, value in key.items())}]"
