"""What a conversation is read as: the row of a trial, and the rows of its turns."""

from __future__ import annotations

from bartleby.outcome import Outcome
from bartleby.studies.items import Attribute
from bartleby.studies.paradigms.exits.course import Course, Turn
from bartleby.studies.paradigms.exits.reasons import read_reason
from bartleby.studies.paradigms.self_report import report_columns
from bartleby.studies.trial import Reading

__all__ = ["course_turns", "read_course"]


def read_course(course: Course) -> Reading:
    """Return the reading of a conversation.

    One that ended before its last turn, for whatever reason of ours, is `abandoned`: never `completed`.
    """
    turns = course.turns
    outcome = course.outcome or Outcome.ABANDONED
    exited = next((turn for turn in turns if turn.exited), None)
    return Reading(
        outcome,
        refused=any(turn.refused for turn in turns) if turns else None,
        turn=None if exited is None else exited.number,
        turns=turns[-1].number if turns else None,
        columns={**_counts(turns), **_ending(course, exited), **_reports(course)},
    )


def course_turns(course: Course) -> list[dict[str, Attribute]]:
    """Return one row an assistant turn.

    Columns: `turn`, `user_text_kind` (what the user's line before it does), `refused`, `redirected`,
    `exited`, `refusals_before` and `redirections_before` (earlier turns), `length` (characters), `cut_off`
    (whether the token limit ended the reply); `warns`, `asks_confirmation` and `mentions_ending` (what it
    says of ending the conversation, by a reader of words); `calls` (of the exit), `call_withdrawn` (whether a
    first call was not confirmed, where there are two stages) and `words_after_call` (empty where that is not
    known).
    """
    rows: list[dict[str, Attribute]] = []
    refusals = redirections = 0
    for turn in course.turns:
        rows.append(
            {
                "turn": turn.number,
                "user_text_kind": turn.kind,
                "refused": turn.refused,
                "redirected": turn.redirected,
                "exited": turn.exited,
                "refusals_before": refusals,
                "redirections_before": redirections,
                "length": len(turn.reply.text),
                "cut_off": turn.reply.stop == "max_tokens",
                **turn.announced,
                "calls": turn.reading.calls + (turn.second.calls if turn.second is not None else 0),
                "call_withdrawn": turn.withdrawn,
                "words_after_call": turn.wrote_after,
            }
        )
        refusals += turn.refused
        redirections += turn.refused or turn.redirected
    return rows


def _counts(turns: list[Turn]) -> dict[str, Attribute]:
    return {
        "refusals": sum(turn.refused for turn in turns),
        "redirections": sum((turn.refused or turn.redirected) and not turn.reading.taken for turn in turns),
        "exit_calls": sum(
            turn.reading.calls + (turn.second.calls if turn.second is not None else 0) for turn in turns
        ),
        "exit_quoted": any(turn.reading.quoted for turn in turns),
        "other_tools": sum(turn.reading.other_tools for turn in turns),
        "cut_off": sum(turn.reply.stop == "max_tokens" for turn in turns),
    }


def _ending(course: Course, exited: Turn | None) -> dict[str, Attribute]:
    asked = next((turn.number for turn in course.turns if turn.kind == "asks_to_end"), None)
    called = exited is not None and exited.reading.calls > 0
    return {
        "wrote_text": bool(exited.reply.text.strip()) if called and exited is not None else None,
        "exit_reason": None if course.reason is None else read_reason(course.reason),
        "user_asked_to_end": asked,
        "user_ended": course.user_ended if course.plan.persona is not None else None,
        "cut_by": course.cut_by if course.outcome is None else None,
    }


def _reports(course: Course) -> dict[str, Attribute]:
    plan = course.plan
    found: dict[str, Attribute] = {}
    for time, answers in (("before", course.before), ("after", course.after)):
        found.update(report_columns(time, answers, plan.statements, plan.channel))
    return found
