"""What was asked of the choice model, checked: one value that says how every outcome is counted."""

from __future__ import annotations

import numbers
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from bartleby.analysis.choice.expected import Probabilities
from bartleby.analysis.tables.grouping import Estimand, level_problems
from bartleby.errors import SettingError
from bartleby.outcome import Outcome

__all__ = ["ChoiceOptions", "Exits", "Intervals", "Ties", "unknown_words"]

Ties: TypeAlias = Literal["none", "half", "davidson", "rao-kupper"]
Exits: TypeAlias = Literal["left_out", "neither"]
Intervals: TypeAlias = Literal["profile", "wald", "none"]

_ALLOWED: dict[str, tuple[str, ...]] = {
    "ties": ("none", "half", "davidson", "rao-kupper"),
    "opted_out": ("left_out", "neither"),
    "refusals": ("left_out", "neither"),
    "estimand": ("these_items", "new_items"),
    "probabilities": ("auto", "use", "ignore"),
    "intervals": ("profile", "wald", "none"),
}


@dataclass(frozen=True)
class ChoiceOptions:
    """Settings of a choice model; `choice_model` says what each means."""

    baseline: str | None = None
    clusters: tuple[str, ...] = ("pair",)
    by: tuple[str, ...] = ()
    level: float = 0.95
    estimand: Estimand = "new_items"
    ties: Ties = "none"
    slot: bool = True
    bias_reduced: bool | None = None
    opted_out: Exits = "left_out"
    refusals: Exits = "left_out"
    seed: int = 0
    probabilities: Probabilities = "auto"
    adaptive: bool | None = None
    intervals: Intervals | None = None

    def check(self) -> None:
        """Raise SettingError for whatever is not allowed, all of it at once."""
        problems = unknown_words(
            ties=self.ties,
            opted_out=self.opted_out,
            refusals=self.refusals,
            estimand=self.estimand,
            probabilities=self.probabilities,
        )
        if self.intervals is not None:
            problems += unknown_words(intervals=self.intervals)
        problems += level_problems(self.level)
        problems += _unlike(
            seed=self.seed, slot=self.slot, bias_reduced=self.bias_reduced, adaptive=self.adaptive
        )
        if self.ties == "rao-kupper" and "neither" in (self.opted_out, self.refusals):
            problems.append("ties='rao-kupper' has no outcome 'neither': use ties='davidson' with it")
        if len(self.clusters) > 1 or "item" in self.clusters:
            problems.append(
                f"cluster={list(self.clusters)!r}: intervals of the model take one column of clusters, to "
                "one of which a trial belongs; for items or two columns use fit.bootstrap(cluster=...)"
            )
        if problems:
            raise SettingError("\n".join(problems))

    def but(
        self, *, estimand: Estimand | None = None, level: float | None = None, seed: int | None = None
    ) -> ChoiceOptions:
        """Return these settings with others in their place, where others are given.

        Raises
        ------
        SettingError
            One of them is not allowed.
        """
        changed = replace(
            self,
            estimand=self.estimand if estimand is None else estimand,
            level=self.level if level is None else level,
            seed=self.seed if seed is None else seed,
        )
        changed.check()
        return changed

    @property
    def cluster_name(self) -> str:
        """What holds together, in words; without clusters, one prompt: two items in one order."""
        return self.clusters[0] if self.clusters else "ordered pair"

    @property
    def counted_beside_choices(self) -> tuple[str, ...]:
        """Outcomes that the model counts besides a choice of one of the two items."""
        ties = (Outcome.INDIFFERENT,) if self.ties != "none" else ()
        exits = (Outcome.OPTED_OUT,) if self.opted_out == "neither" else ()
        refusals = (Outcome.REFUSED,) if self.refusals == "neither" else ()
        return tuple(str(outcome) for outcome in (*ties, *exits, *refusals))

    @property
    def counted_as(self) -> dict[str, str]:
        """What each outcome is taken for, in words."""
        ties = {
            "none": "left out: indifference is not in this model",
            "half": "half a win of each item",
            "davidson": "a tie",
            "rao-kupper": "a tie",
        }
        exits = {"left_out": "left out", "neither": "a choice of neither item"}
        return {
            Outcome.CHOSE_FIRST: "a win of the item shown first",
            Outcome.CHOSE_SECOND: "a win of the item shown second",
            Outcome.INDIFFERENT: ties[self.ties],
            Outcome.OPTED_OUT: exits[self.opted_out],
            Outcome.REFUSED: exits[self.refusals],
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values, under the names by which they are given."""
        return {
            "baseline": self.baseline,
            "cluster": self.clusters[0] if self.clusters else "none: trials independent",
            "by": list(self.by),
            "level": self.level,
            "estimand": self.estimand,
            "ties": self.ties,
            "slot": self.slot,
            "bias_reduced": self.bias_reduced,
            "opted_out": self.opted_out,
            "refusals": self.refusals,
            "seed": self.seed,
            "probabilities": self.probabilities,
            "adaptive": self.adaptive,
            "intervals": self.intervals,
        }


def _unlike(*, seed: object, slot: object, **or_none: object) -> list[str]:
    """Return a line for each setting that is of another kind than it must be."""
    problems = []
    if not isinstance(seed, numbers.Integral) or seed < 0:
        problems.append(f"seed={seed!r}: must be a whole number, 0 or more")
    if not isinstance(slot, bool):
        problems.append(f"slot={slot!r}: must be True or False")
    problems += [
        f"{name}={value!r}: must be True, False or None"
        for name, value in or_none.items()
        if not (value is None or isinstance(value, bool))
    ]
    return problems


def unknown_words(**given: object) -> list[str]:
    """Return a line for each setting that is none of its allowed words."""
    return [
        f"{name}={value!r}: must be one of {', '.join(_ALLOWED[name])}"
        for name, value in given.items()
        if value not in _ALLOWED[name]
    ]
