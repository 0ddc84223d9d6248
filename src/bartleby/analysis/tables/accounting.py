"""How every outcome was counted: said beside each estimate, so that nothing is dropped in silence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Accounting"]


@dataclass(frozen=True)
class Accounting:
    """Which outcomes there were, and what each was taken for.

    Parameters
    ----------
    counts
        Trials by outcome (weighted by `count` where the table has one).
    counted_as
        What each outcome was taken for, in words: "win of the item shown first", "left out", ...
    used
        Trials that entered the estimate.
    bounds
        What the estimate would be had the uncounted trials all gone one way or the other, by term:
        `{term: (low, high)}`; empty where that has no meaning.
    """

    counts: Mapping[str, float]
    counted_as: Mapping[str, str]
    used: float
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """Trials in the table."""
        return sum(self.counts.values())

    @property
    def left_out(self) -> float:
        """Trials that did not enter the estimate."""
        return self.total - self.used

    def to_dict(self) -> dict[str, Any]:
        """Return the accounting as JSON values; a bound that is undefined or infinite is None."""
        return {
            "total": self.total,
            "used": self.used,
            "left_out": self.left_out,
            "outcomes": {
                name: {"count": count, "counted_as": self.counted_as.get(name, "left out")}
                for name, count in self.counts.items()
            },
            "bounds": {
                term: [bound if math.isfinite(bound) else None for bound in pair]
                for term, pair in self.bounds.items()
            },
        }

    def summary(self) -> str:
        """Return one line an outcome, to read."""
        lines = [f"{self.used:g} of {self.total:g} trials used"]
        lines += [
            f"  {name}: {count:g} ({self.counted_as.get(name, 'left out')})"
            for name, count in self.counts.items()
        ]
        return "\n".join(lines)
