"""What a page is made of: a section with a text, a figure and a table; and a conversation to read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from matplotlib.figure import Figure

from bartleby.analysis.estimates import Estimates
from bartleby.errors import SettingError

__all__ = ["Section", "TranscriptLike", "TurnLike"]


class TurnLike(Protocol):
    """What was said once; `tool_calls`, `stop`, `stop_detail`, `probabilities` are shown where there."""

    @property
    def role(self) -> str:
        """Who spoke."""
        ...

    @property
    def text(self) -> str:
        """What was said: untrusted."""
        ...


class TranscriptLike(Protocol):
    """The conversation of one trial. `sample`, `seconds` and `message` are shown if it has them."""

    @property
    def trial(self) -> str:
        """Id of the trial."""
        ...

    @property
    def items(self) -> Sequence[str]:
        """Ids of the items, in the order shown."""
        ...

    @property
    def conditions(self) -> Mapping[str, str]:
        """Level of each condition."""
        ...

    @property
    def outcome(self) -> str | None:
        """How it ended; None while it has not."""
        ...

    @property
    def turns(self) -> Sequence[TurnLike]:
        """All that was said."""
        ...


@dataclass(frozen=True)
class Section:
    """A part of a page. The first one of a page is its headline.

    Parameters
    ----------
    title
        Heading.
    text
        Plain text; an empty line begins a new paragraph.
    figure
        Shown in the page, and saved as PDF, SVG and PNG.
    estimates
        Shown as a table, and saved as CSV and LaTeX. Its warnings are shown on top of the page.
    name
        Name of its files; made from the title if empty.
    alternative
        What is to be seen in the figure, in words; by default `figure.description`.
    table
        A table beyond the estimates: headings, and rows of cells.
    """

    title: str
    text: str = ""
    figure: Figure | None = field(default=None, repr=False)
    estimates: Estimates | None = field(default=None, repr=False)
    name: str = ""
    alternative: str = ""
    table: tuple[Sequence[str], Sequence[Sequence[Any]]] | None = None

    def __post_init__(self) -> None:
        named = self.name or re.sub(r"[^a-z0-9]+", "_", self.title.lower()).strip("_") or "section"
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", named):
            raise SettingError(
                f"section {self.title!r}: name is {named!r}; allowed: letters, digits, '_' and '-'"
            )
        object.__setattr__(self, "name", named)
