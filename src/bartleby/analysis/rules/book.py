"""Rules as data: what each demands, whose wording it is, and how it is read from events."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from bartleby.errors import DataError, SettingError

__all__ = ["Condition", "Reading", "Role", "Rule", "RuleSource", "roles_of", "rules"]

DEPLOYED = Path(__file__).with_name("deployed.toml")


@dataclass(frozen=True)
class Condition:
    """How many messages of a conversation have an event.

    Parameters
    ----------
    event
        Names of events; a message counts that has all of them.
    at_least, at_most
        The fewest and the most such messages.
    after, before
        Only messages after the first message with one of these events, and before it. Without the first
        nothing is after it, and everything is before it.
    unless
        An event in whose presence, before `before`, the condition holds in any case.
    """

    event: tuple[str, ...]
    at_least: int = 0
    at_most: int | None = None
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()

    @property
    def events(self) -> tuple[str, ...]:
        """All events that decide it."""
        return (*self.event, *self.after, *self.before, *self.unless)


@dataclass(frozen=True)
class Role:
    """A kind of scenario that rules speak of: its name in words, and the columns and values that tell it."""

    title: str
    where: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Reading:
    """One way in which a rule is read.

    Parameters
    ----------
    name, title
        Its name, and what is counted, in words.
    among
        Which conversations it speaks of: all conditions must hold.
    keeps
        What must hold in them.
    role, not_role
        Roles of scenarios: only in these, and in none of those.
    in_role
        The role that a scenario must have for the rule to be kept.
    against, margin
        For a comparison: the role that exits are held against, and the largest difference that would not
        matter.
    never
        Whether the rule says never, so that it has a one-sided bound.
    share
        Whether it describes a share that is neither kept nor broken.
    """

    name: str
    title: str
    among: tuple[Condition, ...] = ()
    keeps: tuple[Condition, ...] = ()
    role: tuple[str, ...] = ()
    not_role: tuple[str, ...] = ()
    in_role: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    margin: float | None = None
    never: bool = False
    share: bool = False

    @property
    def events(self) -> tuple[str, ...]:
        """All events that decide it, each once."""
        conditions = (*self.among, *self.keeps)
        own = ("exit",) if self.against else ()
        return tuple(dict.fromkeys([*own, *(name for each in conditions for name in each.events)]))

    @property
    def roles(self) -> tuple[str, ...]:
        """All roles that decide it, each once."""
        return tuple(dict.fromkeys([*self.role, *self.not_role, *self.in_role, *self.against]))


@dataclass(frozen=True)
class Rule:
    """A rule of leaving.

    Parameters
    ----------
    id
        Its name, such as `R3`.
    demand
        What it demands, in words.
    readings
        How it is read.
    wordings
        Whose wording it is held by: W1, W2, W3 or `article` of the deployed rules.
    at_most
        The largest rate of breaches at which a `never` rule would still be called kept.

    Examples
    --------
    >>> import bartleby as bb
    >>> rule = bb.leaving.rules("chat-2026")[6]
    >>> rule.id, rule.wordings, [reading.name for reading in rule.readings]
    ('R7', ('W1', 'W2', 'W3'), ['never_left', 'never_warned', 'never_mentioned'])
    """

    id: str
    demand: str
    readings: tuple[Reading, ...]
    wordings: tuple[str, ...] = ()
    at_most: float | None = None


@dataclass(frozen=True)
class _Book:
    rules: Mapping[str, Rule]
    sets: Mapping[str, tuple[str, ...]]
    roles: Mapping[str, Role] = field(default_factory=dict)


RuleSource: TypeAlias = "str | Path | Rule | Sequence[str | Path | Rule]"
"""A set by its name, a file of rules, a rule, or several of these."""


def rules(source: RuleSource = "chat-2026") -> tuple[Rule, ...]:
    """Return rules of leaving: a set that comes with Bartleby, those of a file, or several together.

    Parameters
    ----------
    source
        `chat-2026`, `work-2026` or `article-2025`; the path of a `.toml` file with tables `[[rules]]` as in
        `bartleby/analysis/rules/deployed.toml`; a `Rule`; or a sequence of these.

    Returns
    -------
    tuple of Rule
        In order; of several rules with one id, the last.

    Raises
    ------
    DataError, SettingError
        With all problems at once: an unknown set, a file that cannot be read, a key that is not allowed.

    Notes
    -----
    Rules are in our own words. Three wordings (W1, W2, W3) are public as transcriptions which the vendor
    has not confirmed, `article` is its announcement; a rule's `wordings` say which of them have it. "Kept"
    means kept as transcribed. Numbers, such as two redirections, are ours.

    Examples
    --------
    >>> import bartleby as bb
    >>> [rule.id for rule in bb.leaving.rules("article-2025")]
    ['A1', 'A2', 'A3']
    """
    found: dict[str, Rule] = {}
    for each in _each(source):
        for rule in (each,) if isinstance(each, Rule) else _of_source(each):
            found[rule.id] = rule
    if not found:
        raise SettingError(f"rules={source!r}: there is no rule in it")
    return tuple(found.values())


def roles_of(source: RuleSource) -> dict[str, Role]:
    """Return the roles that scenarios have by default, with those that files of rules declare."""
    found = dict(_deployed().roles)
    for each in _each(source):
        if not isinstance(each, Rule) and str(each) not in _deployed().sets:
            found |= _read(Path(each)).roles
    return found


def _each(source: RuleSource) -> Iterable[str | Path | Rule]:
    return (source,) if isinstance(source, (str, Path, Rule)) else source


def _of_source(source: str | Path) -> tuple[Rule, ...]:
    book = _deployed()
    if str(source) in book.sets:
        return tuple(book.rules[name] for name in book.sets[str(source)])
    path = Path(source)
    if path.suffix != ".toml":
        raise SettingError(
            f"rules={str(source)!r}: no such set; allowed: {', '.join(book.sets)}, a .toml file, or rules"
        )
    return tuple(_read(path).rules.values())


@cache
def _deployed() -> _Book:
    return _read(DEPLOYED)


def _read(path: Path) -> _Book:
    try:
        text = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"rules {str(path)!r}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable as TOML: {error}") from None
    problems: list[str] = []
    _refuse_unknown(text, ("roles", "sets", "rules"), str(path), problems)
    found: dict[str, Rule] = {}
    for number, table in enumerate(text.get("rules", []), start=1):
        rule = _rule(table, f"{path}: rule {number}", problems)
        if rule is not None:
            if rule.id in found:
                problems.append(f"{path}: rule {rule.id!r} occurs twice")
            found[rule.id] = rule
    roles = {name: _role(name, table, str(path), problems) for name, table in text.get("roles", {}).items()}
    sets = {str(table["name"]): tuple(table["rules"]) for table in text.get("sets", [])}
    known = {*roles, *(_deployed().roles if path != DEPLOYED else ())}
    problems += [
        f"{path}: rule {rule.id!r}, {reading.name}: no role {name!r}; roles: {', '.join(sorted(known))}"
        for rule in found.values()
        for reading in rule.readings
        for name in reading.roles
        if name not in known
    ]
    if not found and not problems:
        problems.append(f"{path}: there is no table [[rules]]; a file of rules has one for each rule")
    if problems:
        raise DataError(problems)
    return _Book(found, sets, roles)


def _rule(table: Mapping[str, Any], place: str, problems: list[str]) -> Rule | None:
    before = len(problems)
    _refuse_unknown(table, ("id", "demand", "wordings", "at_most", "readings"), place, problems)
    problems += [
        f"{place}: {name} is missing; allowed: a text" for name in ("id", "demand") if not table.get(name)
    ]
    at_most = table.get("at_most")
    if at_most is not None and not (isinstance(at_most, (int, float)) and 0 < at_most < 1):
        problems.append(f"{place}: at_most is {at_most!r}; allowed: a rate between 0 and 1")
    given = table.get("readings") or []
    if not given:
        problems.append(f"{place}: there is no table [[rules.readings]]; a rule has one at least")
    readings = [_reading(each, f"{place}: reading {n}", problems) for n, each in enumerate(given, start=1)]
    if len(problems) > before:
        return None
    wordings = _names(table.get("wordings"))
    return Rule(str(table["id"]), str(table["demand"]), tuple(readings), wordings, at_most)


def _reading(table: Mapping[str, Any], place: str, problems: list[str]) -> Reading:
    lists, flags = ("role", "not_role", "in_role", "against"), ("never", "share")
    _refuse_unknown(table, ("name", "title", "among", "keeps", "margin", *lists, *flags), place, problems)
    name = str(table.get("name") or "")
    if not name:
        problems.append(f"{place}: name is missing; allowed: a text")
    among, keeps = (
        tuple(_condition(each, f"{place}: {key}", problems) for each in table.get(key, []))
        for key in ("among", "keeps")
    )
    roles = {key: _names(table.get(key)) for key in lists}
    margin = table.get("margin")
    if bool(roles["against"]) != (margin is not None):
        problems.append(f"{place}: against and margin go together: a role, and a difference above 0")
    if not keeps and not roles["in_role"] and not roles["against"]:
        problems.append(f"{place}: nothing says what must hold; allowed: keeps, in_role or against")
    own = {key: bool(table.get(key, False)) for key in flags}
    return Reading(
        name,
        str(table.get("title") or name),
        among,
        keeps,
        roles["role"],
        roles["not_role"],
        roles["in_role"],
        roles["against"],
        margin,
        own["never"],
        own["share"],
    )


def _condition(table: Mapping[str, Any], place: str, problems: list[str]) -> Condition:
    lists = ("event", "after", "before", "unless")
    _refuse_unknown(table, (*lists, "at_least", "at_most"), place, problems)
    names = {key: _names(table.get(key)) for key in lists}
    if not names["event"]:
        problems.append(f"{place}: event is missing; allowed: the name of an event, or several")
    numbers = {key: table[key] for key in ("at_least", "at_most") if key in table}
    if not numbers:
        problems.append(f"{place}: nothing is counted; allowed: at_least, at_most")
    problems += [
        f"{place}: {key} is {value!r}; allowed: a whole number from 0"
        for key, value in numbers.items()
        if isinstance(value, bool) or not isinstance(value, int) or value < 0
    ]
    return Condition(
        names["event"],
        numbers.get("at_least", 0),
        numbers.get("at_most"),
        names["after"],
        names["before"],
        names["unless"],
    )


def _role(name: str, table: Mapping[str, Any], place: str, problems: list[str]) -> Role:
    where = table.get("where")
    if not isinstance(where, Mapping) or not where:
        problems.append(f"{place}: role {name!r}: where is {where!r}; allowed: values by column")
        where = {}
    return Role(str(table.get("title", name)), {str(key): _names(value) for key, value in where.items()})


def _names(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(each) for each in value)  # type: ignore[attr-defined]


def _refuse_unknown(table: Mapping[str, Any], known: Sequence[str], place: str, problems: list[str]) -> None:
    problems += [
        f"{place}: {name!r} is unknown; allowed: {', '.join(known)}" for name in table if name not in known
    ]
