"""Tokens of prompts, counted by the provider before anything is asked, where it does that for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from bartleby.collectors.environment import redact
from bartleby.collectors.models.base import TransientError
from bartleby.collectors.models.registry import open_model
from bartleby.errors import BartlebyError
from bartleby.exchange import Request

__all__ = ["FROM_CHARACTERS", "Counted", "Counter", "Counting", "counter_of"]

PATIENCE = 15.0
"""Seconds after which an estimate is good enough."""
FROM_CHARACTERS = "estimated from characters, about four a token"


@runtime_checkable
class Counting(Protocol):
    """A model whose provider counts the tokens of a prompt."""

    async def count_tokens(self, request: Request) -> int:
        """Return the tokens of a prompt."""
        ...


@dataclass(frozen=True, slots=True)
class Counted:
    """Tokens of some prompts.

    Parameters
    ----------
    tokens
        Of each; nothing where they could not be counted.
    told
        How they are known, in words.
    """

    tokens: tuple[int, ...] = ()
    told: str = FROM_CHARACTERS


Counter = Callable[[Sequence[Request]], Counted]
"""What counts the tokens of prompts; it does not raise."""


def counter_of(model: str) -> Counter:
    """Return what counts tokens as a model's provider does; where none does, it says why.

    Parameters
    ----------
    model
        Name of the model. It is asked nothing; its provider sees the prompts that are counted.
    """
    from bartleby.collectors.blocking import run_in_thread

    def count(requests: Sequence[Request]) -> Counted:
        return run_in_thread(_counted(model, requests))

    return count


async def _counted(name: str, requests: Sequence[Request]) -> Counted:
    try:
        model = open_model(name)
        if not isinstance(model, Counting):
            return Counted()
        async with asyncio.timeout(PATIENCE), model:
            tokens = await asyncio.gather(*map(model.count_tokens, requests))
    except TimeoutError:
        return Counted(told=f"{FROM_CHARACTERS} ({name}: nothing was counted in {PATIENCE:.0f} s)")
    except (BartlebyError, TransientError) as error:
        return Counted(told=f"{FROM_CHARACTERS} ({redact(str(error))})")
    return Counted(tuple(tokens), f"{len(tokens)} prompts counted by {name.partition('/')[0]}, scaled up")
