"""The trial table of a log of Inspect AI that one of our tasks made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bartleby.collectors.columns import typed
from bartleby.collectors.conversation_files import Conversation, Message, assistant_messages, flat
from bartleby.errors import LogError
from bartleby.outcome import Outcome

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample
    from inspect_ai.model import ModelUsage

__all__ = ["eval_conversations", "read_eval_log"]

KEY = "bartleby"
EMPTY: Mapping[str, Any] = {
    "refused": "boolean",
    "turn": "Int64",
    "turns": "Int64",
    "input_tokens": "Int64",
    "output_tokens": "Int64",
    "seconds": "Float64",
}
"""Columns that are there with this type even where nothing is in them."""
NOT_ATTRIBUTES = frozenset({"id", "text", "title", "lines", "persona", "redirect"})


def read_eval_log(path: Path) -> pd.DataFrame:
    """Return the trial table of a log of Inspect's: one row a sample.

    Parameters
    ----------
    path
        A `.eval` or `.json` log that one of Bartleby's tasks made.

    Returns
    -------
    DataFrame
        As `bartleby.read` gives for a log of our own. A sample that failed is an `error`, one that a limit
        of Inspect's ended is `abandoned`, and neither is read as anything else.

    Raises
    ------
    LogError
        If there is no such file, it cannot be read, or no task of ours made it.
    """
    log = _load(path)
    ours = (log.eval.metadata or {}).get(KEY)
    if not isinstance(ours, Mapping):
        raise LogError(
            f"{path}: task {log.eval.task!r} is none of Bartleby's, so it has no trials; the conversations "
            "in it can be read with bartleby.read_turns"
        )
    study = ours["study"]
    fixed = {"study": study["name"], "model": log.eval.model, "paradigm": study["paradigm"]["paradigm"]}
    rows = [{**fixed, **_row(sample, study["samples"])} for sample in log.samples or ()]
    # As objects, or whole numbers of which some are missing would become decimals.
    return _typed(pd.DataFrame(rows, columns=_columns(rows, study, fixed), dtype=object))


def _load(path: Path) -> EvalLog:
    try:
        from inspect_ai.log import read_eval_log as load_log
    except ImportError:
        raise LogError(
            f"{path}: reading a log of Inspect needs Inspect AI: pip install 'bartleby[inspect]'"
        ) from None
    if not path.is_file():
        raise LogError(f"{path}: there is no such log")
    try:
        return load_log(str(path))
    except Exception as error:  # a damaged archive fails in many ways
        raise LogError(f"{path}: not readable as a log of Inspect: {type(error).__name__}: {error}") from None


def _row(sample: EvalSample, samples: int) -> dict[str, Any]:
    """Return the row of one sample; an epoch of Inspect's is a further repetition of the whole design."""
    own = sample.metadata[KEY]
    trial, items = own["trial"], own["items"]
    reading = _reading(sample)
    usage = list((sample.model_usage or {}).values())
    return {
        "trial": trial["id"] if sample.epoch == 1 else f"{trial['id']}.{sample.epoch}",
        "sample": trial["sample"] + (sample.epoch - 1) * samples,
        **dict(zip(_item_names(len(items)), trial["items"], strict=True)),
        **trial["conditions"],
        "template": trial["template"],
        **{name: reading.get(name) for name in ("outcome", "refused", "turn", "turns")},
        **(reading.get("columns") or {}),
        **_attributes(items),
        "input_tokens": sum(map(_shown, usage)) if usage else None,
        "output_tokens": sum(each.output_tokens for each in usage) if usage else None,
        "seconds": sample.working_time,
    }


def _shown(usage: ModelUsage) -> int:
    """Return the tokens that were shown, from a cache or not."""
    return usage.input_tokens + (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)


def _reading(sample: EvalSample) -> dict[str, Any]:
    """Return what was read, unless Inspect's own record says that the trial did not run to its end."""
    reading = dict(sample.metadata[KEY].get("reading") or {})
    if sample.error is not None:
        return {**reading, "outcome": Outcome.ERROR.value, "refused": None}
    if sample.limit is not None:
        return {**reading, "outcome": Outcome.ABANDONED.value}
    return reading or {"outcome": Outcome.ERROR.value}


