"""Text that others wrote, with the characters shown that are not seen or that steer a terminal.

Replies of models, ids of items and names of files can hold characters that are not seen or that turn the
direction of what follows. They are part of the data, so they are neither dropped nor obeyed: they are shown.
"""

from __future__ import annotations

import html
import re

__all__ = ["HIDDEN", "Printed", "page_text", "visible"]

HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, all but tab and line feed
    "\u00ad\u061c\u180e\u200b\u200e\u200f"  # soft hyphen, marks of direction, zero-width space
    "\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"  # separators, bidi overrides, joiners
    "\ud800-\udfff"  # lone surrogates, which no encoding can write
    "\U000e0000-\U000e0fff"  # tags and variation selectors that can hide a text in a text
    "]"
)

_NAME = r"[^\s/\\'\"<>|:;,()\[\]]++"
_PLACE = re.compile(
    r"(?:\bfile://|(?<=\w)/|(?<![\w./~\\]))"
    # A person's name may have spaces; and where a home is all, its last part is that name.
    rf"(?:(?:/(?:home|Users)|[A-Za-z]:[/\\]+Users)[/\\]+{_NAME}(?: {_NAME}){{1,2}}[/\\]+(?:{_NAME}[/\\]+)*"
    rf"|/(?:home|Users)/{_NAME}(?![/\\])"
    rf"|(?:/(?!/)|[A-Za-z]:[/\\]+|\\\\)(?:{_NAME}[/\\]+)+)"
)
"""An absolute path but for its last part: of POSIX, of Windows, or as an address; no address of a server."""


class Printed:
    """A value that shows what it prints, at a prompt and in a notebook alike, and not how it is made."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """Show in a notebook what is printed, hidden characters and all, as text that no browser obeys."""
        return f"<pre>{html.escape(visible(self))}</pre>"


def visible(text: object) -> str:
    """Return text in which every hidden character is shown, and nothing turns the direction of reading.

    Each becomes its code point in angle brackets. Tab, line feed and the joiners that emoji and many scripts
    need stay as they are; CR LF becomes a line feed.

    Parameters
    ----------
    text
        Anything; what is not a string is turned into one.
    """
    return HIDDEN.sub(_shown, str(text).replace("\r\n", "\n"))


def page_text(text: object) -> str:
    """Return visible text for a page that others will read: of absolute paths only the last part is there.

    For what programs say (messages, warnings, where data came from), not for what a study or a model says.
    """
    return _PLACE.sub("…/", visible(text))


def _shown(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match.group()):04X}⟩"
