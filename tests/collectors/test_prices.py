"""Prices: a dated table, and one of one's own before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bartleby.collectors.prices import Price, load_prices, price_of
from bartleby.errors import DataError
from bartleby.exchange import Usage

HEADER = "model,input,output,cache_write,cache_read\n"


def test_cost_is_tokens_times_price_a_million() -> None:
    usage = Usage(1_000_000, 500_000, None, None)
    assert Price(1.0, 2.0, 3.0, 0.5).cost(usage) == pytest.approx(1 + 1)


def test_what_a_cache_kept_and_found_is_part_of_the_input_and_has_its_own_price() -> None:
    usage = Usage(4_000_000, 0, cache_read_tokens=2_000_000, cache_write_tokens=1_000_000)
    assert Price(1.0, 2.0, 1.25, 0.1).cost(usage) == pytest.approx(1 + 1.25 + 0.2)
    # Logs of before told what was found apart from the input.
    assert Price(1.0, 2.0, 1.25, 0.1).cost(Usage(10, 0, cache_read_tokens=1_000_000)) == pytest.approx(0.1)


def test_options_in_a_name_do_not_change_its_price() -> None:
    assert price_of("anthropic/claude-opus-5-5?timeout=30") == price_of("anthropic/claude-opus-5-5")
    assert Price(1.0, 2.0, 3.0, 0.5).cost(Usage()) == 0


def test_local_and_simulated_models_cost_nothing_and_unknown_ones_have_no_price() -> None:
    assert price_of("sim/averse") == price_of("local/smollm2") == Price(0, 0, 0, 0)
    assert price_of("anthropic/no-such-model") is None
    assert price_of("anthropic/claude-haiku-4-5-20251001") == price_of("anthropic/claude-haiku-4-5")


def test_a_table_of_ones_own_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(HEADER + "claude-haiku-4-5,7,8,9,10\n")
    monkeypatch.setenv("BARTLEBY_PRICES", str(file))
    assert price_of("anthropic/claude-haiku-4-5") == Price(7, 8, 9, 10)
    assert price_of("anthropic/claude-opus-5") is not None


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", HEADER + "m,1,2,x,4\n", HEADER + "m,-1,2,3,4\n"])
def test_a_broken_price_table_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(text)
    with pytest.raises(DataError, match=r"prices\.csv"):
        load_prices(file)
