"""Every public name can be had, and importing the package costs next to nothing."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import bartleby


@pytest.mark.parametrize("name", bartleby.__all__)
def test_every_public_name_can_be_had_and_is_explained(name: str) -> None:
    assert getattr(bartleby, name).__doc__
    assert name in dir(bartleby)


@pytest.mark.parametrize("space", [bartleby.figures, bartleby.tables], ids=lambda space: space.__name__)
def test_every_name_of_a_namespace_can_be_had_and_is_explained(space: ModuleType) -> None:
    assert space.__doc__
    assert all(getattr(space, name).__doc__ for name in space.__all__)


def test_our_own_studies_analyses_and_notebooks_need_nothing_inside_the_package() -> None:
    root = Path(__file__).parents[1]
    files = [path for folder in ("studies", "analysis", "notebooks") for path in (root / folder).iterdir()]
    inside = {
        path.name
        for path in files
        if path.suffix in {".py", ".ipynb"}
        and re.search(r"(from|import) bartleby\.", path.read_text("utf-8"))
    }
    assert inside == set()


FUNCTIONS = [name for name in bartleby.__all__ if inspect.isfunction(getattr(bartleby, name))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_of_a_public_function_is_explained_where_it_is_used(name: str) -> None:
    function = getattr(bartleby, name)
    text = function.__doc__
    assert "As in `" not in text
    section = re.search(
        r"^ *Parameters\n *-+\n(.*?)(?=\n\n *\S[^\n]*\n *-{3,}|\Z)", text, re.DOTALL | re.MULTILINE
    )
    lines = inspect.cleandoc(section[1]).splitlines() if section else []
    explained = {part for line in lines if line[:1].strip() for part in line.split(", ")}
    assert set(inspect.signature(function).parameters) <= explained


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'frobnicate'"):
        bartleby.frobnicate  # noqa: B018


def test_the_package_is_imported_without_anything_heavy() -> None:
    heavy = {"numpy", "pandas", "scipy", "matplotlib", "asyncio"}
    script = f"import bartleby, sys; print({heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
