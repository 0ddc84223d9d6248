"""What the documentation site takes from the code: reference pages, docstrings as they are at run time.

MkDocs calls `on_files` (pages that are made from the code, and the notebooks), and Griffe calls `Docstrings`:
many docstrings get the explanations of shared parameters when their module is imported, which reading the
source does not show.
"""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path
from typing import Any

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import bartleby
from bartleby.cli.main import build_parser

ROOT = Path(__file__).parents[1]


class Docstrings(griffe.Extension):
    """Show docstrings of public functions and classes as `help()` does."""

    def __init__(self) -> None:
        super().__init__()
        self._public = {
            f"{value.__module__}.{value.__qualname__}": value
            for module in (bartleby, *(getattr(bartleby, name) for name in _namespaces()))
            for value in (getattr(module, name) for name in module.__all__)
            if inspect.isfunction(value) or inspect.isclass(value)
        }

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:  # noqa: ANN401 - as Griffe calls it
        """Replace the docstring that is in the source by the one of the imported object."""
        if obj.path in self._public and obj.docstring is not None:
            obj.docstring.value = inspect.getdoc(self._public[obj.path]) or ""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from the code, and the notebooks."""
    plain = [name for name in bartleby.__all__ if name not in _namespaces()]
    pages = {
        "reference/bartleby.md": _names("bartleby", plain, bartleby.__doc__ or ""),
        "reference/command.md": _command(),
    }
    for name in _namespaces():
        module = getattr(bartleby, name)
        pages[f"reference/{name}.md"] = _names(f"bartleby.{name}", module.__all__, module.__doc__ or "")
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        files.append(
            File(f"notebooks/{notebook.name}", str(ROOT), config.site_dir, config.use_directory_urls)
        )
    return files


def _namespaces() -> list[str]:
    return [name for name in bartleby.__all__ if inspect.ismodule(getattr(bartleby, name))]


def _names(module: str, names: list[str], summary: str) -> str:
    """Return a page with every public name of a namespace."""
    first = summary.strip().splitlines()[0]
    blocks = "\n\n".join(f"::: {module}.{name}" for name in sorted(names, key=str.lower))
    return f"# `{module}`\n\n{first}\n\n{blocks}\n"


def _command() -> str:
    """Return a page with the help of every command as it is printed."""
    parts = ["# The command", _block(build_parser())]
    for path, parser in _commands(build_parser(), "bartleby"):
        parts += [f"## `{path}`", _block(parser)]
    return "\n\n".join(parts) + "\n"


def _block(parser: argparse.ArgumentParser) -> str:
    return f"```text\n{parser.format_help().strip()}\n```"


def _commands(parser: argparse.ArgumentParser, path: str) -> list[tuple[str, argparse.ArgumentParser]]:
    """Return all commands below one, each after the command that it belongs to."""
    found = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                found += [(f"{path} {name}", command), *_commands(command, f"{path} {name}")]
    return found
