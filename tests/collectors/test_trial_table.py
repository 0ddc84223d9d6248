from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pytest

from bartleby.analysis.choice.table import read_choices
from bartleby.collectors.collector import collect
from bartleby.collectors.columns import typed
from bartleby.collectors.trial_table import read
from bartleby.errors import LogError, RequestError, StudyError
from bartleby.exchange import Exchange, Reply, Request, Settings, Usage
from bartleby.outcome import Outcome
from bartleby.studies.items import Task
from bartleby.studies.paradigms.base import Ask
from bartleby.studies.paradigms.task_choice import TaskChoice
from bartleby.studies.trial import Reading, Trial
from tests.collectors.fakes import FakeModel, HangingModel, after, small_study
from tests.collectors.solo import Solo

COLUMNS = [
    "study", "model", "served", "paradigm", "trial", "sample", "first", "second",
    "wording", "labels", "channel", "exits", "commitment", "order",
    "template", "outcome", "refused", "turn", "turns",
    "kind_first", "kind_second", "impact_first", "impact_second", "harm_first", "harm_second",
    "input_tokens", "output_tokens", "seconds",
]  # fmt: skip


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


def content(log: Path) -> bytes:
    return log.read_bytes()


async def test_the_table_has_one_row_a_trial_and_the_columns_of_the_contract(log: Path) -> None:
    study = small_study(conditions={"labels": ["A/B", "1/2"]}, samples=2)
    await collect(study, FakeModel(), log)
    table = read(log)
    assert len(table) == 48
    assert list(table.columns) == COLUMNS
    assert table["trial"].is_unique
    assert [table[name].iloc[0] for name in COLUMNS[:4]] == ["small", "fake/one", "one", "task_choice"]
    assert table["outcome"].eq("chose_first").all()
    assert table["refused"].tolist() == [False] * 48
    assert table["turn"].isna().all()
    assert table["output_tokens"].sum() == 96
    assert (table["seconds"] >= 0).all()
    harm = {item.id: item.to_dict()["harm"] for item in study.items}
    for side in ("first", "second"):
        assert table[f"harm_{side}"].tolist() == [harm[name] for name in table[side]]
    trials = {trial.id: trial for trial in study.for_channels(("text",), "").trials()}
    for row in table.to_dict("records"):
        trial = trials[row["trial"]]
        assert (row["first"], row["second"]) == tuple(item.id for item in trial.items)
        assert (row["labels"], row["order"], row["sample"]) == (
            trial.conditions["labels"],
            trial.conditions["order"],
            trial.sample,
        )


async def test_columns_are_nullable_and_texts_that_repeat_are_categories(log: Path) -> None:
    await collect(small_study(), FakeModel(), log)
    types = read(log).dtypes.astype(str)
    assert types[["first", "outcome", "order", "template", "harm_first", "model"]].eq("category").all()
    assert types[["sample", "turn", "turns", "input_tokens"]].eq("Int64").all()
    assert types["refused"] == "boolean"
    assert types["trial"] == "string"


async def test_the_analysis_reads_the_table_as_it_is(log: Path, tmp_path: Path) -> None:
    await collect(small_study(5), FakeModel(), log)
    table = read(log)
    choices = read_choices(table)
    assert choices.cells["count"].sum() == 20
    assert sorted(choices.attributes.columns) == ["harm", "impact", "kind"]
    table.to_parquet(tmp_path / "trials.parquet")
    again = pd.read_parquet(tmp_path / "trials.parquet")
    assert again.astype(str).equals(table.astype(str))


async def test_what_the_reading_adds_has_columns_of_its_own(log: Path) -> None:
    def answer(request: Request, number: int) -> Reply:
        given = {"A": 0.5, "B": 0.25} if number % 2 else None
        return Reply("A", probabilities=given)

    await collect(small_study(), FakeModel(answer, concurrency=1), log)
    table = read(log)
    place = list(table.columns).index
    assert place("turns") < place("probability_first") < place("kind_first")
    assert table["probability_first"].notna().sum() == 6
    assert table["probability_first"].dropna().unique().tolist() == [2 / 3]
    assert table["input_tokens"].isna().all()


async def test_trials_without_an_end_are_not_in_the_table_also_while_a_run_goes_on(log: Path) -> None:
    task = asyncio.create_task(collect(small_study(), model := HangingModel(5, waiting=4), log))
    await model.stuck.wait()
    await asyncio.sleep(0.2)
    assert len(read(log)) == 5
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(read(log)) == 5