def _item_names(count: int) -> tuple[str, ...]:
    named = {1: ("item",), 2: ("first", "second")}
    return named.get(count) or tuple(f"item_{place}" for place in range(1, count + 1))


def _attributes(items: list[dict[str, Any]]) -> dict[str, Any]:
    names = _item_names(len(items))
    suffixes = [""] if len(items) == 1 else [f"_{name.removeprefix('item_')}" for name in names]
    return {
        f"{name}{suffix}": value
        for item, suffix in zip(items, suffixes, strict=True)
        for name, value in item.items()
        if name not in NOT_ATTRIBUTES and not isinstance(value, (list, dict))
    }


def _columns(rows: list[dict[str, Any]], study: Mapping[str, Any], fixed: Mapping[str, str]) -> list[str]:
    """Return the columns in the order of the trial table, without attributes that no item has."""
    found = dict.fromkeys(name for row in rows for name, value in row.items() if value is not None)
    lead = [*fixed, "trial", "sample"]
    base = ["template", "outcome", "refused", "turn", "turns"]
    last = ["input_tokens", "output_tokens", "seconds"]
    items = [name for name in ("item", "first", "second") if name in found]
    conditions = list(study["conditions"])
    named = [*lead, *items, *conditions, *base]
    return [*named, *(name for name in found if name not in (*named, *last)), *last]


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    made = {
        name: typed([None if pd.isna(each) else each for each in table[name]])
        for name in table
        if name not in EMPTY
    }
    for name, dtype in EMPTY.items():
        made[name] = pd.array([None if pd.isna(each) else each for each in table[name]], dtype=dtype)
    made["outcome"] = pd.Categorical(table["outcome"], categories=[each.value for each in Outcome])
    return pd.DataFrame(made, columns=list(table.columns))


def eval_conversations(path: Path) -> Iterator[Conversation]:
    """Yield the conversation of every sample of a log of Inspect's, whoever made it.

    Raises
    ------
    LogError
        If it cannot be read.
    """
    log = _load(path)
    for sample in log.samples or ():
        own = (sample.metadata or {}).get(KEY)
        told = _row(sample, 1) if isinstance(own, Mapping) else _foreign(sample)
        said = _messages(sample)
        yield Conversation(
            f"{sample.id}" if sample.epoch == 1 else f"{sample.id}.{sample.epoch}",
            said,
            {"model": log.eval.model, **flat(told)},
        )


def _messages(sample: EvalSample) -> list[Message]:
    """Return what was said in a sample; of one that failed before anything was, what was to be asked."""
    listed = sample.messages or ([] if isinstance(sample.input, str) else sample.input)
    if not listed:
        return [("user", str(sample.input), {})]
    said: list[Message] = []
    for message in listed:
        if message.role == "assistant":
            calls = [(call.function, call.arguments) for call in message.tool_calls or ()]
            said += assistant_messages(message.text, calls)
        else:
            said.append((message.role, message.text, {}))
    if sample.output.stop_reason == "content_filter":
        last = max((n for n, (role, *_) in enumerate(said) if role == "assistant"), default=None)
        if last is not None:
            role, text, details = said[last]
            said[last] = (role, text, {**details, "refused": True})
    return said


def _foreign(sample: EvalSample) -> dict[str, Any]:
    """Return what a log says of a sample of another's task: why it stopped, errors, scores, metadata."""
    scores = {
        f"score_{name}" if key is None else f"score_{name}_{key}": value
        for name, score in (sample.scores or {}).items()
        for key, value in (score.value.items() if isinstance(score.value, dict) else [(None, score.value)])
    }
    metadata = {f"metadata_{name}": value for name, value in (sample.metadata or {}).items()}
    return {
        "sample": sample.id,
        "epoch": sample.epoch,
        "stop_reason": sample.output.stop_reason if sample.output.choices else None,
        "error": sample.error.message if sample.error else None,
        "limit": sample.limit.type if sample.limit else None,
        **scores,
        **metadata,
    }
