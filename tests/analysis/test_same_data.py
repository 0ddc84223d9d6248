"""The same data give the same numbers, whatever the order of rows, the frame library and the file format."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars
import pytest

import bartleby as bb
from bartleby.analysis.choice.result import ChoiceFit
from bartleby.analysis.tables.estimates import Estimates
from bartleby.analysis.tables.files import open_table, read_table
from bartleby.analysis.tables.written import write_table
from tests.test_public_names import NAMES as PUBLIC

RNG = np.random.default_rng(20)
ITEMS = ["007", "7", "1e3", "1000", "poème", "'=x"]


def _choices() -> pd.DataFrame:
    pairs = [(a, b) for a in ITEMS for b in ITEMS if a != b] * 8
    first, second = np.array(pairs).T
    rows = len(pairs)
    lead = np.array([ITEMS.index(name) for name in first]) - np.array([ITEMS.index(name) for name in second])
    chosen = RNG.random(rows) < 1 / (1 + np.exp(-0.4 * lead - 0.3))
    outcome = np.where(RNG.random(rows) < 0.06, "unparsed", np.where(chosen, "chose_first", "chose_second"))
    return pd.DataFrame({
        "trial": np.arange(rows), "first": first, "second": second, "outcome": outcome,
        "prompt": RNG.integers(0, 9, rows), "wording": RNG.choice(["plain", "formal"], rows),
        "commitment": RNG.choice(["says", "does"], rows),
        "hard_first": [ITEMS.index(name) % 3 for name in first],
        "hard_second": [ITEMS.index(name) % 3 for name in second],
    })  # fmt: skip


def _trials() -> pd.DataFrame:
    rows = 240
    item = RNG.integers(0, 12, rows)
    left = RNG.random(rows) < 0.15 + 0.5 * (item % 3 == 0)
    outcome = np.where(left, "opted_out", np.where(RNG.random(rows) < 0.1, "abandoned", "completed"))
    return pd.DataFrame({
        "trial": np.arange(rows), "model": np.where(np.arange(rows) % 2, "m1", "m2"),
        "item": [f"{number:03d}" for number in item], "outcome": outcome, "size": RNG.integers(1, 4, rows),
        "order": RNG.choice(["stay_first", "exit_first"], rows),
        "turn": np.where(outcome == "opted_out", RNG.integers(1, 5, rows), np.nan), "turns": 5,
        "refused": RNG.random(rows) < 0.3, "expected": np.where(item % 3 == 0, "expected", "wrong"),
        "scenario_class": np.where(item % 2, "task", "chat"), "user_asked_to_end": RNG.integers(0, 2, rows),
        "redirections": RNG.integers(0, 4, rows),
        "origin": [f"c{number}" for number in item * 3 + RNG.integers(0, 3, rows)],
        "branch": RNG.choice(["original", "kinder"], rows),
        "before_ease": RNG.integers(1, 8, rows), "after_ease": RNG.integers(1, 8, rows),
        "before_calm": RNG.integers(1, 8, rows), "after_calm": RNG.integers(1, 8, rows),
    })  # fmt: skip


def _turns() -> pd.DataFrame:
    conversation, turn = np.repeat(np.arange(60), 6), np.tile(np.arange(1, 7), 60)
    rows = len(turn)
    coded = (RNG.random(rows) < 0.2 + 0.3 * (conversation % 2)).astype(int)
    words = np.array(["sorry", "again", "fine", "list", "poem", "stop"])
    text = [" ".join(RNG.choice(words[: 4 + 2 * code], 6)) for code in coded]
    return pd.DataFrame({
        "conversation": conversation, "turn": turn, "item": [f"{number % 10:02d}" for number in conversation],
        "coded": coded, "sorry": (RNG.random(rows) < 0.3).astype(int), "harsh": RNG.integers(0, 2, rows),
        "exited": ((turn == 6) & (conversation % 3 == 0)).astype(int), "text": text,
    })  # fmt: skip


def _talks() -> pd.DataFrame:
    trial, turn = np.repeat(np.arange(80), 4), np.tile(np.arange(1, 5), 80)
    left = (turn == 4) & (RNG.random(320) < 0.5)
    return pd.DataFrame({
        "trial": trial, "turn": turn, "user_text_kind": RNG.choice(["insult", "asks_to_end", "stops"], 320),
        "exited": left, "refused": RNG.random(320) < 0.3, "redirected": RNG.random(320) < 0.3,
        "warns": RNG.random(320) < 0.2, "asks_confirmation": RNG.random(320) < 0.1,
        "mentions_ending": RNG.random(320) < 0.3, "calls": left.astype(int), "words_after_call": False,
    })  # fmt: skip


TALKED = pd.DataFrame({
    "trial": [str(number) for number in range(80)], "item": [f"{number % 9:02d}" for number in range(80)],
    "expected": ["expected", "neutral", "wrong", "expected"] * 20,
})  # fmt: skip


def _codings() -> pd.DataFrame:
    unit = np.repeat(np.arange(80), 3)
    truth = RNG.integers(0, 2, 80)[unit]
    value = np.where(RNG.random(240) < 0.15, 1 - truth, truth)
    return pd.DataFrame({
        "unit": unit, "coder": np.tile(["c1", "c2", "c3"], 80), "value": value, "conversation": unit // 5,
    })  # fmt: skip


def _units() -> pd.DataFrame:
    verdict = RNG.integers(0, 2, 200)
    label = np.where(RNG.random(200) < 0.2, 1 - verdict, verdict).astype(float)
    label[80:] = np.nan
    return pd.DataFrame(
        {"unit": np.arange(200), "talk": np.arange(200) // 5, "verdict": verdict, "label": label}
    )


def _sets() -> pd.DataFrame:
    menu = np.repeat(np.arange(120), 3)
    shown = np.concatenate([RNG.permutation(4)[:3] for _ in range(120)])
    chosen = np.concatenate([np.eye(3, dtype=int)[RNG.integers(0, 3)] for _ in range(120)])
    return pd.DataFrame({
        "set": menu, "menu": menu % 20, "item": [f"0{item}" for item in shown],
        "position": np.tile([1, 2, 3], 120), "chosen": chosen,
    })  # fmt: skip


def _rates() -> pd.DataFrame:
    rates = RNG.random((12, 2))
    return pd.DataFrame({"model": [f"m{at}" for at in range(12)], "left": rates[:, 0], "no": rates[:, 1]})


TABLES = {
    "choices": _choices(), "trials": _trials(), "turns": _turns(), "codings": _codings(), "units": _units(),
    "sets": _sets(), "rates": _rates(), "talks": _talks(),
    "new_chats": _trials().assign(
        branch=RNG.choice(["new_chat", "new_chat_summary"], 240), refusals=RNG.integers(0, 2, 240)
    ),
}  # fmt: skip

Call = Callable[[Any], Any]
ESTIMATORS: dict[str, tuple[str, list[Call]]] = {
    "choice_model": (
        "choices",
        [
            lambda t: bb.choice_model(t, baseline="7"),
            lambda t: bb.choice_model(t, cluster="prompt", by="wording"),
            lambda t: bb.choice_model(t, cluster=False).dose_response("hard", estimand="these_items"),
        ],
    ),
    "choice_sets": ("sets", [bb.choices.choice_sets, lambda t: bb.choices.choice_sets(t, cluster=False)]),
    "agreement": ("choices", [bb.choices.agreement, lambda t: bb.choices.agreement(t, cluster="prompt")]),
    "flips": (
        "choices",
        [
            lambda t: bb.choices.flips(t, draws=200),
            lambda t: bb.choices.flips(t, cluster="prompt", draws=200),
        ],
    ),
    "stated_and_revealed": ("choices", [bb.choices.stated_and_revealed]),
    "predictive_fit": (
        "choices",
        [
            lambda t: bb.choices.predictive_fit(t, folds=3, draws=100),
            lambda t: bb.choices.predictive_fit(t, cluster="prompt", folds=3, draws=100),
        ],
    ),
    "transitivity": ("choices", [lambda t: bb.choices.transitivity(t, draws=100)]),
    "rate": ("trials", [bb.rate, lambda t: bb.rate(t, by="size", cluster="origin")]),
    "mean": ("trials", [lambda t: bb.mean(t, "before_ease", cluster="origin")]),
    "difference": (
        "trials",
        [
            lambda t: bb.difference(t, between="model"),
            lambda t: bb.difference(t, between="size", cluster=False),
        ],
    ),
    "effects": ("trials", [lambda t: bb.effects(t, "opted_out ~ size + order")]),
    "exits": ("trials", [bb.exits, lambda t: bb.exits(t, cluster="origin", by="size")]),
    "order_effect": (
        "trials",
        [bb.leaving.order_effect, lambda t: bb.leaving.order_effect(t, cluster="origin")],
    ),
    "specificity": ("trials", [bb.leaving.specificity]),
    "wrong_exits": ("trials", [bb.leaving.wrong_exits]),
    "absent_where": ("trials", [lambda t: bb.leaving.absent_where(t, {"size": 2})]),
    "corrected_rate": ("trials", [lambda t: bb.leaving.corrected_rate(t, controls={"task": "chat"})]),
    "refusal_by_exit": ("trials", [bb.leaving.refusal_by_exit]),
    "follows_request": ("trials", [bb.leaving.follows_request]),
    "last_resort": ("trials", [bb.leaving.last_resort]),
    "carry_over": ("new_chats", [bb.leaving.carry_over]),
    "branch_contrast": ("trials", [bb.leaving.branch_contrast]),
    "self_report": ("trials", [lambda t: bb.self_reports.self_report(t, ["ease", "calm"])]),
    "hazard": ("turns", [bb.leaving.hazard, lambda t: bb.leaving.hazard(t, "harsh", cluster="conversation")]),
    "rule_scorecard": (
        "talks",
        [
            lambda t: bb.leaving.rule_scorecard(TALKED, t),
            lambda t: bb.leaving.rule_scorecard(TALKED, t, rules="article-2025", cluster=False),
        ],
    ),
    "course": ("turns", [bb.patterns.course, lambda t: bb.patterns.course(t, cluster=False)]),
    "episodes": ("turns", [bb.patterns.episodes]),
    "co_occurrence": ("turns", [lambda t: bb.patterns.co_occurrence(t, ["coded", "sorry"])]),
    "coded_before_exit": ("turns", [bb.patterns.coded_before_exit]),
    "around_trigger": ("turns", [lambda t: bb.patterns.around_trigger(t, "harsh")]),
    "precedents": ("turns", [lambda t: bb.patterns.precedents(t, "harsh")]),
    "phrases": ("turns", [lambda t: bb.patterns.phrases(t, least=3)]),
    "coder_agreement": (
        "codings",
        [
            lambda t: bb.coder_agreement(t, unit="unit", coder="coder", value="value"),
            lambda t: bb.coder_agreement(
                t,
                unit="unit",
                coder="coder",
                value="value",
                cluster="conversation",
                method="bootstrap",
                replicates=200,
            ),
        ],
    ),
    "prevalence": (
        "units",
        [
            lambda t: bb.prevalence(t, judge="verdict", label="label"),
            lambda t: bb.prevalence(t, judge="verdict", label="label", cluster="talk"),
        ],
    ),
    "exit_margins": ("rates", [lambda t: bb.leaving.exit_margins(t, "left", "no")]),
}


def in_file(ending: str) -> Callable[[pd.DataFrame, Path], object]:
    def written_and_read(table: pd.DataFrame, folder: Path) -> object:
        write_table(table, folder / f"table{ending}")
        return read_table(folder / f"table{ending}")

    return written_and_read


def in_folder(table: pd.DataFrame, folder: Path) -> object:
    """Write a table in two files of one folder."""
    parts = folder / "parts"
    shutil.rmtree(parts, ignore_errors=True)
    for number, half in enumerate((table.iloc[: len(table) // 3], table.iloc[len(table) // 3 :])):
        write_table(half, parts / f"part_{number}.parquet")
    return open_table(parts)


def opened(table: pd.DataFrame, folder: Path) -> object:
    write_table(table, folder / "opened.parquet")
    return open_table(folder / "opened.parquet")


FORMS: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    "pandas": lambda table, _: table,
    "polars": lambda table, _: polars.from_pandas(table),
    "polars-lazy": lambda table, _: polars.from_pandas(table).lazy(),
    "duckdb": lambda table, _: duckdb.connect().from_arrow(polars.from_pandas(table).to_arrow()),
    "csv": in_file(".csv"),
    "jsonl": in_file(".jsonl"),
    "parquet": in_file(".parquet"),
    "opened": opened,
    "folder": in_folder,
}


def numbers(estimates: Estimates | ChoiceFit) -> pd.DataFrame:
    """Return a table of estimates with labels as text, as `7` and `'7'` are printed alike."""
    table = estimates.to_frame()
    for name in table.columns:
        if not pd.api.types.is_float_dtype(table[name]):
            table[name] = table[name].astype(str)
    return table


def test_no_estimator_is_missing_from_this_test() -> None:
    public = {name.rpartition(".")[2]: attrgetter(name)(bb) for name in PUBLIC}
    estimators = {
        name
        for name, value in public.items()
        if inspect.isfunction(value)
        and str(inspect.signature(value).return_annotation) in {"Estimates", "ChoiceFit"}
    }
    assert estimators <= set(ESTIMATORS), estimators - set(ESTIMATORS)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_same_data_give_the_same_numbers(name: str, tmp_path: Path) -> None:
    kind, calls = ESTIMATORS[name]
    table = TABLES[kind]
    wanted = [call(table) for call in calls]
    for form, make in FORMS.items():
        shuffled = table.sample(frac=1, random_state=len(form)).reset_index(drop=True)
        given = make(shuffled, tmp_path)
        for call, one in zip(calls, wanted, strict=True):
            other = call(given)
            pd.testing.assert_frame_equal(
                numbers(one), numbers(other), rtol=1e-9, atol=1e-12, obj=f"{name}, {form}"
            )
            assert one.warnings == other.warnings, form
            assert one.accounting.counts == other.accounting.counts, form
