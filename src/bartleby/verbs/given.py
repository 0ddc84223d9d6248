"""What verbs are given: names of studies and models, made into what they name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bartleby.collectors.prices import price_of
from bartleby.errors import BartlebyError
from bartleby.studies.load import load
from bartleby.studies.study import Study

if TYPE_CHECKING:
    from bartleby.collectors.battery import BadStudy
    from bartleby.collectors.models.base import Model
    from bartleby.exchange import Usage

__all__ = ["cost_of", "model_of", "studies_of", "study_of"]


def study_of(study: Study | str | Path) -> Study:
    """Return a study; the path of a file, or the name of one that comes with Bartleby, is loaded."""
    return study if isinstance(study, Study) else load(study)


def studies_of(studies: Sequence[Study | str | Path]) -> list[Study | BadStudy]:
    """Load what can be loaded; what cannot is kept with the reason."""
    from bartleby.collectors.battery import BadStudy

    found: list[Study | BadStudy] = []
    for each in studies:
        try:
            found.append(study_of(each))
        except BartlebyError as error:
            found.append(BadStudy(str(each), error))
    return found


def model_of(model: Model | str | None) -> Model | None:
    """Return a model; a name such as `anthropic/MODEL` is opened."""
    from bartleby.collectors.models import open_model

    return open_model(model) if isinstance(model, str) else model


def cost_of(model: str) -> Callable[[Usage], float | None] | None:
    """Return what the tokens of a model cost in dollars, or None where its price is not known."""
    price = price_of(model)
    return None if price is None else price.cost
