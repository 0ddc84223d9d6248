"""The page in a real browser: nothing breaks, keys work, it fits a narrow screen. Needs Chromium."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pandas as pd
import pytest

from bartleby.analysis.figures.exit_rates import plot_exit_rates
from bartleby.analysis.report.exit_data import ExitData
from bartleby.analysis.report.exit_reader import exit_reader, reader_of
from bartleby.analysis.report.marks import Mark, marked
from bartleby.analysis.report.page import write_report
from bartleby.analysis.report.sections import Section
from bartleby.analysis.tables.estimates import Estimates
from tests.analysis.figures import drawn
from tests.analysis.figures.frames import accounting
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


@pytest.fixture(scope="module")
def long_address(tmp_path_factory: pytest.TempPathFactory) -> str:
    trials, turns = tables(repeats=2)
    rates = pd.concat(
        [
            drawn.rates().assign(scenario_class=f"class {number}", term="a long name of a term")
            for number in range(12)
        ]
    )
    estimates = Estimates(rates, accounting(), tuple(f"warning {number}" for number in range(9)))
    parts = [
        Section("A part", "What it shows. " * 30, plot_exit_rates(drawn.rates()), estimates, f"part_{number}")
        for number in range(8)
    ]
    page = write_report(
        tmp_path_factory.mktemp("long"),
        record=record(),
        trials=trials,
        sections=parts,
        transcripts=conversations(trials, turns, "Rather not."),
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


def test_printed_it_opens_what_is_folded_and_cuts_no_table(long_address: str) -> None:
    """A4 with its margins is 688 dots wide and 1,000 high."""
    folded = "[...document.querySelectorAll('main details')].filter((each) => !each.closest('#trials'))"
    right = "getBoundingClientRect().right"
    wide = f"[...document.querySelectorAll('main table')].filter((each) => each.{right} > 689)"
    far = """[...document.querySelectorAll('main figure')].map((each) => {
        const heading = each.closest('section').querySelector('h2').getBoundingClientRect().top;
        return each.querySelector('.picture').getBoundingClientRect().bottom - heading; })"""

    async def look() -> None:
        async with opened() as tab:
            await tab.open(long_address, 688, 1_000)
            before = await tab.run(f"{folded}.filter((each) => each.open).length")
            await tab.call("Emulation.setEmulatedMedia", media="print")
            await tab.run("window.dispatchEvent(new Event('beforeprint'))")
            assert await tab.run(f"{folded}.every((each) => each.open)")
            assert await tab.run(f"{wide}.length") == 0
            assert await tab.run("document.documentElement.scrollWidth") <= 688
            assert max(await tab.run(far)) < 1_000
            await tab.run("window.dispatchEvent(new Event('afterprint'))")
            assert await tab.run(f"{folded}.filter((each) => each.open).length") == before
            assert tab.problems == []

    asyncio.run(look())


def test_on_a_phone_figures_are_drawn_narrow(long_address: str) -> None:
    sizes = """[...document.querySelectorAll('.headline .picture svg')].map((each) =>
        [each.viewBox.baseVal.width, each.getBoundingClientRect().width])"""

    async def look() -> None:
        async with opened() as tab:
            await tab.open(long_address, 390, 800)
            (drawn, broad), (small, narrow) = await tab.run(sizes)
            assert drawn > 500
            assert small < 260
            assert broad == 0
            assert 300 < narrow < 390
            await tab.open(long_address, 1_200, 800)
            (_, broad), (_, narrow) = await tab.run(sizes)
            assert broad > 500
            assert narrow == 0

    asyncio.run(look())


def test_a_link_to_a_trial_that_is_not_there_says_so_and_one_into_a_folded_part_opens_it(
    long_address: str,
) -> None:
    async def follow() -> None:
        async with opened() as tab:
            await tab.open(f"{long_address}#trial=nowhere")
            said = "document.getElementById('unknown').textContent"
            assert "There is no trial nowhere in this page" in await tab.run(said)
            assert await tab.run("document.getElementById('unknown').hidden") is False
            await tab.run("location.hash = 'part_6'")
            await asyncio.sleep(0.3)
            assert await tab.run("document.querySelector('#part_6 > details').open")
            assert not await tab.run("document.querySelector('#part_5 > details').open")
            assert await tab.run("document.querySelector('#part_2 > details.part')") is None
            await tab.run(f"({CHOOSE})(['outcome', 'opted_out'])")
            await tab.run(f"location.hash = 'trial={FIRST}'")
            await asyncio.sleep(0.3)
            assert await tab.run("document.getElementById('unknown').hidden")
            assert await tab.run("document.querySelectorAll('.body').length") == 1
            assert tab.problems == []

    asyncio.run(follow())


def test_the_answer_comes_first_then_what_to_be_careful_about_then_the_design(long_address: str) -> None:
    async def look() -> None:
        async with opened() as tab:
            await tab.open(long_address)
            order = await tab.run("[...document.querySelectorAll('main > section')].map((each) => each.id)")
            assert order[:4] == ["headline", "careful", "design", "part_1"]
            assert order[-4:] == ["outcomes", "asked", "provenance", "trials"]

    asyncio.run(look())


def test_many_conversations_are_compressed_in_the_page_and_can_be_read(tmp_path: Path) -> None:
    trials, turns = tables(repeats=2)
    text = "What was said, at length. " * 400
    page = write_report(
        tmp_path,
        record=record(),
        trials=trials,
        sections=[Section("Result", "It is so.")],
        transcripts=conversations(trials, turns, text),
    )
    assert page.stat().st_size < 200_000

    async def look() -> None:
        async with opened() as tab:
            await tab.open(page.as_uri())
            await asyncio.sleep(0.5)
            assert await tab.run(COUNT) == "96 of 96 trials"
            await tab.press("j")
            assert text[:200] in await tab.run("document.querySelector('.body').textContent")
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
