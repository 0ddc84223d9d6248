"""Codebooks: read, checked, identified by what a coder is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from bartleby.errors import DataError
from bartleby.studies.codebook import Code, Codebook, load_codebook


def test_the_bundled_codebook_has_the_five_codes_of_its_kind() -> None:
    book = load_codebook()
    assert [code.name for code in book.codes] == [
        "expressed_distress",
        "positive_affect",
        "boundary_setting",
        "appeasing",
        "disengagement",
    ]
    assert book.unit == "turn"
    assert all(code.exclusion and code.examples for code in book.codes)


def test_the_hash_changes_with_what_a_coder_is_told_and_with_nothing_else() -> None:
    code = Code("calm", "It is calm.")
    one = Codebook("a", (code,))
    assert one.hash == Codebook("b", (code,), title="Another title").hash
    assert one.hash != Codebook("a", (Code("calm", "It is calm.", exclusion=("Silence.",)),)).hash
    assert one.hash != Codebook("a", (code,), unit="transcript").hash


def test_everything_that_is_wrong_with_a_file_is_said_at_once(tmp_path: Path) -> None:
    file = tmp_path / "book.toml"
    file.write_text(
        'unit = "turn"\ncolour = "red"\n'
        '[[codes]]\nname = "Two words"\ndefinition = ""\n'
        '[[codes]]\nname = "calm"\ndefinition = "x"\nlevels = ["one"]\n'
        '[[codes]]\nname = "loud"\ndefinition = "x"\ninclusion = "a text"\n'
    )
    with pytest.raises(DataError) as caught:
        load_codebook(file)
    text = str(caught.value)
    for part in ("'colour' is unknown", "'Two words'", "definition is empty", "two or more", "inclusion is"):
        assert part in text


@pytest.mark.parametrize("text", ["", "name = ", '[[codes]]\nname = "a"\n[[codes]]\nname="a"'])
def test_a_file_that_is_no_codebook_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "book.toml"
    file.write_text(text)
    with pytest.raises(DataError):
        load_codebook(file)


def test_a_name_may_occur_once_and_a_missing_file_is_told() -> None:
    code = Code("calm", "It is calm.")
    with pytest.raises(DataError, match="occurs twice"):
        Codebook("a", (code, code))
    with pytest.raises(DataError, match="cannot be read"):
        load_codebook("no-such-book")
