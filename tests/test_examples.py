"""The examples in the docstrings of public names run, and show what they say."""

from __future__ import annotations

import doctest
import inspect
from operator import attrgetter
from pathlib import Path

import pytest

import bartleby
from tests.test_public_names import NAMES as PUBLIC

# What needs labels that a person has made.
WITHOUT = {"annotation.read_labels"}
NAMES = [
    name for name in PUBLIC if name not in WITHOUT and name.partition(".")[0] not in {"figures", "tables"}
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one folder for all examples: a run that one has made is finished for the next."""
    return tmp_path_factory.mktemp("examples")


# What is printed is the subject here, and not what an estimator warns of beside it.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_a_public_name_shows_what_it_says(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    text = inspect.getdoc(attrgetter(name)(bartleby)) or ""
    example = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    assert example.examples
    told: list[str] = []
    options = doctest.NORMALIZE_WHITESPACE
    found = doctest.DocTestRunner(optionflags=options, verbose=False).run(example, out=told.append)
    assert not found.failed, "".join(told)
