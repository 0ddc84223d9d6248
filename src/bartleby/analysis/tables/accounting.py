"""How every outcome was counted: said beside each estimate, so that nothing is dropped in silence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Accounting", "WorstCase", "bound_warnings"]


@dataclass(frozen=True)
class Accounting:
    """Which outcomes there were, and what each was taken for.

    Parameters
    ----------
    counts
        Trials by outcome (weighted by `count` where the table has one).
    counted_as
        What each outcome was taken for, in words: "win of the item shown first", "excluded", ...
    used
        Trials that entered the estimate.
    bounds
        Worst-case (Manski) bounds by term, `{term: (low, high)}`, with their sampling error: the low end of
        the interval had the uncounted trials all gone one way, and the high end of the interval had they all
        gone the other way. Empty where that has no meaning.
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


@dataclass(frozen=True)
class WorstCase:
    """A printed interval, and what the estimate would be had the missing trials all gone one way.

    Parameters
    ----------
    term
        What is estimated, as in the warning.
    low, high
        The printed interval.
    extremes
        The two point estimates, with all missing trials gone one way and with all gone the other way.
    missing, total
        Trials that are missing, and all trials.
    """

    term: str
    low: float
    high: float
    extremes: tuple[float, float]
    missing: float
    total: float

    @property
    def outside(self) -> float:
        """How far the extremes leave the interval, in widths of it; 0 if they do not or nothing is known."""
        least, most = min(self.extremes), max(self.extremes)
        beyond = max(self.low - least, most - self.high)
        # Rounding of a fit is not a departure from its interval.
        if not self.missing > 0 or not beyond > 1e-9 * max(abs(least), abs(most)):
            return 0.0
        return beyond / max(self.high - self.low, 1e-300)


def bound_warnings(cases: Iterable[WorstCase], *, most: int = 8) -> list[str]:
    """Return a warning for each interval that the missing trials could carry the estimate out of.

    Parameters
    ----------
    cases
        Rows with their worst cases, however few trials are missing.
    most
        Warnings in full, those that lie furthest outside first; the others are counted.
    """
    leaving = sorted((case for case in cases if case.outside > 0), key=lambda case: -case.outside)
    warnings = [
        f"{case.term}: {case.missing:g} of {case.total:g} trials ({_percent(case.missing, case.total)}) are "
        f"missing; had they all gone one way the estimate would be between {min(case.extremes):.3g} and "
        f"{max(case.extremes):.3g}, which leaves the interval [{case.low:.3g}, {case.high:.3g}]: it supposes "
        "that missing trials are like the others; see bound_low and bound_high"
        for case in leaving[:most]
    ]
    rest = len(leaving) - len(warnings)
    return [*warnings, *([f"{rest} further intervals could be left in the same way"] if rest > 0 else [])]


def _percent(part: float, total: float) -> str:
    share = part / total
    return f"{share:.1%}" if share >= 0.001 else "under 0.1%"
