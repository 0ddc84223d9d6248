"""`bartleby check`, `run`, `status`, `export` and `report`: a study from its declaration to its page."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

from bartleby.cli.arguments import add_command, add_options, keywords_of, levels
from bartleby.cli.exit_codes import ABOUT, ABOUT_CHECK, FAILED, FINISHED, code_of_battery, code_of_run
from bartleby.cli.printing import say
from bartleby.collectors.options import RunOptions
from bartleby.errors import LogError, SettingError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bartleby.cli.arguments import Commands
    from bartleby.studies.study import Study

__all__ = ["add_commands"]

STUDY = "path of a study file, or the name of a study that comes with Bartleby"
LOG = "log of a run, or a folder of logs"
OFFLINE = (
    "send nothing at all (else a provider that counts tokens for nothing is asked to, if a key is there)"
)
BATCH = "in batches: half the price, within a day (anthropic/...)"
DEFAULT = "(default: that of [tool.bartleby])"
MODEL = "sim/averse, local/smollm2, local/PATH.gguf, anthropic/MODEL, openai/MODEL, ..."


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    _add_check(commands)
    _add_run(commands)
    status = add_command(
        commands, "status", _status, "say how far a run is", "bartleby status runs/smollm2.db"
    )
    status.add_argument("log", help=LOG)
    _add_json(status)
    export = add_command(
        commands,
        "export",
        _export,
        "write the trial table of a log as CSV, JSONL or Parquet",
        "bartleby export runs/smollm2.db -o trials.parquet",
    )
    export.add_argument("log", help=LOG)
    export.add_argument(
        "-o", "--output", required=True, help="file to write: .csv, .jsonl or .parquet; .eval for Inspect"
    )
    export.add_argument(
        "--unit", choices=("trial", "turn"), default="trial", help="one row a trial, or a turn"
    )
    report = add_command(
        commands,
        "report",
        _report,
        "write figures, tables and a page about a run",
        "bartleby report runs/smollm2.db -o report",
    )
    report.add_argument("log", help="log of the run; with --codings also other files of conversations")
    report.add_argument("-o", "--output", required=True, help="folder to write")
    report.add_argument(
        "--codings",
        nargs="+",
        metavar="FILE",
        help="what coders found: files that `bartleby code` and `bartleby label` write",
    )
    report.add_argument("--baseline", help="item that is the zero of the scale (default: the study's)")
    report.add_argument("--level", type=float, default=0.95, help="confidence level (default: 0.95)")


def _add_check(commands: Commands) -> None:
    check = add_command(
        commands,
        "check",
        _check,
        "show trials, calls, expected tokens and cost of a study, or whether a log is whole; no model is "
        "asked anything",
        "bartleby check task_preferences --model anthropic/claude-opus-5-5, or bartleby check "
        f"runs/smollm2.db; {ABOUT_CHECK}",
    )
    check.add_argument("study", metavar="study or log", help=f"{STUDY}; or a log, or a folder of logs")
    check.add_argument(
        "--repair",
        action="store_true",
        help="of a log: repair what can be; a copy is made first",
    )
    check.add_argument("--model", help=f"{MODEL} {DEFAULT}")
    check.add_argument("--user", metavar="MODEL", help="model that plays the user, where one is played")
    check.add_argument("--log", help="log of the run: what was answered shows what the rest will take")
    _add_set(check)
    _add_json(check)
    check.add_argument("--batch", action="store_true", help=BATCH)
    check.add_argument("--offline", action="store_true", help=OFFLINE)
    check.add_argument("--examples", action="store_true", help="show the first three trials as they will be")


def _add_run(commands: Commands) -> None:
    run = add_command(
        commands,
        "run",
        _run,
        "put a study to a model, or many to many; run it again to carry on where it stopped",
        "bartleby run task_preferences --model local/smollm2 --log runs/smollm2.db, or "
        f"bartleby run studies/*.py --model local/smollm2 --model sim/averse --logs runs; {ABOUT}",
    )
    run.add_argument("study", nargs="+", help=STUDY)
    run.add_argument("--model", action="append", help=f"{MODEL}; again for another one {DEFAULT}")
    run.add_argument(
        "--user", metavar="MODEL", help="model that plays the user, where a study has one played"
    )
    logs = run.add_mutually_exclusive_group()
    logs.add_argument("--log", help="file that every reply is written to, for one study on one model")
    logs.add_argument(
        "--logs", metavar="DIR", help=f"folder with a log for each study on each model {DEFAULT}"
    )
    _add_set(run)
    add_options(run, RunOptions, ())
    _add_json(run)
    run.add_argument("--dry-run", action="store_true", help="show three trials and the totals; ask nothing")
    run.add_argument("--offline", action="store_true", help=f"with --dry-run: {OFFLINE}")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def _say(value: Any, options: argparse.Namespace) -> None:  # noqa: ANN401 - whatever prints itself
    """Print something as a person reads it, or as JSON."""
    if options.json:
        say(
            json.dumps(_with_nulls(value.to_dict()), ensure_ascii=False, default=str, allow_nan=False),
            json=True,
        )
    else:
        say(value)


def _with_nulls(value: Any) -> Any:  # noqa: ANN401 - JSON values
    """Return JSON values with null for numbers that JSON does not have."""
    if isinstance(value, Mapping):
        return {name: _with_nulls(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_nulls(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        action="append",
        type=levels,
        default=[],
        metavar="CONDITION=LEVEL[,LEVEL]",
        help="use these levels of a condition in place of the study's; again for another condition",
    )


def _studies(options: argparse.Namespace, named: Sequence[str]) -> Sequence[Study | str]:
    """Return the studies as named, or with other levels where some are given."""
    if not options.set:
        return named
    from bartleby.studies.load import load

    return [load(study).with_levels(**dict(options.set)) for study in named]


def _check(options: argparse.Namespace) -> int:
    from pathlib import Path

    path = Path(options.study)
    if path.suffix == ".db" or path.is_dir():
        return _check_logs(path, options)
    if options.repair:
        raise SettingError(
            f"--repair: {options.study} is no log; allowed: a file that ends in .db, or a folder of such"
        )
    study = _studies(options, [options.study])[0]
    options.user = options.user or options.defaults.user
    return _show_plan(options, study, options.model or options.defaults.model, examples=options.examples)


def _check_logs(path: Path, options: argparse.Namespace) -> int:
    from bartleby.collectors.battery import logs_in
    from bartleby.collectors.checking import check_log

    given = {"--model": options.model, "--batch": options.batch, "--examples": options.examples}
    for name in (name for name, value in given.items() if value):
        raise SettingError(f"{name}: {path} is a log; only a study can be checked for a model")
    code = FINISHED
    for log in logs_in(path) if path.is_dir() else [path]:
        try:
            found = check_log(log, repair=options.repair)
        except LogError as error:  # the others are checked all the same
            say(f"bartleby: error: {error}", error=True)
            code = FAILED
            continue
        _say(found, options)
        code = FAILED if found.faults else code
    return code


def _show_plan(options: argparse.Namespace, study: Study | str, model: str | None, *, examples: bool) -> int:
    from bartleby.verbs.running import check

    plan = check(
        study, model, user=options.user, log=options.log, batch=options.batch, offline=options.offline
    )
    _say(plan, options)
    if examples and not options.json:
        for number, example in enumerate(plan.examples, start=1):
            say(f"\n--- trial {number} ---\n{example}")
    return FAILED if plan.refusals else FINISHED


def _run(options: argparse.Namespace) -> int:
    if not (options.model or options.defaults.model):
        raise SettingError("--model: no model is named; name one, or set model in [tool.bartleby]")
    options.model = options.model or [options.defaults.model]
    options.user = options.user or options.defaults.user
    if options.dry_run:
        pairs = product(_studies(options, options.study), options.model)
        return max(_show_plan(options, study, model, examples=True) for study, model in pairs)
    if options.log is None and options.logs is None:
        options.logs = options.defaults.logs
        if options.logs is None:
            raise SettingError(
                "--log: no log is named; name a file, or --logs DIR, or set logs in [tool.bartleby]"
            )
    if options.logs is not None:
        return _run_battery(options)
    if len(options.study) > 1 or len(options.model) > 1:
        raise SettingError("--log is one file for one study on one model; allowed for more: --logs DIR")
    from bartleby.verbs.running import run

    summary = run(
        _studies(options, options.study)[0],
        options.model[0],
        log=options.log,
        user=options.user,
        **keywords_of(options, RunOptions),
    )
    _say(summary, options)
    return code_of_run(summary)


def _run_battery(options: argparse.Namespace) -> int:
    from bartleby.verbs.running import run_battery

    summary = run_battery(
        _studies(options, options.study),
        options.model,
        logs=options.logs,
        user=options.user,
        **keywords_of(options, RunOptions),
        told=None if options.json else say,
    )
    if options.json:
        _say(summary, options)
    else:
        say(summary.last_line())
    return code_of_battery(summary)


def _status(options: argparse.Namespace) -> int:
    from pathlib import Path

    from bartleby.collectors.battery import logs_in
    from bartleby.verbs.logs import status

    given = Path(options.log)
    for log in logs_in(given) if given.is_dir() else [given]:
        _say(status(log), options)
    return 0


def _export(options: argparse.Namespace) -> int:
    from bartleby.verbs.logs import export

    rows = export(options.log, options.output, unit=options.unit)
    say(f"{rows:,} {options.unit}s written to {options.output}")
    return 0


def _report(options: argparse.Namespace) -> int:
    from bartleby.verbs.reporting import report

    page = report(
        options.log,
        options.output,
        codings=options.codings,
        baseline=options.baseline,
        level=options.level,
    )
    say(f"look at {page}")
    return 0
