"""`bartleby branch`: what happens after an exit: an edited message, a new chat, a user who comes back."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bartleby.cli.arguments import add_command
from bartleby.cli.exit_codes import FINISHED, code_of_run
from bartleby.cli.printing import say
from bartleby.errors import SettingError

if TYPE_CHECKING:
    from bartleby.cli.arguments import Commands

__all__ = ["add_commands"]


def add_commands(commands: Commands) -> None:
    """Add the command of this module."""
    branch = add_command(
        commands,
        "branch",
        _branch,
        "continue conversations of a log with an edited message, in a new chat, or coming back",
        'bartleby branch runs/ending.db --from exited --edit polite="Sorry. Could you help me?" --new-chat',
    )
    branch.add_argument("log", help="log of a run of conversations")
    branch.add_argument(
        "--from",
        dest="source",
        default="exited",
        metavar="WHICH",
        help="conversations to continue: exited (the default), all, or an outcome such as completed",
    )
    branch.add_argument(
        "--turn", default="last", help="message to continue from: last (default), or its number"
    )
    branch.add_argument(
        "--edit",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=TEXT",
        help="a message in its place, by a name of your choice; can be repeated",
    )
    branch.add_argument(
        "--new-chat",
        action="store_true",
        help="the message in a new chat, without and with a summary of the old",
    )
    branch.add_argument("--back", action="store_true", help="the message once more, behind the model's reply")
    branch.add_argument("--without-lines", action="store_true", help="end with the reply to the message")
    branch.add_argument("--study", help="study of the log (default: as the log declares it)")
    branch.add_argument("--model", help="model that continues them (default: the log's)")
    branch.add_argument("--samples", type=int, default=1, metavar="N", help="times each is held (default: 1)")
    branch.add_argument(
        "-o", "--output", metavar="LOG", help="log to write (default: beside the log, NAME_branches.db)"
    )
    branch.add_argument(
        "--dry-run", action="store_true", help="show three trials and the totals; ask nothing"
    )


def _branch(options: argparse.Namespace) -> int:
    from bartleby.collectors.transcripts import study_record
    from bartleby.verbs.logs import branch_study, branches
    from bartleby.verbs.running import check, run

    items = branches(
        options.log,
        options.study,
        turn=_turn(options.turn),
        edit=_edits(options.edit),
        new_chat=options.new_chat,
        back=options.back,
        trials=None if options.source == "all" else options.source,
        keep_lines=not options.without_lines,
    )
    study = branch_study(options.log, items, options.study, samples=options.samples)
    model = options.model or study_record(options.log)["model"]
    if options.dry_run:
        plan = check(study, model)
        say(plan)
        for number, example in enumerate(plan.examples, start=1):
            say(f"\n--- trial {number} ---\n{example}")
        return FINISHED
    given = Path(options.log)
    log = Path(options.output) if options.output else given.with_name(f"{given.stem}_branches{given.suffix}")
    summary = run(study, model, log=log)
    say(summary)
    code = code_of_run(summary)
    if code == FINISHED:
        _show(log, new_chat=options.new_chat)
    return code


def _show(log: Path, *, new_chat: bool) -> None:
    """Print what the branches differ in."""
    from bartleby.analysis.exits.branch_contrast import branch_contrast, carry_over
    from bartleby.verbs.logs import read

    trials = read(log)
    say(branch_contrast(trials).summary())
    if new_chat:
        say("\nDoes a new chat start colder where the model knows of the old one?\n")
        say(carry_over(trials).summary())
    say(f"\nbranches are in {log}; the page: bartleby report {log} -o FOLDER")


def _turn(text: str) -> int | Literal["last"]:
    if text == "last":
        return "last"
    if not text.isdigit():
        raise SettingError(f"--turn: {text!r}; allowed: last, or a whole number from 1")
    return int(text)


def _edits(given: list[str]) -> dict[str, str]:
    """Return edits by name."""
    edits: dict[str, str] = {}
    for each in given:
        name, sign, text = each.partition("=")
        if not (sign and name.isidentifier() and text.strip()):
            raise SettingError(f'--edit: {each!r}; allowed: NAME=TEXT, such as polite="I\'m sorry."')
        edits[name] = text
    return edits
