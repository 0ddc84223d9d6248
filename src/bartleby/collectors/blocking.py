"""Running a coroutine from ordinary code, also where an event loop runs already (a notebook)."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

__all__ = ["Interrupted", "run_in_thread"]

T = TypeVar("T")

LOOK = 0.05
"""Seconds between two looks at whether a signal has come."""
AT_ONCE = "stopped at once; nothing that was recorded is lost. Run it again with the same log to resume"


class Interrupted(KeyboardInterrupt):
    """The user, or the system, stopped a run; the message says how to resume it.

    Parameters
    ----------
    message
        What to say.
    abandoned
        Whether the run was left as it was, after a second signal: its thread may never end.
    """

    def __init__(self, message: str, *, abandoned: bool = False) -> None:
        super().__init__(message)
        self.abandoned = abandoned


def run_in_thread(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, in a thread with an event loop of its own, and return its result.

    The first Ctrl-C (or SIGTERM, where no event loop runs in this thread) cancels it and waits until it has
    cleaned up; the second one does not wait. So this thread only waits: a signal is noticed whatever the
    coroutine does, and however long it takes to end.

    Parameters
    ----------
    coroutine
        What to run.

    Raises
    ------
    Interrupted
        If it was stopped; a `KeyboardInterrupt`, with what the coroutine's `CancelledError` said.
    """
    beside = _Beside(coroutine)
    with _signals_noted() as stops:
        threading.Thread(target=beside.work, name="bartleby-run", daemon=True).start()
        while not beside.finished.wait(LOOK):
            if len(stops) > 1:
                raise Interrupted(AT_ONCE, abandoned=True)
            if stops:
                beside.cancel()
    if beside.failure is None:
        return beside.results[0]
    if isinstance(beside.failure, (KeyboardInterrupt, asyncio.CancelledError)):
        said = [str(each) for each in beside.failure.args]
        raise Interrupted(said[0] if said else "stopped") from None
    raise beside.failure


@dataclass
class _Beside(Generic[T]):
    """A coroutine in a thread of its own, and what has come of it."""

    coroutine: Coroutine[Any, Any, T]
    finished: threading.Event = field(default_factory=threading.Event)
    results: list[T] = field(default_factory=list)
    failure: BaseException | None = None
    stop: Callable[[], object] | None = None

    def work(self) -> None:
        try:
            self.results.append(asyncio.run(self._main()))
        except BaseException as error:
            self.failure = error
        finally:
            self.finished.set()

    async def _main(self) -> T:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        if task is not None:
            self.stop = lambda: loop.call_soon_threadsafe(task.cancel)
        try:
            return await self.coroutine
        finally:
            self.stop = None  # the loop closes now, and takes no calls any more

    def cancel(self) -> None:
        """Cancel the coroutine, once; where it has not begun yet, the next call does."""
        stop, self.stop = self.stop, None
        if stop is not None:
            with suppress(RuntimeError):  # the loop has closed meanwhile
                stop()


@contextmanager
def _signals_noted() -> Iterator[list[int]]:
    """Note signals that are to stop a run instead of raising wherever the program happens to be."""
    stops: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield stops
        return
    numbers = [signal.SIGINT] if _loop_is_running() else [signal.SIGINT, signal.SIGTERM]
    before = {each: signal.signal(each, lambda number, _: stops.append(number)) for each in numbers}
    try:
        yield stops
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _loop_is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
