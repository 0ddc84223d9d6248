"""Paradigms of several asks as steps: one generator that yields requests and is sent the replies.

The same steps present a trial and read it, so that what is read can never be something else than what was
asked: `present` sends them the replies as they come, `replay` those that were had.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable

from bartleby.exchange import Exchange, Reply, Request
from bartleby.studies.paradigms.base import Ask

__all__ = ["Steps", "follow", "replay"]

Steps = Generator[Request, Reply, None]


async def follow(steps: Steps, ask: Ask) -> None:
    """Ask what the steps ask, until they end."""
    try:
        request = next(steps)
        while True:
            request = steps.send(await ask(request))
    except StopIteration:
        return
    finally:
        steps.close()


def replay(steps: Steps, exchanges: Iterable[Exchange]) -> bool:
    """Send the replies that were had through the steps; return whether they ended with them.

    Replies beyond what the steps ask for are not looked at.
    """
    try:
        next(steps)
        for exchange in exchanges:
            steps.send(exchange.reply)
    except StopIteration:
        return True
    finally:
        steps.close()
    return False
