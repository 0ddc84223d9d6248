"""Columns of a table from values as they come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from bartleby.exchange import well_formed

__all__ = ["typed"]


def typed(values: Sequence[Any]) -> Any:  # noqa: ANN401 - an extension array
    """Return values as the narrowest nullable column that holds them: whether, integer, number, or text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds and kinds <= {bool}:
        return pd.array(list(values), dtype="boolean")
    if kinds and kinds <= {int}:
        return pd.array(list(values), dtype="Int64")
    if kinds and kinds <= {int, float}:
        return pd.array(list(values), dtype="Float64")
    return pd.array([value if value is None else well_formed(str(value)) for value in values], dtype="string")