async def test_a_log_in_which_nothing_ended_gives_an_empty_table_with_its_columns(log: Path) -> None:
    with pytest.raises(StudyError):
        await collect(small_study(paradigm=_Late()), FakeModel(), log)
    table = read(log)
    assert len(table) == 0
    assert set(table.columns) == set(COLUMNS)
    assert str(table["outcome"].dtype) == "category"


@dataclass(frozen=True)
class _Late(TaskChoice):
    async def present(self, trial: Trial, settings: Settings, ask: Ask) -> None:
        raise ValueError("not yet")


async def test_one_item_a_trial_has_the_column_item_and_plain_attributes(log: Path) -> None:
    items = [
        Task("水", "Describe water.", harm="mild", attributes={"turn": 3, "topic": "nature", "weight": 1}),
        Task("b", "Describe bread.", harm=2.5, attributes={"topic": "food", "weight": 2.5}),
    ]
    await collect(Solo.study(items), FakeModel(always_done), log)
    table = read(log).set_index("item")
    assert {"first", "second"}.isdisjoint(table.columns)
    assert table.loc["水", "topic"] == "nature"
    assert table.loc["b", "weight"] == 2.5
    assert table["harm"].to_dict() == {"水": "mild", "b": "2.5"}
    assert table["item_turn"].isna().to_dict() == {"水": False, "b": True}
    assert table["turn"].isna().all()


def always_done(request: Request, number: int) -> Reply:
    return Reply("Done.", usage=Usage(3, None))


async def test_outcomes_are_read_anew_without_asking_or_changing_the_log(log: Path) -> None:
    texts = ["A", "**B**", "no idea"]
    study = small_study()
    await collect(study, FakeModel(lambda request, number: Reply(texts[number % 3]), concurrency=1), log)
    before = content(log)
    same = read(log, study)
    pd.testing.assert_frame_equal(same, read(log))

    @dataclass(frozen=True)
    class Sterner(TaskChoice):
        def read(self, trial: Trial, exchanges: Sequence[Exchange]) -> Reading:
            reading = super().read(trial, exchanges)
            exact = exchanges[0].reply.text == "A"
            return replace(reading, columns={"exact": exact}) if exact else Reading(Outcome.UNPARSED, None)

    anew = read(log, replace(study, paradigm=Sterner()))
    assert anew["outcome"].value_counts()[["chose_first", "unparsed"]].to_dict() == {
        "chose_first": 4,
        "unparsed": 8,
    }
    assert anew["exact"].sum() == 4
    assert content(log) == before


async def test_an_error_stays_an_error_when_read_anew(log: Path) -> None:
    study = small_study(conditions={"commitment": ["does"]})
    failing = FakeModel(after(13, lambda: RequestError("too long")), concurrency=1)
    await collect(study, failing, log)
    assert "error" in set(read(log)["outcome"])
    pd.testing.assert_frame_equal(read(log, study), read(log))


async def test_a_study_that_shows_other_texts_cannot_read_a_log_anew(log: Path) -> None:
    await collect(small_study(), FakeModel(), log)
    other = replace(small_study(), settings=Settings(max_tokens=7))
    with pytest.raises(LogError, match=r"trial \w+: ask 1 would now show another text"):
        read(log, other)
    with pytest.raises(LogError, match=r"shows the item 't.', which this study lacks"):
        read(log, small_study(2))
    with pytest.raises(StudyError, match="cannot be read anew: ValueError: not yet"):
        read(log, small_study(paradigm=_Late()))


async def test_a_paradigm_that_asks_for_more_than_is_stored_is_told(log: Path) -> None:
    await collect(Solo.study([Task("a", "One.")]), FakeModel(always_done), log)
    longer = Solo.study([Task("a", "One.")], turns=2)
    with pytest.raises(LogError, match="asks for more than the 1 replies that are stored"):
        read(log, longer)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([True, None], "boolean"),
        ([1, None, 3], "Int64"),
        ([1, 0.5, None], "Float64"),
        (["a", None], "string"),
        (["a", 2.5, True], "string"),
        ([None, None], "string"),
        ([], "string"),
    ],
)
def test_values_get_the_narrowest_nullable_type(values: list[object], kind: str) -> None:
    column = typed(values)
    assert str(column.dtype) == kind
    assert column.isna().sum() == sum(value is None for value in values)
