"""The progress bar: trials and their rate, outcomes so far, tokens, money, time left."""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Never

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["Progress"]

REFRESH = 0.25


class Progress:
    """A bar on the error stream; nothing at all where that is not a terminal.

    Parameters
    ----------
    name
        What is run.
    shown
        Whether to show it; None for where the error stream is a terminal.
    """

    def __init__(self, name: str, *, shown: bool | None = None) -> None:
        self._name = name
        self._shown = sys.stderr.isatty() if shown is None else shown
        self._bar: tqdm[Never] | None = None
        self._told = 0.0

    def start(self, total: int, done: int) -> None:
        """Show how many trials there are, and how many of them had ended before."""
        if not self._shown:
            return
        from tqdm import tqdm

        if self._bar is not None:
            self._bar.total = total
            self._bar.refresh()
            return
        # The bar's `{rate}` counts from `initial`, so trials of earlier sessions do not flatter it.
        self._bar = tqdm(
            total=total, initial=done, desc=self._name, unit="trial", dynamic_ncols=True, file=sys.stderr
        )

    def step(self, outcomes: Counter[str], tokens: int, cost: float | None, failures: int) -> None:
        """Count one more trial."""
        if self._bar is None:
            return
        now = time.monotonic()
        if now - self._told >= REFRESH:
            self._told = now
            self._bar.set_postfix_str(describe(outcomes, tokens, cost, failures), refresh=False)
        self._bar.update()

    def stop(self, outcomes: Counter[str], tokens: int, cost: float | None, failures: int) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.set_postfix_str(describe(outcomes, tokens, cost, failures), refresh=True)
            self._bar.close()
            self._bar = None


def describe(outcomes: Counter[str], tokens: int, cost: float | None, failures: int) -> str:
    """Return the outcomes so far, the tokens, the money and the failed attempts in a few words."""
    parts = [f"{name} {count}" for name, count in outcomes.most_common()]
    parts.append(f"{_short(tokens)} tokens")
    if cost is not None:
        parts.append(f"${cost:,.2f}")
    if failures:
        parts.append(f"{failures} failed attempts")
    return ", ".join(parts)


def _short(count: int) -> str:
    if count < 10_000:
        return str(count)
    return f"{count / 1e3:.0f}k" if count < 1e6 else f"{count / 1e6:.1f}M"
