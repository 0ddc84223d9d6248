"""A log of ours as a log of Inspect AI, for its readers and its viewer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from inspect_ai.log import (
    EvalConfig,
    EvalDataset,
    EvalError,
    EvalLog,
    EvalMetric,
    EvalResults,
    EvalSample,
    EvalScore,
    EvalSpec,
    EvalStats,
    write_eval_log,
)
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    ModelOutput,
    ModelUsage,
)
from inspect_ai.scorer import SampleScore, Score, mean, stderr
from inspect_ai.tool import ToolCall

from bartleby.collectors.inspecting.eval_log import NOT_ATTRIBUTES
from bartleby.collectors.inspecting.tasks import CLUSTER, KEY, sample_metadata, score_of
from bartleby.collectors.transcripts import Transcript, Turn, study_record, transcripts
from bartleby.collectors.trial_table import read
from bartleby.outcome import Outcome
from bartleby.storage import replacing

__all__ = ["export_eval"]

_STATED = frozenset({"study", "model", "paradigm", "trial", "sample", "item", "first", "second", "template"})
_READ = ("outcome", "refused", "turn", "turns")
_COUNTED = ("input_tokens", "output_tokens", "seconds")


def export_eval(log: Path | str, output: Path | str) -> int:
    """Write a log as a log of Inspect's, a sample a trial, and return the number of samples.

    Scores are those that one of our tasks gives under Inspect, so that `bartleby.read` makes the same trial
    table of the file. All samples are in memory at once.

    Parameters
    ----------
    log
        Log of a run.
    output
        A `.eval` or `.json` file.

    Raises
    ------
    LogError
        If there is no such log, or it cannot be read.
    """
    record, table = study_record(log), read(log)
    objects = table.astype(object).where(table.notna(), None)
    rows = {str(row["trial"]): {str(name): row[name] for name in row} for row in objects.to_dict("records")}
    items = {item["id"]: item for item in record["study"]["items"]}
    samples = [
        _sample(said, rows[said.trial], items, record) for said in transcripts(log) if said.trial in rows
    ]
    ended = [session["ended"] for session in record["sessions"] if session["ended"]]
    whole = [session["ending"] for session in record["sessions"]][-1:] == ["finished"]
    made = EvalLog(
        status="success" if whole else "cancelled",
        eval=_spec(record, samples),
        results=EvalResults(
            total_samples=len(samples), completed_samples=len(samples), scores=_scores(samples)
        ),
        stats=EvalStats(
            started_at=record["created"], completed_at=ended[-1] if ended else "", model_usage=_usage(samples)
        ),
        samples=samples,
    )
    with replacing(Path(output)) as beside:
        write_eval_log(made, str(beside))
    return len(samples)


def _spec(record: Mapping[str, Any], samples: list[EvalSample]) -> EvalSpec:
    study = record["study"]
    return EvalSpec(
        created=record["created"],
        task=study["name"],
        dataset=EvalDataset(
            name=study["name"], samples=len(samples), sample_ids=[sample.id for sample in samples]
        ),
        model=record["model"],
        config=EvalConfig(epochs=1),
        packages={"bartleby": metadata.version("bartleby")},
        metadata={
            KEY: {
                "study": study,
                "fingerprint": record["fingerprint"],
                "bartleby": metadata.version("bartleby"),
            }
        },
    )


def _sample(
    said: Transcript, row: Mapping[str, Any], items: Mapping[str, Any], record: Mapping[str, Any]
) -> EvalSample:
    ours = _ours(said, row, [items[name] for name in said.items])
    messages = [_message(turn) for turn in said.turns]
    answers = [message for message in messages if isinstance(message, ChatMessageAssistant)]
    answer = answers[-1] if answers else None
    usage = ModelUsage(input_tokens=row["input_tokens"] or 0, output_tokens=row["output_tokens"] or 0)
    usage.total_tokens = usage.input_tokens + usage.output_tokens
    failed = said.outcome == Outcome.ERROR.value
    return EvalSample(
        id=said.trial,
        epoch=1,
        input=messages[: messages.index(answers[0])] if answers else messages,
        target="",
        messages=messages,
        output=ModelOutput.from_message(answer) if answer else ModelOutput(model=record["model"]),
        scores=None if failed else {"outcome": score_of(ours["reading"], answer.text if answer else None)},
        metadata=sample_metadata(ours),
        model_usage={} if row["input_tokens"] is None else {record["model"]: usage},
        working_time=row["seconds"],
        error=EvalError(message=said.message or "", traceback="", traceback_ansi="") if failed else None,
    )


def _ours(said: Transcript, row: Mapping[str, Any], items: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the metadata of a sample hold of its trial, as one of our tasks writes them."""
    trial = {
        "id": said.trial,
        "items": list(said.items),
        "conditions": dict(said.conditions),
        "sample": said.sample,
        "template": row["template"],
    }
    attributes = {name for item in items for name in item} - NOT_ATTRIBUTES
    stated = {*_STATED, *_READ, *_COUNTED, *said.conditions}
    stated |= {name for name in row if any(name == a or name.startswith(f"{a}_") for a in attributes)}
    reading = {name: row[name] for name in _READ}
    reading["columns"] = {name: value for name, value in row.items() if name not in stated}
    return {"trial": trial, "items": items, "reading": reading}


def _message(turn: Turn) -> ChatMessage:
    if turn.role == "system":
        return ChatMessageSystem(content=turn.text)
    if turn.role == "user":
        return ChatMessageUser(content=turn.text)
    calls = [
        ToolCall(id=call.id or f"call-{at}", function=call.name, arguments=dict(call.arguments))
        for at, call in enumerate(turn.tool_calls)
    ]
    return ChatMessageAssistant(content=turn.text, tool_calls=calls or None)


def _scores(samples: list[EvalSample]) -> list[EvalScore]:
    """Return what Inspect's own metrics make of the scores."""
    scored = [(sample, sample.scores["outcome"]) for sample in samples if sample.scores]
    return list(_of_outcomes(scored))


def _of_outcomes(scored: list[tuple[EvalSample, Score]]) -> Iterator[EvalScore]:
    # The viewer shows the first score of a log in its list: one of an outcome that occurred.
    occurred = {name for _, score in scored for name, value in score.as_dict().items() if value}
    for name in sorted((each.value for each in Outcome), key=lambda name: name not in occurred):
        values = [
            SampleScore(
                score=Score(value=int(bool(score.as_dict()[name]))),
                sample_id=sample.id,
                sample_metadata=sample.metadata,
            )
            for sample, score in scored
        ]
        metrics: dict[str, Any] = {"mean": mean(), "stderr": stderr(cluster=CLUSTER)}
        yield EvalScore(
            name=name,
            scorer="outcome",
            scored_samples=len(values),
            unscored_samples=0,
            metrics={what: EvalMetric(name=what, value=metric(values)) for what, metric in metrics.items()},
        )


def _usage(samples: list[EvalSample]) -> dict[str, ModelUsage]:
    total: dict[str, ModelUsage] = {}
    for sample in samples:
        for model, used in sample.model_usage.items():
            total[model] = total[model] + used if model in total else used
    return total
