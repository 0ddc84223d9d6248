"""Labels of figures and tables: on one line, hidden characters shown, long ones cut."""

from __future__ import annotations

from bartleby.visible import HIDDEN, visible

__all__ = ["HIDDEN", "clip", "visible"]


def clip(text: object, length: int) -> str:
    """Return visible text on one line, cut to `length` characters with an ellipsis where it is longer."""
    line = " ".join(visible(text).split())
    return line if len(line) <= length else f"{line[: max(length - 1, 1)].rstrip()}…"
