"""What single results of a batch end, and how long reading them may take."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from bartleby.collectors.models import anthropic_batches
from bartleby.collectors.models.anthropic_batches import AnthropicBatches
from bartleby.collectors.models.base import KeyRefusedError, TransientError
from bartleby.errors import RequestError


def batches() -> AnthropicBatches:
    client: Any = SimpleNamespace(api_key="sk-test", auth_token=None)
    response: Any = object
    return AnthropicBatches("anthropic/x", client, response, lambda _: {}, lambda _: nullcontext())


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("permission_error", RequestError),
        ("invalid_request_error", RequestError),
        ("not_found_error", RequestError),
        ("authentication_error", KeyRefusedError),
        ("billing_error", KeyRefusedError),
        ("overloaded_error", TransientError),
        ("an_error_of_tomorrow", TransientError),
    ],
)
def test_only_a_key_or_money_that_is_refused_ends_more_than_the_trial_of_a_result(
    kind: str, expected: type[Exception]
) -> None:
    error = {"type": "errored", "error": {"type": "error", "error": {"type": kind, "message": "no"}}}
    result = batches().result(json.dumps({"custom_id": "b1-1", "result": error}).encode())
    assert result is not None
    assert type(result.outcome) is expected


async def test_results_that_trickle_for_ever_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(anthropic_batches, "READING_DEADLINE", -1.0)

    class Trickling:
        closed = False

        async def aiter_bytes(self) -> AsyncIterator[bytes]:
            for number in range(10**6):
                yield f"line {number}\n".encode()

        async def aclose(self) -> None:
            self.closed = True

    response: Any = Trickling()
    with pytest.raises(TransientError, match="results not read to their end in"):
        async for _ in anthropic_batches._lines(response, "anthropic/x"):
            pass
    assert response.closed
