"""What the command uses where an option is not given: `[tool.bartleby]`, or a file of the user."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from bartleby.errors import SettingError

__all__ = ["Configuration", "configuration", "prices_of"]

PRICES = "BARTLEBY_PRICES"


@dataclass(frozen=True)
class Configuration:
    """Defaults of the command.

    Parameters
    ----------
    model, user
        Names of the model that is asked, and of the one that plays the user.
    logs
        Folder of the logs.
    prices
        Price table of one's own.
    """

    model: str | None = None
    user: str | None = None
    logs: str | None = None
    prices: str | None = None


def configuration(folder: Path | None = None) -> Configuration:
    """Return the defaults: those of the nearest pyproject that has some, over those of the user's file.

    Parameters
    ----------
    folder
        Where the search begins; it goes up from there. By default the working directory.

    Raises
    ------
    SettingError
        If a file cannot be read, or has a key or a value that is not allowed; it names the file.
    """
    here = (folder or Path.cwd()).resolve()
    values = _checked(_user_file(), _table(_user_file()))
    for place in (here, *here.parents):
        file = place / "pyproject.toml"
        own = _table(file, "tool", "bartleby")
        if own:
            values |= _checked(file, own)
            break
    return Configuration(**values)


def _user_file() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "bartleby" / "config.toml"


def _table(file: Path, *keys: str) -> Mapping[str, Any]:
    try:
        table: Any = tomllib.loads(file.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return {}
    except (OSError, ValueError) as error:
        raise SettingError(f"{file}: cannot be read: {error}") from None
    for key in keys:
        table = table.get(key, {}) if isinstance(table, Mapping) else {}
    return table if isinstance(table, Mapping) else {}


def _checked(file: Path, values: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of a file; paths are taken from where it is."""
    allowed = [field.name for field in fields(Configuration)]
    problems = [
        f"{file}: {name} = {value!r}; allowed: texts named {', '.join(allowed)}"
        for name, value in values.items()
        if name not in allowed or not isinstance(value, str) or not value.strip()
    ]
    if problems:
        raise SettingError("\n".join(problems))
    paths = {name: str(file.parent / Path(value).expanduser()) for name, value in values.items()}
    return {name: paths[name] if name in ("logs", "prices") else value for name, value in values.items()}


@contextmanager
def prices_of(defaults: Configuration) -> Iterator[None]:
    """Use the price table of the defaults, unless the environment names one."""
    if defaults.prices is None or os.environ.get(PRICES):
        yield
        return
    os.environ[PRICES] = defaults.prices
    try:
        yield
    finally:
        os.environ.pop(PRICES, None)
