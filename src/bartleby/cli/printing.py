"""All that the command prints goes through here: ids, names of files and replies are other people's text.

A terminal obeys control characters: they could clear it, change what stands on it, or type for the user. They
are shown instead. `print` is not allowed in the other files of the command (lint), so none can forget it.
"""

from __future__ import annotations

import argparse
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from bartleby.visible import HIDDEN, visible

__all__ = ["Parser", "log_lines", "plain_warnings", "say"]


def say(*parts: object, sep: str = " ", end: str = "\n", error: bool = False, json: bool = False) -> None:
    """Print text with its hidden characters made visible.

    Parameters
    ----------
    parts, sep, end
        As of `print`.
    error
        Print on standard error.
    json
        The text is JSON: hidden characters become its escapes, so that it stays the same value.
    """
    _write(sep.join(map(str, parts)) + end, sys.stderr if error else sys.stdout, json=json)


def _write(text: str, stream: IO[str], *, json: bool = False) -> None:
    shown = HIDDEN.sub(_json_escape, text) if json else visible(text)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(shown.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def _json_escape(match: re.Match[str]) -> str:
    units = match.group().encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[n]:02x}{units[n + 1]:02x}" for n in range(0, len(units), 2))


class Parser(argparse.ArgumentParser):
    """A parser whose messages, which quote what was typed, are made visible too."""

    def _print_message(self, message: str, file: Any = None) -> None:  # noqa: ANN401 - as in the library
        if message:
            _write(message, file or sys.stderr)


class _Lines(logging.Handler):
    """Prints log lines on standard error, with hidden characters visible."""

    def emit(self, record: logging.LogRecord) -> None:
        _write(f"bartleby: {record.getMessage()}\n", sys.stderr)


@contextmanager
def log_lines() -> Iterator[None]:
    """Print what the library logs (`logging.getLogger("bartleby")`), from the level INFO on."""
    logger, handler = logging.getLogger("bartleby"), _Lines(logging.INFO)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(min(level or logging.INFO, logging.INFO))
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Print warnings as one line, without the place in our code; the way from before is restored."""

    def one_line(message: Any, *_: Any, **__: Any) -> str:  # noqa: ANN401 - as in the library
        return visible(f"bartleby: warning: {message}\n")

    before, warnings.formatwarning = warnings.formatwarning, one_line
    try:
        yield
    finally:
        warnings.formatwarning = before
