"""`bartleby check`, `run`, `status`, `export` and `report`: a study from its declaration to its page."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bartleby.cli.arguments import add_command

if TYPE_CHECKING:
    from bartleby.cli.arguments import Commands

__all__ = ["add_commands"]

STUDY = "path of a study file, or the name of a study that comes with Bartleby"
MODEL = "sim/averse, local/smollm2, local/PATH.gguf, anthropic/MODEL, ..."


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    _add_check(commands)
    _add_run(commands)
    status = add_command(
        commands, "status", _status, "say how far a run is", "bartleby status runs/smollm2.db"
    )
    status.add_argument("log", help="log of the run")
    export = add_command(
        commands,
        "export",
        _export,
        "write the trial table of a log as CSV, JSONL or Parquet",
        "bartleby export runs/smollm2.db -o trials.parquet",
    )
    export.add_argument("log", help="log of the run")
    export.add_argument("-o", "--output", required=True, help="file to write: .csv, .jsonl or .parquet")
    report = add_command(
        commands,
        "report",
        _report,
        "write figures, tables and a page about a run",
        "bartleby report runs/smollm2.db -o report",
    )
    report.add_argument("log", help="log of the run")
    report.add_argument("-o", "--output", required=True, help="folder to write")
    report.add_argument("--baseline", help="item that is the zero of the scale (default: the study's)")
    report.add_argument("--level", type=float, default=0.95, help="confidence level (default: 0.95)")


def _add_check(commands: Commands) -> None:
    check = add_command(
        commands,
        "check",
        _check,
        "show trials, calls, expected tokens and cost of a study; nothing is sent",
        "bartleby check task_preferences --model anthropic/claude-opus-5-5",
    )
    check.add_argument("study", help=STUDY)
    check.add_argument("--model", help=MODEL)
    check.add_argument("--examples", action="store_true", help="show the first three trials as they will be")


def _add_run(commands: Commands) -> None:
    run = add_command(
        commands,
        "run",
        _run,
        "put a study to a model; run it again to carry on where it stopped",
        "bartleby run task_preferences --model local/smollm2 --log runs/smollm2.db",
    )
    run.add_argument("study", help=STUDY)
    run.add_argument("--model", required=True, help=MODEL)
    run.add_argument("--log", required=True, help="file that every reply is written to")
    run.add_argument("--concurrency", type=int, help="requests under way at once (default: the model's)")
    run.add_argument("--max-attempts", type=int, default=6, help="attempts at a request (default: 6)")
    run.add_argument("--retry-errors", action="store_true", help="ask again where all attempts had failed")


def _check(options: argparse.Namespace) -> int:
    from bartleby.verbs import check

    plan = check(options.study, options.model)
    print(plan)
    if options.examples:
        for number, example in enumerate(plan.examples, start=1):
            print(f"\n--- trial {number} ---\n{example}")
    return 0


def _run(options: argparse.Namespace) -> int:
    from bartleby.verbs import run

    summary = run(
        options.study,
        options.model,
        log=options.log,
        concurrency=options.concurrency,
        max_attempts=options.max_attempts,
        retry_errors=options.retry_errors,
    )
    print(summary)
    return 0


def _status(options: argparse.Namespace) -> int:
    from bartleby.verbs import status

    print(status(options.log))
    return 0


def _export(options: argparse.Namespace) -> int:
    from bartleby.verbs import export

    rows = export(options.log, options.output)
    print(f"{rows:,} trials written to {options.output}")
    return 0


def _report(options: argparse.Namespace) -> int:
    from bartleby.verbs import report

    page = report(options.log, options.output, baseline=options.baseline, level=options.level)
    print(f"look at {page}")
    return 0
