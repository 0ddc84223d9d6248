"""What a page is made of: a section with a text, a figure and a table; and a conversation to read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar

from matplotlib.figure import Figure

from bartleby.analysis.tables.estimates import Estimates
from bartleby.errors import BartlebyError, SettingError
from bartleby.progress import steps

__all__ = ["Parts", "Prepare", "Reader", "Section", "TranscriptLike", "TurnLike", "made"]


class TurnLike(Protocol):
    """What was said once.

    `tool_calls`, `stop`, `stop_detail`, `probabilities`, and `speaker`, `number`, `aside`, `marks` (see
    `bartleby.analysis.report.marks`) are shown where it has them.
    """

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


Prepare: TypeAlias = Callable[[TranscriptLike], TranscriptLike]
"""What makes a conversation ready to be read: names who speaks, points out what there is to see."""


@dataclass(frozen=True)
class Reader:
    """How the reader of trials on a page is set up.

    Parameters
    ----------
    facets
        Columns of the trial table by which trials can be filtered, beyond outcome and conditions; the first
        ones are shown, with the outcome, before all other filters.
    names
        What a column is called, where its name does not say it.
    absent
        What it means that a column is empty, for those where it means something.
    strata
        Columns by which, beside the outcome, a sample is stratified.
    facts
        Further columns of the trial table that are told of each trial in which they are not 0 or false.
    item
        What an item is called.
    """

    facets: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    strata: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    item: str = "item"

    def to_dict(self) -> dict[str, Any]:
        """Return what the page's script needs, as JSON values."""
        return {"facets": list(self.facets), "names": dict(self.names), "absent": dict(self.absent)}


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


_Data = TypeVar("_Data")
Parts: TypeAlias = Sequence[tuple[str, Callable[[_Data], Section | None]]]
"""The parts of a page as a list: the title of each, and what makes it of the data of the page."""


def made(parts: Parts[_Data], data: _Data) -> list[Section]:
    """Return the sections of a page in order; one that cannot be estimated says why, and costs no page."""
    sections = []
    for title, make in steps(parts, "estimating", unit="part"):
        try:
            section = make(data)
        except BartlebyError as error:
            section = Section(title, f"Not estimated: {error}")
        if section is not None:
            sections.append(section)
    return sections
