"""What is known of a fitted choice model before anything more is asked of it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from bartleby.analysis.choice.fit import GroupFit
from bartleby.analysis.choice.item_classes import item_classes
from bartleby.analysis.choice.options import ChoiceOptions
from bartleby.analysis.choice.shares import ClassDraws
from bartleby.analysis.tables.estimates import Estimates

__all__ = ["FittedChoices"]


@dataclass(frozen=True, repr=False)
class FittedChoices(Estimates):
    """A fitted choice model: its groups, options, and what the table says of items.

    Parameters
    ----------
    groups
        One fit a model and level of `by`.
    options
        What was asked for.
    attributes_of_items
        Item attributes found in the table, one row an item.
    varying
        Columns that look like item attributes and vary within an item, with what was found.
    label_mass
        How probable it was, in each group, that one of the labels is answered.
    confounded
        Which models have no template in common, and cannot be compared.
    """

    groups: tuple[GroupFit, ...] = field(default=(), repr=False)
    options: ChoiceOptions = field(default_factory=ChoiceOptions, repr=False)
    attributes_of_items: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    varying: Mapping[str, str] = field(default_factory=dict, repr=False)
    label_mass: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    confounded: tuple[str, ...] = ()

    @cached_property
    def class_draws(self) -> dict[Hashable, list[ClassDraws]]:
        """Draws of classes of items, which the tables of shares have in common."""
        return {}

    def separated(self, model: object = None) -> frozenset[str]:
        """Return the items that won or lost every comparison that could place them.

        Parameters
        ----------
        model
            Name of one of the models; None takes the items of all fits.
        """
        return frozenset(
            str(group.data.items[code])
            for group in self.groups
            if model is None or group.key.get("model") == model
            for code in group.separation.items
        )

    def item_classes(self, by: Sequence[str]) -> pd.DataFrame:
        """Return item attributes by name, one row an item.

        Raises
        ------
        SettingError
            A name is no attribute of items in this table.
        """
        items = (item for group in self.groups for item in group.data.items)
        return item_classes(by, items, self.attributes_of_items, self.varying)
