"""Tables from files: what is empty is missing and nothing else is; what is written cannot run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bartleby.analysis.choice.model import choice_model
from bartleby.analysis.tables.files import read_table
from bartleby.analysis.tables.written import write_table, write_tables
from bartleby.errors import DataError, SettingError

TABLE = pd.DataFrame({"first": ["none", "NA", "ü🌊"], "n": [1.5, None, 1 / 3], "outcome": ["a", None, "c"]})


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_a_table_comes_back_as_it_was_written(tmp_path: Path, ending: str) -> None:
    file = tmp_path / "new" / f"table{ending}"
    write_table(TABLE, file)
    back = read_table(file)
    assert back["first"].tolist() == ["none", "NA", "ü🌊"]
    assert back["n"].tolist()[2] == pytest.approx(1 / 3, abs=1e-15)
    assert back["outcome"].isna().tolist() == [False, True, False]


NAMES = ["007", "7", "1e3", "1000"]
IDS = pd.DataFrame({
    "first": NAMES * 3,
    "second": [*NAMES[1:], NAMES[0], *NAMES[2:], *NAMES[:2], NAMES[3], *NAMES[:3]],
    "outcome": ["chose_first", "chose_second", "chose_first"] * 4,
    "conversation": [float(number) for number in range(12)],
})  # fmt: skip


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_items_whose_names_look_like_numbers_stay_what_they_are(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"ids{ending}"
    write_table(IDS, file)
    back = read_table(file)
    assert back["first"].tolist() == NAMES * 3
    utilities = choice_model(back, cluster=False).to_frame()
    assert set(utilities["term"]) - {"slot"} == set(NAMES)


def test_whole_numbers_as_names_are_their_digits_in_json_and_parquet(tmp_path: Path) -> None:
    table = pd.DataFrame({"item": [1000.0, None, 7.0], "scenario_id": [1, 2, 3], "hard": [1, 2, 3]})
    for ending in (".jsonl", ".parquet"):
        write_table(table, tmp_path / f"t{ending}")
        back = read_table(tmp_path / f"t{ending}")
        assert back["item"].dropna().tolist() == ["1000", "7"]
        assert back["scenario_id"].tolist() == ["1", "2", "3"]
        assert back["hard"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "-2", "30"], [1, -2, 30]),
        (["0.50", "1e-05", "2"], [0.5, 1e-05, 2.0]),
        (["007", "8"], ["007", "8"]),
        (["1e3", "1000"], ["1e3", "1000"]),
        (["1234567890123456789", "1"], ["1234567890123456789", "1"]),
        (["True", "False"], [True, False]),
        (["1", "many"], ["1", "many"]),
        (["'-5 degrees", "plain"], ["-5 degrees", "plain"]),
        (["'quoted'", "'"], ["'quoted'", ""]),
    ],
)
def test_cells_are_numbers_only_where_all_are_written_as_such(
    tmp_path: Path, cells: list[str], values: list[object]
) -> None:
    (tmp_path / "t.csv").write_text("\n".join(["size,x", *(f"{cell},1" for cell in cells)]) + "\n")
    assert read_table(tmp_path / "t.csv")["size"].tolist() == values


@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_what_a_european_spreadsheet_saves_is_read(tmp_path: Path, bom: str) -> None:
    text = bom + 'first;second;hard_first;"a, b"\r\npoème;menace;0,5;1\r\nrepos;poème;3,25;2\r\n'
    (tmp_path / "t.csv").write_bytes(text.encode())
    table = read_table(tmp_path / "t.csv")
    assert table.columns.tolist() == ["first", "second", "hard_first", "a, b"]
    assert table["first"].tolist() == ["poème", "repos"]
    assert table["hard_first"].tolist() == [0.5, 3.25]
    (tmp_path / "t.tsv.csv").write_text("a\tb\n1,5\tx\n")
    assert read_table(tmp_path / "t.tsv.csv")["a"].tolist() == [1.5]


def test_a_csv_that_does_not_fit_names_its_delimiter(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a;b\n1;2\n1;2;3;4\n")
    with pytest.raises(DataError, match="read with the delimiter 'semicolon'"):
        read_table(tmp_path / "t.csv")


TEXTS = st.one_of(
    st.none(),
    st.sampled_from(
        ["", "'", "''", "'=1", "=1", "''-x", "\n", "\r", "a\r\nb", '"', "'\t", "007", ",;", "NaN"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS, min_size=1, max_size=6))
def test_any_text_comes_back_from_csv_as_it_was(tmp_path: Path, texts: list[str | None]) -> None:
    for columns in (["item", "first"], ["item"]):
        table = pd.DataFrame(dict.fromkeys(columns, texts), dtype=object)
        write_table(table, tmp_path / "t.csv")
        write_tables([table, table], tmp_path / "twice.csv")
        for name, times in (("t.csv", 1), ("twice.csv", 2)):
            back = read_table(tmp_path / name)
            for column in columns:
                found = [None if pd.isna(value) else value for value in back[column]]
                assert found == texts * times


def test_text_that_a_spreadsheet_would_run_is_disarmed_in_csv(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    write_table(pd.DataFrame({"x": ["=1+1", "@cmd", "-3", "fine"], "n": [-1, -2, -3, 4]}), file)
    lines = file.read_text().splitlines()
    assert lines[1:] == ["'=1+1,-1", "'@cmd,-2", "'-3,-3", "fine,4"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", b"", "not readable as csv"),
        ("t.csv", b"a,b\n", "no rows"),
        ("t.csv", b"a\n\xff\n", "is not UTF-8"),
        ("t.jsonl", b"{", "not readable as jsonl"),
        ("t.parquet", b"PAR1", "not readable as parquet"),
        ("t.xlsx", b"x", "allowed: .csv, .jsonl, .parquet"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_the_reason(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_table(tmp_path / name)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / "none.csv")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_write_that_fails_leaves_the_file_that_was_there(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"table.{ending}"
    write_table(pd.DataFrame({"first": ["a"]}), file)
    link = tmp_path / f"link.{ending}"
    link.symlink_to(file)
    whole = file.read_bytes()

    def tables() -> Iterator[pd.DataFrame]:
        yield pd.DataFrame({"first": ["b"]})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_tables(tables(), file)
    assert file.read_bytes() == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == [link.name, file.name]
    write_tables([pd.DataFrame({"first": ["c"]})], link)
    assert link.is_symlink()
    assert read_table(file)["first"].tolist() == ["c"]


def test_tables_of_excel_are_read_or_their_delimiter_is_named(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    for text in (
        "sep=;\nfirst;score\nm\u00e9nace;0,5\n",
        "first;score;(x,y)\nm\u00e9nace;0,5;1\n",
        "first\tscore\nm\u00e9nace\t0,5\n",
    ):
        file.write_text(text, encoding="utf-8-sig", newline="\r\n")
        assert read_table(file).iloc[0, :2].tolist() == ["m\u00e9nace", 0.5]
    file.write_text("first|score\na|1\n")
    with pytest.raises(DataError, match=r"the delimiter is '\|'; allowed: comma, semicolon, tab"):
        read_table(file)
    file.write_text("first,score\na,1\n", encoding="utf-16")
    with pytest.raises(DataError, match="this is UTF-16"):
        read_table(file)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("first;second;effect, per cent, adjusted\na;b;1,5\nc;d;2,5\n", 3),
        ("a;b, or c\n1,5;2\n3;4,5\n", 2),
        ("a,b;c,d\n1,2,3\n4,5,6\n", 3),
        ('"x;y";z\n1;2\n', 2),
        ("a, b, c\tn\n1\t2\n", 2),
        ("a;b, c\n", 2),
    ],
)
def test_a_table_has_the_delimiter_by_which_its_lines_fit_its_header(
    tmp_path: Path, text: str, columns: int
) -> None:
    file = tmp_path / "x.csv"
    file.write_text(text + ("1;2\n" if text.count("\n") == 1 else ""))
    assert len(read_table(file).columns) == columns


ARENA = {"first": "model_a", "second": "model_b", "outcome": "winner"}
MEANINGS = {
    "model_a": "chose_first",
    "model_b": "chose_second",
    "tie": "indifferent",
    "tie (bothbad)": "opted_out",
}
WON = ["model_a", "tie", "tie (bothbad)", "model_b", "model_a"]


@pytest.fixture(params=[".csv", ".jsonl", ".parquet"])
def arena(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Return comparisons with other names, among items whose ids look like numbers."""
    table = pd.DataFrame({"model_a": NAMES[:2] * 2 + ["1e3"], "model_b": "1000", "winner": WON, "turn": 1})
    write_table(table, tmp_path / f"arena{request.param}")
    return tmp_path / f"arena{request.param}"


