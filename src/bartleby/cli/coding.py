"""`bartleby estimate agreement` and `prevalence`: what coders and judges are worth, on anybody's table."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bartleby.cli.arguments import add_command

if TYPE_CHECKING:
    import pandas as pd

    from bartleby.analysis.estimates import Estimates
    from bartleby.cli.arguments import Commands

__all__ = ["add_estimators"]

METRICS = ("nominal", "ordinal", "interval", "ratio")


def add_estimators(estimators: Commands) -> None:
    """Add both estimators."""
    agreement = add_command(
        estimators,
        "agreement",
        _agreement,
        "how well coders agree: alpha, kappa, sensitivity and specificity",
        "bartleby estimate agreement codings.csv --unit turn --coder who --value distress --json",
    )
    _add_shared(agreement)
    agreement.add_argument("--unit", required=True, metavar="COL", help="column of what was coded")
    agreement.add_argument("--coder", required=True, metavar="COL", help="column of who coded it")
    agreement.add_argument("--value", required=True, metavar="COL", help="column of what it was coded as")
    agreement.add_argument("--metric", choices=METRICS, default="nominal", help="of alpha (default: nominal)")
    agreement.add_argument("--reference", metavar="NAME", help="coder taken as the truth")
    agreement.add_argument("--method", choices=("jackknife", "bootstrap"), default="jackknife")
    agreement.add_argument("--replicates", type=int, default=2000, help="of the bootstrap (default: 2000)")
    prevalence = add_command(
        estimators,
        "prevalence",
        _prevalence,
        "how often something is so, corrected for a judge's errors",
        "bartleby estimate prevalence turns.csv --judge says --label person --cluster conversation --json",
    )
    _add_shared(prevalence)
    prevalence.add_argument("--judge", required=True, metavar="COL", help="0, 1 or a score for each unit")
    prevalence.add_argument(
        "--label", required=True, metavar="COL", help="0 or 1, empty where nobody labelled"
    )
    prevalence.add_argument(
        "--stratum", metavar="COL", help="strata from which units were drawn to be labelled"
    )
    prevalence.add_argument("--threshold", type=float, default=0.5, help="score of a positive verdict")


def _add_shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="table: .csv, .jsonl or .parquet")
    parser.add_argument("--by", nargs="+", metavar="COL", default=None, help="estimate within each group")
    parser.add_argument(
        "--cluster", metavar="COL", default=None, help="units that share it are not independent"
    )
    parser.add_argument("--level", type=float, default=0.95, help="confidence level (default: 0.95)")
    parser.add_argument("--seed", type=int, default=0, help="seed of whatever is drawn (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _agreement(options: argparse.Namespace) -> int:
    from bartleby.analysis.coder_agreement import coder_agreement

    found = coder_agreement(
        _table(options),
        unit=options.unit,
        coder=options.coder,
        value=options.value,
        metric=options.metric,
        cluster=options.cluster,
        reference=options.reference,
        by=options.by,
        level=options.level,
        method=options.method,
        replicates=options.replicates,
        seed=options.seed,
    )
    return _print(found, options)


def _prevalence(options: argparse.Namespace) -> int:
    from bartleby.analysis.prevalence import prevalence

    found = prevalence(
        _table(options),
        judge=options.judge,
        label=options.label,
        cluster=options.cluster,
        stratum=options.stratum,
        by=options.by,
        threshold=options.threshold,
        level=options.level,
        seed=options.seed,
    )
    return _print(found, options)


def _table(options: argparse.Namespace) -> pd.DataFrame:
    from bartleby.analysis.files import read_table

    return read_table(options.file)


def _print(found: Estimates, options: argparse.Namespace) -> int:
    print(found.to_json() if options.json else found.summary())
    return 0
