from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bartleby.collectors.models.anthropic import HEADERS
from bartleby.collectors.models.base import RateLimit
from bartleby.collectors.models.http_limits import rate_limit, seconds_until


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (None, None),
        ("", None),
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("20ms", 0.02),
        ("1h2m3.5s", 3723.5),
        ("12", 12.0),
        ("-3", 0.0),
        ("soon", None),
        ("1s later", None),
        ("2001-01-01T00:00:00Z", 0.0),
    ],
)
def test_the_time_of_a_reset_is_read(told: str | None, seconds: float | None) -> None:
    assert seconds_until(told) == seconds


def test_a_date_is_read_as_seconds_from_now() -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=30)).isoformat()
    assert seconds_until(soon) == pytest.approx(30, abs=5)


@pytest.mark.parametrize(
    ("headers", "limit"),
    [
        ({}, None),
        ({"anthropic-ratelimit-requests-remaining": "many"}, None),
        ({"anthropic-ratelimit-requests-remaining": "5"}, RateLimit(5)),
        ({"anthropic-ratelimit-tokens-remaining": "5"}, None),
        (
            {
                "anthropic-ratelimit-requests-remaining": "5",
                "anthropic-ratelimit-input-tokens-remaining": "0",
                "anthropic-ratelimit-input-tokens-reset": "2s",
            },
            RateLimit(0, 2.0),
        ),
    ],
)
def test_the_tightest_limit_counts(headers: dict[str, str], limit: RateLimit | None) -> None:
    assert rate_limit(headers, HEADERS) == limit
