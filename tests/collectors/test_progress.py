from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bartleby.collectors.collector import collect
from bartleby.collectors.progress import Progress, Told, describe
from tests.collectors.fakes import FakeModel, small_study


async def test_nothing_is_shown_where_the_error_stream_is_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await collect(small_study(), FakeModel(), tmp_path / "run.db")
    assert capsys.readouterr() == ("", "")


async def test_the_bar_shows_trials_outcomes_tokens_and_money(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "run.db"
    await collect(small_study(), FakeModel(), log, progress=True, price=lambda usage: 0.5)
    told = capsys.readouterr()
    assert told.out == ""
    assert "small · fake/one: 100%" in told.err
    assert "12/12" in told.err
    assert "chose_first 12, 144 tokens, $6.00 of about $6.00" in told.err


def test_a_bar_that_was_never_started_can_be_stopped() -> None:
    Progress("x", shown=True).stop(Told())


def test_large_numbers_are_shortened() -> None:
    told = Told(Counter(a=2, b=3), 12_345, None, 4)
    assert describe(told) == "b 3, a 2, 12k tokens, 4 failed attempts"
    assert describe(Told(Counter(), 2_340_000, 1234.5)) == "2.3M tokens, $1,234.50"


def test_what_is_expected_and_what_is_in_batches_is_told() -> None:
    told = Told(Counter(a=1), 10, 1.5, expected=60.0, batches=2, in_batches=20_000)
    assert describe(told) == "a 1, 10 tokens, $1.50 of about $60.00, 2 batches under way with 20k requests"
