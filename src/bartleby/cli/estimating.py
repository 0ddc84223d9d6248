"""`bartleby estimate ...`: the estimators on any table, for people without Python.

Options mean the same for every estimator, and the same as the keyword arguments in Python.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from bartleby.cli import coding, patterns
from bartleby.cli.arguments import add_command, table_of
from bartleby.cli.printing import say
from bartleby.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd

    from bartleby.analysis.tables.estimates import Estimates
    from bartleby.analysis.tables.stored import StoredTable
    from bartleby.cli.arguments import Commands

__all__ = ["add_commands"]


def add_commands(commands: Commands) -> None:
    """Add `estimate` with one subcommand an estimator."""
    estimate = commands.add_parser(
        "estimate",
        help="estimate from a log, or from any table of trials",
        description="Estimate from a log, or from a table of trials: a CSV, JSONL or Parquet file.",
        epilog="example: bartleby estimate choice trials.csv --baseline do-nothing --json",
    )
    estimators = estimate.add_subparsers(title="estimators", metavar="ESTIMATOR", required=True)
    _add_choice(estimators)
    _add_rate(estimators)
    _add_mean(estimators)
    _add_difference(estimators)
    _add_effects(estimators)
    _add_exits(estimators)
    _add_rules(estimators)
    coding.add_estimators(estimators)
    patterns.add_estimators(estimators)


def _add_choice(estimators: Commands) -> None:
    choice = add_command(
        estimators,
        "choice",
        _choice,
        "utilities of items from paired choices, with the slot effect",
        "bartleby estimate choice trials.csv --baseline do-nothing --json",
    )
    _add_shared(choice)
    choice.add_argument("--seed", type=int, default=0, help="seed of whatever is drawn (default: 0)")
    choice.add_argument("--baseline", help="item that is the zero of the scale (default: the items' mean)")
    choice.add_argument(
        "--ties",
        choices=("none", "half", "davidson", "rao-kupper"),
        default="none",
        help="indifference: left out, half a win each, or in the model (default: none)",
    )
    choice.add_argument(
        "--bias-reduced",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="Firth's bias reduction always, or never (default: where the data are separated)",
    )
    choice.add_argument(
        "--intervals",
        choices=("profile", "wald", "none"),
        help="profiles for all terms of a bias-reduced fit, for none, or no intervals, which is quickest "
        "(default: profiles for separated items)",
    )
    choice.add_argument(
        "--probabilities",
        choices=("auto", "use", "ignore"),
        default="auto",
        help="exact probabilities of the answers, where the table has them, in place of drawn answers "
        "(default: auto)",
    )
    choice.add_argument("--no-slot", action="store_true", help="the order was not recorded")
    for name in ("opted-out", "refusals"):
        choice.add_argument(
            f"--{name}",
            choices=("left_out", "neither"),
            default="left_out",
            help="leave such trials out, or take them for a choice of neither item (default: left_out)",
        )
    choice.add_argument(
        "--share-by", nargs="*", metavar="COL", help="also the share of items below the baseline, by class"
    )
    choice.add_argument(
        "--margin",
        type=float,
        metavar="LOGITS",
        help="with --share-by: also the shares below, within and above this distance to the baseline",
    )


def _add_rate(estimators: Commands) -> None:
    rate = add_command(
        estimators,
        "rate",
        _rate,
        "how often an outcome occurs",
        "bartleby estimate rate trials.csv --outcome opted_out --by harm --cluster item --json",
    )
    _add_shared(rate)
    rate.add_argument("--outcome", required=True, metavar="NAME", help="outcome, such as opted_out")
    _add_refusals(rate)


def _add_mean(estimators: Commands) -> None:
    mean = add_command(
        estimators,
        "mean",
        _mean,
        "the mean of a numeric outcome, such as a rating or tokens",
        "bartleby estimate mean trials.csv --outcome rating --scale 1 7 --by harm --json",
    )
    _add_shared(mean)
    mean.add_argument("--outcome", required=True, metavar="COL", help="column of numbers")
    mean.add_argument(
        "--method",
        choices=("auto", "t"),
        default="auto",
        help="t: plus and minus t standard errors; auto: also allow for skewness (default: auto)",
    )
    _add_scale(mean)


def _add_scale(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--scale",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="lowest and highest value of a numeric outcome, for worst-case bounds (default: those observed)",
    )


def _add_difference(estimators: Commands) -> None:
    difference = add_command(
        estimators,
        "difference",
        _difference,
        "how much a rate or a mean differs between conditions",
        "bartleby estimate difference trials.csv --outcome opted_out --between channel --json",
    )
    _add_shared(difference)
    difference.add_argument(
        "--outcome", required=True, metavar="NAME", help="outcome, such as opted_out, or a column of numbers"
    )
    difference.add_argument("--between", required=True, metavar="COL", help="column of the conditions")
    difference.add_argument("--reference", metavar="LEVEL", help="condition the others are compared with")
    difference.add_argument("--paired", metavar="COL", help="column that pairs trials over conditions")
    difference.add_argument(
        "--margin", type=float, metavar="M", help="test equivalence: differences within +-M do not matter"
    )
    difference.add_argument(
        "--adjust",
        choices=("holm", "bh", "none"),
        default="holm",
        help="of p values (default: holm)",
    )
    _add_scale(difference)
    _add_refusals(difference)


def _add_effects(estimators: Commands) -> None:
    effects = add_command(
        estimators,
        "effects",
        _effects,
        "odds ratios and average marginal effects, or slopes of a numeric outcome",
        'bartleby estimate effects trials.csv "opted_out ~ harm + difficulty" --cluster item --json',
    )
    _add_shared(effects, before_options=("formula", "an outcome, 0/1 column or number ~ terms"))
    effects.add_argument(
        "--method",
        choices=("auto", "logistic", "firth", "mixed", "linear"),
        default="auto",
        help="auto: maximum likelihood, or firth where the data are separated; linear (least squares) for "
        "numbers (default: auto)",
    )
    effects.add_argument(
        "--bias-reduced",
        action="store_const",
        const="firth",
        dest="method",
        help="as --method firth",
    )
    _add_scale(effects)
    _add_refusals(effects)


def _add_exits(estimators: Commands) -> None:
    exits = add_command(
        estimators,
        "exits",
        _exits,
        "how often and when a model leaves",
        "bartleby estimate exits trials.csv --by scenario_class --cluster item --json",
    )
    _add_shared(exits)
    exits.add_argument(
        "--outcome", metavar="NAME", help="what counts as an exit: an outcome or a 0/1 column (opted_out)"
    )
    exits.add_argument("--turn", default="turn", metavar="COL", help="turn at which it left (default: turn)")
    exits.add_argument(
        "--turns", default="turns", metavar="COL", help="turns that were had, if it did not (default: turns)"
    )
    exits.add_argument("--horizon", type=int, metavar="N", help="turns over which mean turns are taken")
    exits.add_argument(
        "--refusals", choices=("counted", "left_out", "as_event"), default="counted", help="in the exit rate"
    )


def _add_rules(estimators: Commands) -> None:
    rules = add_command(
        estimators,
        "rules",
        _rules,
        "how often a model keeps the rules of a deployed way to end a conversation",
        "bartleby estimate rules runs/ending.db, or bartleby estimate rules trials.csv --turns turns.csv",
    )
    _add_shared(rules)
    rules.add_argument("--turns", metavar="FILE", help="table of turns (default: those of the log)")
    rules.add_argument(
        "--rules",
        nargs="+",
        default=("chat-2026", "article-2025"),
        metavar="NAME",
        help="chat-2026, work-2026, article-2025, or files of rules (default: chat-2026 article-2025)",
    )
    rules.add_argument(
        "--codings",
        nargs="+",
        metavar="FILE",
        help="codings of the turns (`bartleby code --codebook leaving_rules`)",
    )
    rules.add_argument(
        "--coder", metavar="NAME", help="whose codings decide (needed where there are several)"
    )
    rules.add_argument(
        "--annotators", nargs="+", metavar="NAME", help="coders who labelled some whole conversations"
    )


def _add_shared(parser: argparse.ArgumentParser, before_options: tuple[str, str] | None = None) -> None:
    parser.add_argument(
        "file", help="table of trials (.csv, .jsonl or .parquet, or a folder of such), or a log"
    )
    if before_options is not None:
        parser.add_argument(before_options[0], help=before_options[1])
    _add_mapping(parser)
    parser.add_argument("--by", nargs="+", metavar="COL", default=None, help="estimate within each group")
    parser.add_argument(
        "--cluster",
        metavar="COL",
        action="append",
        default=None,
        help="trials that share it are not independent (none: all are); given twice: two-way (rate, mean, "
        "difference, effects)",
    )
    parser.add_argument("--level", type=float, default=0.95, help="confidence level (default: 0.95)")
    parser.add_argument(
        "--estimand",
        choices=("these_items", "new_items"),
        default="new_items",
        help="about exactly these items asked again, or items like these (default: new_items)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_mapping(parser: argparse.ArgumentParser) -> None:
    """Add what is stated of a table whose columns and outcomes have other names."""
    parser.add_argument(
        "--columns",
        nargs="+",
        type=_stated,
        default=(),
        metavar="OURS=THEIRS",
        help="which columns of the file are ours: first=model_a second=model_b outcome=winner",
    )
    parser.add_argument(
        "--outcomes",
        nargs="+",
        type=_stated,
        default=(),
        metavar="VALUE=OUTCOME",
        help="what each outcome of the file means: model_a=chose_first 'tie (bothbad)=opted_out'",
    )


def _stated(text: str) -> tuple[str, str]:
    """Return the two sides of `NAME=VALUE`; a name or value may have a sign of equality within."""
    name, sign, value = text.rpartition("=")
    if not (name and sign and value):
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: NAME=VALUE")
    return name, value


def _add_refusals(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--refusals",
        choices=("counted", "left_out", "as_event"),
        default="counted",
        help="a refusal is an answer without the outcome, says nothing, or is the outcome (default: counted)",
    )


def _table(options: argparse.Namespace) -> StoredTable | pd.DataFrame:
    return table_of(options.file, columns=dict(options.columns), outcomes=dict(options.outcomes))


def _print(estimates: Estimates, options: argparse.Namespace) -> int:
    say(estimates.to_json() if options.json else estimates.summary(), json=options.json)
    return 0


def _choice(options: argparse.Namespace) -> int:
    from bartleby.analysis.choice.model import choice_model
    from bartleby.analysis.tables.estimates import joined

    fit = choice_model(
        _table(options),
        baseline=options.baseline,
        ties=options.ties,
        slot=not options.no_slot,
        bias_reduced=options.bias_reduced,
        intervals=options.intervals,
        opted_out=options.opted_out,
        refusals=options.refusals,
        probabilities=options.probabilities,
        seed=options.seed,
        **_shared(options),
    )
    if options.margin is not None and options.share_by is None:
        raise SettingError("--margin is of shares below the baseline: use it with --share-by")
    if options.share_by is None:
        return _print(fit, options)
    shares = fit.share_below(options.share_by, margin=options.margin)
    if options.json:
        return _print(joined(fit, shares), options)
    say(fit.summary(), shares.summary(), sep="\n\n")
    return 0


def _rate(options: argparse.Namespace) -> int:
    from bartleby.analysis.rates.rates import rate

    estimates = rate(_table(options), options.outcome, refusals=options.refusals, **_shared(options))
    return _print(estimates, options)


def _mean(options: argparse.Namespace) -> int:
    from bartleby.analysis.rates.means import mean

    table, scale = _table(options), _scale(options)
    estimates = mean(table, options.outcome, method=options.method, scale=scale, **_shared(options))
    return _print(estimates, options)


def _difference(options: argparse.Namespace) -> int:
    from bartleby.analysis.rates.differences import difference

    estimates = difference(
        _table(options),
        options.outcome,
        between=options.between,
        reference=options.reference,
        paired=options.paired,
        margin=options.margin,
        adjust=None if options.adjust == "none" else options.adjust,
        refusals=options.refusals,
        scale=_scale(options),
        **_shared(options),
    )
    return _print(estimates, options)


def _effects(options: argparse.Namespace) -> int:
    from bartleby.analysis.rates.effects import effects

    estimates = effects(
        _table(options),
        options.formula,
        method=options.method,
        refusals=options.refusals,
        scale=_scale(options),
        **_shared(options),
    )
    return _print(estimates, options)


def _exits(options: argparse.Namespace) -> int:
    from bartleby.analysis.exits.exit_rates import exits

    estimates = exits(
        _table(options),
        options.outcome,
        turn=options.turn,
        turns=options.turns,
        horizon=options.horizon,
        refusals=options.refusals,
        **_shared(options),
    )
    return _print(estimates, options)


def _rules(options: argparse.Namespace) -> int:
    from pathlib import Path

    from bartleby.analysis.rules.scorecard import rule_scorecard
    from bartleby.verbs.coded import read_codings
    from bartleby.verbs.logs import read

    logged = Path(options.file).suffix == ".db"
    if not logged and options.turns is None:
        raise SettingError(f"--turns: {options.file} is a table of trials; name the table of their turns")
    codings = None if options.codings is None else read_codings(options.codings)
    estimates = rule_scorecard(
        read(options.file) if logged else _table(options),
        options.turns or read(options.file, unit="turn"),
        rules=options.rules,
        codings=codings,
        coder=options.coder,
        annotators=options.annotators,
        **_shared(options),
    )
    return _print(estimates, options)


def _scale(options: argparse.Namespace) -> tuple[float, float] | None:
    return None if options.scale is None else (options.scale[0], options.scale[1])


def _shared(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that mean the same to every estimator."""
    shared = {name: getattr(options, name) for name in ("by", "cluster", "level", "estimand")}
    if shared["cluster"] is not None and len(shared["cluster"]) == 1:
        shared["cluster"] = False if shared["cluster"] == ["none"] else shared["cluster"][0]
    return shared
