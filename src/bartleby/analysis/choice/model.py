"""The choice model: what a model would rather do, in logits, from paired choices.

Bradley & Terry's model with a slot effect, ties, an outside option, clusters and bias reduction, on
any table with the columns `first`, `second` and `outcome`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias

from bartleby.analysis.choice.accounting import choice_accounting, left_out_warnings, worst_cases
from bartleby.analysis.choice.choosing import position_note
from bartleby.analysis.choice.data import ChoiceData, choice_data
from bartleby.analysis.choice.expected import Probabilities
from bartleby.analysis.choice.fit import GroupFit, fit_group
from bartleby.analysis.choice.layout import NEITHER
from bartleby.analysis.choice.options import ChoiceOptions, Exits, Intervals, Ties
from bartleby.analysis.choice.result import ChoiceFit
from bartleby.analysis.choice.table import pair_cluster, read_choices
from bartleby.analysis.choice.warnings import announce, slow_fits
from bartleby.analysis.tables.accounting import bound_warnings
from bartleby.analysis.tables.estimates import estimate_frame
from bartleby.analysis.tables.grouping import Estimand, as_names
from bartleby.analysis.tables.labels import group_prefix
from bartleby.errors import DataError, SettingError

__all__ = ["ChoiceFit", "choice_model"]

MOST_ADAPTIVE = 0.5
"""Share of adaptive pairs up to which those at random correct what the others exaggerate."""
Keyed: TypeAlias = tuple[Mapping[str, Any], ChoiceData]


def choice_model(
    trials: object,
    *,
    baseline: str | int | None = None,
    cluster: str | Sequence[str] | Literal[False] | None = None,
    by: str | Sequence[str] | None = None,
    level: float = 0.95,
    estimand: Estimand = "new_items",
    ties: Ties = "none",
    slot: bool = True,
    bias_reduced: bool | None = None,
    opted_out: Exits = "left_out",
    refusals: Exits = "left_out",
    adaptive: bool | None = None,
    seed: int = 0,
    probabilities: Probabilities = "auto",
    intervals: Intervals | None = None,
) -> ChoiceFit:
    """Estimate how much a model would rather do each item than another.

    Parameters
    ----------
    trials
        Any table that narwhals reads, with the columns `first`, `second` (items in the order shown) and
        `outcome`. `count` weights rows; `model` gives each model a fit of its own; `X_first` and
        `X_second` are attributes of items.
    baseline
        Item whose utility is zero, such as an opt-out task; `neither` where the model has that. Without
        one, utilities sum to zero.
    cluster
        Trials that hang together: `pair` (the unordered pair, unless there is such a column) or any column.
        None finds the pair, or a column such as `scenario` or `conversation` within whose values pairs lie;
        False is for independent trials.
    by
        Further columns whose levels get a fit of their own.
    level
        Confidence level.
    estimand
        What `share_below` and attribute effects speak of: items like these (`new_items`) or exactly these
        (`these_items`). The utility of a named item is always about that item.
    ties
        Indifference: left out (`none`), half a win each (`half`), or in the model (`davidson`,
        `rao-kupper`).
    slot
        Estimate the effect of being shown first. Without it the order is taken as not recorded.
    bias_reduced
        Firth's bias-reduced estimates: None uses them where the data are separated, and where the bias of
        maximum likelihood is more than a quarter of the standard error of the position effect, as with many
        items and few choices each; False never does.
    opted_out, refusals
        `neither` makes these outcomes a choice of an outside option, with a utility of its own in a
        three-way choice; `left_out` fits the model to the choices between the two items.
    adaptive
        Whether earlier answers chose which pairs were shown, as in a tournament (which exaggerates how far
        apart items are): estimates and intervals then allow for it. None: where more than half of the trials
        have `adaptive` in the column `pairing`, as those of `SwissRounds` without random rounds do.
    seed
        Seed of everything that draws random numbers later.
    probabilities
        Exact probabilities of the answers, in the columns `probability_first` and `probability_second`:
        `auto` fits them instead of the drawn answers wherever they are known for nine of ten choices, `use`
        insists on them, `ignore` fits the drawn answers. They are used only where the model counts nothing
        but choices of one of the two items. `method` and `settings` report what was used.
    intervals
        None takes profiles of the penalised likelihood for terms of which separated items make up more than
        5% of the variance, and the usual intervals for all others; `profile` takes profiles for every term
        of a bias-reduced fit, `wald` the usual intervals for every term, `none` no intervals, the quickest.

    Returns
    -------
    ChoiceFit
        Rows: one item each (`term`; logits against the baseline), `neither`, `slot` (logits, above 0 when
        the item shown first is favoured), and the tie parameter `log_nu` (Davidson) or `log_theta`
        (Rao-Kupper). Where trials were not counted, `bound_low` and `bound_high` are the worst-case bounds,
        with sampling error: whatever each of these trials had ended in.

    Raises
    ------
    DataError
        The table cannot be used; every reason is named. With `bias_reduced=False` also: the data are
        separated, or as good as separated, so that maximum likelihood has no finite estimate of any term.
    SettingError
        A setting is not allowed, or the baseline is no item of the table.

    Notes
    -----
    The probability of taking the first item i over j is L(u_i - u_j + slot), L the logistic function
    (Bradley & Terry 1952; Davidson & Beaver 1977). Intervals are CR2 with Satterthwaite degrees of freedom
    (Pustejovsky & Tipton 2018). Separated items have the profile of the penalised likelihood (Firth 1993;
    Heinze & Schemper 2002) with its deviance divided by the overdispersion between clusters; where refitting
    all items would take too long, that of the item alone, and the variance of the others by square-and-add
    (Zou & Donner 2008). Of adaptive pairs:
    `bartleby.analysis.choice.adaptive`.

    Exact probabilities, given that one of the two items is answered, have exact log odds. Utilities and the
    position effect are their least squares, each ordered pair counting once; of pairs asked in both orders
    the position effect is the mean over pairs. They have no sampling error within a prompt, so intervals rest
    on how far prompts depart from the model, and asking a prompt again adds nothing: its samples are one
    cluster (the ordered pair where `cluster` is False). Outcomes and `n` are those observed. Where a
    probability is exactly 0 or 1, or unknown for an ordered pair, or `bias_reduced` is True, the model is
    fitted to expected counts instead (the fractional logit of Papke & Wooldridge 1996), and `method` and a
    warning report it: these are the effects on the average answer, nearer to zero where pairs differ. Shares
    below the baseline and `new_items` effects of attributes are always fitted to expected counts.

    Examples
    --------
    >>> import bartleby as bb
    >>> _ = bb.run("task_preferences", "sim/averse", log="choose.db")
    >>> trials = bb.read("choose.db")
    >>> fit = bb.choice_model(trials, baseline="do-nothing")
    >>> print(fit.share_below(by="impact").verdict)
    Share below the baseline, sim/averse: harmful 0.917 (95% interval 0.759 to 0.982), neutral 0.000
    (0.000 to 0.098), positive 0.000 (0.000 to 0.098) (all 614 trials used; 307 clusters by pair;
    items as a random sample).
    """
    clusters = pair_cluster(trials, cluster)
    options = ChoiceOptions(
        None if baseline is None else str(baseline),
        as_names(cluster) or as_names(clusters.column),
        as_names(by),
        level,
        estimand,
        ties,
        slot,
        bias_reduced,
        opted_out,
        refusals,
        seed,
        probabilities,
        adaptive,
        intervals,
    )
    options.check()
    table = read_choices(
        trials,
        by=options.by,
        clusters=options.clusters,
        probabilities=probabilities,
        others=options.counted_beside_choices,
    )
    has_pair_column = "pair" in table.cells.columns
    read: list[Keyed] = [
        (key, choice_data(cells, options, has_pair_column=has_pair_column)) for key, cells in table.split()
    ]
    # The cells are in `data` now; a view of none of them would hold on to all.
    table = replace(table, cells=table.cells.iloc[:0].copy())
    data, unusable = _usable(read)
    _check_baseline(data, options)
    announce(slow_fits([each for _, each in data], options))
    groups = tuple(
        fit_group(key, each, options, adaptive=_is_adaptive(table.adaptive_share(key), adaptive))
        for key, each in data
    )
    if options.bias_reduced is False:
        _check_finite(groups)
    rows_of = [group.rows(options) for group in groups]
    worst = [worst_cases(group, rows) for group, rows in zip(groups, rows_of, strict=True)]
    accounting = choice_accounting(
        groups, [each for _, each in data], options, unusable=[each for _, each in unusable], worst=worst
    )
    notes = []
    for group, rows, cases in zip(groups, rows_of, worst, strict=True):
        more = [*_position_notes(group, rows), *group.warnings, *cases.warnings, *bound_warnings(cases.cases)]
        notes += [f"{group_prefix(group.key)}{note}" for note in more]
        for row in rows if cases.bounds else ():
            row["bound_low"], row["bound_high"] = cases.bounds.get(row["term"], (math.nan, math.nan))
    notes += _without_choice(unusable)
    return ChoiceFit(
        frame=estimate_frame([row for rows in rows_of for row in rows], table.groups),
        accounting=accounting,
        warnings=(*table.notes, *notes, *left_out_warnings(accounting)),
        settings={
            **options.to_dict(),
            "cluster": clusters.described,
            "contrast": options.baseline or "sum-to-zero",
            "probabilities": _probabilities_used(groups),
        },
        groups=groups,
        options=options,
        attributes_of_items=table.attributes,
        varying=table.varying,
        label_mass=table.label_mass,
        confounded=table.confounded,
    )


def _position_notes(group: GroupFit, rows: Sequence[dict[str, Any]]) -> list[str]:
    notes = [position_note(group, row) for row in rows if row["term"] == "slot"]
    return [note for note in notes if note]


def _probabilities_used(groups: Sequence[GroupFit]) -> str:
    """Return whether exact probabilities were used, and where not in all fits, in which."""
    exact = [group for group in groups if group.data.exact]
    if not exact:
        return "ignore"
    if len(exact) == len(groups):
        return "use"
    return "use in " + "; ".join(group_prefix(group.key).rstrip(": ") for group in exact)


def _is_adaptive(share: float, setting: bool | None) -> bool:
    """Return whether a fit has to allow for adaptive pairs; half as many random ones make up for them."""
    return share > MOST_ADAPTIVE if setting is None else setting


def _check_baseline(data: Sequence[Keyed], options: ChoiceOptions) -> None:
    if options.baseline is None:
        return
    problems = []
    for key, each in data:
        allowed = (*each.items, NEITHER) if each.kernel.neither else each.items
        if options.baseline not in allowed:
            shown = ", ".join(allowed[:20]) + (", ..." if len(allowed) > 20 else "")
            problems.append(f"{group_prefix(key)}baseline={options.baseline!r} is none of its items: {shown}")
    if problems:
        raise SettingError("\n".join(problems))


def _check_finite(groups: Sequence[GroupFit]) -> None:
    """Refuse fits in which maximum likelihood, which was asked for, has no finite estimate of anything."""
    problems = [
        f"{group_prefix(group.key)}bias_reduced=False: maximum likelihood has no finite estimates, because "
        f"{group.infinite}; without bias_reduced=False all items get bias-reduced estimates"
        for group in groups
        if group.infinite
    ]
    if problems:
        raise DataError(problems)


def _usable(data: Sequence[Keyed]) -> tuple[list[Keyed], list[Keyed]]:
    """Return the groups in which there was a choice, and those in which there was none."""
    usable = [(key, each) for key, each in data if each.used > 0]
    unusable = [(key, each) for key, each in data if each.used == 0]
    if not usable:
        raise DataError(_without_choice(unusable))
    return usable, unusable


def _without_choice(unusable: Sequence[Keyed]) -> list[str]:
    return [
        f"{group_prefix(key)}no trial ended in a choice, so there is nothing to estimate; outcomes: "
        + ", ".join(f"{name} {count:g}" for name, count in each.outcomes.items())
        for key, each in unusable
    ]
