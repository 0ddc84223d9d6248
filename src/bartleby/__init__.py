"""Bartleby measures what language models would prefer not to do.

Six verbs, the same here and on the command line: `load`, `check`, `run` (`collect` in async code), `read`,
`choice_model` and its fellow estimators, `report`. Everything is imported when it is first used, so that
`import bartleby` costs next to nothing. The rest is in namespaces:

`annotation`
    Codebooks, judges, lexicons and annotators, and the tables that they code.
`choices`
    Choices beyond `choice_model`: sets, consistency, framing and prediction.
`figures`
    Figures beyond the `plot()` of a result, and how they are saved.
`inference`
    Families of tests, and how large a study has to be.
`leaving`
    Leaving conversations and work: when, why, by which rules, and what it would take.
`models`
    Models that answer: opened by name, or simulated with tendencies that are known.
`paradigms`
    Paradigms of your own: what they are made of, and the test of their contract.
`patterns`
    Patterns of codes over the turns of conversations.
`self_reports`
    What models report of themselves when asked.
`tables`
    Tables in files, and what estimators return.
"""

from __future__ import annotations

from importlib.util import find_spec

import lazy_loader

_lazy, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    """Import a public name, which `__init__.pyi` lists, when it is first used."""
    if name == "__version__":
        from importlib.metadata import version

        return version("bartleby")
    try:
        return _lazy(name)
    except AttributeError as error:
        # Python asks for a module here before it imports it; looking for hints then would import in a circle.
        module = name.startswith("_") or find_spec(f"{__name__}.{name}") is not None
        spaces = [] if module else [space for space in __all__ if space.islower()]
        inside = next((space for space in spaces if name in getattr(_lazy(space), "__all__", ())), None)
        hint = "" if inside is None else f"; there is bartleby.{inside}.{name}"
        raise AttributeError(f"{error}{hint}") from None
