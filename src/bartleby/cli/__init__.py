"""The `bartleby` command: a thin layer over the verbs. Nothing heavy is imported before it is needed."""

from __future__ import annotations

from bartleby.cli.main import main

__all__ = ["main"]