def test_a_table_with_other_names_is_read_by_what_is_stated_of_it(arena: Path) -> None:
    table = read_table(arena, columns=ARENA, outcomes=MEANINGS)
    assert list(table) == ["first", "second", "outcome", "turn"]
    assert table["first"].tolist() == ["007", "7", "007", "7", "1e3"]
    assert table["outcome"].tolist() == [MEANINGS[won] for won in WON]


def test_no_outcome_is_guessed(arena: Path) -> None:
    stated = {value: MEANINGS[value] for value in ("model_a", "model_b")}
    with pytest.raises(DataError, match=r"nothing is stated of .*: 'tie' \(1\), 'tie \(bothbad\)' \(1\);"):
        read_table(arena, columns=ARENA, outcomes=stated)
    with pytest.raises(SettingError, match=r"outcomes: 'tie' as 'draw'; allowed: chose_first"):
        read_table(arena, columns=ARENA, outcomes={**MEANINGS, "tie": "draw"})
    with pytest.raises(DataError, match="no column 'outcome'"):
        read_table(arena, outcomes=MEANINGS)


def test_columns_that_are_not_there_or_meet_are_named_together(arena: Path) -> None:
    wrong = {"first": "left", "turn": "model_a", "outcome": "winner", "won": "winner"}
    with pytest.raises(DataError) as caught:
        read_table(arena, columns=wrong)
    lines = str(caught.value).split("\n")
    assert len(lines) == 3
    assert "no column 'left'" in lines[0]
    assert "'turn' is a column of" in lines[1]
    assert "cannot be several" in lines[2]


def test_of_more_columns_than_are_read_the_error_says_which_format_can_have_them(tmp_path: Path) -> None:
    wide = ",".join(f"c{number}" for number in range(20_001))
    (tmp_path / "wide.csv").write_text(f"{wide}\n{wide}\n")
    with pytest.raises(DataError, match=r"allowed: up to 20,000.*save it as Parquet"):
        read_table(tmp_path / "wide.csv")
