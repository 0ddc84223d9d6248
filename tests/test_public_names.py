"""Every public name can be had, and importing the package costs next to nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import bartleby


@pytest.mark.parametrize("name", bartleby.__all__)
def test_every_public_name_can_be_had_and_is_explained(name: str) -> None:
    assert getattr(bartleby, name).__doc__
    assert name in dir(bartleby)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'frobnicate'"):
        bartleby.frobnicate  # noqa: B018


def test_the_package_is_imported_without_anything_heavy() -> None:
    heavy = {"numpy", "pandas", "scipy", "matplotlib", "asyncio"}
    script = f"import bartleby, sys; print({heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
