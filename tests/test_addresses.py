"""Tables and items are read by address, by pattern and from folders, wherever a file is."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pandas as pd
import pytest

import bartleby as bb
from bartleby.addresses import address_of, is_remote
from bartleby.cli.main import main

ROWS = [("007", "7", "chose_first"), ("7", "a", "chose_second"), ("a", "007", "chose_first")]
TRIALS = pd.DataFrame(ROWS * 4, columns=["first", "second", "outcome"])


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that prints nothing."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, part in (("one", TRIALS[:6]), ("two", TRIALS[6:])):
        part.to_csv(tmp_path / f"{name}.csv", index=False)
        (tmp_path / "parts").mkdir(exist_ok=True)
        part.to_parquet(tmp_path / "parts" / f"{name}.parquet", index=False)
    TRIALS.to_parquet(tmp_path / "all.parquet", index=False)
    (tmp_path / "tasks.csv").write_text("id,text\n007,Sort these names.\n7,Write a poem.\n")
    return tmp_path


@pytest.fixture
def memory(folder: Path) -> Iterator[str]:
    store = fsspec.filesystem("memory")
    for file in folder.rglob("*.*"):
        if file.is_file():
            store.pipe(f"/tables/{file.relative_to(folder).as_posix()}", file.read_bytes())
    yield "memory://tables"
    store.rm("/tables", recursive=True)


@pytest.fixture
def web(folder: Path) -> Iterator[str]:
    pytest.importorskip("aiohttp")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def same(table: str | Path | pd.DataFrame) -> bool:
    frame = table if isinstance(table, pd.DataFrame) else bb.tables.read_table(table)
    return [tuple(row) for row in frame.astype(str).to_numpy()] == [tuple(row) for row in TRIALS.to_numpy()]


def test_patterns_and_folders_of_this_machine_are_one_table(folder: Path) -> None:
    assert same(str(folder / "[ot][nw]*.csv"))
    assert same(folder / "parts" / "*.parquet")
    assert same(folder / "parts")
    (folder / "texts").mkdir()
    for name in ("one.csv", "two.csv"):
        (folder / name).rename(folder / "texts" / name)
    assert same(folder / "texts")


@pytest.mark.parametrize("place", ["all.parquet", "parts", "parts/*.parquet"])
def test_what_a_store_has_is_read_as_here(memory: str, place: str) -> None:
    assert same(f"{memory}/{place}")
    assert same(bb.tables.read_table(Path(f"{memory}/{place}")))
    assert len(bb.tables.read_table(f"{memory}/*wo.csv")) == 6


def test_estimates_of_an_address_are_those_of_the_file(
    memory: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = []
    for source in (f"{memory}/all.parquet", str(folder / "all.parquet")):
        assert main(["estimate", "choice", source, "--json"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]


def test_a_web_server_and_file_addresses(web: str, folder: Path) -> None:
    assert same(f"{web}/all.parquet")
    assert len(bb.tables.read_table(f"{web}/one.csv?download=1")) == 6
    assert [task.id for task in bb.load_tasks(f"{web}/tasks.csv")] == ["007", "7"]
    assert same((folder / "all.parquet").as_uri())
    with pytest.raises(
        bb.BartlebyError, match=r"http://127.*/none\.csv: cannot be read: there is no such file"
    ):
        bb.tables.read_table(f"{web}/none.csv")


def test_errors_name_the_address_and_not_the_copy(memory: str) -> None:
    store = fsspec.filesystem("memory")
    store.pipe("/tables/bad.csv", b"id,text\n1,\n")
    with pytest.raises(bb.BartlebyError) as error:
        bb.load_tasks(f"{memory}/bad.csv")
    assert str(error.value).startswith("memory://tables/bad.csv:2: ")
    store.pipe("/tables/worse.csv", b"first\n\xff\n")
    with pytest.raises(bb.BartlebyError, match=r"^memory://tables/worse\.csv: byte 6 is not UTF-8"):
        bb.tables.read_table(f"{memory}/worse.csv")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("memory://nowhere/x.csv", "cannot be read: there is no such file"),
        ("memory://nowhere/x.parquet", "memory://nowhere/x.parquet: cannot be read: there is no such file"),
        ("memory://nowhere", "there is no file here that ends in .csv"),
        ("nosuch://x/y.csv", "nosuch://x/y.csv: cannot be read: Protocol not known"),
        ("*.csv", "there is no file here that ends in .csv"),
    ],
)
def test_what_is_not_there_ends_in_one_sentence(
    path: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(bb.BartlebyError) as error:
        bb.tables.read_table(path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_addresses_are_told_from_drives_and_come_back_from_paths() -> None:
    assert is_remote("s3://bucket/x.csv")
    assert is_remote(Path("https://host/x.csv"))
    assert not is_remote("C:/data/x.csv")
    assert not is_remote("runs/x.csv")
    assert address_of(Path("hf://datasets/x/y.parquet")) == "hf://datasets/x/y.parquet"
    assert address_of(Path("file:///tmp/x.csv")) == "file:///tmp/x.csv"
