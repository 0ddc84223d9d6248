"""Files made to break what reads them, one command each: `python -m benchmarks.hostile_files`.

Each command runs in a process of its own with 6 GB of address space and a minute. It may refuse a file, or
read it; what counts is that there is no traceback, no raw control character and no file outside its folder,
that it ends, and that the file is as it was.
"""

from __future__ import annotations

import bz2
import json
import os
import pickle
import re
import resource
import shutil
import sqlite3
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tests.collectors.killing import PROCESSES, started

from bartleby.cli.main import main as command

SECONDS = 60
MEMORY = 6 * 2**30
ESCAPE = "\x1b]0;owned\x07\x1b[2J"
DEEP = "[" * 100_000 + "]" * 100_000
RAW = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")
"""Control characters but tab and line feed, as bytes of UTF-8."""

Make = Callable[[Path], None]


@dataclass(frozen=True)
class Hostile:
    """A file, by what makes it, and the command that is given it (as FILE, in the folder DIR)."""

    name: str
    file: str
    make: Make
    command: tuple[str, ...]


STATUS, CHECK = ("status", "FILE"), ("check", "FILE")
EXPORT, REPORT = ("export", "FILE", "-o", "DIR/out.csv"), ("report", "FILE", "-o", "DIR/page")
RATE = ("estimate", "rate", "FILE", "--outcome", "opted_out", "--by", "harm")
CHOICE = ("estimate", "choice", "FILE", "--json")
CODE = ("code", "FILE", "-o", "DIR/codings.csv")
LABEL = ("label", "FILE", "--store", "DIR/store.db", "--export", "DIR/labels.csv")
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"


def text(content: str | bytes) -> Make:
    """Return what writes a file of this content."""
    return lambda file: void(
        file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    )


def void(_: object) -> None:
    """Return nothing."""


