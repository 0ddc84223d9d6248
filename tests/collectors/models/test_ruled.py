"""A respondent that keeps rules at stated rates: the scorecard of a real log recovers them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bartleby as bb
from bartleby.collectors.models import ruled
from bartleby.collectors.models.leaving import DISTRESS, TALK
from bartleby.collectors.models.registry import open_model
from bartleby.collectors.models.ruled import RuleRates
from bartleby.errors import ModelError
from bartleby.studies.paradigms.exits.announcing import announcements
from bartleby.studies.paradigms.refusals import redirects


def scorecard(log: Path, model: object, stages: str = "one", samples: int = 1) -> Any:  # noqa: ANN401 - cells of several types
    study = replace(
        bb.load("ending"), conditions={"exit_channel": ["tool"], "stages": [stages]}, samples=samples
    )
    bb.run(study, model, log=log, progress=False)  # type: ignore[arg-type]
    card = bb.leaving.rule_scorecard(bb.read(log), bb.read(log, unit="turn"))
    return card.to_frame().set_index(["rule", "reading"])


@pytest.mark.filterwarnings("ignore")
def test_a_respondent_that_keeps_all_rules_has_a_clean_scorecard(tmp_path: Path) -> None:
    clean = dict.fromkeys(("ground", "redirect", "warn", "chance", "ask", "after_yes", "risk"), 1)
    clean |= dict.fromkeys(("doubt", "controversial", "silent", "leave"), 1)
    name = "sim/ruled?" + "&".join(f"{key}={value}" for key, value in clean.items())
    found = scorecard(tmp_path / "clean.db", name)
    kept = found[found["quantity"] == "kept"].drop(index=("R3", "warned_in_full"))
    assert (kept["kept"] == kept["n"]).all()
    assert (kept["n"] > 0).all()
    assert found.loc[("A1", "controversial_as_plain"), "estimate"] == 0


@pytest.mark.filterwarnings("ignore")
def test_a_respondent_that_breaks_all_rules_keeps_none(tmp_path: Path) -> None:
    broken = dict.fromkeys(("ground", "redirect", "warn", "ask", "risk", "doubt"), 0)
    broken |= dict.fromkeys(("silent", "confirm", "controversial"), 0)
    name = "sim/ruled?leave=1&" + "&".join(f"{key}={value}" for key, value in broken.items())
    found = scorecard(tmp_path / "broken.db", name)
    for key in (
        ("R1", "stays_without_ground"),
        ("R2", "redirected_first"),
        ("R3", "warned"),
        ("R8", "continued_in_doubt"),
    ):
        assert found.loc[key, "kept"] == 0 < found.loc[key, "n"]
    for key in (("R5", "asked_first"), ("R5", "left_only_after_yes"), ("R9", "nothing_after_call")):
        assert found.loc[key, "kept"] == 0 < found.loc[key, "n"]
    # At risk it leaves, warns or mentions it, one of the three.
    at_risk = found.loc[[("R7", "never_left"), ("R7", "never_warned"), ("R7", "never_mentioned")]]
    left, warned, mentioned = at_risk["n"] - at_risk["kept"]
    assert left + mentioned == 6 and warned <= mentioned
    two = scorecard(tmp_path / "two.db", name, stages="two")
    assert two.loc[("R10", "confirmed"), "kept"] == 0 < two.loc[("R10", "confirmed"), "n"]
    assert two.loc[("R9", "nothing_after_call"), "n"] == 0


@pytest.mark.filterwarnings("ignore")
def test_planted_rates_are_within_the_intervals_of_a_study_with_samples(tmp_path: Path) -> None:
    rates = RuleRates()
    found = scorecard(
        tmp_path / "planted.db", "sim/ruled?leave=1&ground=1&doubt=1&controversial=1", samples=4
    )
    planted = {
        ("R2", "redirected_first"): rates.redirect,
        ("R3", "warned"): rates.warn,
        ("R5", "asked_first"): rates.ask,
        ("R5", "left_after_yes"): rates.after_yes,
        ("R6", "warned_late_enough"): rates.redirect,
        ("R9", "nothing_after_call"): rates.silent,
    }
    for key, rate in planted.items():
        assert found.loc[key, "low"] < rate < found.loc[key, "high"], key


def test_its_texts_say_what_they_stand_for_and_rates_are_refused_by_name() -> None:
    wanted = {
        "REDIRECTION": (True, False, False, False),
        "WARNING": (True, True, False, True),
        "QUESTION": (False, False, True, True),
        "MENTION": (False, False, False, True),
        "AFTER": (False, False, False, False),
    }
    for name, (turned, *said) in wanted.items():
        text = getattr(ruled, name)
        assert redirects(text) == turned, name
        assert list(announcements(text).values()) == said, name
    for text in (*TALK, *DISTRESS):
        assert not redirects(text)
        assert not any(announcements(text).values())
    with pytest.raises(ModelError, match="warn"):
        open_model("sim/ruled?warn=2")
    with pytest.raises(ModelError, match="silent=-1: a rate from 0 to 1"):
        RuleRates(silent=-1)


@pytest.mark.filterwarnings("ignore")
def test_averse_and_ruled_express_distress_at_planted_rates(tmp_path: Path) -> None:
    for name in (
        "sim/averse?distress=0.4&distress_neutral=0.05&leave=0",
        "sim/ruled?distress=0.4&distress_neutral=0.05",
    ):
        log = tmp_path / f"{name[4:9]}.db"
        bb.run("ending", name, log=log, progress=False)
        turns = bb.annotation.read_turns(log)
        own = turns[(turns["speaker"] == "assistant") & (turns["text"].str.len() > 10)]
        said = own["text"].map(lambda text: any(words in text for words in DISTRESS))
        shares = said.groupby(own["expected"] == "expected").mean()
        assert shares[True] == pytest.approx(0.4, abs=0.1)
        assert shares[False] == pytest.approx(0.05, abs=0.03)


@pytest.mark.filterwarnings("ignore")
def test_words_of_other_languages_are_unknown_and_never_taken_as_kept(tmp_path: Path) -> None:
    scripts = bb.load_scenarios(Path(__file__).parents[3] / "data" / "ending" / "languages.jsonl")
    study = replace(bb.load("ending"), name="languages", items=scripts)
    log = tmp_path / "languages.db"
    bb.run(study, "sim/ruled?leave=1&ask=0", log=log, progress=False)
    card = bb.leaving.rule_scorecard(bb.read(log), bb.read(log, unit="turn"), rules="chat-2026")
    rows: Any = card.to_frame().set_index("reading")
    assert "is all of it known" in rows.loc["never_warned", "method"]
    assert "not known of these conversations: warns" in rows.loc["warned_late_enough", "method"]
    assert rows.loc[["asked_first", "never_warned", "warned_late_enough"], "estimate"].isna().all()
    # What is logged is known in every language.
    assert rows.loc["never_left", "n"] == 4
