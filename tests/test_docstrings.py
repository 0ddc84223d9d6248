"""Parameters that several functions share are explained once."""

from __future__ import annotations

from bartleby.docstrings import parameters_of


def rate(trials: object, level: float = 0.95, low: int = 0, high: int = 1) -> None:
    """Estimate a rate.

    Parameters
    ----------
    trials
        One row a trial,
        as a table.
    level
        Of the interval.
    low, high
        The ends.

    Returns
    -------
    None
    """


@parameters_of(rate)
def difference(trials: object, between: str, high: int = 1, level: float = 0.9) -> None:
    """Estimate a difference.

    Parameters
    ----------
    between
        What is compared.
    level
        Of this interval.

    Notes
    -----
    No more.
    """


@parameters_of(rate)
def bare(level: float = 0.95) -> None:
    """Estimate."""


def test_own_words_come_before_shared_ones_in_the_order_of_the_signature() -> None:
    assert difference.__doc__ == (
        "Estimate a difference.\n\nParameters\n----------\n"
        "trials\n    One row a trial,\n    as a table.\n"
        "between\n    What is compared.\n"
        "high\n    The ends.\n"
        "level\n    Of this interval.\n\n"
        "Notes\n-----\nNo more."
    )


def test_a_docstring_of_one_sentence_gets_a_section() -> None:
    assert bare.__doc__ == "Estimate.\n\nParameters\n----------\nlevel\n    Of the interval."
