"""Codebooks: what is coded in a conversation, declared before anybody codes.

A codebook is a TOML file, so that people can read and change it. It is identified by the hash of all that a
coder is told: codings made with different texts are not the same codings.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from bartleby.errors import DataError
from bartleby.exchange import content_hash
from bartleby.studies.load import bundled

__all__ = ["Code", "Codebook", "load_codebook"]

Unit = Literal["turn", "transcript"]
PRESENCE = ("absent", "present")
NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Code:
    """One thing that is coded.

    Parameters
    ----------
    name
        Lower-case letters, digits and underscores: the columns of a judge's reading are named after it.
    definition
        What it is.
    inclusion, exclusion
        What counts as it, and what is near it and does not.
    examples
        Short made-up examples.
    levels
        What it can be, from least to most; a coding holds the number of its level, from 0.

    Raises
    ------
    DataError
        If any of it is not allowed; all problems are named at once.
    """

    name: str
    definition: str
    inclusion: tuple[str, ...] = ()
    exclusion: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    levels: tuple[str, ...] = PRESENCE

    def __post_init__(self) -> None:
        problems = [f"code {self.name!r}: {each}" for each in _problems(self)]
        if problems:
            raise DataError(problems)

    def told(self) -> str:
        """Return the code as it is told to a coder."""
        parts = [f"{self.name}: {self.definition}"]
        for title, lines in (
            ("Counts", self.inclusion),
            ("Does not count", self.exclusion),
            ("Examples", self.examples),
        ):
            parts += [f"  {title}: {line}" for line in lines]
        parts.append(f"  Levels: {', '.join(self.levels)}")
        return "\n".join(parts)


@dataclass(frozen=True)
class Codebook:
    """Codes with what each coding is of.

    Parameters
    ----------
    name
        Its name.
    codes
        At least one, with distinct names.
    unit
        `turn` (one assistant turn, read in the light of what went before) or `transcript` (the whole).
    title, description
        For the reader.

    Raises
    ------
    DataError
        If there is no code, or a name occurs twice.

    Examples
    --------
    >>> import bartleby as bb
    >>> bb.annotation.load_codebook("apparent_distress").unit
    'turn'
    """

    name: str
    codes: tuple[Code, ...]
    unit: Unit = "turn"
    title: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes", tuple(self.codes))
        names = [code.name for code in self.codes]
        problems = [] if names else ["a codebook needs at least one code"]
        problems += [f"code {name!r} occurs twice" for name in dict.fromkeys(names) if names.count(name) > 1]
        if self.unit not in get_args(Unit):
            problems.append(f"unit is {self.unit!r}; allowed: {', '.join(get_args(Unit))}")
        if problems:
            raise DataError([f"codebook {self.name!r}: {each}" for each in problems])

    @property
    def hash(self) -> str:
        """Identity of all that a coder is told."""
        told = [asdict(code) for code in self.codes]
        return content_hash({"codes": told, "unit": self.unit}, 12)

    def told(self) -> str:
        """Return the codebook as it is told to a coder."""
        return "\n\n".join(code.told() for code in self.codes)

    def to_dict(self) -> dict[str, Any]:
        """Return the codebook as JSON values."""
        return {
            "name": self.name,
            "unit": self.unit,
            "hash": self.hash,
            "title": self.title,
            "codes": [asdict(code) for code in self.codes],
        }


def load_codebook(source: str | Path = "apparent_distress") -> Codebook:
    """Load a codebook.

    Parameters
    ----------
    source
        A `.toml` file with `name`, `unit` and one table `[[codes]]` a code, or the name of a codebook that
        comes with Bartleby.

    Raises
    ------
    DataError
        With all problems at once.

    Examples
    --------
    >>> import bartleby as bb
    >>> [code.name for code in bb.annotation.load_codebook().codes][:3]
    ['expressed_distress', 'positive_affect', 'boundary_setting']
    """
    path = Path(source)
    if not path.is_file() and path.suffix != ".toml":
        path = bundled("data") / str(source) / "codebook.toml"
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"codebook {str(source)!r}: {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable as TOML: {error}") from None
    problems: list[str] = []
    _refuse_unknown(told, ("name", "unit", "title", "description", "codes"), str(path), problems)
    tables = told.get("codes")
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise DataError([*problems, f"{path}: there is no table [[codes]]; a codebook has one for each code"])
    codes = [_code(each, f"{path}: code {number}", problems) for number, each in enumerate(tables, start=1)]
    if not problems:
        try:
            return Codebook(
                str(told.get("name", path.stem)),
                tuple(code for code in codes if code is not None),
                cast("Unit", told.get("unit", "turn")),
                str(told.get("title", "")),
                str(told.get("description", "")),
            )
        except DataError as error:
            problems += [f"{path}: {each}" for each in error.problems]
    raise DataError(problems)


def _code(told: Mapping[str, Any], place: str, problems: list[str]) -> Code | None:
    lists = ("inclusion", "exclusion", "examples", "levels")
    _refuse_unknown(told, ("name", "definition", *lists), place, problems)
    values: dict[str, Any] = {name: told.get(name, "") for name in ("name", "definition")}
    for name in lists:
        if name not in told:
            continue
        if not isinstance(told[name], list) or not all(isinstance(each, str) for each in told[name]):
            problems.append(f"{place}: {name} is {told[name]!r}; allowed: a list of texts")
            return None
        values[name] = tuple(told[name])
    try:
        return Code(**values)
    except DataError as error:
        problems += [f"{place}: {each}" for each in error.problems]
        return None


def _refuse_unknown(told: Mapping[str, Any], known: Sequence[str], place: str, problems: list[str]) -> None:
    problems += [
        f"{place}: {name!r} is unknown; allowed: {', '.join(known)}" for name in told if name not in known
    ]


def _problems(code: Code) -> list[str]:
    problems = []
    if not isinstance(code.name, str) or not NAME.fullmatch(code.name):
        problems.append(f"name is {code.name!r}; allowed: lower-case letters, digits and '_'")
    if not isinstance(code.definition, str) or not code.definition.strip():
        problems.append("definition is empty; a coder has to know what is meant")
    if len(code.levels) < 2 or len(set(code.levels)) < len(code.levels):
        problems.append(f"levels are {list(code.levels)}; allowed: two or more distinct ones, least first")
    if not all(isinstance(level, str) and level.strip() == level and level for level in code.levels):
        problems.append(f"levels are {list(code.levels)}; allowed: words without spaces around them")
    return problems
