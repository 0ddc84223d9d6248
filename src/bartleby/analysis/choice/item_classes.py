"""The classes that items fall into: attributes of items by name, or a message that says why not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from bartleby.errors import SettingError

__all__ = ["item_classes"]


def item_classes(
    by: Sequence[str], items: Iterable[str], attributes: pd.DataFrame, varying: Mapping[str, str]
) -> pd.DataFrame:
    """Return attributes of items by name, one row an item.

    Parameters
    ----------
    by
        Names of attributes; none gives a table of all items without columns.
    items
        The items.
    attributes
        Attributes found in the table, one row an item.
    varying
        Columns that look like attributes and vary within an item, with what was found.

    Raises
    ------
    SettingError
        A name is no attribute of items in this table; each such name is told.
    """
    problems = []
    for name in by:
        if name in varying:
            problems.append(f"{name!r} is no attribute of items: {varying[name]}")
        elif name not in attributes.columns:
            there = ", ".join(attributes.columns) or "none"
            problems.append(
                f"{name!r} is no attribute of items: the table needs the columns {name}_first and "
                f"{name}_second; attributes there: {there}"
            )
    if problems:
        raise SettingError("\n".join(problems))
    return attributes[list(by)] if by else pd.DataFrame(index=pd.Index(sorted(set(items))))
