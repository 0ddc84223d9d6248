"""Rounding for print, and only there: as many decimals as the uncertainty of a number allows."""

from __future__ import annotations

import math

__all__ = [
    "decimals_for",
    "interval_text",
    "number_text",
    "p_text",
    "percent_text",
    "plain_text",
    "rounded_text",
]

MOST = 6


def decimals_for(estimate: float, low: float, high: float, std_error: float = math.nan) -> int:
    """Return the decimals that leave two significant digits of the uncertainty.

    The uncertainty is the standard error, else a quarter of the interval, else (nothing known) such that
    the estimate has three significant digits.

    Parameters
    ----------
    estimate, low, high, std_error
        In the units that will be printed; NaN or infinite where unknown.
    """
    if math.isfinite(std_error) and std_error > 0:
        return _decimals(std_error, 2)
    if math.isfinite(high - low) and high > low:
        return _decimals((high - low) / 4, 2)
    known = [abs(value) for value in (estimate, low, high) if math.isfinite(value) and value != 0]
    return _decimals(max(known), 3) if known else 2


def number_text(value: float, decimals: int, *, unbounded: str = "∞", undefined: str = "–") -> str:
    """Return a number with a fixed number of decimals and a true minus sign.

    Parameters
    ----------
    value
        A number, NaN or infinite.
    decimals
        How many.
    unbounded, undefined
        What stands for infinity and for NaN.
    """
    if math.isnan(value):
        return undefined
    if math.isinf(value):
        return unbounded if value > 0 else f"\N{MINUS SIGN}{unbounded}"
    text = f"{abs(value):.{decimals}f}"
    negative = value < 0 and any(digit not in "0." for digit in text)
    return f"\N{MINUS SIGN}{text}" if negative else text


def rounded_text(estimate: float, low: float, high: float, std_error: float = math.nan) -> str:
    """Return an estimate for plain text, rounded by its uncertainty."""
    return plain_text(number_text(estimate, decimals_for(estimate, low, high, std_error)))


def interval_text(estimate: float, low: float, high: float, std_error: float = math.nan) -> str:
    """Return an interval for plain text, rounded as its estimate is: `0.17 to 0.36`, `0.4 to unbounded`."""
    decimals = decimals_for(estimate, low, high, std_error)
    return plain_text(" to ".join(number_text(end, decimals) for end in (low, high)))


def plain_text(cell: str) -> str:
    """Return a printed number in the letters of any terminal: `-` for undefined, `unbounded` for infinity."""
    words = cell.replace("\N{MINUS SIGN}∞", "unbounded").replace("∞", "unbounded")
    return words.replace("\N{MINUS SIGN}", "-").replace("–", "-")


def p_text(value: float) -> str:
    """Return a p value with three decimals, or as below the least that these can say."""
    if math.isnan(value):
        return "–"
    return "<0.001" if value < 0.0005 else f"{value:.3f}"


def percent_text(value: float) -> str:
    """Return a proportion as a percentage, with a decimal only where 0 or 100% would be told otherwise."""
    if math.isnan(value):
        return "–"
    whole = f"{100 * value:.0f}"
    if whole in ("0", "100") and 0 < value < 1:
        if value < 0.0005:
            return "<0.1%"
        return ">99.9%" if value >= 0.9995 else f"{100 * value:.1f}%"
    return f"{whole}%"


def _decimals(scale: float, digits: int) -> int:
    return min(max(digits - 1 - math.floor(math.log10(scale)), 0), MOST)
