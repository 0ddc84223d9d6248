"""A transparent lexical coder: phrases by code, looked for in what an assistant says in its own words.

It is a baseline and not a measure: it cannot read. Its errors are to be estimated from a hand-labelled sample
like those of any judge.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from bartleby.errors import DataError

__all__ = ["Lexicon", "Match", "lexical_codings", "load_lexicon"]

NEGATION = re.compile(
    r"(?:\b(?:not|never|no|nothing|without|hardly|isn['’]?t|don['’]?t|doesn['’]?t|didn['’]?t|can['’]?t|cannot"
    r"|aren['’]?t|wasn['’]?t|wouldn['’]?t)\b|n['’]t\b)(?:\s+[\w'’]+){0,3}\s*$",
    re.IGNORECASE,
)
"""A negation, with at most three words between it and the phrase."""
NOT_OWN = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|^[ \t]*>[^\n]*$|[\"“][^\"”\n]{0,400}[\"”]", re.DOTALL | re.MULTILINE
)
"""Code, block quotes and quotations: someone else's words."""
PLAIN = re.compile(r"(?:[^\\A-Z(]|\\[wWsSdDbB\W]|\((?!\?)|\(\?(?:[:=!]|<[=!]))*", re.ASCII)
"""A phrase that says of a text in small letters what it says of the text regardless of case."""
SINGLE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
"""What stands for one character of a text: an escape or a class."""
UNBOUNDED = re.compile(r"[*+](?!\+)|\{\d*,\}(?!\+)")
"""Repetitions that have no end and may be tried again at other lengths."""
GROUP = re.compile(r"\(([^()]*)\)([*+]\+?|\{\d*,\}\+?)?")
"""A group without another in it, and its repetition without an end."""
LIKE_ASCII = ("\u0130", "\u0131", "\u017f", "\u212a")
"""Letters that a search regardless of case takes for i, s or k, and that have other small letters."""


@dataclass(frozen=True, slots=True)
class Match:
    """A phrase that was found, and where."""

    quote: str
    start: int
    end: int


@dataclass(frozen=True)
class Lexicon:
    """Phrases by code.

    Parameters
    ----------
    name
        Its name.
    phrases
        Regular expressions by code; an apostrophe in them, straight or curly, stands for both. Those that
        begin with a negation of their own ("I won't") are meant so: only a negation before the phrase counts.

    Raises
    ------
    DataError
        If there is no phrase, or one is no regular expression or could search for ever (a repetition without
        an end of what has one within); all problems are named at once.
    """

    name: str
    phrases: Mapping[str, Sequence[str]]
    _compiled: Mapping[str, re.Pattern[str]] = field(init=False, repr=False, compare=False)
    _any: re.Pattern[str] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        problems = [] if self.phrases else [f"lexicon {self.name!r}: there is no code in it"]
        compiled = {}
        for code, phrases in self.phrases.items():
            if not phrases:
                problems.append(f"lexicon {self.name!r}: code {code!r} has no phrase")
            for phrase in phrases:
                try:
                    re.compile(phrase)
                except (re.error, TypeError) as error:
                    problems.append(f"lexicon {self.name!r}: code {code!r}: {phrase!r}: {error}")
                    continue
                if _repeats_repetitions(phrase):
                    problems.append(
                        f"lexicon {self.name!r}: code {code!r}: {phrase!r} repeats without an end what is "
                        "itself repeated without one, and could search for ever; give one of them an end, as "
                        "in (a+){1,5}"
                    )
            if not problems:
                either = "|".join(f"(?:{_straight(phrase)})" for phrase in phrases)
                compiled[code] = re.compile(rf"(?<![\w'])(?:{either})", re.IGNORECASE)
        if problems:
            raise DataError(problems)
        object.__setattr__(self, "_compiled", compiled)
        every = [_straight(phrase) for phrases in self.phrases.values() for phrase in phrases]
        plain = all(phrase.isascii() and PLAIN.fullmatch(phrase) for phrase in every)
        either = "|".join(f"(?:{phrase})" for phrase in every)
        object.__setattr__(self, "_any", re.compile(rf"(?<![\w'])(?:{either})") if plain else None)

    def find(self, text: str) -> dict[str, Match]:
        """Return the first phrase of each code that stands in a text in its speaker's own words."""
        found: dict[str, Match] = {}
        straight = _straight(text)
        if not self._may_have_any(straight):
            return found
        own: str | None = None
        for code, pattern in self._compiled.items():
            if pattern.search(straight) is None:
                continue
            if own is None:
                own = NOT_OWN.sub(lambda match: " " * len(match.group()), straight)
            for match in pattern.finditer(own):
                if NEGATION.search(own, max(0, match.start() - 60), match.start()) is None:
                    found[code] = Match(text[match.start() : match.end()], match.start(), match.end())
                    break
        return found

    def _may_have_any(self, text: str) -> bool:
        """Return False if no phrase stands in a text: most have none, and one search of small letters tells.

        A search regardless of case for each code takes five times as long.
        """
        if self._any is None or (not text.isascii() and any(letter in text for letter in LIKE_ASCII)):
            return True
        return self._any.search(text.lower()) is not None


