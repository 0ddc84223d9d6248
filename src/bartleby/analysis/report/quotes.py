"""Where quoted words stand in a text, although spaces, case, quotation marks or accents differ.

A coder quotes what it relies on, and the page marks these words. Both texts are other people's, so they are
compared as they are: nothing in them is taken for a pattern.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

__all__ = ["spans_of"]

Span = tuple[int, int]

BETWEEN = " … "
"""What stands between several quotations in one cell."""
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""Before these a table that was written as CSV has an apostrophe of its own."""
SAME = str.maketrans({**dict.fromkeys("‘’ʼ", "'"), **dict.fromkeys("“”„", '"'), **dict.fromkeys("–—‑", "-")})


def spans_of(quote: str, text: str, at: Span | None = None) -> tuple[tuple[Span, ...], bool]:
    """Return the places of quoted words in a text, and whether all of them stand in it.

    Parameters
    ----------
    quote
        What is said to stand there; several quotations have an ellipsis between spaces between them.
    text
        Where.
    at
        Where the first of them is said to stand; it is believed only if the words are there.

    Examples
    --------
    >>> spans_of("wears  me DOWN", "Being spoken to like this wears me down.")
    (((26, 39),), True)
    >>> spans_of("hurts", "Being spoken to like this wears me down.")
    ((), False)
    """
    given = quote[1:] if quote.startswith("'") and quote[1:].startswith(FORMULAS) else quote
    parts = [part for part in given.split(BETWEEN) if part.strip()] or [given]
    whole = _place(given, text, at)
    if whole is not None:
        return (whole,), True
    found = [_place(part, text, at if number == 0 else None) for number, part in enumerate(parts)]
    spans = tuple(dict.fromkeys(span for span in found if span is not None))
    return spans, len(parts) > 1 and all(span is not None for span in found)


def _place(quote: str, text: str, at: Span | None) -> Span | None:
    words = _plain(quote)
    if not any(character.isalnum() for character in words):
        return None
    if at is not None and 0 <= at[0] < at[1] <= len(text) and _plain(text[at[0] : at[1]]) == words:
        return at[0], _to_end(text, at[1])
    folded, places = _folded(text)
    start = folded.find(words)
    while start >= 0:
        end = start + len(words)
        if _apart(folded, start, end):
            return places[start], _to_end(text, places[end - 1] + 1)
        start = folded.find(words, start + 1)
    return None


def _plain(quote: str) -> str:
    return _folded(quote.strip().strip("…").strip(" ."))[0].strip()


@lru_cache(1_024)  # several coders quote from one turn
def _folded(text: str) -> tuple[str, Sequence[int]]:
    """Return a text in which the same words are the same characters, and where each of these came from."""
    characters: list[str] = []
    places: list[int] = []
    for at, character in enumerate(text):
        if character.isspace():
            if characters and characters[-1] == " ":
                continue
            plain = " "
        else:
            plain = unicodedata.normalize("NFD", character.translate(SAME)).casefold()
        characters.extend(plain)
        places.extend([at] * len(plain))
    return "".join(characters), places


def _apart(folded: str, start: int, end: int) -> bool:
    """Return whether words begin and end at these places, and no accent is taken from its letter."""
    if end < len(folded) and unicodedata.combining(folded[end]):
        return False
    return not (start > 0 and folded[start].isalnum() and folded[start - 1].isalnum())


def _to_end(text: str, end: int) -> int:
    """Return the end of a place with the accents that belong to its last letter."""
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    return end
