"""Fonts in PDF files, without the tables that no reader of a PDF looks at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

__all__ = ["plain_fonts"]

_LAYOUT_TABLES = ("GDEF", "GPOS", "GSUB", "MATH")
"""Tables for shaping text; in a PDF glyphs are named and placed one by one."""

_lock = RLock()


@contextmanager
def plain_fonts() -> Iterator[None]:
    """Embed fonts without their tables for shaping text.

    matplotlib cuts these down to the glyphs in use with all others, which takes three times as long as the
    glyphs themselves and a sixth of the time of a report. It has no setting for that, so the list of tables
    that are dropped by default is extended meanwhile; whatever else is embedded then is as complete a PDF.
    """
    from fontTools import subset  # which matplotlib brings, and needs for PDF files alone

    with _lock:
        before = subset.Options._drop_tables_default
        subset.Options._drop_tables_default = [*before, *_LAYOUT_TABLES]
        try:
            yield
        finally:
            subset.Options._drop_tables_default = before
