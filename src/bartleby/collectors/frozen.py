"""What a log freezes of its study and model, and what differs when another one is brought to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bartleby.exchange import canonical_json
from bartleby.studies.study import DESCRIBING, Study

__all__ = ["Frozen", "freeze"]

SHOWN = 4


@dataclass(frozen=True)
class Frozen:
    """The study and the model of a log.

    Parameters
    ----------
    study
        The declaration, as JSON values.
    fingerprint
        Hash of all in it that decides what is asked.
    model
        Name of the model.
    description
        What the model says of itself: versions, file and its hash, limits.
    user, user_description
        The model that plays the user, where there is one, and what it says of itself.
    """

    study: Mapping[str, Any]
    fingerprint: str
    model: str
    description: Mapping[str, Any] = field(default_factory=dict)
    user: str | None = None
    user_description: Mapping[str, Any] = field(default_factory=dict)

    def differences(self, other: Frozen) -> list[str]:
        """Return what another study or model would change, one text a field."""
        found = [] if self.model == other.model else [f"model {self.model} -> {other.model}"]
        if self.user != other.user:
            found.append(f"model of the user {self.user or 'none'} -> {other.user or 'none'}")
        found += _other_weights(self.description, other.description)
        found += _other_weights(self.user_description, other.user_description)
        if self.fingerprint != other.fingerprint:
            before, after = _decisive(self.study), _decisive(other.study)
            found += list(_compare("", before, after)) or ["the study's fingerprint"]
        return found


def _other_weights(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return how the weights differ of models in files, which one name may hold one after the other."""
    one, other = before.get("sha256"), after.get("sha256")
    named = f"weights of {after.get('file', after.get('id'))} {str(one)[:12]} -> {str(other)[:12]}"
    return [named] if one and other and one != other else []


def freeze(
    study: Study,
    model: str,
    description: Mapping[str, Any],
    user: str | None = None,
    user_description: Mapping[str, Any] | None = None,
) -> Frozen:
    """Return what a log keeps of a study, a model, and the model that plays the user."""
    return Frozen(study.to_dict(), study.fingerprint(), model, description, user, user_description or {})


def list_some(found: list[str]) -> str:
    """Return the first few of several texts, and how many more there are."""
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; ".join(found[:SHOWN]) + more


def _decisive(study: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in study.items() if name not in DESCRIBING}


def _compare(place: str, one: object, other: object) -> Iterator[str]:
    """Walk two JSON values and yield where they differ, items by their id."""
    before, after = _by_name(one), _by_name(other)
    if before is None or after is None:
        if one != other:
            yield f"{place or 'study'} {_short(one)} -> {_short(other)}"
        return
    for name in [*before, *(name for name in after if name not in before)]:
        inner = f"{place}.{name}" if place else str(name)
        if name not in after:
            yield f"{inner} removed"
        elif name not in before:
            yield f"{inner} added"
        else:
            yield from _compare(inner, before[name], after[name])


def _by_name(value: object) -> Mapping[str, Any] | None:
    if isinstance(value, Mapping):
        return value
    if (
        isinstance(value, list)
        and value
        and all(isinstance(each, Mapping) and "id" in each for each in value)
    ):
        return {each["id"]: each for each in value}
    return None


def _short(value: object) -> str:
    text = canonical_json(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
