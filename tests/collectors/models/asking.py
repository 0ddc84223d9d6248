"""Requests that the tests of models share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bartleby.collectors.models import Capabilities, Model
from bartleby.exchange import Message, Option, Reply, Request

TEXT = "Which would you rather do?\nA: {first}\nB: {second}\nAnswer with A or B only."


def options(*items: str, exit_label: str | None = None, **attributes: object) -> tuple[Option, ...]:
    """Return items under the labels A, B, ..., with an exit if its label is given."""
    made = [Option(chr(65 + at), "item", item, attributes) for at, item in enumerate(items)]
    if exit_label is not None:
        made.append(Option(exit_label, "exit"))
    return tuple(made)


def pair(first: str = "poem", second: str = "sort", *, seed: int | None = 1, text: str = TEXT) -> Request:
    """Return a request to choose between two items, in the text channel."""
    shown = text.format(first=first, second=second)
    return Request((Message("user", shown),), options=options(first, second), seed=seed)


def ask(model: Model, requests: Sequence[Request]) -> list[Reply]:
    """Open a model, put requests to it one after another, and close it."""

    async def main() -> list[Reply]:
        async with model:
            return [await model.answer(request) for request in requests]

    return asyncio.run(main())


def capabilities(model: Model) -> Capabilities:
    """Open a model and return what it can do."""

    async def main() -> Capabilities:
        async with model:
            return await model.capabilities()

    return asyncio.run(main())
