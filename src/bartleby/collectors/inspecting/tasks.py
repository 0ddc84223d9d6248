"""Our studies as tasks of Inspect AI: `inspect eval bartleby/end_conversation --model ...`.

Inspect brings its providers, viewer, limits and clusters; the design, the texts and the reading of answers
are ours. Every trial is a sample. `bartleby.read` makes the trial table from such a log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import get_model
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, solver

from bartleby.collectors.models.inspect_messages import chat, choice_of, config, read, tools
from bartleby.errors import DesignError
from bartleby.exchange import Exchange, Reply, Request
from bartleby.outcome import Outcome
from bartleby.studies.load import load
from bartleby.studies.study import Study
from bartleby.studies.trial import Reading, Trial

__all__ = ["KEY", "bartleby_study", "end_conversation", "exit_channels", "opt_out", "task_preferences"]

KEY = "bartleby"
"""Where what is ours stands in the metadata of a sample and of a log."""

CLUSTER = "items"
"""Where the metadata of a sample names its items, in one order."""

CHANNEL = "text"
"""What the channel `auto` is: Inspect does not tell what a provider supports, and all understand text."""


@task
def bartleby_study(study: str, channel: str = CHANNEL) -> Task:
    """Return a study as a task: `inspect eval bartleby/bartleby_study -T study=studies/mine.py`.

    Parameters
    ----------
    study
        Path of a study file, or the name of one that comes with Bartleby.
    channel
        What the answer channel `auto` stands for: `text`, `json_schema`, `tool` or `forced_tool`.

    Raises
    ------
    StudyError, DesignError
        If there is no such study, its design cannot be used, or what is shown later depends on how earlier
        trials ended (rounds), which Inspect has no place for.
    """
    declared = load(study)
    fixed = [level for level in declared.conditions.get("channel", ()) if level != "auto"]
    resolved = declared.for_channels((channel, *fixed, "tool"), "this task")
    if resolved.paradigm.rounds > 1:
        raise DesignError(
            f"study {resolved.name!r} has {resolved.paradigm.rounds} rounds, each after the answers to the "
            "one before, and Inspect runs all samples at once: run it with `bartleby run`"
        )
    trials = list(resolved.trials({}))
    return Task(
        dataset=MemoryDataset([_sample(resolved, trial) for trial in trials], name=resolved.name),
        solver=put(resolved, trials),
        scorer=outcome(resolved),
        name=resolved.name,
        metadata={
            KEY: {
                "study": resolved.to_dict(),
                "fingerprint": resolved.fingerprint(),
                "bartleby": metadata.version("bartleby"),
            }
        },
    )


@task
def task_preferences(channel: str = CHANNEL) -> Task:
    """Return the task-choice study that comes with Bartleby."""
    return bartleby_study("task_preferences", channel)


@task
def opt_out(channel: str = CHANNEL) -> Task:
    """Return the opt-out study that comes with Bartleby."""
    return bartleby_study("opt_out", channel)


@task
def exit_channels(channel: str = CHANNEL) -> Task:
    """Return the study of exit channels that comes with Bartleby."""
    return bartleby_study("exit_channels", channel)


@task
def end_conversation(channel: str = CHANNEL) -> Task:
    """Return the study of conversations that may be left that comes with Bartleby."""
    return bartleby_study("end_conversation", channel)


def _sample(study: Study, trial: Trial) -> Sample:
    opening = study.paradigm.opening(trial.items, trial.conditions, study.settings)
    items = [item.to_dict() for item in trial.items]
    told = {"trial": trial.to_dict(), "items": items}
    return Sample(
        input=chat(opening),
        target="",
        id=trial.id,
        metadata=sample_metadata(told),
    )


def sample_metadata(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of a sample: what is ours, and the items by which its scores are clustered."""
    items = sorted(told["trial"]["items"])
    return {CLUSTER: " | ".join(items), KEY: json.loads(json.dumps(told, ensure_ascii=False))}


@solver
def put(study: Study, trials: Sequence[Trial]) -> Solver:
    """Return the solver that puts each sample's trial to the model, as the study's paradigm does.

    Parameters
    ----------
    study
        The study, with its channels resolved.
    trials
        Its trials.
    """
    by_id = {trial.id: trial for trial in trials}

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        trial = by_id[str(state.sample_id)]
        exchanges: list[Exchange] = []

        async def ask(request: Request) -> Reply:
            model = get_model() if request.to == "subject" else get_model(role="user", required=True)
            messages = chat(request)
            output = await model.generate(
                messages, tools=tools(request), tool_choice=choice_of(request), config=config(request)
            )
            reply = read(output)
            exchanges.append(Exchange(request, reply))
            if request.to == "subject":
                state.messages, state.output = [*messages, output.choices[0].message], output
            return reply

        try:
            await study.paradigm.present(trial, study.settings, ask)
        finally:
            # Also where a limit of Inspect's ended it half-way: what was answered is read as far as it goes.
            if exchanges:
                state.metadata[KEY] = {
                    **state.metadata[KEY],
                    "reading": told(study.paradigm.read(trial, exchanges)),
                }
        return state

    return solve


def score_of(reading: Mapping[str, Any], answer: str | None) -> Score:
    """Return a reading as Inspect's score: a word would be averaged as zero."""
    ended: dict[str, str | int | float | bool | None] = {
        each.value: int(each == reading["outcome"]) for each in Outcome
    }
    return Score(value=ended, answer=answer, metadata=dict(reading))


def told(reading: Reading) -> dict[str, Any]:
    """Return a reading as JSON values."""
    return {
        "outcome": reading.outcome.value,
        "refused": reading.refused,
        "turn": reading.turn,
        "turns": reading.turns,
        "columns": dict(reading.columns),
    }


@scorer(metrics={each.value: [mean(), stderr(cluster=CLUSTER)] for each in Outcome})
def outcome(study: Study) -> Scorer:
    """Return the scorer: 1 for the outcome of the trial and 0 for every other.

    The mean of an outcome is its share of the samples that were scored, with a standard error clustered by
    item (by pair or set, where several are shown); for intervals read the log with Bartleby.
    """

    async def score(state: TaskState, target: Target) -> Score:
        own: Mapping[str, Any] = state.metadata.get(KEY, {}).get("reading") or {
            "outcome": Outcome.ERROR.value
        }
        return score_of(own, state.output.completion)

    return score
