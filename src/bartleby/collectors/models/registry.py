"""Models by name: `sim/averse?slot=0.5`, `local/smollm2`, `anthropic/MODEL`, `openai/MODEL@http://host:port/v1`.

A provider is imported when one of its models is asked for, so that nobody waits for, or needs to have
installed, what they do not use.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast
from urllib.parse import parse_qsl

from bartleby.collectors.models.base import Model
from bartleby.errors import ModelError

__all__ = ["PROVIDERS", "ModelName", "open_model"]


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model's name, taken apart.

    Parameters
    ----------
    full
        As it was given: this is what the record calls the model.
    name
        What stands between the provider and the options.
    options
        The options after `?`, as text.
    """

    full: str
    name: str
    options: Mapping[str, str]

    def check_options(self, allowed: tuple[str, ...]) -> None:
        """Raise `ModelError` if an option is given that this kind of model does not have."""
        unknown = [option for option in self.options if option not in allowed]
        if unknown:
            told = ", ".join(map(repr, unknown))
            raise ModelError(f"model {self.full!r}: no option {told}; allowed: {', '.join(allowed)}")

    def number(
        self, option: str, default: float, *, least: float | None = None, most: float | None = None
    ) -> float:
        """Return an option as a finite number between `least` and `most`, or the default."""
        given = self.options.get(option)
        if given is None:
            return default
        bounds = _bounds(least, most)
        try:
            value = float(given)
        except ValueError:
            value = math.nan
        inside = (least is None or value >= least) and (most is None or value <= most)
        if not inside or not math.isfinite(value):
            raise ModelError(f"model {self.full!r}: {option}={given!r} is not allowed; a number{bounds} is")
        return value

    def whole_number(self, option: str, default: int, *, least: int = 0) -> int:
        """Return an option as a whole number of at least `least`, or the default."""
        given = self.options.get(option)
        if given is None:
            return default
        try:
            value = int(given)
        except ValueError:
            value = least - 1
        if value < least:
            raise ModelError(
                f"model {self.full!r}: {option}={given!r} is not allowed; a whole number from {least} is"
            )
        return value


PROVIDERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "sim": (
            "bartleby.collectors.models.simulated",
            "a simulated respondent: sim/averse, sim/indifferent",
        ),
        "local": (
            "bartleby.collectors.models.local",
            "a GGUF file in this process: local/smollm2, local/PATH.gguf",
        ),
        "anthropic": ("bartleby.collectors.models.anthropic", "a hosted Claude model: anthropic/MODEL"),
        "openai": (
            "bartleby.collectors.models.openai",
            "any server with Chat Completions: openai/MODEL, openai/MODEL@http://HOST:PORT/v1",
        ),
        "inspect": (
            "bartleby.collectors.models.inspect",
            "any other provider, through Inspect AI: inspect/PROVIDER/MODEL",
        ),
    }
)
"""Provider -> (the module that opens its models, what it is)."""


def open_model(name: str) -> Model:
    """Return the model of this name; it is opened with `async with` before it is asked.

    Parameters
    ----------
    name
        `PROVIDER/NAME`, with options after a question mark: `sim/averse?slot=0.5&seed=3`,
        `local/smollm2?threads=1`, `local//home/me/model.gguf`, `anthropic/claude-...`,
        `openai/MODEL@http://localhost:8000/v1?key=MY_KEY`.

    Raises
    ------
    ModelError
        Unknown provider, name or option (told with what is allowed), or a package that is not installed
        (told with the command that installs it).

    Examples
    --------
    >>> import bartleby as bb
    >>> bb.models.open_model("sim/averse").name
    'sim/averse'
    """
    provider, slash, rest = name.partition("/")
    if not slash or not rest or provider not in PROVIDERS:
        known = "; ".join(f"{each}/... is {what}" for each, (_, what) in PROVIDERS.items())
        raise ModelError(f"no model {name!r}; {known}")
    module = importlib.import_module(PROVIDERS[provider][0])
    make = cast("Callable[[ModelName], Model]", module.from_name)
    return make(_take_apart(name, rest))


def _take_apart(full: str, rest: str) -> ModelName:
    name, _, query = rest.partition("?")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError:
        raise ModelError(f"model {full!r}: options are written ?name=value&name=value") from None
    options = dict(pairs)
    if len(options) < len(pairs):
        raise ModelError(f"model {full!r}: an option is given twice")
    return ModelName(full, name, MappingProxyType(options))


def _bounds(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f" from {least:g} to {most:g}"
    return "" if least is None else f" of at least {least:g}"
