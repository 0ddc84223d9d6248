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
from typing import Any

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
"""Code, block quotes and quotations: somebody else's words."""


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
        Regular expressions by code; straight apostrophes in them stand for curly ones too. Those that begin
        with a negation of their own ("I won't") are meant so: only a negation before the phrase counts.

    Raises
    ------
    DataError
        If there is no phrase, or one is no regular expression; all problems are named at once.
    """

    name: str
    phrases: Mapping[str, Sequence[str]]
    _compiled: Mapping[str, re.Pattern[str]] = field(init=False, repr=False, compare=False)

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
            if not problems:
                either = "|".join(f"(?:{phrase})" for phrase in phrases)
                pattern = rf"(?<![\w'’])(?:{either})".replace("'", "['’]").replace("[\\w['’]’]", "[\\w'’]")
                compiled[code] = re.compile(pattern, re.IGNORECASE)
        if problems:
            raise DataError(problems)
        object.__setattr__(self, "_compiled", compiled)

    def find(self, text: str) -> dict[str, Match]:
        """Return the first phrase of each code that stands in a text in its speaker's own words."""
        found: dict[str, Match] = {}
        own: str | None = None
        for code, pattern in self._compiled.items():
            if pattern.search(text) is None:
                continue
            if own is None:
                own = NOT_OWN.sub(lambda match: " " * len(match.group()), text)
            for match in pattern.finditer(own):
                if NEGATION.search(own, max(0, match.start() - 60), match.start()) is None:
                    found[code] = Match(text[match.start() : match.end()], match.start(), match.end())
                    break
        return found


def load_lexicon(path: str | Path) -> Lexicon:
    """Load a lexicon from a TOML file with `name` and a table `[codes]` of lists of phrases.

    Raises
    ------
    DataError
        Naming everything that is wrong.
    """
    file = Path(path)
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: not readable as TOML: {error}") from None
    codes = told.get("codes")
    if not isinstance(codes, dict) or not all(isinstance(each, list) for each in codes.values()):
        raise DataError(f"{file}: there is no table [codes] of lists of phrases")
    return Lexicon(str(told.get("name", file.stem)), {name: tuple(each) for name, each in codes.items()})


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
        rows = _rows(zip(own["conversation"], own["turn"], own["text"].astype(str), strict=True), lexicon)
        codings = pd.DataFrame(
            rows, columns=["conversation", "turn", "code", "value", "quote", "start", "end"]
        )
        if unit == "transcript":
            first = codings.sort_values("value", ascending=False, kind="stable")
            codings = first.drop_duplicates(["conversation", "code"]).sort_index().reset_index(drop=True)
            codings["unit"] = codings["conversation"].astype(str)
        else:
            codings["unit"] = codings["conversation"].astype(str) + ":" + codings["turn"].astype(str)
        codings["coder"] = "lexicon"
        for name in ("start", "end", "turn"):
            codings[name] = codings[name].astype("Int64")
        yield codings[["unit", "conversation", "turn", "code", "coder", "value", "quote", "start", "end"]]


def _rows(said: Iterable[tuple[Any, Any, str]], lexicon: Lexicon) -> Iterator[tuple[Any, ...]]:
    for conversation, turn, text in said:
        found = lexicon.find(text)
        for code in lexicon.phrases:
            match = found.get(code)
            if match is None:
                yield conversation, turn, code, 0, None, None, None
            else:
                yield conversation, turn, code, 1, match.quote, match.start, match.end
