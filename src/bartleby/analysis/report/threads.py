"""Conversations told once: what a request repeats of what was said before is not shown again.

A study may ask something on a copy of the conversation (whether to stay, why it left), so that neither the
question nor its answer is part of what is said later. The next request then tells the whole conversation
anew. What comes between two replies is that request; where it holds replies of the model it is a retelling,
and what it shares with any earlier conversation, from its beginning, was shown already.
"""

from __future__ import annotations

from collections.abc import Sequence

from bartleby.analysis.report.sections import TurnLike

__all__ = ["told_once"]

Said = tuple[str, str]


def told_once(turns: Sequence[TurnLike]) -> list[TurnLike]:
    """Return the turns of a transcript without those that only tell again what was said before.

    Parameters
    ----------
    turns
        All that was sent and answered, in order. The replies are those turns of the assistant that have a
        `stop`; where none has, nothing is taken for a retelling.
    """
    shown: list[TurnLike] = []
    runs: list[list[Said]] = []
    block: list[TurnLike] = []
    for turn in turns:
        if turn.role != "assistant" or getattr(turn, "stop", None) is None:
            block.append(turn)
            continue
        said = [_said(each) for each in block if each.role != "system"]
        again = bool(runs) and any(role == "assistant" for role, _ in said)
        shown += [*(_rest(block, _shared(said, runs)) if again else block), turn]
        if again or not runs:
            runs.append([])
        runs[-1] += [*said, _said(turn)]
        block = []
    return [*shown, *block]


def _said(turn: TurnLike) -> Said:
    return turn.role, str(turn.text)


def _rest(block: Sequence[TurnLike], shared: int) -> list[TurnLike]:
    """Return a request without its first turns, and without a system prompt that stood before these."""
    messages = [turn for turn in block if turn.role != "system"]
    return list(block) if not shared else messages[shared:]


def _shared(said: Sequence[Said], runs: Sequence[Sequence[Said]]) -> int:
    """Return how many turns a request shares with a conversation, which may begin anywhere in a run."""
    starts = ((run, at) for run in runs for at, each in enumerate(run) if each == said[0])
    return max((_prefix(said, run[at:]) for run, at in starts), default=0)


def _prefix(one: Sequence[Said], other: Sequence[Said]) -> int:
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
