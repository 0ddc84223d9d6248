"""Running a coroutine from ordinary code, also where an event loop runs already (a notebook)."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

__all__ = ["Interrupted", "run_in_thread"]

T = TypeVar("T")


class Interrupted(KeyboardInterrupt):
    """The user, or the system, stopped a run; the message says how to go on."""


def run_in_thread(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end and return its result.

    Without an event loop in this thread it runs here; with one, in a thread of its own. Ctrl-C, and
    SIGTERM where this is the main thread, cancel it and wait until it has cleaned up.

    Parameters
    ----------
    coroutine
        What to run.

    Raises
    ------
    Interrupted
        If it was stopped; a `KeyboardInterrupt`, with what the coroutine's `CancelledError` said.
    """
    said: list[str] = []
    main = _listening(coroutine, said)
    try:
        return _run_beside(main) if _loop_is_running() else asyncio.run(main)
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise Interrupted(said[0] if said else "stopped") from None


def _loop_is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _listening(coroutine: Coroutine[Any, Any, T], said: list[str]) -> T:
    """Run a coroutine; SIGTERM cancels it, as `asyncio` lets Ctrl-C do; keep what it says then."""
    task = asyncio.current_task()
    with _on_sigterm(task.cancel if task is not None else lambda: False):
        try:
            return await coroutine
        except asyncio.CancelledError as error:
            said += [str(each) for each in error.args]
            raise


@contextmanager
def _on_sigterm(stop: Callable[[], object]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        loop.add_signal_handler(signal.SIGTERM, stop)
    except NotImplementedError:  # Windows
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C raise here: the loop that runs would only note it for a task that cannot go on meanwhile."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _run_beside(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run in a thread with a loop of its own while this one waits."""
    ready, finished = threading.Event(), threading.Event()
    stop: list[Callable[[], object]] = []
    results: list[T] = []
    failures: list[BaseException] = []

    async def main() -> T:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        if task is not None:
            stop.append(lambda: loop.call_soon_threadsafe(task.cancel))
        ready.set()
        try:
            return await coroutine
        finally:
            stop.clear()  # the loop closes now, and takes no calls any more

    def work() -> None:
        try:
            results.append(asyncio.run(main()))
        except BaseException as error:
            failures.append(error)
        finally:
            ready.set()
            finished.set()

    threading.Thread(target=work, name="bartleby-run").start()
    # Not `join`: when a signal interrupts it, Python 3.11 takes the thread for ended.
    try:
        with _interruptible():
            finished.wait()
    except KeyboardInterrupt:
        ready.wait()
        with suppress(RuntimeError):  # the loop has closed meanwhile
            for cancel in list(stop):
                cancel()
        finished.wait()
        raise
    if failures:
        raise failures[0]
    return results[0]
