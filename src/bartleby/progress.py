"""How far a command is: one bar for whatever takes longer than a few seconds.

Code that computes goes through its steps with `steps` and writes nothing itself. Where the error stream is a
terminal or a notebook a bar is shown; on the command line without a terminal, a line every minute; elsewhere
nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

from bartleby.visible import visible

__all__ = ["Bar", "in_lines", "new_bar", "on_screen", "steps"]

T = TypeVar("T")

DELAY = 2.0
"""Seconds after which a bar is shown: what is done by then needs none."""
FIRST_LINE, LINE = 10.0, 60.0
"""Seconds to the first line, and between lines, where there is no terminal."""

_lines: ContextVar[bool] = ContextVar("lines in place of bars", default=False)


class Bar(Protocol):
    """What shows how far something is: a bar of `tqdm`, lines, or nothing."""

    total: float | None

    def update(self, n: float = 1, /) -> object:
        """Count so many more."""

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """Say more beside the count."""

    def refresh(self) -> object:
        """Show how it stands now."""

    def close(self) -> None:
        """Show nothing more."""


@contextmanager
def in_lines() -> Iterator[None]:
    """Write lines where there is no terminal, as for a command whose error stream is kept in a file."""
    token = _lines.set(True)
    try:
        yield
    finally:
        _lines.reset(token)


def on_screen() -> bool:
    """Return whether there is a terminal, or a notebook with a person at it, in which a bar can move."""
    return sys.stderr.isatty() or _in_notebook()


def steps(
    items: Iterable[T],
    name: str,
    total: int | None = None,
    *,
    unit: str = "step",
    size: Callable[[T], int] | None = None,
) -> Iterator[T]:
    """Yield items, and show how many are done and about how long the rest will take.

    Parameters
    ----------
    items
        What is gone through.
    name
        What is done, as in "saving figures".
    total
        How many there are; by default as many as a collection has, else unknown.
    unit
        What one of them is called.
    size
        For how many one item counts.
    """
    length = getattr(items, "__len__", None)
    bar = new_bar(name, total if total is not None or length is None else length(), unit=unit)
    if bar is None:
        yield from items
        return
    try:
        for item in items:
            yield item
            bar.update(1 if size is None else size(item))
    finally:
        bar.close()


def new_bar(
    name: str,
    total: int | None,
    *,
    done: int = 0,
    unit: str = "step",
    delay: float = DELAY,
    keep: bool = False,
    shown: bool | None = None,
) -> Bar | None:
    """Return a bar, lines in its place, or None where nothing is to be shown.

    Parameters
    ----------
    name, total, unit
        As in `steps`.
    done
        How many were done before; they do not count for the rate.
    delay
        Seconds until it is shown.
    keep
        Whether it stays to be read when it is done.
    shown
        Whether a bar is shown; None for where there is a terminal or a notebook.
    """
    name = visible(name)
    if not (on_screen() if shown is None else shown):
        return _Lines(name, total, done) if shown is None and _lines.get() else None
    from tqdm import tqdm

    in_notebook = _in_notebook()
    return tqdm(
        total=total, initial=done, desc=name, unit=unit, delay=max(delay, DELAY) if in_notebook else delay,
        leave=keep, file=_Output() if in_notebook else sys.stderr, dynamic_ncols=not in_notebook,
    )  # fmt: skip


class _Output:
    """A line below the cell of a notebook, to which a bar is written: empty when the bar is gone.

    On the error stream, every state of the bar would stay in the notebook's file.
    """

    encoding = "utf-8"

    def __init__(self) -> None:
        self._shown: Any = None

    def write(self, text: str) -> None:
        if not text.strip("\r\n"):
            return
        from IPython.display import display

        line = {"text/plain": text.strip()}
        if self._shown is None:
            self._shown = display(line, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._shown.update(line, raw=True)

    def flush(self) -> None:
        """Do nothing: what is written is shown."""


class _Lines:
    """A line every minute."""

    def __init__(self, name: str, total: float | None, done: int) -> None:
        self.total = total
        self._name, self._done, self._count, self._more = name, done, done, ""
        self._began = time.monotonic()
        self._next = self._began + FIRST_LINE

    def update(self, n: float = 1, /) -> None:
        self._count += int(n)
        now = time.monotonic()
        done = self.total is not None and self._count >= self.total  # what comes next says so
        if now >= self._next and not done:
            self._next = now + LINE
            sys.stderr.write(f"bartleby: {self._name}: {self._state(now - self._began)}\n")

    def _state(self, elapsed: float) -> str:
        if self.total is None:
            return f"{self._count:,}{self._more}"
        left = (self.total - self._count) * elapsed / max(self._count - self._done, 1)
        about = f"{left:.0f} s" if left < 120 else f"{left / 60:.0f} min"
        return f"{self._count:,} of {self.total:,.0f}, about {about} left{self._more}"

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        self._more = f", {s}" if s else ""

    def refresh(self) -> None:
        """Do nothing: a line is written when it is time for one."""

    def close(self) -> None:
        """Do nothing: lines stay."""


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    found = None if shell is None else shell.get_ipython()
    # Where a notebook is executed by a program, nobody can be asked, and nobody watches.
    return found is not None and bool(getattr(getattr(found, "kernel", None), "_allow_stdin", False))
