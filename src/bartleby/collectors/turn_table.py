"""The turn table: one row a turn of the conversation, under the columns of its trial."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bartleby.collectors.columns import typed

__all__ = ["TurnRows", "turn_table"]

OF_THE_TRIAL = ("refused", "turn", "turns", "input_tokens", "output_tokens", "seconds")
"""Columns of the trial table that say something of the whole trial, and would mislead beside its turns."""


@dataclass
class TurnRows:
    """Turns as they are read, column by column.

    Attributes
    ----------
    counts
        Turns of each trial.
    told
        Trials whose turns were told at all; those of a paradigm without turns are not.
    """

    counts: array[int] = field(default_factory=lambda: array("q"))
    told: int = 0
    columns: dict[str, list[Any]] = field(default_factory=dict)
    size: int = 0

    def add(self, turns: Sequence[Mapping[str, Any]] | None) -> None:
        """Add the turns of the next trial; None where nothing is known of them."""
        self.told += turns is not None
        self.counts.append(len(turns or ()))
        for row in turns or ():
            for name, value in row.items():
                values = self.columns.setdefault(name, [])
                values.extend([None] * (self.size - len(values)))
                values.append(value)
            self.size += 1


def turn_table(trials: pd.DataFrame, rows: TurnRows, own: Iterable[str]) -> pd.DataFrame:
    """Return one row a turn.

    Parameters
    ----------
    trials
        The trial table.
    rows
        The turns of its trials, in its order.
    own
        Columns of the trial table that come from the reading of the whole trial; they are left out.

    Returns
    -------
    DataFrame
        The columns that identify a trial, its conditions and item attributes; those of the turn; and the
        `outcome` of the trial. An item attribute named like a column of the turn has `item_` before its name.
    """
    outcome = trials["outcome"]
    known = trials.drop(columns=[*OF_THE_TRIAL, *own, "outcome"], errors="ignore")
    known = known.rename(columns={name: f"item_{name}" for name in rows.columns if name in known})
    at = np.repeat(np.arange(len(trials)), np.asarray(rows.counts, dtype=np.int64))
    columns = {name: known[name].array.take(at) for name in known}
    for name, values in rows.columns.items():
        columns[name] = typed([*values, *[None] * (rows.size - len(values))])
    columns["outcome"] = outcome.array.take(at)
    return pd.DataFrame(columns)
