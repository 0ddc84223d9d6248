"""The progress bar: trials and their rate, outcomes so far, tokens, money, time left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from bartleby.progress import Bar, new_bar

__all__ = ["Progress", "Told", "describe"]

REFRESH = 0.25


@dataclass(frozen=True, slots=True)
class Told:
    """How a session stands.

    Parameters
    ----------
    outcomes
        Trials that ended, by outcome.
    tokens, cost, failures
        Of this session: tokens, dollars (None where the price is not known), attempts without a reply.
    expected
        Dollars that the session will have cost at its end, if its trials go on costing as much as so far.
    batches, in_batches
        Batches under way, and the requests in them.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    cost: float | None = None
    failures: int = 0
    expected: float | None = None
    batches: int = 0
    in_batches: int = 0


class Progress:
    """A bar on the error stream, where that is a terminal or a notebook (see `bartleby.progress`).

    Parameters
    ----------
    name
        What is run.
    shown
        Whether to show it; None for where there is a terminal or a notebook.
    """

    def __init__(self, name: str, *, shown: bool | None = None) -> None:
        self._name = name
        self._shown = shown
        self._bar: Bar | None = None
        self._told = 0.0

    def start(self, total: int, done: int) -> None:
        """Show how many trials there are, and how many of them had ended before."""
        if self._bar is not None:
            self._bar.total = total
            self._bar.refresh()
            return
        # The bar's `{rate}` counts from `initial`, so trials of earlier sessions do not flatter it.
        self._bar = new_bar(self._name, total, done=done, unit="trial", delay=0, keep=True, shown=self._shown)

    def step(self, told: Callable[[], Told]) -> None:
        """Count one more trial; what is told of the run is asked for only if it is shown."""
        if self._bar is None:
            return
        now = time.monotonic()
        if now - self._told >= REFRESH:
            self._told = now
            self._bar.set_postfix_str(describe(told()), refresh=False)
        self._bar.update()

    def show(self, told: Told) -> None:
        """Show how the run stands, while no trial ends."""
        if self._bar is not None:
            self._bar.set_postfix_str(describe(told), refresh=True)

    def stop(self, told: Told) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self.show(told)
            self._bar.close()
            self._bar = None


def describe(told: Told) -> str:
    """Return the outcomes so far, the tokens, the money and what else is to be known in a few words."""
    parts = [f"{name} {count}" for name, count in told.outcomes.most_common()]
    parts.append(f"{_short(told.tokens)} tokens")
    if told.cost is not None:
        of = "" if told.expected is None else f" of about ${told.expected:,.2f}"
        parts.append(f"${told.cost:,.2f}{of}")
    if told.failures:
        parts.append(f"{told.failures} failed attempts")
    if told.batches:
        parts.append(f"{told.batches} batches under way with {_short(told.in_batches)} requests")
    return ", ".join(parts)


def _short(count: int) -> str:
    if count < 10_000:
        return str(count)
    return f"{count / 1e3:.0f}k" if count < 1e6 else f"{count / 1e6:.1f}M"
