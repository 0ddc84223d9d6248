"""A fitted choice model: utilities, slot effect and tie parameter, and all that can be asked of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bartleby.analysis.choice.attributes import attribute_effects, dose_rows
from bartleby.analysis.choice.bootstrap import bootstrap_rows
from bartleby.analysis.choice.choosing import choice_verdict, chooses_rows
from bartleby.analysis.choice.fitted import FittedChoices
from bartleby.analysis.choice.share_classes import ShareSettings
from bartleby.analysis.choice.share_differences import share_differences
from bartleby.analysis.choice.share_estimates import shares_below
from bartleby.analysis.choice.slot import flipping_pairs, slot_by_class
from bartleby.analysis.inference.families import Adjustment
from bartleby.analysis.tables.estimates import Estimates
from bartleby.analysis.tables.grouping import Estimand, as_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bartleby.analysis.figures.style import Picture, Width

__all__ = ["ChoiceFit"]


@dataclass(frozen=True, repr=False)
class ChoiceFit(FittedChoices):
    """A fitted choice model: utilities, slot effect and tie parameter, and what follows from them.

    Its fields are those of `FittedChoices`.
    """

    @property
    def verdict(self) -> str:
        """One sentence to paste: whether it chooses at all, how many items are apart from the zero."""
        return choice_verdict(self)

    def chooses(self, *, level: float | None = None) -> Estimates:
        """Return whether the choices depend on what the items are, or on position alone.

        Parameters
        ----------
        level
            Level of the intervals; as in the fit without.

        Returns
        -------
        Estimates
            By `quantity`: the share of the variance of choices that the `items` explain beyond position;
            the share that `position` explains; how often the same item is taken in `both_orders` of a pair
            (a coin: half of the time); and the mean `label_mass`, where the table has it.
            `settings["status"]` has a status for each model: `chooses` (the interval of `items` lies above
            0, and items explain at least as much as position), `mostly position` (it lies above 0, and
            position explains more), `position alone` (it reaches 0, and first positions are not taken half
            of the time), `no preference` (neither), `cannot tell` (pairs were shown in one order only).

        Notes
        -----
        The interval inverts a score test of all utilities, position being known (noncentral chi-square; F
        with the degrees of freedom of clusters where their overdispersion enters). It is about exactly these
        items. That it reaches 0 does not show that there is no preference: few choices show little.
        """
        return chooses_rows(self, self.options.but(level=level).level)

    def plot(
        self,
        *,
        colour: str = "impact",
        ax: Axes | None = None,
        width: Width | None = None,
        models: Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Picture:
        """Return the figure of utilities by item, with the shares below the baseline and the position effect.

        Parameters
        ----------
        colour
            Item attribute that makes the classes; items look alike where the table does not have it.
        ax
            Matplotlib axes to draw into, in place of a new figure; shares and position effect are not drawn.
        width
            Of a new figure: `one` or `two` journal columns, or inches.
        models
            Which models, in which order; several share the lines of one figure.
        labels
            What is written in place of ids of items and names of models.

        Raises
        ------
        DataError
            There are several fits of a model (levels of `by`): draw them one at a time.
        """
        from bartleby.analysis.figures.utilities import plot_utilities

        shares, one = None, len(self.groups) == 1
        if self.options.baseline is not None and colour in self.attributes_of_items and one and ax is None:
            # The bounds of shares cost as much as the shares, and the figure does not show them.
            shares = shares_below(self, (colour,), ShareSettings.of(self.options), bounds=False).frame
        return plot_utilities(
            self.frame,
            items=self.attributes_of_items,
            colour=colour,
            shares=shares,
            accounting=self.accounting if one else None,
            baseline=self.options.baseline,
            separated=self.separated() if one else (),
            ax=ax,
            width=width,
            models=models,
            labels=labels,
        )

    def share_below(
        self,
        by: str | Sequence[str] | None = None,
        *,
        estimand: Estimand | None = None,
        level: float | None = None,
        margin: float | None = None,
        draws: int | None = None,
        seed: int | None = None,
    ) -> Estimates:
        """Return the share of items of each class whose utility is below the baseline.

        Parameters
        ----------
        by
            Item attributes that make the classes (`impact` stands for the columns `impact_first` and
            `impact_second`); None takes all items but the baseline as one class.
        estimand
            `new_items` or `these_items`; as in the fit without.
        level
            Level of the interval; as in the fit without.
        margin
            Difference to the baseline, in logits, that does not matter: adds the shares of items below it,
            within it and above it.
        draws
            Draws from the posterior; None draws until the Monte Carlo standard error of bounds is at most
            0.005, or 16,000 times.
        seed
            Seed of the draws; as in the fit without.

        Returns
        -------
        Estimates
            One row a model and class, `n` the items of it; with a margin four, `share_below` and
            `share_below_margin`, `share_within_margin` and `share_above_margin`, which add up to 1.
            `n_unsure` items could be on either side of the baseline (posterior probability of being below
            it between 0.1 and 0.9). `population_check` is the posterior predictive p value of the
            population: a small one says that the interval may be in the wrong place, a large one nothing.

        Raises
        ------
        SettingError
            The fit has no baseline, or `by` is no attribute of items.

        Notes
        -----
        The utilities of a class are a sample from a mixture of normals of which most weights are next to
        nothing (a sparse finite mixture, Malsiner-Walli, Fruehwirth-Schnatter & Gruen 2016), fitted together
        with the choices. The estimate is the mean number of items below the baseline by the number of items;
        an item that is exactly at the baseline counts half. For `new_items` each drawn number is spread as
        that of a sample (Jeffreys), whatever the population.
        """
        asked = self.options.but(estimand=estimand, level=level, seed=seed)
        settings = ShareSettings.of(asked, draws=draws, margin=margin)
        return shares_below(self, as_names(by), settings)

    def compare_shares(
        self,
        by: str | Sequence[str] | None = None,
        *,
        between: str | None = None,
        reference: object = None,
        estimand: Estimand | None = None,
        level: float | None = None,
        adjust: Adjustment | None = "holm",
        draws: int | None = None,
        seed: int | None = None,
    ) -> Estimates:
        """Return differences of the share below the baseline between classes or models.

        Parameters
        ----------
        by
            Item attributes that make the classes; None takes all items but the baseline as one class.
        between
            What is compared: one of `by` (the same draws are compared, so that the noise of the baseline
            they share cancels), or a column that splits the fit, such as `model` (items that both have
            are compared with themselves). Without it, the first of `by`, or without `by` the first column
            that splits the fit.
        reference
            The value the others are compared with; the first without.
        adjust
            `holm`, `bh` or None: how p values are adjusted over all rows of this call.
        estimand, level, draws, seed
            As in `share_below`, whose draws these are.

        Returns
        -------
        Estimates
            One row a value other than the reference: term `value - reference`, `n` items, the two shares,
            `p_value` (twice the posterior probability of the less likely sign, at least `p_resolution` of
            the settings) and `p_adjusted`.

        Raises
        ------
        SettingError
            No such attribute or column, or the reference is none of its values.
        DataError
            Models that are to be compared have no template in common.
        """
        asked = self.options.but(estimand=estimand, level=level, seed=seed)
        settings = ShareSettings.of(asked, draws=draws)
        return share_differences(
            self, as_names(by), settings, between=between, reference=reference, adjust=adjust
        )

    def slot_by(self, by: str) -> Estimates:
        """Return a slot effect for each class of items.

        The slot effect of a trial is the mean of those of the two classes it shows, so that the effect of
        a class is that in trials between two of its items. Items without the attribute are `(none)`.
        """
        return slot_by_class(self, by)

    def flips(self, *, level: float | None = None, fdr: float = 0.05) -> Estimates:
        """Return the order effect of each pair that was shown in both orders.

        Parameters
        ----------
        level
            Level of the intervals, not adjusted for their number.
        fdr
            False discovery rate (Benjamini & Hochberg 1995) at which a pair counts as flipping.

        Returns
        -------
        Estimates
            One row a pair, `item_1` and `item_2`: its slot effect in logits, the shares of choices of
            `item_1` when it was shown first and second, Fisher's exact `p_value`, `q_value`, and whether
            it `flips`: the majority is for another item in the other order and `q_value` is at most `fdr`.
        """
        return flipping_pairs(self, level=self.options.but(level=level).level, fdr=fdr)

    def attributes(
        self, names: str | Sequence[str], *, estimand: Estimand | None = None, level: float | None = None
    ) -> Estimates:
        """Return partial effects of item attributes on utility, all in one regression.

        Parameters
        ----------
        names
            Attributes, such as `["harm", "difficulty"]`. Numbers enter as slopes, words as contrasts with
            their first level (of harm levels: none).
        estimand
            `new_items` takes items as a sample, with a variance that attributes leave unexplained;
            `these_items` describes exactly these. As in the fit without.
        level
            Level of the intervals.

        Returns
        -------
        Estimates
            One row an effect, in logits; `sd_between_items` is what attributes leave unexplained.
        """
        asked = self.options.but(estimand=estimand, level=level)
        return attribute_effects(self, as_names(names), asked.estimand, asked.level)

    def dose_response(
        self, name: str = "harm", *, estimand: Estimand | None = None, level: float | None = None
    ) -> Estimates:
        """Return mean utility at each level of an attribute, the steps between levels, and the trend.

        Parameters
        ----------
        name
            An attribute with ordered levels: none, mild, severe, or numbers.
        estimand, level
            As in `attributes`.

        Returns
        -------
        Estimates
            Rows whose `quantity` is `mean` (against the baseline), `step` or `trend` (the linear part).
        """
        asked = self.options.but(estimand=estimand, level=level)
        return dose_rows(self, name, asked.estimand, asked.level)

    def bootstrap(
        self,
        cluster: str | Sequence[str] = "pair",
        *,
        replicates: int = 1000,
        level: float | None = None,
        seed: int | None = None,
        kind: Literal["expanded", "percentile"] = "expanded",
    ) -> Estimates:
        """Return the estimates with standard errors and intervals of a cluster bootstrap.

        Parameters
        ----------
        cluster
            `pair`, `item`, the cluster column of the fit, or two of these. Items and two columns use
            independent weights multiplied for each trial (the pigeonhole bootstrap).
        replicates
            Number of replicates.
        level, seed
            As in the fit without.
        kind
            `expanded`: percentiles further out, as t quantiles are, which makes up for few clusters
            (Hesterberg 2015); `percentile`: as others report them, too narrow by about two points.

        Notes
        -----
        Of adaptive pairs the estimates are those of the usual fit, and as much too far apart. Where
        estimates are not those of maximum likelihood (`method`), replicates are, moved by the difference.
        """
        asked = self.options.but(level=level, seed=seed)
        return bootstrap_rows(
            self,
            as_names(cluster, "cluster"),
            replicates=replicates,
            level=asked.level,
            seed=asked.seed,
            kind=kind,
        )