def _repeats_repetitions(phrase: str) -> bool:
    """Return whether a repetition without an end has another within: its search can grow exponentially."""
    rest = SINGLE.sub("x", phrase)
    while (group := GROUP.search(rest)) is not None:
        inner, outer = group.groups()
        # Possessive repetitions and atomic groups are never tried again at another length.
        final = inner.startswith("?>") or (outer or "")[1:].endswith("+")
        within = UNBOUNDED.search(inner) is not None and not final
        if within and outer is not None:
            return True
        rest = (
            f"{rest[: group.start()]}x{'*' if within or (outer and not final) else ''}{rest[group.end() :]}"
        )
    return False


def _straight(text: str) -> str:
    return text.replace("’", "'")


def load_lexicon(path: str | Path) -> Lexicon:
    """Load a lexicon from a TOML file with `name` and a table `[codes]` of lists of phrases.

    Raises
    ------
    DataError
        Naming everything that is wrong.
    """
    file = Path(path)
    try:
        declared = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: not readable as TOML: {error}") from None
    codes = declared.get("codes")
    if not isinstance(codes, dict) or not all(isinstance(each, list) for each in codes.values()):
        raise DataError(f"{file}: there is no table [codes] of lists of phrases")
    return Lexicon(str(declared.get("name", file.stem)), {name: tuple(each) for name, each in codes.items()})


def lexical_codings(
    turns: pd.DataFrame | Iterable[pd.DataFrame], lexicon: Lexicon, *, unit: str = "turn"
) -> Iterator[pd.DataFrame]:
    """Yield the codings of turns, a table for each table of turns.

    Parameters
    ----------
    turns
        One table with `conversation`, `turn`, `speaker` and `text`, or many of whole conversations (so that
        any number of turns streams through).
    lexicon
        The phrases.
    unit
        `turn`: one coding a code and assistant turn; `transcript`: one a code and conversation.

    Yields
    ------
    DataFrame
        `unit`, `conversation`, `turn`, `code`, `coder` ("lexicon"), `value` (0 or 1), `quote`, `start` and
        `end`.
    """
    for table in [turns] if isinstance(turns, pd.DataFrame) else turns:
        own = table[(table["speaker"] == "assistant") & (table["text"].astype(str).str.strip() != "")]
        codings = _coded(own, lexicon, unit)
        if unit == "transcript":
            first = codings.sort_values("value", ascending=False, kind="stable")
            codings = first.drop_duplicates(["conversation", "code"]).sort_index().reset_index(drop=True)
        yield codings


def _coded(own: pd.DataFrame, lexicon: Lexicon, unit: str) -> pd.DataFrame:
    """Return the codings of turns, one row a turn and code."""
    codes = list(lexicon.phrases)
    size, each = len(own), len(codes)
    value = np.zeros((size, each), dtype=np.int64)
    span = np.zeros((2, size, each), dtype=np.int64)
    quote = np.full((size, each), None, dtype=object)
    for row, text in enumerate(own["text"].astype(str).tolist()):
        for code, match in lexicon.find(text).items():
            cell = (row, codes.index(code))
            value[cell], quote[cell], span[:, *cell] = 1, match.quote, (match.start, match.end)
    nowhere = value.ravel() == 0
    turn = own["turn"].astype("Int64")
    name = own["conversation"].astype(str)
    if unit == "turn":
        name = name + ":" + own["turn"].astype(str)
    many = np.repeat(np.arange(size), each)
    return pd.DataFrame(
        {
            "unit": name.array.take(many),
            "conversation": own["conversation"].array.take(many),
            "turn": turn.array.take(many),
            "code": np.tile(np.array(codes, dtype=object), size),
            "coder": "lexicon",
            "value": value.ravel(),
            "quote": quote.ravel(),
            "start": pd.arrays.IntegerArray(span[0].ravel(), nowhere),
            "end": pd.arrays.IntegerArray(span[1].ravel(), nowhere.copy()),
        }
    )
