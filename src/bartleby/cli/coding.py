"""`bartleby code`, `estimate agreement` and `estimate prevalence`: coding, and what coders are worth."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from bartleby.cli.arguments import add_command, table_of
from bartleby.cli.exit_codes import FAILED, FINISHED
from bartleby.cli.printing import say

if TYPE_CHECKING:
    import pandas as pd

    from bartleby.analysis.tables.estimates import Estimates
    from bartleby.analysis.tables.stored import StoredTable
    from bartleby.cli.arguments import Commands
    from bartleby.studies.codebook import Codebook
    from bartleby.verbs.coded import SourceCounts

__all__ = ["add_commands", "add_estimators"]

METRICS = ("nominal", "ordinal", "interval", "ratio")


def add_commands(commands: Commands) -> None:
    """Add `code`."""
    code = add_command(
        commands,
        "code",
        _code,
        "code conversations by a codebook: with the lexicon, or with a model as judge",
        "bartleby code runs/talks.db --coder local/smollm2 --log runs/judge.db -o codings.csv",
    )
    code.add_argument("source", help="a log, an Inspect log, a file of conversations, or a folder of them")
    code.add_argument("--coder", default="lexicon", help="lexicon (the default), or a model that judges")
    code.add_argument("--codebook", default="apparent_distress", help="a .toml file, or a bundled one's name")
    code.add_argument("--lexicon", help="a .toml file of phrases, instead of the bundled one")
    code.add_argument("--log", help="log of the judge's run; run it again to carry on where it stopped")
    code.add_argument("--samples", type=int, default=1, help="codings of each unit by a judge (default: 1)")
    code.add_argument("--context", type=int, metavar="LINES", help="lines shown before a turn (default: all)")
    code.add_argument(
        "--check", action="store_true", help="only say what a judge would cost; nothing is sent"
    )
    code.add_argument("-o", "--output", help="codings as .csv, .jsonl or .parquet (default: print how many)")


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
    agreement.add_argument("--seed", type=int, default=0, help="seed of the bootstrap (default: 0)")
    agreement.add_argument(
        "--unit", required=True, nargs="+", metavar="COL", help="what was coded, such as conversation turn"
    )
    agreement.add_argument("--coder", required=True, metavar="COL", help="column of who coded it")
    agreement.add_argument("--value", required=True, metavar="COL", help="column of what it was coded as")
    agreement.add_argument(
        "--metric",
        choices=METRICS,
        default="nominal",
        help="of alpha (default: nominal); the others add weighted kappas and intraclass correlations",
    )
    agreement.add_argument("--reference", metavar="NAME", help="coder taken as the truth")
    agreement.add_argument("--method", choices=("jackknife", "bootstrap"), default="jackknife")
    agreement.add_argument("--replicates", type=int, default=2000, help="of the bootstrap (default: 2000)")
    prevalence = add_command(
        estimators,
        "prevalence",
        _prevalence,
        "how often something is so, corrected for a judge's errors",
        "bartleby estimate prevalence turns.csv --judge says --label person --json",
    )
    _add_shared(prevalence)
    prevalence.add_argument("--judge", required=True, metavar="COL", help="0, 1 or a score for each unit")
    prevalence.add_argument("--label", metavar="COL", help="0 or 1, empty where nobody labelled")
    for name, of in (("sensitivity", "with the code"), ("specificity", "without it")):
        prevalence.add_argument(
            f"--{name}",
            nargs=2,
            type=int,
            metavar=("RIGHT", "OF"),
            help=f"of a judge validated in another study, instead of --label: right in how many units {of}",
        )
    prevalence.add_argument(
        "--correction",
        choices=("inverted", "lang_reiczigel"),
        default="inverted",
        help="interval of rogan_gladen (default: inverted)",
    )
    prevalence.add_argument(
        "--stratum", metavar="COL", help="strata from which units were drawn to be labelled"
    )
    prevalence.add_argument("--threshold", type=float, default=0.5, help="score of a positive verdict")


def _add_shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="table: .csv, .jsonl or .parquet")
    parser.add_argument("--by", nargs="+", metavar="COL", default=None, help="estimate within each group")
    parser.add_argument(
        "--cluster",
        metavar="COL",
        default=None,
        help="units that share it are not independent (default: a scenario, item or conversation; none: all "
        "are)",
    )
    parser.add_argument("--level", type=float, default=0.95, help="confidence level (default: 0.95)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _code(options: argparse.Namespace) -> int:
    from bartleby.errors import SettingError
    from bartleby.studies.codebook import load_codebook

    book = load_codebook(options.codebook)
    if options.coder == "lexicon":
        return _by_lexicon(options, book)
    from bartleby.verbs.coded import SourceCounts
    from bartleby.verbs.coding import code, judging_study
    from bartleby.verbs.running import check

    if options.check:
        study = judging_study(options.source, book, samples=options.samples, context=options.context)
        plan = check(study, options.coder)
        say(plan)
        return FAILED if plan.refusals else FINISHED
    if options.log is None:
        raise SettingError("--log: a judge's replies are kept; name a file, such as --log runs/judge.db")
    counts = SourceCounts()
    codings = code(
        options.source,
        options.coder,
        codebook=book,
        log=options.log,
        samples=options.samples,
        context=options.context,
        counts=counts,
    )
    return _written([codings], options, counts)


def _by_lexicon(options: argparse.Namespace, book: Codebook) -> int:
    from bartleby.verbs.coded import SourceCounts
    from bartleby.verbs.coding import lexicon_codings

    counts = SourceCounts()
    tables = lexicon_codings(
        options.source, lexicon=options.lexicon, unit=book.unit, codebook=book, counts=counts
    )
    return _written(tables, options, counts)


def _written(tables: Iterable[pd.DataFrame], options: argparse.Namespace, read: SourceCounts) -> int:
    """Write tables one below the other as they come, and say what there is."""
    from bartleby.analysis.tables.written import write_tables

    counts: Counter[str] = Counter()

    def counted() -> Iterator[pd.DataFrame]:
        for table in tables:
            counts["units"] += table["unit"].nunique()
            counts["codings"] += int(table["value"].notna().sum())
            counts["missing"] += int(table["value"].isna().sum())
            for code, found in table.groupby("code")["value"].sum().items():
                counts[f"code {code}"] += int(found)
            yield table

    if options.output is None:
        for _ in counted():
            pass
    else:
        write_tables(counted(), options.output)
    say(f"{read}; {counts['units']} units coded")
    say(f"{counts['codings']} codings, {counts['missing']} missing (refused or not readable)")
    for name in (each for each in counts if each.startswith("code ")):
        say(f"  {name.removeprefix('code ')}: {counts[name]}")
    return 0


def _agreement(options: argparse.Namespace) -> int:
    from bartleby.analysis.coding.coder_agreement import coder_agreement

    found = coder_agreement(
        _table(options),
        unit=options.unit if len(options.unit) > 1 else options.unit[0],
        coder=options.coder,
        value=options.value,
        metric=options.metric,
        cluster=_cluster(options),
        reference=options.reference,
        by=options.by,
        level=options.level,
        method=options.method,
        replicates=options.replicates,
        seed=options.seed,
    )
    return _print(found, options)


def _prevalence(options: argparse.Namespace) -> int:
    from bartleby.analysis.coding.prevalence import prevalence

    found = prevalence(
        _table(options),
        judge=options.judge,
        label=options.label,
        sensitivity=_counts(options.sensitivity),
        specificity=_counts(options.specificity),
        correction=options.correction,
        cluster=_cluster(options),
        stratum=options.stratum,
        by=options.by,
        threshold=options.threshold,
        level=options.level,
    )
    return _print(found, options)


def _cluster(options: argparse.Namespace) -> str | bool | None:
    return False if options.cluster == "none" else options.cluster


def _counts(given: list[int] | None) -> tuple[float, float] | None:
    return None if given is None else (given[0], given[1])


def _table(options: argparse.Namespace) -> StoredTable | pd.DataFrame:
    return table_of(options.file)


def _print(found: Estimates, options: argparse.Namespace) -> int:
    say(found.to_json() if options.json else found.summary(), json=options.json)
    return 0
