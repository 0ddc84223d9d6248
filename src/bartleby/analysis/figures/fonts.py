"""Fonts of figures: which ones texts are set in, and how they are embedded in PDF files.

In a PDF they are made once for all figures, without the tables that no reader of a PDF looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from io import BytesIO
from threading import RLock
from typing import Any, BinaryIO

from matplotlib.font_manager import fontManager, get_font

__all__ = ["families", "families_elsewhere", "plain_fonts"]

_ARIALS = ("Arial", "Helvetica", "Liberation Sans")
"""What journals ask for, and a free font of the same widths."""

_OTHER_SCRIPTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Hiragino Sans",
    "Yu Gothic",
    "Microsoft YaHei",
    "PingFang SC",
    "Noto Sans",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
    "Noto Emoji",
    "Droid Sans Fallback",
)


@cache
def families() -> tuple[str, ...]:
    """Return the fonts of figures on this machine, the first of which has all usual characters.

    Arial or Helvetica where they are, else a font of the same widths, else DejaVu Sans, which matplotlib
    brings; then fonts of other scripts.
    """
    installed = {font.name for font in fontManager.ttflist}
    first = [name for name in _ARIALS if name in installed][:1]
    return (*first, "DejaVu Sans", *(name for name in _OTHER_SCRIPTS if name in installed))


@cache
def families_elsewhere(chosen: tuple[str, ...]) -> str:
    """Return fonts as CSS lists them, so that a text is about as wide on a machine that lacks the first."""
    alike = {**dict.fromkeys(_ARIALS, _ARIALS), "DejaVu Sans": ("DejaVu Sans", "Verdana")}
    names = dict.fromkeys((*alike.get(chosen[0], chosen[:1]), *chosen[1:], "sans-serif"))
    return ", ".join(name if name in _GENERIC else f"'{name}'" for name in names)


_GENERIC = ("sans-serif", "serif", "monospace", "cursive", "fantasy")

_LAYOUT_TABLES = ("GDEF", "GPOS", "GSUB", "MATH")
"""Tables for shaping text; in a PDF glyphs are named and placed one by one."""

_USUAL = (
    *range(0x20, 0x7F),
    *map(ord, "\u2212\u2013\u2014\u2018\u2019\u201c\u201d\u2026\u00d7\u00b7\u00b1\u2264\u2265\u2190\u2192"),
    *range(0xFB00, 0xFB05),  # ligatures of f, which replace its letters when a text is laid out
)
"""What nearly all figures are written with: a font of these is made once and embedded in each."""

_lock = RLock()


@contextmanager
def plain_fonts() -> Iterator[None]:
    """Embed fonts without their tables for shaping text, and the usual characters of a font as one piece.

    matplotlib cuts each font down to the glyphs of each figure, which takes a fifth of the time of saving it,
    most of that for tables that are not used. It has no setting for either, so its list of tables
    that are dropped and its function that cuts are replaced meanwhile; whatever else is embedded then is as
    complete a PDF.
    """
    from fontTools import subset  # which matplotlib brings, and needs for PDF files alone
    from matplotlib.backends import _backend_pdf_ps as embedding

    with _lock:
        dropped, cut = subset.Options._drop_tables_default, embedding.get_glyphs_subset
        subset.Options._drop_tables_default = [*dropped, *_LAYOUT_TABLES]
        if hasattr(embedding, "SubsetResults"):  # from matplotlib 3.11
            setattr(embedding, "get_glyphs_subset", partial(_usual_or_own, cut))  # noqa: B010 - a function of the library's
        try:
            yield
        finally:
            subset.Options._drop_tables_default = dropped
            setattr(embedding, "get_glyphs_subset", cut)  # noqa: B010 - a function of the library's


@dataclass(frozen=True, slots=True)
class _Font:
    """A font file as it is embedded, in place of the library's open one."""

    data: bytes

    def save(self, file: BinaryIO, **_options: object) -> None:
        file.write(self.data)


@dataclass(frozen=True, slots=True)
class _Piece:
    """What matplotlib asks of a font that was cut down."""

    font: _Font
    glyph_index_map: Mapping[int, int]


_Cut = Callable[[Any, set[int]], AbstractContextManager[Any]]


def _usual_or_own(cut: _Cut, font: Any, glyphs: Collection[int]) -> AbstractContextManager[Any]:  # noqa: ANN401 - a path of the library's own kind
    """Return the usual piece of a font if it has all glyphs, else a piece of just these."""
    usual = _usual_glyphs(font)
    # Not what came first: the same figure gives the same bytes, whatever was saved before it.
    return nullcontext(_usual_piece(cut, font)) if usual.issuperset(glyphs) else cut(font, set(glyphs))


@lru_cache(16)
def _usual_glyphs(font: Any) -> frozenset[int]:  # noqa: ANN401 - a path of the library's own kind
    characters = get_font(font).get_charmap()
    return frozenset({0, *(characters[code] for code in _USUAL if code in characters)})


@lru_cache(16)
def _usual_piece(cut: _Cut, font: Any) -> _Piece:  # noqa: ANN401 - a path of the library's own kind
    with cut(font, set(_usual_glyphs(font))) as piece:
        file = BytesIO()
        piece.font.save(file, reorderTables=False)
        return _Piece(_Font(file.getvalue()), dict(piece.glyph_index_map))
