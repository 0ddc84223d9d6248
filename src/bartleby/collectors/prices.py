"""What tokens cost: a dated table that comes with Bartleby, and one of your own before it."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bartleby.errors import DataError
from bartleby.exchange import Usage

__all__ = ["BATCH_SHARE", "Price", "load_prices", "price_of"]

OWN = "BARTLEBY_PRICES"
"""Environment variable with the path of a price table of one's own; its rows win over the shipped ones."""

COLUMNS = ("model", "input", "output", "cache_write", "cache_read")
MILLION = 1_000_000
BATCH_SHARE = 0.5
"""Part of its price that a token costs in a batch."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    input: float
    output: float
    cache_write: float
    cache_read: float

    def cost(self, usage: Usage) -> float:
        """Return what a reply cost, in dollars; tokens that were not told are counted as none.

        What was written into a cache, or read from one, is part of the input and has a price of its own.
        """
        kept, found = usage.cache_write_tokens or 0, usage.cache_read_tokens or 0
        fresh = max(0, (usage.input_tokens or 0) - kept - found)
        tokens = (
            (fresh, self.input),
            (usage.output_tokens or 0, self.output),
            (kept, self.cache_write),
            (found, self.cache_read),
        )
        return sum(count * price for count, price in tokens) / MILLION

    def in_batches(self) -> Price:
        """Return the price in batches."""
        share = BATCH_SHARE
        return Price(
            self.input * share, self.output * share, self.cache_write * share, self.cache_read * share
        )


FREE = Price(0.0, 0.0, 0.0, 0.0)


def price_of(model: str) -> Price | None:
    """Return the price of a model such as `anthropic/claude-opus-5-5`, or None where it is not known.

    Local and simulated models cost nothing. A table names a model with its provider or without; a dated id
    has the price of its undated name, and options after a question mark make no difference.
    """
    provider, _, name = model.partition("?")[0].partition("/")
    if provider in ("sim", "local"):
        return FREE
    own = os.environ.get(OWN)
    tables = ([load_prices(Path(own))] if own else []) + [load_prices(Path(__file__).with_name("prices.csv"))]
    undated = re.sub(r"-\d{8}$", "", name)
    for table in tables:
        for known in (model.partition("?")[0], name, undated):
            if known in table:
                return table[known]
    return None


def load_prices(path: Path) -> Mapping[str, Price]:
    """Load a price table: a CSV with the columns model, input, output, cache_write, cache_read.

    Raises
    ------
    DataError
        If it cannot be read, or a price is not a number of 0 or more.
    """
    try:
        lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: the price table cannot be read: {error}") from None
    reader = csv.DictReader(lines)
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise DataError(f"{path}: columns are {reader.fieldnames}; allowed: {', '.join(COLUMNS)}")
    prices, problems = {}, []
    for row in reader:
        try:
            values = [float(row[name]) for name in COLUMNS[1:]]
        except (TypeError, ValueError):
            values = [-1.0]
        if min(values) < 0:
            problems.append(f"{path}: model {row['model']!r}: each price must be a number of 0 or more")
            continue
        prices[row["model"]] = Price(*values)
    if problems:
        raise DataError(problems)
    return prices
