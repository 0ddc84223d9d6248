"""The page in a real browser: nothing breaks, keys work, it fits a narrow screen. Needs Chromium."""

from __future__ import annotations

import asyncio

import pytest

from bartleby.analysis.report.exit_data import ExitData
from bartleby.analysis.report.exit_reader import exit_reader, reader_of
from bartleby.analysis.report.marks import Mark, marked
from bartleby.analysis.report.page import write_report
from bartleby.analysis.report.sections import Section
from tests.analysis.report.browser import CHROMIUM, Tab, opened
from tests.analysis.report.exit_trials import conversations, record, tables
from tests.analysis.report.test_page import HOSTILE, section

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

FIRST = "t1"
"""A trial in which the model says something at its first turn."""
CHOOSE = """([name, value]) => { const select = document.querySelector(`select[data-facet=${name}]`);
    select.value = '=' + value; select.dispatchEvent(new Event('change', { bubbles: true })); }"""
COUNT = "document.getElementById('count').textContent"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    trials, turns = tables(repeats=2)
    ready = exit_reader(trials, turns)
    code = [Mark("code", "boundary", "judge", 0, 5), Mark("code", "distress", "person", 2, 8)]
    page = write_report(
        tmp_path_factory.mktemp("page"),
        record=record(),
        trials=trials,
        sections=[Section("Result", "It is so."), section()],
        transcripts=conversations(trials, turns, f"{HOSTILE} I would rather not."),
        prepare=lambda transcript: marked({(FIRST, 2): code})(ready(transcript)),
        reader=reader_of(ExitData.of(trials, turns, 0.95)),
    )
    return page.as_uri()


def test_reading_conversations_by_keyboard(address: str) -> None:
    async def read() -> None:
        async with opened() as tab:
            await tab.open(address)
            await _filters(tab)
            await _keys(tab)
            await _marks(tab)
            assert tab.problems == []
            assert tab.requests == [address]

    asyncio.run(read())


async def _filters(tab: Tab) -> None:
    assert await tab.run(COUNT) == "96 of 96 trials"
    await tab.run(f"({CHOOSE})(['scenario_class', 'at_risk'])")
    assert await tab.run(COUNT) == "32 of 96 trials"
    await tab.run(f"({CHOOSE})(['scenario_class', 'abuse'])")
    await tab.run(f"({CHOOSE})(['outcome', 'opted_out'])")
    turns = "[...document.querySelectorAll('select[data-facet=turn] option')].map((each) => each.textContent)"
    names = await tab.run(turns)
    assert names[0] == "any"
    assert any(name.startswith("did not leave (") for name in names)


async def _keys(tab: Tab) -> None:
    await tab.press("j", "j")
    assert await tab.run("document.querySelectorAll('.body').length") == 1
    assert await tab.run("document.querySelectorAll('.turn.left').length") == 1
    await tab.press("x")
    assert await tab.run("document.activeElement.classList.contains('left')")
    await tab.press("ArrowLeft")
    assert not await tab.run("document.activeElement.classList.contains('left')")
    assert await tab.run("document.activeElement.classList.contains('turn')")
    await tab.press("k")
    await tab.press("ArrowDown")
    assert await tab.run("document.activeElement.matches('.trial:nth-child(2) > button')")
    await tab.press("/")
    assert await tab.run("document.activeElement.id") == "search"
    await tab.press("Escape")
    assert await tab.run("document.activeElement.id") != "search"


async def _marks(tab: Tab) -> None:
    await tab.run("document.getElementById('filters').reset()")
    await asyncio.sleep(0.3)
    await tab.run(f"location.hash = 'trial={FIRST}'")
    await asyncio.sleep(0.3)
    assert await tab.run("[...document.querySelectorAll('.body mark')].map((each) => each.textContent)") == [
        "Re",
        "ply",
        " 1.",
    ]
    title = await tab.run("document.querySelectorAll('.body mark')[1].title")
    assert title == "boundary (judge); distress (person)"
    assert await tab.run("document.querySelectorAll('.body script, .body img').length") == 0
    assert "</script><script>alert(1)</script>" in await tab.run(
        "document.querySelector('.body').textContent"
    )


@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_wider_than_a_narrow_screen(address: str, dark: bool) -> None:
    async def look() -> None:
        async with opened() as tab:
            await tab.open(address, 390, 800, dark=dark)
            await tab.press("j")
            assert await tab.run("document.documentElement.scrollWidth") <= 390
            paper = await tab.run("getComputedStyle(document.body).backgroundColor")
            assert paper == ("rgb(22, 24, 27)" if dark else "rgb(255, 255, 255)")
            assert tab.problems == []

    asyncio.run(look())


def test_a_table_can_be_copied_as_cells(address: str) -> None:
    async def copy() -> None:
        async with opened() as tab:
            await tab.open(address)
            button = "document.querySelector('button.copy')"
            assert await tab.run(f"{button}.hidden") is False
            await tab.click("button.copy")
            await asyncio.sleep(0.3)
            assert await tab.run(f"{button}.textContent") == "Copied"
            assert tab.problems == []

    asyncio.run(copy())
