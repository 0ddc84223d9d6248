"""The exceptions Bartleby raises on purpose.

Every message names the thing, its value, what would be allowed, and the place. The command line prints
the message on one line and exits with a code that is not 0; a traceback is never what a user is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "BartlebyError",
    "DataError",
    "DesignError",
    "LogError",
    "ModelError",
    "RequestError",
    "SettingError",
    "StudyError",
]


class BartlebyError(Exception):
    """Anything that is wrong with what Bartleby was given, rather than with Bartleby.

    Examples
    --------
    >>> import bartleby as bb
    >>> try:
    ...     bb.read("nowhere.db")
    ... except bb.BartlebyError as error:
    ...     print(error)
    log nowhere.db: there is no such file
    """

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in a notebook: the sentence, and not where in our code it was raised."""
        return [f"{type(self).__name__}: {self}"]


class DataError(BartlebyError):
    """A file or table of data is not what it should be.

    Parameters
    ----------
    problems
        Every problem that was found, one line each: all of them are reported at once.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class StudyError(BartlebyError):
    """A study file or declaration cannot be used."""


class DesignError(StudyError):
    """A design that would waste or mislead: not connected, or conditions that show the same text."""


class SettingError(BartlebyError):
    """An argument, option or setting has a value that is not allowed."""


class ModelError(BartlebyError):
    """A model cannot be had: unknown name, no key, a key that is refused, no such file."""


class RequestError(BartlebyError):
    """One request that this model will never answer: too long, or not accepted as it is."""


class LogError(BartlebyError):
    """A log cannot be written or read: another study's, in use, corrupted, a full disk."""
