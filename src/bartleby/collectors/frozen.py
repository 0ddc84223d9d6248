"""What a log freezes of its study and model, and what differs when another one is brought to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bartleby.exchange import canonical_json, content_hash
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

    def together_with(self, other: Frozen) -> Frozen | None:
        """Return the record of both, where they differ in nothing but items, levels, samples and texts.

        One and the same item, level or text is the same in both. A design with several rounds, whose later
        pairs depend on all answers before them, does not grow: then there is none.
        """
        alone = replace(other, study=self.study, fingerprint=self.fingerprint)
        if self.differences(alone) or "rounds" in self.study["paradigm"].get("graph", {}):
            return None
        study = {name: _union(name, value, other.study.get(name)) for name, value in self.study.items()}
        described = {name: other.study[name] for name in DESCRIBING if name in other.study}
        if any(value is _APART for value in study.values()):
            return None
        both = {**study, **described}
        return replace(other, study=both, fingerprint=content_hash(_decisive(both)))


_APART = object()
"""What two values have together that cannot be had together."""


def _union(name: str, one: Any, other: Any) -> Any:  # noqa: ANN401 - JSON values
    """Return the larger of two parts of a study, or both together."""
    if name in DESCRIBING or one == other:
        return other
    if name == "samples":
        return max(one, other)
    if name == "items":
        return _joined({item["id"]: item for item in one}, {item["id"]: item for item in other}, list)
    if name == "conditions" and one.keys() == other.keys():
        return {condition: list(dict.fromkeys([*one[condition], *other[condition]])) for condition in one}
    return _paradigms(one, other) if name == "paradigm" and one.keys() == other.keys() else _APART


def _paradigms(one: Mapping[str, Any], other: Mapping[str, Any]) -> Any:  # noqa: ANN401
    both = dict(other)
    for name in (name for name in one if one[name] != other[name]):
        if name in ("wordings", "effects"):
            both[name] = _joined(one[name], other[name], None)
        elif name == "tool_names":
            both[name] = list(dict.fromkeys([*one[name], *other[name]]))
        elif name != "graph" or "rounds" in other[name]:
            both[name] = _APART
    return _APART if any(value is _APART for value in both.values()) else both


def _joined(one: Mapping[str, Any], other: Mapping[str, Any], kind: type[list[Any]] | None) -> Any:  # noqa: ANN401
    if any(one[name] != other[name] for name in one.keys() & other.keys()):
        return _APART
    both = {**one, **other}
    return both if kind is None else list(both.values())


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
