"""`bartleby estimate course`, `triggers`, `precedents`, ...: where a code stands among the turns.

Each takes a table of turns with a column of 1 and 0, or a log (or other conversations) with its codings. The
options that are passed on are those that the parser of an estimator has, under the same names.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bartleby.cli.arguments import add_command
from bartleby.cli.printing import say

if TYPE_CHECKING:
    import pandas as pd

    from bartleby.cli.arguments import Commands

__all__ = ["add_estimators"]

ADJUSTMENTS = ("holm", "bh", "none")


@dataclass(frozen=True)
class Pattern:
    """An estimator of patterns, as the command line has it.

    Parameters
    ----------
    module, function
        Where it is, below `bartleby.analysis.patterns`.
    about
        What it estimates.
    example
        Options of its example.
    options
        Its own options: name and what `add_argument` takes of each.
    exits
        Whether it takes the column that says where the model left.
    adjust
        How p values are adjusted if nothing is said; empty if there are none.
    """

    module: str
    function: str
    about: str
    example: str
    options: Mapping[str, Mapping[str, Any]]
    exits: bool = True
    adjust: str = "holm"


WHEN = {"nargs": "+", "required": True, "metavar": "COL"}
FLAGS = "0/1 columns, or COL=VALUE such as user_text_kind=insult"
TURNS = {"type": int, "default": 3, "metavar": "N"}

PATTERNS = {
    "course": Pattern(
        "by_turn", "course", "how a code goes on over the turns, where some conversations end by leaving",
        "--coded distress --exited exited --by expected",
        {
            "--horizon": {"type": int, "metavar": "N", "help": "last turn (default: of the longest)"},
            "--label": {"metavar": "COL", "help": "people's labels of some turns: also corrected shares"},
            "--graded": {"action": "store_true", "help": "levels and not 1 and 0: shares at or above each"},
        },
        adjust="",
    ),
    "triggers": Pattern(
        "triggers", "around_trigger", "a code before and after something happened for the first time",
        "--coded distress --trigger user_text_kind=insult",
        {
            "--trigger": {**WHEN, "help": f"what happened: {FLAGS}"},
            "--by-whom": {"choices": ("user", "model"), "default": "user", "help": "in whose turn it stands"},
            "--before": {**TURNS, "help": "turns looked at before it (default: 3)"},
            "--after": {**TURNS, "help": "turns looked at after it (default: 3)"},
        },
    ),
    "precedents": Pattern(
        "precedents", "precedents", "what users do before turns with a code",
        "--coded distress --behaviours user_text_kind=insult user_text_kind=insist",
        {
            "--behaviours": {**WHEN, "help": f"what users do: {FLAGS}"},
            "--lags": {"nargs": "+", "type": int, "default": [0, 1], "metavar": "N",
                       "help": "turns before (default: 0 1; 0 is the message that the turn answers)"},
            "--also": {"nargs": "+", "metavar": "COL", "help": "further columns to adjust for"},
            "--method": {"choices": ("auto", "logistic", "firth"), "default": "auto"},
        },
        exits=False,
    ),
    "co_occurrence": Pattern(
        "co_occurrence", "co_occurrence", "which codes go together",
        "--codes distress boundary",
        {"--codes": {"nargs": "+", "metavar": "COL", "help": "codes (default: all, with --codings)"}},
        exits=False,
    ),
    "episodes": Pattern(
        "episodes", "episodes", "how runs of turns with a code begin, last and end",
        "--coded distress --exited exited", {},
    ),
    "phrases": Pattern(
        "phrases", "phrases", "words that set turns with a code apart",
        "--coded distress --text text",
        {
            "--text": {"default": "text", "metavar": "COL", "help": "what was said (default: text)"},
            "--longest": {"type": int, "default": 2, "metavar": "N", "help": "words of a phrase (2)"},
            "--least": {"type": int, "default": 5, "metavar": "N", "help": "times it is said (default: 5)"},
        },
        exits=False, adjust="bh",
    ),
    "coded_exits": Pattern(
        "codes_before_exit", "coded_before_exit", "whether turns with a code come before leaving",
        "--coded distress --exited exited",
        {
            "--within": {"type": int, "metavar": "N", "help": "turns before the exit (default: all)"},
            "--baseline": {"choices": ("each_turn", "linear"), "default": "each_turn",
                           "help": "chance of leaving by turn (default: each_turn)"},
        },
    ),
}  # fmt: skip


def add_estimators(estimators: Commands) -> None:
    """Add the estimators of patterns."""
    for name, pattern in PATTERNS.items():
        parser = add_command(
            estimators,
            name,
            _running(pattern),
            pattern.about,
            f"bartleby estimate {name} turns.csv {pattern.example} --cluster item --json",
        )
        _add_source(parser, coded="--codes" not in pattern.options)
        for option, given in pattern.options.items():
            parser.add_argument(option, **given)
        if pattern.exits:
            told = "0/1: the model left at the turn (default: exited, if it is there)"
            parser.add_argument("--exited", metavar="COL", help=told)
        if pattern.adjust:
            parser.add_argument(
                "--adjust",
                choices=ADJUSTMENTS,
                default=pattern.adjust,
                help=f"of p values (default: {pattern.adjust})",
            )
        _add_shared(parser)


def _add_source(parser: argparse.ArgumentParser, *, coded: bool) -> None:
    parser.add_argument("file", help="table of turns (.csv, .jsonl, .parquet); with --codings also a log")
    if coded:
        parser.add_argument(
            "--coded", "--code", metavar="COL", help="column of 1 and 0, or the code (default: coded)"
        )
    parser.add_argument(
        "--codings", nargs="+", metavar="FILE", help="codings of these turns (`bartleby code`)"
    )
    parser.add_argument("--coder", metavar="NAME", help="whose codings (needed where there are several)")
    parser.add_argument(
        "--conversation", metavar="COL", help="column of conversations (default: conversation, or trial)"
    )
    parser.add_argument("--turn", default="turn", metavar="COL", help="number of the turn (default: turn)")


def _add_shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", nargs="+", metavar="COL", default=None, help="estimate within each group")
    parser.add_argument(
        "--cluster",
        metavar="COL",
        default=None,
        help="conversations that share it are not independent (default: a scenario or item; none: all are)",
    )
    parser.add_argument("--level", type=float, default=0.95, help="confidence level (default: 0.95)")
    parser.add_argument(
        "--estimand", choices=("new_items",), default="new_items", help="what intervals are about"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _running(pattern: Pattern) -> Callable[[argparse.Namespace], int]:
    """Return what runs an estimator with the options of its parser."""

    def run(options: argparse.Namespace) -> int:
        function = getattr(import_module(f"bartleby.analysis.patterns.{pattern.module}"), pattern.function)
        table, codes = _turns(options)
        settings = _settings(pattern, options)
        leading: list[Any] = []
        for name in ("trigger", "behaviours"):
            if name in settings:
                table, flags = _flags(table, settings.pop(name))
                leading.append(flags)
        if "codes" in settings:
            leading.append(settings.pop("codes") or codes)
        else:
            settings["coded"] = options.coded or _only(codes)
        if pattern.exits and (pattern.function == "coded_before_exit" or "exited" in table):
            settings["exited"] = options.exited or "exited"
        settings["conversation"] = options.conversation or _conversation(table)
        if options.cluster == "none":
            settings["cluster"] = False
        found = function(table, *leading, **settings)
        say(found.to_json() if options.json else found.summary(), json=options.json)
        return 0

    return run


def _settings(pattern: Pattern, options: argparse.Namespace) -> dict[str, Any]:
    """Return the options that are keyword arguments of the same names."""
    own = [name.removeprefix("--").replace("-", "_") for name in pattern.options]
    names = [*own, "by", "cluster", "level", "turn", *(["exited"] if pattern.exits else [])]
    settings = {name: getattr(options, name) for name in names}
    if pattern.adjust:
        settings["adjust"] = None if options.adjust == "none" else options.adjust
    return settings


def _only(codes: list[str]) -> str:
    """Return the code that is meant where none is named."""
    from bartleby.errors import SettingError

    if len(codes) > 1:
        raise SettingError(f"--code: there are several, name one: {', '.join(codes)}")
    return codes[0] if codes else "coded"


def _conversation(table: pd.DataFrame) -> str:
    return "trial" if "conversation" not in table and "trial" in table else "conversation"


def _turns(options: argparse.Namespace) -> tuple[pd.DataFrame, list[str]]:
    """Return the turns with their codes, and the codes that were taken from codings."""
    from bartleby.analysis.tables.files import read_table
    from bartleby.verbs.coded import coded_table

    if options.codings is None:
        return read_table(options.file), []
    wanted = getattr(options, "codes", None) or getattr(options, "coded", None)
    codes = [wanted] if isinstance(wanted, str) else wanted
    present = None if getattr(options, "graded", False) else 1
    return coded_table(options.file, options.codings, coder=options.coder, codes=codes, present=present)


def _flags(table: pd.DataFrame, told: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return the table with a 0/1 column for each `COL=VALUE`, named by the value, and the columns' names."""
    from bartleby.errors import DataError

    names, problems = [], []
    for each in told:
        column, given, value = each.partition("=")
        if not given:
            names.append(each)
            continue
        there = [] if column not in table else sorted(set(table[column].dropna().astype(str)))
        name = value if value not in table and value.isidentifier() else f"{column}_{value}"
        if value not in there:
            known = f"its values: {', '.join(there)}" if there else "there is no such column"
            problems.append(f"{each}: nothing has this value in column {column!r}; {known}")
            continue
        flag = (table[column].astype("string") == value).astype("Int8")
        table = table.assign(**{name: flag})
        names.append(name)
    if problems:
        raise DataError(problems)
    return table, names
