"""The paradigms that come with Bartleby by name, and the texts of each of their conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from textwrap import indent

from bartleby.errors import SettingError
from bartleby.studies.paradigms.base import Paradigm, Worded
from bartleby.studies.paradigms.end_conversation import EndConversation
from bartleby.studies.paradigms.opt_out import OptOut
from bartleby.studies.paradigms.task_choice import TaskChoice
from bartleby.studies.study import Study

__all__ = ["PARADIGMS", "Wordings", "wordings"]

PARADIGMS: Mapping[str, Callable[[], Paradigm]] = {
    paradigm.name: paradigm for paradigm in (TaskChoice, OptOut, EndConversation)
}


@dataclass(frozen=True)
class Wordings:
    """Texts that a model may be shown, by paradigm, condition and level.

    Parameters
    ----------
    by_paradigm
        For each paradigm: condition, then level, then text.
    """

    by_paradigm: Mapping[str, Mapping[str, Mapping[str, str]]]

    def to_dict(self) -> dict[str, dict[str, dict[str, str]]]:
        """Return the texts as JSON values."""
        return {
            paradigm: {condition: dict(levels) for condition, levels in texts.items()}
            for paradigm, texts in self.by_paradigm.items()
        }

    def __str__(self) -> str:
        """Show every text in full."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for paradigm, texts in self.by_paradigm.items():
            yield f"{paradigm}  (the first level of each condition is the default)"
            for condition, levels in texts.items():
                yield f"  {condition}"
                for level, text in levels.items():
                    yield f"    {level}"
                    if text and text != level:
                        yield indent(text, "      | ", lambda _: True)


def wordings(of: Study | Paradigm | str | None = None) -> Wordings:
    """Return the texts that a model may be shown: those that come with Bartleby, or those of a study.

    Parameters
    ----------
    of
        A study or a paradigm, or the name of a paradigm: `task_choice`, `opt_out`, `end_conversation`. By
        default all of these.

    Returns
    -------
    Wordings
        Prints as text; `to_dict()` has it by paradigm, condition and level.

    Raises
    ------
    SettingError
        If there is no such paradigm, or it has no texts of its own.

    Examples
    --------
    >>> import bartleby as bb
    >>> bb.wordings("opt_out").to_dict()["opt_out"]["effect"]["ends"]
    'A task that you decline is dropped: nobody will do it.'
    """
    if isinstance(of, str) and of not in PARADIGMS:
        raise SettingError(f"no paradigm {of!r}; allowed: {', '.join(PARADIGMS)}")
    if of is None:
        paradigms = [make() for make in PARADIGMS.values()]
    elif isinstance(of, str):
        paradigms = [PARADIGMS[of]()]
    else:
        paradigms = [of.paradigm if isinstance(of, Study) else of]
    texts = {each.name: each.texts() for each in paradigms if isinstance(each, Worded)}
    if not texts:
        raise SettingError(f"the paradigm {paradigms[0].name!r} has no texts that can be listed")
    return Wordings(texts)
