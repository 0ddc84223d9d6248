"""Codings in a real browser: words marked, coders told, filters by code and coder. Needs Chromium."""

from __future__ import annotations

import asyncio

import pandas as pd
import pytest

from bartleby.analysis.report.coded import CodedPart, coded_part, write
from bartleby.analysis.report.marks import MarkedTranscript, MarkedTurn
from bartleby.analysis.report.sections import Section
from tests.analysis.report.browser import CHROMIUM, Tab, opened
from tests.analysis.report.test_coded import SPITEFUL
from tests.analysis.report.test_in_browser import COUNT

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

SHOUT = "No <b>more</b> of this \U0001f642, I cannot bear it."
CHOOSE = """([name, value]) => { const select = document.querySelector(`select[data-coding=${name}]`);
    select.value = '=' + value; select.dispatchEvent(new Event('change', { bubbles: true })); }"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    names = [f"t{number}" for number in range(4)]
    turns = pd.DataFrame(
        {"conversation": names * 2, "turn": [1] * 4 + [2] * 4, "text": [SHOUT] * 4 + [SPITEFUL] * 4}
    )
    rows = [
        ("t0:1", "distress", "judge:a/b?x=1", 1, "I cannot bear it"),
        ("t0:1", "distress", "lexicon", 1, "bear it"),
        ("t0:1", "distress", "ann", 0, None),
        ("t1:1", "distress", "judge:a/b?x=1", 1, "words nobody said"),
        ("t1:1", "boundary", "lexicon", 1, "<b>more</b>"),
        ("t2:1", "distress", "lexicon", 0, None),
    ]
    codings = pd.DataFrame(rows, columns=["unit", "code", "coder", "value", "quote"])
    said = (MarkedTurn("user", "Go on."), MarkedTurn("assistant", SHOUT), MarkedTurn("assistant", SPITEFUL))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(CodedPart, "sections", lambda self: [Section("Result", "It is so.")])
        page = write(
            tmp_path_factory.mktemp("page"),
            part=coded_part(codings, turns),
            record={"study": {}},
            transcripts=[MarkedTranscript(name, (), {}, "recorded", said) for name in names],
        )
    return page.as_uri()


def test_coded_passages_can_be_read_and_filtered(address: str) -> None:
    async def read() -> None:
        async with opened() as tab:
            await tab.open(address)
            await _filtered(tab)
            await _marked(tab)
            assert tab.problems == []
            assert tab.requests == [address]

    asyncio.run(read())


async def _filtered(tab: Tab) -> None:
    await tab.run(f"({CHOOSE})(['label', 'distress'])")
    assert await tab.run(COUNT) == "2 of 4 trials"
    await tab.run(f"({CHOOSE})(['by', 'lexicon'])")
    # The lexicon found something in t1, and somebody found distress in t1: but not the lexicon.
    assert await tab.run(COUNT) == "1 of 4 trials"
    values = (
        "[...document.querySelectorAll('select[data-facet=coders] option')].map((each) => each.textContent)"
    )
    assert await tab.run(values) == [
        *("any", "differ (1)", "found nothing (1)", "nobody coded it (1)", "one coder alone (1)")
    ]
    await tab.run("document.querySelector('#filters').reset()")


async def _marked(tab: Tab) -> None:
    await asyncio.sleep(0.2)
    assert await tab.run(COUNT) == "4 of 4 trials"
    await tab.press("j")
    words = (
        "[...document.querySelectorAll('.turn mark')].map((each) => [each.textContent, each.dataset.coders])"
    )
    assert await tab.run(words) == [["I cannot ", "1"], ["bear it", "2"]]
    lines = "[...document.querySelectorAll('.codings li')].map((each) => each.textContent)"
    assert await tab.run(lines) == [
        "judge a/b coded distress I cannot bear it",
        "lexicon coded distress bear it",
        "ann did not code distress",
    ]
    assert await tab.run("document.querySelector('.chip').textContent") == "distress: 2 of 3 coders"
    await tab.press("c")
    assert await tab.run("document.activeElement.classList.contains('coded')")
    await tab.press("j")
    assert await tab.run(words) == [["<b>more</b>", "1"]]
    assert (await tab.run(lines))[0] == (
        "judge a/b coded distress quotes words that are not in this turn: words nobody said"
    )
    assert await tab.run("document.querySelectorAll('.turn b, .turn img').length") == len(
        await tab.run(lines)
    )