def doctored(*statements: str, keep: bool = True) -> Make:
    """Return what writes a log on which these statements were run."""

    def make(file: Path) -> None:
        shutil.copy(file.parents[1] / "good.db", file)
        with closing(sqlite3.connect(file)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    return make


def with_values(statement: str, *values: object) -> Make:
    """Return what writes a log on which a statement was run with values."""

    def make(file: Path) -> None:
        doctored()(file)
        with closing(sqlite3.connect(file)) as connection:
            connection.execute(statement, values)
            connection.commit()

    return make


def zipped(entries: Mapping[str, bytes], *, bomb: str = "") -> Make:
    """Return what writes an archive; the entry of a bomb is 8 GB of spaces."""

    def make(file: Path) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in entries.items():
                archive.writestr(name, content)
            if bomb:
                with archive.open(bomb, "w", force_zip64=True) as opened:
                    for _ in range(8 * 1024):
                        opened.write(b" " * 2**20)

    return make


def parquet(columns: Mapping[str, object], metadata: Mapping[str, str] | None = None) -> Make:
    """Return what writes a Parquet file."""
    table = pa.table(dict(columns)).replace_schema_metadata(dict(metadata or {}))
    return lambda file: void(pq.write_table(table, file))


class Evil:
    """Something that makes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, ...]]:
        return os.mkdir, ("unpickled",)


def extension() -> Make:
    """Return what writes a Parquet file whose column asks to be unpickled."""
    kind = pa.field("x", pa.int64(), metadata={
        "ARROW:extension:name": "arrow.py_extension_type",
        "ARROW:extension:metadata": pickle.dumps(Evil(), 0).decode("latin-1"),
    })  # fmt: skip
    return lambda file: void(pq.write_table(pa.table({"x": [1]}, schema=pa.schema([kind])), file))


def linked(target: str) -> Make:
    """Return what makes a link."""
    return lambda file: file.symlink_to(target if target.startswith("/") else file.name)


def sparse(file: Path) -> None:
    """Write the beginning of a log, and nothing for a terabyte after it."""
    shutil.copy(file.parents[1] / "good.db", file)
    os.truncate(file, 2**40)


def ahead(file: Path) -> None:
    """Write a log with nonsense beside it as what is written ahead."""
    shutil.copy(file.parents[1] / "good.db", file)
    file.with_name(f"{file.name}-wal").write_bytes(bytes.fromhex("377f0682002de218") + os.urandom(70_000))


def labels(*statements: str) -> Make:
    """Return what writes a file of labels on which these statements were run."""

    def make(file: Path) -> None:
        shutil.copy(file.parents[1] / "labels.db", file)
        with closing(sqlite3.connect(file)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    return make


def logs() -> Iterator[Hostile]:
    """Yield logs."""
    for name in ("meta", "sessions", "trials", "outcomes", "attempts", "replies", "batches", "packs"):
        drop = (f"DROP TABLE {name}", f"CREATE VIEW {name} AS {ENDLESS}")
        yield Hostile(f"view for {name}", "x.db", doctored(*drop), STATUS)
    trigger = "CREATE TRIGGER t AFTER INSERT ON sessions BEGIN DELETE FROM replies; END"
    run = ("run", "task_preferences", "--model", "sim/averse", "--log", "FILE")
    yield Hostile("trigger, resumed", "x.db", doctored(trigger), run)
    computed = "CREATE TABLE packs (number INTEGER, packed AS (hex(zeroblob(900000000))))"
    yield Hostile("computed column", "x.db", doctored("DROP TABLE packs", computed), EXPORT)
    study = "UPDATE meta SET value = ? WHERE key = 'study'"
    yield Hostile("deep study", "x.db", with_values(study, DEEP), REPORT)
    yield Hostile("study of another form", "x.db", with_values(study, '{"name": [], "paradigm": 3}'), REPORT)
    yield Hostile(
        "escapes in the model's name", "x.db",
        with_values("UPDATE meta SET value = ? WHERE key = 'model'", ESCAPE), STATUS,
    )  # fmt: skip
    yield Hostile(
        "NUL and escapes in ids", "x.db",
        with_values("UPDATE trials SET items = ? WHERE number = 1", json.dumps([ESCAPE, "\x00"])), EXPORT,
    )  # fmt: skip
    bomb = bz2.compress(b"0" * 2**30)
    pack = "INSERT INTO packs VALUES (1, ?)"
    packed = with_values(pack, bomb)

    def named(file: Path) -> None:
        packed(file)
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("UPDATE replies SET reply = '1:0'")
            connection.commit()

    yield Hostile("bomb as a pack", "x.db", named, REPORT)
    yield Hostile("bomb as a pack, checked", "x.db", named, CHECK)
    yield Hostile("requests in a circle", "x.db", doctored("UPDATE bodies SET before = hash"), CODE)
    yield Hostile("deep reply", "x.db", with_values("UPDATE replies SET reply = ?", DEEP), CHECK)
    huge = "UPDATE attempts SET input_tokens = 9223372036854775807, seconds = 9e999"
    yield Hostile("huge counts", "x.db", doctored(huge), STATUS)
    yield Hostile("blobs for texts", "x.db", doctored("UPDATE outcomes SET columns = x'fffe00'"), EXPORT)
    yield Hostile("moments out of range", "x.db", doctored("UPDATE sessions SET started = 1e300"), REPORT)
    yield Hostile("layout of tomorrow", "x.db", doctored("PRAGMA user_version = -7"), STATUS)
    yield Hostile("nothing", "x.db", text(""), STATUS)
    yield Hostile("noise", "x.db", text(os.urandom(50_000)), CHECK)
    yield Hostile("a folder", "x.db", Path.mkdir, STATUS)
    yield Hostile("a pipe", "x.db", os.mkfifo, STATUS)
    yield Hostile("a pipe, written", "x.db", os.mkfifo, run)
    yield Hostile("a link to itself", "x.db", linked("self"), STATUS)
    yield Hostile("a link to itself, written", "x.db", linked("self"), run)
    yield Hostile("a link to a device", "x.db", linked("/dev/zero"), STATUS)
    yield Hostile("a terabyte of nothing", "x.db", sparse, STATUS)
    yield Hostile("nonsense written ahead", "x.db", ahead, CHECK)
    yield Hostile("escapes in a file's name", f"{ESCAPE}\n.db", text("no log"), STATUS)
    yield Hostile("a name that is no UTF-8", os.fsdecode(b"\xff\xfe.db"), text("no log"), STATUS)


def tables() -> Iterator[Hostile]:
    """Yield tables."""
    head = "item,harm,outcome\n"
    yield Hostile("NUL in CSV", "x.csv", text(head + "a\x00,b,opted_out\n" * 9), RATE)
    yield Hostile("UTF-16", "x.csv", text((head + "a,b,opted_out\n" * 9).encode("utf-16")), RATE)
    yield Hostile("Latin-1", "x.csv", text((head + "\xe9,b,opted_out\n" * 9).encode("latin-1")), RATE)
    yield Hostile("50,000 columns", "x.csv", text(",".join(f"c{n}" for n in range(50_000)) + "\n1\n"), RATE)
    yield Hostile("huge whole numbers", "x.csv", text(head + f"a,{10**4000},opted_out\n" * 9), RATE)
    yield Hostile(
        "escapes in groups", "x.csv", text(head + f'a,"{ESCAPE}",opted_out\nb,c,completed\n' * 9), RATE
    )
    yield Hostile(
        "escapes in names of columns", "x.csv", text(f"{ESCAPE},harm,outcome\n1,2,opted_out\n" * 2), RATE
    )
    yield Hostile("escapes in outcomes", "x.csv", text(head + f"a,b,{ESCAPE}\n" * 9), RATE)
    yield Hostile("a quote that never ends", "x.csv", text(head + '"' + "a" * 10_000_000), RATE)
    yield Hostile("one column twice", "x.csv", text("outcome,outcome,harm\nopted_out,x,1\n" * 3), RATE)
    yield Hostile("a header alone", "x.csv", text(head), RATE)
    choice = "first,second,outcome\n"
    yield Hostile("an item against itself", "x.csv", text(choice + "a,a,chose_first\n" * 9), CHOICE)
    yield Hostile(
        "weights of infinity", "x.csv", text("first,second,outcome,count\na,b,chose_first,1e999\n"), CHOICE
    )
    yield Hostile("deep JSON", "x.jsonl", text('{"outcome": ' + DEEP + "}\n"), RATE)
    yield Hostile(
        "halves of characters", "x.jsonl", text('{"outcome": "opted_out", "harm": "\\ud800"}\n' * 9), RATE
    )
    yield Hostile(
        "huge numbers in JSON",
        "x.jsonl",
        text('{"outcome": "opted_out", "harm": 1' + "0" * 5000 + "}\n"),
        RATE,
    )
    yield Hostile("rows that are none", "x.jsonl", text('[1]\n"x"\nnull\n'), RATE)
    yield Hostile("objects as outcomes", "x.jsonl", text('{"outcome": {"a": 1}, "harm": [1]}\n' * 9), RATE)
    yield Hostile("a pickle as Parquet", "x.parquet", text(pickle.dumps(Evil())), RATE)
    yield Hostile("a column that asks to be unpickled", "x.parquet", extension(), RATE)
    yield Hostile("half a Parquet", "x.parquet", text(b"PAR1" + os.urandom(500) + b"PAR1"), RATE)
    metadata = {"pandas": DEEP}
    plain = {"outcome": ["opted_out"] * 3, "harm": ["a"] * 3}
    yield Hostile("metadata of pandas that is deep", "x.parquet", parquet(plain, metadata), RATE)
    metadata = {"pandas": '{"index_columns": 7, "columns": "x"}'}
    yield Hostile("metadata of pandas that is none", "x.parquet", parquet(plain, metadata), RATE)
    yield Hostile("escapes in Parquet", "x.parquet", parquet({"outcome": [ESCAPE], "harm": [ESCAPE]}), RATE)


def others() -> Iterator[Hostile]:
    """Yield Inspect logs, conversations, codebooks, lexicons, codings and labels."""
    yield Hostile("bomb as header", "x.eval", zipped({}, bomb="header.json"), CODE)
    slip = {"../../slipped.json": b"{}", "header.json": b"{}"}
    yield Hostile("zip slip", "x.eval", zipped(slip), CODE)
    yield Hostile("zip slip, exported", "x.eval", zipped(slip), EXPORT)
    yield Hostile("deep header", "x.eval", zipped({"header.json": DEEP.encode()}), EXPORT)
    yield Hostile("NUL in names", "x.eval", zipped({"a\x00b": b"{}", "samples/\x1b.json": b"{}"}), CODE)
    yield Hostile("no archive", "x.eval", text(b"PK\x03\x04" + os.urandom(900)), EXPORT)
    yield Hostile("deep JSON as an Inspect log", "x.json", text('{"version": 2, "eval": ' + DEEP + "}"), CODE)
    yield Hostile("deep conversation", "x.jsonl", text('{"messages": ' + DEEP + "}\n"), CODE)
    one = '{"messages": [{"role": "assistant", "content": '
    yield Hostile(
        "deep content", "x.jsonl", text(one + '[{"content": ' * 400 + "[]" + "}]" * 400 + "}]}\n"), CODE
    )
    yield Hostile(
        "a speaker with escapes", "x.jsonl", text(json.dumps([{"role": ESCAPE, "content": "x"}]) + "\n"), CODE
    )
    said = json.dumps({"id": "\x00" + ESCAPE, "messages": [{"role": "assistant", "content": ESCAPE}]})
    yield Hostile("ids with NUL and escapes", "x.jsonl", text(said + "\n"), CODE)
    yield Hostile("ids with NUL, to be labelled", "x.jsonl", text(said + "\n"), LABEL)
    yield Hostile("a name for numbers", "x.jsonl", text('{"messages": 7}\nNaN\n1e999\n'), CODE)
    book = ("code", "DIR/talk.jsonl", "--codebook", "FILE", "-o", "DIR/codings.csv")
    yield Hostile("deep codebook", "x.toml", text("codes = " + DEEP), book)
    yield Hostile("codebook of another form", "x.toml", text('name = 7\ncodes = "x"\nunit = []\n'), book)
    code = f"[[codes]]\nname = {json.dumps(ESCAPE)}\n"
    yield Hostile(
        "codebook with escapes", "x.toml", text('name = "x"\n' + code + 'definition = "d"\n' + code), book
    )
    lexicon = ("code", "DIR/talk.jsonl", "--lexicon", "FILE", "-o", "DIR/codings.csv")
    yield Hostile("deep lexicon", "x.toml", text("phrases = " + DEEP), lexicon)
    slow = 'name = "x"\n[codes]\ndistress = ["(a+)+$", "((((((x*)*)*)*)*)*)"]\n'
    yield Hostile("a lexicon of slow patterns", "x.toml", text(slow), lexicon)
    coded = ("report", "DIR/good.db", "--codings", "FILE", "-o", "DIR/page")
    rows = "unit,conversation,turn,code,coder,value,quote,start,end\n"
    yield Hostile(
        "codings from nowhere", "x.csv", text(rows + f"x,y,1,{ESCAPE},<b>,1,q,-5,{10**30}\n" * 3), coded
    )
    imported = ("label", "--store", "DIR/labels.db", "--import", "FILE")
    yield Hostile("deep Label Studio", "x.json", text(DEEP), imported)
    task = '[{"data": {"text": 7}, "annotations": "x"}, 3, {"data": {"unit": "talk:1"}, "annotations": [7]}]'
    yield Hostile("Label Studio of another form", "x.json", text(task), imported)
    store = ("label", "--store", "FILE", "--export", "DIR/labels.csv")
    view = ("DROP TABLE labels", f"CREATE VIEW labels AS {ENDLESS}")
    yield Hostile("view for labels", "x.db", labels(*view), store)
    yield Hostile("codebook of labels that is none", "x.db", labels("UPDATE meta SET value = '[' "), store)
    yield Hostile("a log as labels", "x.db", doctored(), store)
    yield Hostile("labels as a log", "x.db", labels(), STATUS)


def prepared(folder: Path) -> None:
    """Make what the files are made from: a log, a file of labels, a conversation."""
    talk = {
        "id": "talk",
        "messages": [{"role": "assistant", "content": "a" * 30 + "! No, I would rather not."}],
    }
    (folder / "talk.jsonl").write_text(json.dumps(talk) + "\n")
    run = ["run", "task_preferences", "--model", "sim/averse", "--log", str(folder / "good.db")]
    command([*run, "--max-calls", "40"])
    command(
        ["label", str(folder / "talk.jsonl"), "--store", str(folder / "labels.db"), "--export", "/dev/null"]
    )


def limited(output: str, folder: str, *arguments: str) -> None:
    """Run a command with limits, and everything that it prints in a file."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    file = os.open(output, os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.chdir(folder)
    raise SystemExit(command(arguments))


def problems(hostile: Hostile, base: Path, number: int) -> list[str]:
    """Run the command on the file, and return what should not have happened."""
    folder = base / f"case{number}"
    folder.mkdir()
    for name in ("good.db", "labels.db", "talk.jsonl"):
        shutil.copy(base / name, folder / name)
    file = folder / "in" / hostile.file
    file.parent.mkdir()
    for name in ("good.db", "labels.db"):
        shutil.copy(base / name, folder / name)
    hostile.make(file)
    before = file.read_bytes() if file.is_file() and file.stat().st_size < 2**30 else None
    outside = set(base.iterdir())
    arguments = [part.replace("FILE", str(file)).replace("DIR", str(folder)) for part in hostile.command]
    output = base / f"output{number}"
    child = started(limited, str(output), str(folder), *arguments)
    child.join(SECONDS)
    found = [f"still running after {SECONDS} s"] if child.is_alive() else []
    child.kill()
    child.join()
    said = output.read_bytes() if output.exists() else b""
    if child.exitcode not in (0, 1, 2, 3, 4) and not found:
        found.append(f"exit code {child.exitcode}")
    if b"Traceback" in said:
        found.append("a traceback: " + said.decode(errors="replace").strip().rsplit("\n", 1)[-1][:200])
    if RAW.search(said):
        found.append("a raw control character")
    if {each for each in base.iterdir() if each != output} != outside or (folder / "unpickled").exists():
        found.append("a file outside its folder")
    if before is not None and "run" not in hostile.command[:1] and file.read_bytes() != before:
        found.append("the file was changed")
    return found


def main() -> None:
    """Run every command, and print what should not have happened."""
    PROCESSES.set_forkserver_preload(["tests.collectors.killed_run", "bartleby.analysis.report.task_choice"])
    every = [*logs(), *tables(), *others()]
    began, bad = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        prepared(base)
        for number, hostile in enumerate(every):
            found = problems(hostile, base, number)
            bad += bool(found)
            for problem in found:
                print(f"  {hostile.command[0]} {hostile.name}: {problem}", flush=True)
    seconds = time.monotonic() - began
    print(f"{len(every)} hostile files, one command each: {bad} with a problem ({seconds:.0f} s)")


if __name__ == "__main__":
    main()
