"""What the subcommands share: making one with its example, and options taken from the function it calls."""

from __future__ import annotations

import argparse
import inspect
import math
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bartleby.docstrings import parameter_texts

if TYPE_CHECKING:
    import pandas as pd

    from bartleby.analysis.tables.stored import StoredTable

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

__all__ = ["add_command", "add_options", "duration", "keywords_of", "levels", "table_of"]

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def add_command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int],
    about: str,
    example: str,
) -> argparse.ArgumentParser:
    """Add a subcommand whose help ends with an example."""
    parser = commands.add_parser(
        name,
        help=about,
        description=about[0].upper() + about[1:] + ".",
        epilog=f"example: {example}",
    )
    parser.set_defaults(run=run)
    return parser


def levels(text: str) -> tuple[str, list[str]]:
    """Return the condition and the levels of `CONDITION=LEVEL[,LEVEL]`."""
    name, sign, named = text.partition("=")
    if not (name and sign and named):
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: CONDITION=LEVEL or CONDITION=LEVEL,LEVEL")
    return name, named.split(",")


def duration(text: str) -> float:
    """Return the seconds of a time such as `90`, `90s`, `30m`, `8h` or `1d`."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in UNITS else (text, "s")
    try:
        seconds = float(number) * UNITS[unit]
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time; allowed: 90s, 30m, 8h, 1d")
    return seconds


def table_of(file: str, **stated: Mapping[str, str]) -> StoredTable | pd.DataFrame:
    """Return the table that an estimator is given: of a file or folder of tables, or of a log or some."""
    from bartleby.analysis.tables.files import open_table, stated_table

    if not _is_log(Path(file)):
        return open_table(file, **stated)
    from bartleby.verbs.logs import read

    table = read(file)
    return stated_table(table, file, **stated) if any(stated.values()) else table


def _is_log(path: Path) -> bool:
    """Whether a path is a log, or a folder that has logs and no tables."""
    if path.suffix == ".db":
        return True
    return path.is_dir() and any(path.rglob("*.db")) and not any(path.rglob("*.parquet"))


METAVARS = {"max_cost": "DOLLARS", "max_time": "TIME", "user": "MODEL", "model": "MODEL", "baseline": "ITEM"}
"""How values are named in the help, where the type alone would say too little."""
AS_TYPED: dict[str, Callable[[str], Any]] = {"max_time": duration}
"""How values are read, where the type alone does not say it."""


def add_options(parser: argparse.ArgumentParser, function: Callable[..., Any], skip: Collection[str]) -> None:
    """Add an option for every keyword argument of a function: its name, type, default and description.

    Parameters
    ----------
    parser
        Of the subcommand.
    function
        The function that the subcommand calls, or a dataclass of options.
    skip
        Arguments that have no option, or one that is added by hand.
    """
    texts = parameter_texts(function)
    for parameter in _keywords(function, skip):
        _add_option(parser, parameter, texts.get(parameter.name, ""))


def keywords_of(
    options: argparse.Namespace, function: Callable[..., Any], skip: Collection[str] = ()
) -> dict[str, Any]:
    """Return what was typed for the keyword arguments of a function that have an option."""
    return {
        each.name: getattr(options, each.name)
        for each in _keywords(function, skip)
        if hasattr(options, each.name)
    }


def _keywords(function: Callable[..., Any], skip: Collection[str]) -> list[inspect.Parameter]:
    parameters = inspect.signature(function).parameters.values()
    return [each for each in parameters if each.kind is each.KEYWORD_ONLY and each.name not in skip]


def _add_option(parser: argparse.ArgumentParser, parameter: inspect.Parameter, text: str) -> None:
    name, default = parameter.name.replace("_", "-"), parameter.default
    first = re.match(r".*?(?<!e\.g)[.;:](?=\s|$)", text)
    about = (first.group()[:-1] if first else text).replace("%", "%%").replace("`", "")
    about = about[:1].lower() + about[1:]
    if default is True:
        parser.add_argument(f"--no-{name}", dest=parameter.name, action="store_false", help=f"not: {about}")
    elif default is False:
        parser.add_argument(f"--{name}", action="store_true", help=about)
    elif "bool" in str(parameter.annotation):
        action = argparse.BooleanOptionalAction
        parser.add_argument(f"--{name}", action=action, default=default, help=about)
    else:
        required = default is parameter.empty
        parser.add_argument(
            f"--{name}",
            type=_reader(parameter),
            choices=re.findall(r"['\"](\w+)['\"]", str(parameter.annotation)) or None,
            default=None if required else default,
            required=required,
            metavar=METAVARS.get(parameter.name),
            help=about if required or default is None else f"{about} (default: {default})",
        )


def _reader(parameter: inspect.Parameter) -> Callable[[str], Any]:
    kinds = str(parameter.annotation).split(" | ")
    by_type: Callable[[str], Any] = int if "int" in kinds else float if "float" in kinds else str
    return AS_TYPED.get(parameter.name, by_type)
