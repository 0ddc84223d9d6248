"""How small an effect a study could see: before it is run, and honestly after."""

from __future__ import annotations

import math

from scipy.special import ndtri

from bartleby.errors import SettingError

__all__ = ["minimum_detectable_effect"]


def minimum_detectable_effect(
    n: float,
    *,
    std_dev: float | None = None,
    rate: float | None = None,
    repeats: float = 1,
    likeness: float = 0.0,
    arms: int = 1,
    level: float = 0.95,
    power: float = 0.8,
) -> float:
    """Return the smallest true difference that would be found with the given power.

    Parameters
    ----------
    n
        Independent units (items, pairs, scenarios) in each arm.
    std_dev
        Standard deviation of one unit's value (of a difference, for pairs). Either this or `rate`.
    rate
        Expected proportion; the standard deviation of one answer is then sqrt(rate (1 - rate)).
    repeats
        Answers of each unit.
    likeness
        Correlation of two answers of one unit (intra-class), 0 to 1: with 1, repeats add nothing. Only
        used with `rate`.
    arms
        1 for one sample or paired differences, 2 for two independent arms.
    level, power
        Of the two-sided test.

    Returns
    -------
    float
        In units of `std_dev`, or as a difference of proportions.

    Raises
    ------
    SettingError
        Any of these out of range; all are named.

    Notes
    -----
    (z_(1-alpha/2) + z_power) * sd * sqrt(arms / n), with sd^2 = rate (1 - rate) (1 + (repeats - 1)
    likeness) / repeats for proportions.

    Examples
    --------
    >>> round(minimum_detectable_effect(65, std_dev=0.365), 3)
    0.127
    """
    checks = {
        f"n={n!r}: must be above 0": n > 0,
        "give either std_dev or rate": (std_dev is None) != (rate is None),
        f"std_dev={std_dev!r}: must be above 0": std_dev is None or std_dev > 0,
        f"rate={rate!r}: must lie between 0 and 1": rate is None or 0 < rate < 1,
        f"repeats={repeats!r}: must be at least 1": repeats >= 1,
        f"likeness={likeness!r}: must lie between 0 and 1": 0 <= likeness <= 1,
        f"arms={arms!r}: must be 1 or 2": arms in {1, 2},
        f"level={level!r}: must lie between 0 and 1": 0 < level < 1,
        f"power={power!r}: must lie between 0 and 1": 0 < power < 1,
    }
    problems = [message for message, passed in checks.items() if not passed]
    if problems:
        raise SettingError("; ".join(problems))
    if rate is None:
        spread = float(std_dev or 0.0)
    else:
        spread = math.sqrt(rate * (1 - rate) * (1 + (repeats - 1) * likeness) / repeats)
    return float((ndtri((1 + level) / 2) + ndtri(power)) * spread * math.sqrt(arms / n))
