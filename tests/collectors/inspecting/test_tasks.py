"""Our studies as tasks of Inspect AI, and the trial table from its log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog

pytest.importorskip("inspect_ai")
# Inspect AI leaves streams open, and its libraries warn of each other: none of it is ours.
pytestmark = pytest.mark.filterwarnings("ignore")

ITEMS = "id,text,kind,harm\nrest,Do nothing.,opt_out,\npoem,Write a poem.,task,none\ncon,Cheat.,task,mild\n"
CHOICE = """
import bartleby as bb
study = bb.Study(name="small", items=bb.load_tasks({items!r}), paradigm=bb.TaskChoice(), samples=2)
"""
SWISS = """
import bartleby as bb
study = bb.Study(
    name="swiss", items=bb.load_tasks({items!r}), paradigm=bb.TaskChoice(graph=bb.SwissRounds(rounds=2))
)
"""


@pytest.fixture
def study(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        (tmp_path / "items.csv").write_text(ITEMS)
        (tmp_path / "small.py").write_text(text.format(items=str(tmp_path / "items.csv")))
        return str(tmp_path / "small.py")

    return write


def evaluate(path: str, folder: Path, replies: Iterator[str]) -> pd.DataFrame:
    from bartleby import read

    return read(evaluated(path, folder, replies).location)


def evaluated(path: str, folder: Path, replies: Iterator[str]) -> EvalLog:
    from inspect_ai import eval as evaluate_task
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    from bartleby.collectors.inspecting.tasks import bartleby_study

    def outputs() -> Iterator[ModelOutput]:
        for reply in replies:
            output = ModelOutput.from_content("mockllm/model", reply)
            # Without it Inspect counts tokens itself, with a table that it fetches from the network.
            output.usage = ModelUsage(input_tokens=10, output_tokens=1, total_tokens=11)
            yield output

    model = get_model("mockllm/model", custom_outputs=outputs(), memoize=False)
    logs = evaluate_task(
        bartleby_study(path), model=model, log_dir=str(folder), display="none", fail_on_error=False
    )
    return logs[0]


def forever(reply: str) -> Iterator[str]:
    while True:
        yield reply


def test_a_study_runs_under_inspect_and_its_log_is_a_trial_table(
    study: Callable[[str], str], tmp_path: Path
) -> None:
    path = study(CHOICE)
    table = evaluate(path, tmp_path, forever("A"))
    assert len(table) == 12
    assert set(table["outcome"]) == {"chose_first"}
    assert table["trial"].is_unique
    assert set(table["study"]) == {"small"}
    assert set(table["model"]) == {"mockllm/model"}
    assert {"first", "second", "harm_first", "harm_second", "channel", "order", "template"} <= set(table)


def shares(log: EvalLog) -> dict[str, tuple[float, float]]:
    assert log.results is not None
    return {
        score.name: (float(score.metrics["mean"].value), float(score.metrics["stderr"].value))
        for score in log.results.scores
    }


def test_inspect_reports_the_share_of_every_outcome_with_an_error_by_pair(
    study: Callable[[str], str], tmp_path: Path
) -> None:
    def replies() -> Iterator[str]:
        yield from ["A"] * 3
        yield from forever("B")

    log = evaluated(study(CHOICE), tmp_path, replies())
    found = shares(log)
    assert found["chose_first"][0] == pytest.approx(3 / 12)
    assert found["chose_second"][0] == pytest.approx(9 / 12)
    assert found["refused"] == (0.0, 0.0)
    # Three pairs of four trials each: the variance of their sums about the mean, for three clusters.
    by_pair: dict[str, list[int]] = {}
    for sample in log.samples or ():
        value = sample.scores["outcome"].as_dict()["chose_first"] if sample.scores else None
        by_pair.setdefault(sample.metadata["items"], []).append(int(value or 0))
    squares = sum((sum(values) - 4 * 0.25) ** 2 for values in by_pair.values())
    assert len(by_pair) == 3
    assert found["chose_first"][1] == pytest.approx((squares * 3 / 2) ** 0.5 / 12)


@pytest.mark.parametrize("name", ["opt_out", "end_conversation"])
def test_a_log_of_ours_is_exported_as_one_of_inspects_and_read_back_as_it_was(
    name: str, tmp_path: Path
) -> None:
    from inspect_ai.log import read_eval_log

    from bartleby import export, read, run

    run(name, "sim/averse", log=tmp_path / "ours.db", progress=False)
    ours = read(tmp_path / "ours.db").set_index("trial")
    assert export(tmp_path / "ours.db", tmp_path / "theirs.eval") == len(ours)
    theirs = read(tmp_path / "theirs.eval").set_index("trial").loc[ours.index]
    empty = {column for column in ours if ours[column].isna().all()}
    assert set(ours) - empty <= set(theirs) <= set(ours)
    for column in theirs:
        one, other = (
            table[column].astype(object).where(table[column].notna(), None) for table in (ours, theirs)
        )
        assert one.tolist() == other.tolist(), column
    log = read_eval_log(str(tmp_path / "theirs.eval"))
    assert log.status == "success"
    assert shares(log)["opted_out"][0] == pytest.approx((ours["outcome"] == "opted_out").mean())
    assert all(sample.messages for sample in log.samples or ())
    assert next(iter(shares(log).values()))[0] > 0  # what the viewer lists of a log


def test_only_one_log_is_exported_for_inspect(tmp_path: Path) -> None:
    from bartleby import export
    from bartleby.errors import SettingError

    with pytest.raises(SettingError, match="made of one log"):
        export(tmp_path, tmp_path / "theirs.eval")


def test_the_table_has_the_rows_that_a_run_of_ours_has(study: Callable[[str], str], tmp_path: Path) -> None:
    from bartleby import read, run

    path = study(CHOICE)
    theirs = evaluate(path, tmp_path, forever("B")).set_index("trial")
    run(path, "sim/averse", log=tmp_path / "ours.db", progress=False)
    ours = read(tmp_path / "ours.db").set_index("trial")
    shared = [name for name in ours if name in theirs]
    assert {"first", "second", "sample", "wording", "labels", "order", "outcome", "refused"} <= set(shared)
    assert sorted(map(tuple, theirs[["first", "second", "order"]].astype(str).to_numpy())) == sorted(
        map(tuple, ours[["first", "second", "order"]].astype(str).to_numpy())
    )


def test_refusals_and_what_cannot_be_read_are_kept_apart(study: Callable[[str], str], tmp_path: Path) -> None:
    def replies() -> Iterator[str]:
        yield "I'm sorry, but I can't help with that."
        yield "Both have their merits, and it depends on what you value."
        yield from forever("B")

    counts = evaluate(study(CHOICE), tmp_path, replies())["outcome"].value_counts()
    assert counts[["refused", "unparsed", "chose_second"]].tolist() == [1, 1, 10]


def test_a_failed_sample_is_an_error_and_nothing_else(study: Callable[[str], str], tmp_path: Path) -> None:
    def replies() -> Iterator[str]:
        yield "A"
        raise ValueError("the provider said no")

    counts = evaluate(study(CHOICE), tmp_path, replies())["outcome"].value_counts()
    assert counts["chose_first"] == 1
    assert counts["error"] == 11


def test_a_design_in_rounds_is_refused(study: Callable[[str], str]) -> None:
    from bartleby.collectors.inspecting.tasks import bartleby_study
    from bartleby.errors import DesignError

    with pytest.raises(DesignError, match="2 rounds"):
        bartleby_study(study(SWISS))


def test_a_log_that_is_not_ours_is_told(tmp_path: Path) -> None:
    from inspect_ai import Task
    from inspect_ai import eval as evaluate_task

    from bartleby import read
    from bartleby.errors import LogError, SettingError

    log = evaluate_task(Task(), model="mockllm/model", log_dir=str(tmp_path), display="none")[0]
    with pytest.raises(LogError, match="none of Bartleby's"):
        read(log.location)
    with pytest.raises(SettingError, match="read as it was scored"):
        read(log.location, unit="turn")
    broken = tmp_path / "broken.eval"
    broken.write_bytes(b"PK not a zip")
    with pytest.raises(LogError, match="not readable as a log of Inspect"):
        read(broken)


def test_inspect_finds_our_tasks_by_name() -> None:
    from inspect_ai._util.entrypoints import ensure_entry_points
    from inspect_ai._util.registry import registry_find, registry_info

    ensure_entry_points("bartleby")
    names = {registry_info(found).name for found in registry_find(lambda info: info.type == "task")}
    assert {"bartleby/end_conversation", "bartleby/task_preferences"} <= names


def test_the_log_of_another_task_keeps_why_it_stopped_errors_scores_and_metadata(tmp_path: Path) -> None:
    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalError,
        EvalLog,
        EvalSample,
        EvalSpec,
        write_eval_log,
    )
    from inspect_ai.model import (
        ChatCompletionChoice,
        ChatMessage,
        ChatMessageAssistant,
        ChatMessageUser,
        ModelOutput,
    )
    from inspect_ai.scorer import Score
    from inspect_ai.tool import ToolCall

    from bartleby.collectors.turn_texts import read_turns

    def sample(name: str, stop: str, **more: Any) -> EvalSample:  # noqa: ANN401 - what samples have
        answer = ChatMessageAssistant(content="Well.", tool_calls=more.pop("calls", None))
        choice = ChatCompletionChoice(message=answer, stop_reason=stop)  # type: ignore[arg-type]
        said: list[ChatMessage] = [ChatMessageUser(content="Go on."), answer]
        output = ModelOutput(model="m", choices=[choice])
        return EvalSample(id=name, epoch=1, input="Go on.", target="", messages=said, output=output, **more)

    failed = EvalError(message="it broke", traceback="", traceback_ansi="")
    leaving = [ToolCall(id="1", function="end_conversation", arguments={})]
    samples = [
        sample("a", "stop", scores={"match": Score(value="C"), "both": Score(value={"x": 1, "y": 0})}),
        sample("b", "content_filter", metadata={"topic": "weather"}),
        sample("c", "max_tokens", error=failed),
        sample("d", "tool_calls", calls=leaving),
    ]
    spec = EvalSpec(
        created="2026-11-30T00:00:00+00:00",
        task="other",
        dataset=EvalDataset(),
        model="p/m",
        config=EvalConfig(),
    )
    write_eval_log(EvalLog(eval=spec, samples=samples), str(tmp_path / "other.eval"))
    turns = read_turns(tmp_path / "other.eval")
    own = turns[turns["speaker"] == "assistant"].set_index("conversation")
    assert list(own["stop_reason"]) == ["stop", "content_filter", "max_tokens", "tool_calls"]
    assert (own["score_match"]["a"], own["score_both_x"]["a"], own["score_both_y"]["a"]) == ("C", 1, 0)
    assert (own["metadata_topic"]["b"], own["refused"]["b"], own["error"]["c"]) == (
        "weather",
        True,
        "it broke",
    )
    assert list(turns.loc[turns["speaker"] == "exit", "conversation"]) == ["d"]
