"""A study of conversations made again from the declaration that a log has frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from bartleby.errors import BartlebyError, StudyError
from bartleby.exchange import Message, Settings
from bartleby.studies.batteries import Battery, Statement
from bartleby.studies.items import Item
from bartleby.studies.paradigms.branches import Branch
from bartleby.studies.paradigms.end_conversation import EndConversation
from bartleby.studies.paradigms.exits.wordings import ExitWording
from bartleby.studies.scenarios import Scenario
from bartleby.studies.study import Study

__all__ = ["conversations_declared"]


def conversations_declared(told: Mapping[str, Any]) -> Study:
    """Return the study of a frozen declaration whose paradigm is `EndConversation`.

    Parameters
    ----------
    told
        As `Study.to_dict` gives it.

    Raises
    ------
    StudyError
        If the paradigm is another, or the declaration was made by a version that declares otherwise.
    """
    name = str(told.get("name"))
    paradigm = dict(told.get("paradigm", {}))
    if paradigm.pop("paradigm", None) != EndConversation.name:
        raise StudyError(f"study {name!r} has no conversations to continue; allowed: {EndConversation.name}")
    try:
        study = Study(
            name=name,
            items=[_item(each) for each in told["items"]],
            paradigm=_paradigm(paradigm),
            conditions=told["conditions"],
            samples=told["samples"],
            seed=told["seed"],
            settings=_settings(told["settings"]),
            title=told.get("title", ""),
            description=told.get("description", ""),
        )
    except (KeyError, TypeError, BartlebyError) as error:
        raise StudyError(
            f"study {name!r}: its declaration in the log cannot be read ({type(error).__name__}: "
            f"{error}); name "
            "the study itself"
        ) from None
    return study


def _paradigm(told: Mapping[str, Any]) -> EndConversation:
    known = {each.name for each in fields(EndConversation)}
    values = {key: value for key, value in told.items() if key in known}
    values["wordings"] = {key: ExitWording(*texts) for key, texts in told["wordings"].items()}
    values["tool_names"] = tuple(told["tool_names"])
    battery = told.get("battery")
    values["battery"] = None if not battery else Battery(tuple(Statement(**each) for each in battery))
    return EndConversation(**values)


def _item(told: Mapping[str, Any]) -> Item:
    kind: Any = Branch if "branch" in told and "origin" in told else Scenario
    own = {each.name for each in fields(kind)} - {"attributes"}
    values = {key: value for key, value in told.items() if key in own}
    if kind is Branch:
        values["messages"] = tuple(Message(**_message(each)) for each in told.get("messages", ()))
    else:
        values["scenario_class"] = values.get("scenario_class") or ""
    for name in ("lines", "kinds"):
        values[name] = tuple(values.get(name) or ())
    rest = {key: value for key, value in told.items() if key not in own}
    made: Item = kind(**values, attributes=rest)
    return made


def _message(told: Mapping[str, Any]) -> dict[str, Any]:
    return {**told, "blocks": tuple(told.get("blocks") or ())}


def _settings(told: Mapping[str, Any]) -> Settings:
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in told.items()}
    return Settings(**values)
