"""Trials that could be left, as the page about exits needs them: classes, roles, what was offered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from bartleby.analysis.exits.exit_rates import ExitFit, exits
from bartleby.analysis.figures.roles import UNKNOWN, roles_of
from bartleby.analysis.tables.estimates import Estimates

__all__ = ["CLASSES", "CONDITIONS", "ExitData", "several", "with_frame"]

CLASSES = ("scenario_class", "harm", "category", "kind")
"""Columns that tell classes of scenarios or tasks apart, the first of which is taken."""
CONDITIONS = ("exit_channel", "order", "wording", "effect", "tool_name", "user", "self_report", "branch")
"""Ways in which an exit was put, as columns."""


@dataclass(frozen=True)
class ExitData:
    """Trials that could be left, and what the page needs to know of them.

    Parameters
    ----------
    trials
        The trial table, without trials in which there was no exit; a column `role` says of each what leaving
        would mean, if that is known.
    every
        The trial table with those.
    turns
        One row a turn of the model, if there is such a table.
    classes
        The column of classes, if there are several.
    level
        Of the intervals.
    roles
        The role of each class.
    battery
        Statements of the self-report, if one was asked.
    codings
        What coders found in the turns, if there are codings.
    """

    trials: pd.DataFrame = field(repr=False)
    every: pd.DataFrame = field(repr=False)
    turns: pd.DataFrame | None = field(repr=False)
    classes: str | None
    level: float
    roles: Mapping[str, str]
    battery: tuple[Mapping[str, Any], ...] = ()
    codings: pd.DataFrame | None = field(default=None, repr=False)
    _fits: dict[tuple[str, ...], ExitFit] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        trials: pd.DataFrame,
        turns: pd.DataFrame | None,
        level: float,
        record: Mapping[str, Any] | None = None,
        codings: pd.DataFrame | None = None,
    ) -> ExitData:
        """Return the data of a trial table, with classes and roles found in it."""
        classes = next((name for name in CLASSES if several(trials, name)), None)
        roles = roles_of(trials, classes) if classes is not None else {}
        every = trials
        if classes is not None and set(roles.values()) - {UNKNOWN}:
            every = trials.assign(role=trials[classes].astype("string").map(roles))
        offered = every
        if "exit_channel" in every:
            offered = every[every["exit_channel"].astype("string").fillna("") != "none"]
        if turns is not None and "exit_channel" in turns:
            turns = turns[turns["exit_channel"].astype("string").fillna("") != "none"]
        paradigm = ((record or {}).get("study") or {}).get("paradigm") or {}
        return cls(
            offered, every, turns, classes, level, roles, tuple(paradigm.get("battery") or ()), codings
        )

    @property
    def trial(self) -> str:
        """What one trial is called."""
        return "conversation" if self.long else "trial"

    @property
    def left(self) -> str:
        """What the model did that took the exit: of a single task, it did not leave anything."""
        return "left" if self.long else "took the exit"

    @property
    def long(self) -> bool:
        """Whether trials are conversations of several turns."""
        return "turns" in self.trials and bool((self.trials["turns"] > 1).fillna(value=False).any())

    @property
    def without_exit(self) -> int:
        """Trials in which there was no exit, for comparison."""
        return len(self.every) - len(self.trials)

    def any_ended(self) -> bool:
        """Return whether any trial says whether the model left."""
        ended = {"opted_out", "completed", "refused"}
        return "outcome" in self.trials and not ended.isdisjoint(self.trials["outcome"].dropna())

    def by(self, *names: str | None) -> list[str]:
        """Return those of the columns that tell trials apart."""
        return [name for name in names if name is not None and several(self.trials, name)]

    def exits_by(self, names: Sequence[str]) -> ExitFit:
        """Return exits of all trials by some columns, estimated once however many sections need them."""
        key = tuple(names)
        if key not in self._fits:
            self._fits[key] = exits(self.trials, by=list(key), level=self.level)
        return self._fits[key]

    def where(self, *names: str) -> pd.DataFrame:
        """Return the trials in which no column is empty, as conditions are where they do not apply."""
        return self.trials.dropna(subset=list(names))


def several(frame: pd.DataFrame, name: str) -> bool:
    """Return whether a column is there and has more than one value."""
    return name in frame and len(frame[name].dropna().astype(str).unique()) > 1


def with_frame(fit: Estimates, frame: pd.DataFrame) -> Estimates:
    """Return some rows of a fit as estimates of their own, with the same accounting and warnings."""
    return Estimates(frame.reset_index(drop=True), fit.accounting, fit.warnings, fit.settings)
