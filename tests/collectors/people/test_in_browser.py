"""The labelling page in a real browser, with a slow, a failing and a killed server. Needs Chromium."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bartleby.collectors.people.sampling import Drawn
from bartleby.collectors.people.server import LabelServer, serving
from bartleby.collectors.people.store import LabelStore, Saved, opened
from bartleby.studies.codebook import Code, Codebook
from bartleby.studies.passages import Passage, Said
from bartleby.verbs.labelling import read_labels
from tests.analysis.report.browser import CHROMIUM, Tab, tabs

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

UNITS = 24
BOOK = Codebook(
    "small",
    (
        Code("distress", "It sounds distressed.", ("Says so.",), ("Sympathy.",), ("I am worn down.",)),
        Code("tone", "Its tone.", levels=("a", "b", "c")),
    ),
)
SHOWN = "document.querySelector('[data-coded]')?.textContent ?? ''"
MESSAGE = "document.getElementById('message').textContent"
CHOSEN = (
    "[...document.querySelectorAll('input:checked')].map((input) => `${input.name}=${input.value}`).join()"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    drawn = [
        Drawn(
            Passage(f"talk{n}:1", f"talk{n}", 1, (Said(1, "user", "Hm?"), Said(1, "assistant", text))),
            "all",
            1,
        )
        for n, text in enumerate(f"\U0001f642 Reply {n}" for n in range(UNITS))
    ]
    LabelStore.create(tmp_path / "labels.db", drawn, BOOK, "somewhere").close()
    return tmp_path / "labels.db"


@contextmanager
def served(path: Path, delay: float = 0, failures: float = 0) -> Iterator[LabelServer]:
    """Serve a page; each request takes up to twice `delay`, and some fail before or after their work."""
    with opened(path) as store:
        server = LabelServer(store, "ann")
        draw = random.Random(1)  # noqa: S311 - no secret
        usual: Any = server._server.RequestHandlerClass

        class Slow(usual):  # type: ignore[misc]
            _say: Any

            def handle_one(self, method: str) -> None:
                time.sleep(delay * (0.5 + draw.random()))
                fate = draw.random() / failures if failures and "?token" not in self.path else 9.0
                if fate < 1 / 3:  # it is dropped
                    self.close_connection = True
                elif fate < 2 / 3:
                    self.send_error(503)
                elif fate < 1:  # it is done, but the answer is lost
                    whole, self._say = self._say, lambda *_: None
                    getattr(usual, method)(self)
                    self._say = whole
                    self.close_connection = True
                else:
                    getattr(usual, method)(self)

            def do_GET(self) -> None:  # noqa: N802 - as in the library
                if "." in self.path:
                    usual.do_GET(self)
                else:
                    self.handle_one("do_GET")

            def do_POST(self) -> None:  # noqa: N802 - as in the library
                self.handle_one("do_POST")

        server._server.RequestHandlerClass = Slow
        with serving(server):
            yield server


async def until(tab: Tab, condition: str, seconds: float = 60) -> None:
    for _ in range(int(seconds * 20)):
        if await tab.run(condition):
            return
        await asyncio.sleep(0.05)
    says = await tab.run("document.querySelector('header').innerText")
    raise AssertionError(f"{condition}: not within {seconds} s; the page says: {says}; {tab.problems[-3:]}")


async def number_on(tab: Tab) -> int:
    await until(tab, f"{SHOWN} !== ''")
    return int((await tab.run(SHOWN)).split()[-1])


def right(number: int) -> tuple[int, int]:
    """Return the labels that a unit should have."""
    return number % 2, number % 3


async def label_one(tab: Tab) -> int:
    """Read what is on the page, and press the keys for it without waiting for anything."""
    number = await number_on(tab)
    distress, tone = right(number)
    await tab.press("1" if distress else "0", *["2"] * (tone + 1), "Enter")
    return number


async def label_all(tab: Tab) -> None:
    for _ in range(UNITS * 3):
        await label_one(tab)
        if (await tab.run(MESSAGE)).startswith("All are labelled"):
            break
    await until(tab, f"{MESSAGE}.startsWith('All are labelled and saved')")


def wrong(path: Path) -> list[Any]:
    table = read_labels(path).set_index(["unit", "code"])["value"].unstack()
    assert len(table) == UNITS
    numbers = table.index.str.extract(r"(\d+):")[0].astype(int)
    expected = [right(number) for number in numbers]
    return [row for row in zip(table["distress"], table["tone"], strict=True) if row != expected.pop(0)]


def go(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 300))


@pytest.mark.parametrize(("delay", "failures"), [(0.05, 0), (0.5, 0), (0.2, 0.3)])
def test_no_label_lands_on_another_unit_than_the_one_seen(path: Path, delay: float, failures: float) -> None:
    async def label(server: LabelServer) -> None:
        async with tabs(1) as (tab,):
            await tab.open(server.address)
            await label_all(tab)

    with served(path, delay, failures) as server:
        go(label(server))
    assert wrong(path) == []
    saves = read_labels(path, every_save=True)
    assert saves["save"].nunique() == UNITS
    assert (saves["seconds"] > 0).all()


def test_keys_that_are_pressed_before_a_unit_is_on_the_page_do_nothing(path: Path) -> None:
    async def label(server: LabelServer) -> None:
        async with tabs(1) as (tab,):
            await tab.open(server.address)
            await until(tab, "document.querySelector('.waiting') !== null")
            await tab.press("1", "2", "Enter")
            assert "that key did nothing" in await tab.run(MESSAGE)
            await number_on(tab)
            assert await tab.run(CHOSEN) == ""

    with served(path, 0.5) as server:
        go(label(server))
        assert server.state()["done"] == []


def test_enter_alone_and_keys_that_are_held_label_nothing_more(path: Path) -> None:
    async def label(server: LabelServer) -> None:
        async with tabs(1) as (tab,):
            await tab.open(server.address)
            first = await number_on(tab)
            await tab.press("Enter", held=20)
            assert "Nothing is chosen. Press 0" in await tab.run(MESSAGE)
            await tab.press("1", held=5)
            await tab.press("2", held=4)
            assert await tab.run(CHOSEN) == "distress=1,tone=0"
            await tab.press("Enter", held=30)
            assert await number_on(tab) != first
            await tab.click("#save")
            await tab.press("Enter", held=30)
            assert "Nothing is chosen" in await tab.run(MESSAGE)
            await until(tab, "outbox.waiting.length === 0")

    with served(path) as server:
        go(label(server))
        assert len(server.state()["done"]) == 1


def test_what_was_chosen_is_a_draft_after_a_reload_and_the_focus_stays(path: Path) -> None:
    async def label(server: LabelServer) -> None:
        async with tabs(1) as (tab,):
            await tab.open(server.address)
            number = await number_on(tab)
            await tab.run("document.querySelector('input[name=tone][value=\"2\"]').focus()")
            await tab.press("1", "2", "2")
            assert await tab.run("document.activeElement.name") == "tone"
            await tab.run("part('note').value = 'hm'; part('note').dispatchEvent(new Event('input'))")
            await tab.call("Page.reload")
            await asyncio.sleep(0.5)
            assert await number_on(tab) == number
            assert await tab.run(CHOSEN) == "distress=1,tone=1"
            assert await tab.run("part('note').value") == "hm"
            assert "Not saved yet" in await tab.run(MESSAGE)
            await tab.press("d")
            for text in (
                "It sounds distressed.",
                "Counts: Says so.",
                "Does not count: Sympathy.",
                "worn down",
            ):
                assert text in await tab.run("part('codes').innerText")
            await tab.press("j", "k", "Enter")
            await until(tab, "outbox.waiting.length === 0")

    with served(path, 0.05) as server:
        go(label(server))
        assert read_labels(path)["note"].tolist() == ["hm", "hm"]


def test_choices_and_saves_are_undone(path: Path) -> None:
    async def label(server: LabelServer) -> None:
        async with tabs(1) as (tab,):
            await tab.open(server.address)
            first = await number_on(tab)
            await tab.press("1", "2", "2", "u")
            assert await tab.run(CHOSEN) == "distress=1,tone=0"
            await tab.press("Enter")
            assert await number_on(tab) != first
            await tab.press("u")
            assert await number_on(tab) == first
            assert "Taken back" in await tab.run(MESSAGE)
            await until(tab, "outbox.waiting.length === 0")
            assert server.state()["done"] == []
            await tab.press("1", "Enter")
            await until(tab, "outbox.waiting.length === 0")
            await tab.press("u", "u", "u")
            assert "nothing to undo" in await tab.run(MESSAGE)

    with served(path, 0.1) as server:
        go(label(server))
    saves = read_labels(path, every_save=True)
    assert saves["value"].tolist()[:2] == [1, 0]
    assert saves["save"].nunique() == 4


def test_a_quotation_is_exact_or_fails_aloud(path: Path) -> None:
    select = """([where, start, end]) => {
        const node = document.querySelectorAll('#conversation p')[where].firstChild;
        const range = document.createRange(); range.setStart(node, start); range.setEnd(node, end);
        getSelection().removeAllRanges(); getSelection().addRange(range); }"""

    async def label(server: LabelServer) -> None:
        async with tabs(1) as (tab,):
            await tab.open(server.address)
            await number_on(tab)
            await tab.run(f"({select})([0, 0, 2])")
            await tab.press("1")
            assert "Only words of the assistant" in await tab.run(MESSAGE)
            assert await tab.run(CHOSEN) == ""
            await tab.run(f"({select})([1, 3, 8])")
            await tab.press("1")
            await tab.run("getSelection().removeAllRanges()")
            await tab.press("2", "Enter")
            await until(tab, "outbox.waiting.length === 0")

    with served(path) as server:
        go(label(server))
    rows = read_labels(path)
    assert rows[["quote", "start", "end"]].iloc[0].tolist() == ["Reply", 2, 7]


def test_two_tabs_do_not_overwrite_each_other(path: Path) -> None:
    async def label(server: LabelServer) -> None:
        async with tabs(2) as (one, two):
            for tab in (one, two):
                await tab.open(server.address)
            number = await number_on(one)
            assert await number_on(two) == number
            await one.press("1", "2", "Enter")
            await until(one, "outbox.waiting.length === 0")
            assert "labelled in another tab" in await two.run(MESSAGE)
            await two.press("0", "2", "2", "Enter")
            await until(two, f"{MESSAGE}.startsWith('Not saved: number')")
            await two.click("#message button")
            await until(two, f"{MESSAGE}.includes('Saved is: distress present, tone a')")
            assert await number_on(two) == number
            assert await two.run(CHOSEN) == "distress=0,tone=1"
            assert await number_on(one) != number

    with served(path, 0.05) as server:
        go(label(server))
    assert read_labels(path)["value"].tolist() == [1, 0]


def test_labels_that_a_second_server_saved_are_not_overwritten(path: Path) -> None:
    async def label(server: LabelServer) -> None:
        async with tabs(1) as (tab,):
            await tab.open(server.address)
            number = await number_on(tab)
            with opened(path) as store:
                store.save("ann", number, Saved({"distress": {"value": 0}, "tone": {"value": 2}}))
            await tab.press("1", "2", "Enter")
            await until(tab, f"{MESSAGE}.startsWith('Not saved: number')")

    with served(path) as server:
        go(label(server))
    assert read_labels(path)["value"].tolist() == [0, 2]


def test_a_killed_server_loses_no_label_and_the_page_says_what_is_not_saved(path: Path) -> None:
    start = "import sys; from bartleby.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [
        sys.executable,
        "-c",
        start,
        "label",
        "--store",
        str(path),
        "--labeller",
        "ann",
        "--no-browser",
    ]

    def begin() -> tuple[subprocess.Popen[str], str]:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        with child.stdout as printed:
            first, _ = printed.readline(), printed.readline()
        return child, first.split()[-1]

    async def label() -> None:
        child, address = await asyncio.to_thread(begin)
        async with tabs(1) as (tab,):
            await tab.open(address)
            for number in range(UNITS):
                await label_one(tab)
                if number % 10 == 5:
                    child.send_signal(signal.SIGKILL)
                    await asyncio.to_thread(child.wait)
                    await label_one(tab)
                    await until(tab, "!part('unsaved').hidden")
                    box = await tab.run(
                        "(({ top, bottom }) => [top, bottom])(part('unsaved').getBoundingClientRect())"
                    )
                    assert 0 <= box[0] < box[1] <= await tab.run("innerHeight")
                    assert (await tab.run("part('unsaved').textContent")).startswith("Not saved: ")
                    child, again = await asyncio.to_thread(begin)
                    assert again == address
                    await until(tab, "part('unsaved').hidden")
                if (await tab.run(MESSAGE)).startswith("All are labelled"):
                    break
            await until(tab, f"{MESSAGE}.startsWith('All are labelled and saved')")
        child.terminate()
        await asyncio.to_thread(child.wait)

    go(label())
    assert wrong(path) == []
