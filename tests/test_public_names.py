"""Every public name can be had, and importing the package costs next to nothing."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from operator import attrgetter
from pathlib import Path

import pytest

import bartleby

SPACES = [name for name in bartleby.__all__ if inspect.ismodule(getattr(bartleby, name))]
NAMES = [name for name in bartleby.__all__ if name not in SPACES]
NAMES += [f"{space}.{name}" for space in SPACES for name in getattr(bartleby, space).__all__]


@pytest.mark.parametrize("name", [*SPACES, *NAMES])
def test_every_public_name_can_be_had_and_is_explained(name: str) -> None:
    assert attrgetter(name)(bartleby).__doc__
    *space, own = name.split(".")
    assert own in dir(attrgetter(space[0])(bartleby) if space else bartleby)


@pytest.mark.parametrize("space", SPACES)
def test_the_packages_table_of_contents_has_each_namespace_with_its_first_line(space: str) -> None:
    line = str(getattr(bartleby, space).__doc__).splitlines()[0].removesuffix(f": `bb.{space}`.")
    assert f"`{space}`\n    {line.partition(': `bb.')[0]}." in str(bartleby.__doc__)


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


FUNCTIONS = [name for name in NAMES if inspect.isfunction(attrgetter(name)(bartleby))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_of_a_public_function_is_explained_where_it_is_used(name: str) -> None:
    function = attrgetter(name)(bartleby)
    text = function.__doc__
    assert "As in `" not in text
    section = re.search(
        r"^ *Parameters\n *-+\n(.*?)(?=\n\n *\S[^\n]*\n *-{3,}|\Z)", text, re.DOTALL | re.MULTILINE
    )
    lines = inspect.cleandoc(section[1]).splitlines() if section else []
    explained = {part for line in lines if line[:1].strip() for part in line.split(", ")}
    assert set(inspect.signature(function).parameters) <= explained


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="No bartleby attribute frobnicate"):
        attrgetter("frobnicate")(bartleby)


def test_the_package_is_imported_without_anything_heavy() -> None:
    heavy = {"numpy", "pandas", "scipy", "matplotlib", "asyncio"}
    script = f"import bartleby, sys; print({heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_name_that_is_in_a_namespace_is_said_to_be_there() -> None:
    with pytest.raises(AttributeError, match=r"there is bartleby\.leaving\.hazard$"):
        _ = bartleby.hazard  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"attribute nonsense$"):
        _ = bartleby.nonsense  # type: ignore[attr-defined]


@pytest.mark.parametrize("module", ["analysis.choice.result", "progress", "collectors.collector"])
def test_any_module_can_be_imported_first(module: str) -> None:
    code = f"import bartleby.{module}; from bartleby import errors"
    subprocess.run([sys.executable, "-c", code], check=True)
