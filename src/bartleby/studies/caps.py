"""Caps: how many turns, tokens and aversive turns a trial or a whole study may have at most.

What a cap cuts off is `abandoned`: it was ended by us, and says nothing of what the model would have done.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from bartleby.errors import SettingError

__all__ = ["Caps"]


@dataclass(frozen=True)
class Caps:
    """The most that may be had, over a study or within a trial; None where there is no bound.

    Parameters
    ----------
    turns
        Asks that are answered, of the subject and of a simulated user alike.
    tokens
        Tokens in and out, as billed where the provider says so.
    aversive_turns
        Asks of the subject that a study declares as possibly aversive (`Request.aversive`).

    Raises
    ------
    SettingError
        If one of them is below 1; all are named at once.

    Examples
    --------
    >>> import bartleby as bb
    >>> bb.Caps(turns=200, aversive_turns=50).turns
    200
    """

    turns: int | None = None
    tokens: int | None = None
    aversive_turns: int | None = None

    def __post_init__(self) -> None:
        problems = [
            f"cap {name} is {value!r}; allowed: a whole number from 1, or None for no cap"
            for name, value in self.to_dict().items()
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1)
        ]
        if problems:
            raise SettingError("; ".join(problems))

    def to_dict(self) -> dict[str, int | None]:
        """Return the caps as JSON values."""
        return asdict(self)
